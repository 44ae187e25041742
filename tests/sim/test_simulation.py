"""The simulation: today's code keeps its promises in a few fixed seeds, a seed replays,
and a bug is found."""

from __future__ import annotations

from dataclasses import replace
from inspect import isroutine
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from app.broker.hints import HintSender
from app.delivery.rest import DiscordRest
from app.domain.model import JournalLine
from app.gateway import intake
from app.gateway.healing import Healing
from app.gateway.presence import Presence
from app.host.valkey import EmbeddedValkey
from app.store.door import AsyncStore, Store
from app.store.lock import LaneLock
from app.store.scripts import CONTRACTS, source
from tests.sim.__main__ import main
from tests.sim.calls import SimulatedAsyncStore, SimulatedHints, SimulatedStore
from tests.sim.checker import Checker
from tests.sim.clock import Process
from tests.sim.evidence import Evidence, Limits, Said, Shown
from tests.sim.judging import digest, hunted, judged
from tests.sim.ledger import Ledger, Result, total_of
from tests.sim.plants import PLANTS, Plant
from tests.sim.processes import SimulatedClient, SimulatedLock, SimulatedRest, seams
from tests.sim.scenario import VERSION, Act, scenario
from tests.sim.shrinking import shrunk
from tests.sim.simulation import Life, forgetful

UNUSED = frozenset({"check_may_load", "fetch", "take"})
"""What nobody calls in the simulation."""
SHORT = 0.05
"""Simulated hours in which people speak."""


def test_today_s_code_keeps_its_promises(valkey: EmbeddedValkey) -> None:
    """Crashes, pauses, lost answers, lost hints and lost events: everything is answered
    once, in order, within its limits. And the same seed is the same run."""
    one = replace(scenario(5, SHORT, messages=600, faults=700), settles=200.0)
    outcome, broken = judged(one, valkey.url)
    assert not broken, "\n".join([*outcome.timeline, *map(str, broken)])
    assert outcome.faults > len(one.faults) // 2
    again, _ = judged(one, valkey.url)
    assert digest(again) == digest(outcome)


def test_precedence_costs_no_promise(
    valkey: EmbeddedValkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where whom a message speaks to goes ahead of other channels, as with many bots,
    all promises are kept as well."""
    monkeypatch.setattr(intake, "MANY", 1)
    one = replace(scenario(6, SHORT, messages=200, faults=250), settles=200.0)
    outcome, broken = judged(one, valkey.url)
    assert not broken, "\n".join([*outcome.timeline, *map(str, broken)])


@pytest.mark.parametrize(
    ("double", "original"),
    [
        (SimulatedHints, HintSender),
        (SimulatedStore, Store),
        (SimulatedAsyncStore, AsyncStore),
        (SimulatedRest, DiscordRest),
        (SimulatedLock, LaneLock),
    ],
)
def test_a_double_has_what_it_stands_for(double: type, original: type) -> None:
    """A method that is missing would look like a fault of the program, or hide one."""
    # Routines alone: the lock's library keeps scripts in the class once one was used.
    public = {
        name
        for name, value in vars(original).items()
        if not name.startswith("_")
        and (isroutine(value) or isinstance(value, property))
    }
    assert not public - set(dir(double)) - UNUSED


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1002, 1006))
def test_more_seeds(valkey: EmbeddedValkey, seed: int) -> None:
    """As above, with half an hour of talk."""
    outcome, broken = judged(scenario(seed, 0.5, 300, 300), valkey.url)
    assert not broken, "\n".join([*outcome.timeline, *map(str, broken)])


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.name)
def test_a_planted_bug_is_found(valkey: EmbeddedValkey, plant: Plant) -> None:
    """Each breaks a promise within five minutes of processor time."""
    found = hunted(plant, valkey.url)
    print(found)
    assert found.broken is not None


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.name)
def test_a_plant_is_planted(plant: Plant) -> None:
    """What it leaves out of the scripts or puts in place is there: a bug that is not
    planted would prove nothing."""
    texts = [source(name) for name in CONTRACTS]
    for mark in (*plant.lines, *(old for old, _ in plant.swaps)):
        assert any(mark in text for text in texts), mark
    with plant.planted():
        pass  # a function that is not there cannot be replaced
    assert plant.lines or plant.swaps or plant.patches


def test_a_seed_of_another_version_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """It means nothing here: one line and exit code 2."""
    assert main(["--seed", "7", "--version", str(VERSION - 1)]) == 2
    assert "mean nothing here" in capsys.readouterr().out


def test_a_month_is_put_together_over_several_sittings(tmp_path: Path) -> None:
    """What was played and kept is not played again; a seed that broke a promise, one of
    other seeds and a line that was cut off count as not played."""
    path = tmp_path / "results.jsonl"
    kept = Result(
        seed=1,
        version=VERSION,
        commit="a1",
        hours=1.0,
        simulated_s=4_200.0,
        took_s=60.0,
        messages=200,
        posts=90,
        calls=9_000,
        faults=70,
    )
    for one in (
        kept,
        replace(kept, seed=2, broken=("order: it was not kept",)),
        replace(kept, seed=3, version=VERSION - 1),
    ):
        Ledger(path).add(one)
    with path.open("a") as file:
        file.write('{"seed": 4, "vers')
    ledger = Ledger(path)
    assert [seed for seed in range(1, 6) if ledger.has_kept(seed, 1.0)] == [1]
    assert not ledger.has_kept(1, 2.0)
    ledger.add(replace(kept, seed=2, commit="b2"))
    assert ledger.latest() == [kept, replace(kept, seed=2, commit="b2")]
    assert total_of(ledger.latest()) == (
        "2 seeds, 0 of them broken; 2.3 simulated hours in 2.0 minutes (1.17 hours a "
        "minute), 400 messages, 180 posts, 18000 calls, 140 faults, 2 commits of the "
        "program"
    )


def _line(
    bot: str, step: str, verdict: str, at_ms: int, reason: str = ""
) -> JournalLine:
    return JournalLine(at_ms=at_ms, bot=bot, step=step, verdict=verdict, reason=reason)


def _of_two_bots(reason: str) -> list[str]:
    """What breaks where two bots answer what a person said 3 s after asking them both,
    having taken it for what `reason` says."""
    asked = Shown("10", "lounge", "", at=100.0)
    more = Shown("11", "lounge", "", at=103.0)
    posts = [
        Shown(f"2{n}", "lounge", bot, at=106.0 + n, reply_to="11", nonce=bot)
        for n, bot in enumerate(("ada", "bo"))
    ]
    heard = [_line(bot, "admit", "direct", 103_100, reason) for bot in ("ada", "bo")]
    joined = [
        _line(bot, "commit", "joined", 105_000, "answered with 11")
        for bot in ("ada", "bo")
    ]
    evidence = Evidence(
        bots=("ada", "bo"),
        messages=[asked, more, *posts],
        said={
            "10": Said("Kim", "lounge", ("ada", "bo")),
            "11": Said("Kim", "lounge"),
        },
        journals={"10": joined, "11": heard},
        limits=Limits(cooldown=0, root_posts=6, daily_posts=50, stale_after=300),
    )
    return [one.promise for one in Checker(evidence).broken()]


def _of_four_people(
    waits_ms: int = 0, later_heard: int = 0, **other_heard: int
) -> list[str]:
    """What breaks where a bot hears the first of four people so long before it may
    answer, and answers that one last. `other_heard`: when another bot heard what names
    it too, by person, in ms; `later_heard`: when it heard a later question of the
    first person, which it answers at the end."""
    people = ("Kim", "Sam", "Lou", "Max")
    said = {
        str(10 + n): Said(
            who, "lounge", ("ada", "bo") if who in other_heard else ("ada",)
        )
        for n, who in enumerate(people)
    }
    answered = ("11", "12", "13", "10")
    journals = {}
    for n, message in enumerate(said):
        heard = _line("ada", "admit", "direct", 100_100 + 100 * n, "mentioned")
        if message == "10" and waits_ms:
            heard = heard.model_copy(update={"numbers": {"waits_ms": waits_ms}})
        journals[message] = [heard]
        if at := other_heard.get(people[n]):
            told = _line("bo", "admit", "direct", at, "mentioned")
            journals[message] += [told, _declined("bo")]
    if later_heard:
        said["14"] = Said("Kim", "lounge", ("bo",))
        journals["14"] = [_line("bo", "admit", "direct", later_heard, "mentioned")]
    evidence = Evidence(
        bots=("ada", "bo"),
        messages=[
            *(Shown(one, "lounge", "", at=100.0) for one in said),
            *(
                Shown(f"2{n}", "lounge", "ada", at=101.0 + n, reply_to=one, nonce=one)
                for n, one in enumerate(answered)
            ),
            Shown("30", "lounge", "bo", at=109.0, reply_to="14", nonce="last"),
        ],
        said=said,
        journals=journals,
        limits=Limits(cooldown=0, root_posts=6, daily_posts=50, stale_after=300),
    )
    return [one.promise for one in Checker(evidence).broken()]


def _of_a_queue(
    *stopped: tuple[float, float],
    hurry: float = 1.0,
    heard: float = 99.5,
    earlier: float = 0.0,
) -> list[str]:
    """What breaks where bots with five later messages have a floor for which another
    waits from 100 s on, while a worker is stopped in these times. `hurry`: so many times
    faster; `heard`: when the other heard what it waits with; `earlier`: when it answered
    an earlier message of that person."""
    turns = {"10": (100, 150), "11": (101, 121), "12": (102, 130)}
    turns |= {"13": (103, 140), "14": (104, 144), "15": (105, 148)}
    times = {
        one: tuple(100 + (at - 100) / hurry for at in both)
        for one, both in turns.items()
    }
    bots = dict(zip(times, ("ada", "bo", "cy", "bo", "cy", "bo"), strict=True))
    people = dict(zip(times, ("Kim", "Sam", "Lou", "Max", "Sam", "Lou"), strict=True))
    told = {one: asked - 0.1 for one, (asked, _) in times.items()} | {"10": heard}
    said = {one: Said(people[one], "lounge", (bots[one],)) for one in times}
    posts = {one: at for one, (_, at) in times.items()}
    if earlier:
        said["09"], bots["09"] = Said("Kim", "lounge", ("ada",)), "ada"
        posts["09"] = earlier
    evidence = Evidence(
        bots=("ada", "bo", "cy"),
        messages=[
            *(Shown(one, "lounge", "", at=99.0) for one in said),
            *(
                Shown(f"2{one}", "lounge", bots[one], at, reply_to=one, nonce=one)
                for one, at in posts.items()
            ),
        ],
        said=said,
        journals={"09": []}
        | {
            one: [
                _line(bots[one], "admit", "direct", int(told[one] * 1000)),
                _line(bots[one], "claim", "wait", int(asked * 1000)),
                _line(bots[one], "commit", "committed", int(at * 1000)),
            ]
            for one, (asked, at) in times.items()
        },
        limits=Limits(
            cooldown=0, root_posts=6, daily_posts=50, stale_after=300, floor_lease=15
        ),
        stopped=stopped,
    )
    return [one.promise for one in Checker(evidence).broken()]


def test_a_bot_whose_hints_are_with_a_stopped_worker_is_passed_over() -> None:
    """It is called and does not come for longer than a lease. A shorter stop, or one
    before it asked, is no reason, and none lasts longer than the stop and a turn."""
    assert _of_a_queue((90.0, 130.0)) == []
    assert _of_a_queue() == ["the floor's queue"]
    assert _of_a_queue((90.0, 114.0)) == ["the floor's queue"]
    assert _of_a_queue((90.0, 116.0)) == ["the floor's queue"]


def test_a_queue_of_quick_turns_is_judged() -> None:
    """Where nobody calls a model all of them are over in a second: whoever is passed
    over within less than a lease was not away."""
    assert _of_a_queue(hurry=50.0) == ["the floor's queue"]


def test_the_queue_is_in_the_order_in_which_messages_were_heard() -> None:
    """A bot whose gateway was away asks with a message that is older and was heard
    later. Whose earlier message was open when this one was heard comes after others'
    first ones."""
    assert _of_a_queue(heard=105.0) == []
    assert _of_a_queue(earlier=99.8) == []
    assert _of_a_queue(earlier=99.2) == ["the floor's queue"]


def _of_a_thought(*between: str) -> list[str]:
    """What breaks where a bot answers a line and then one which it knew to go on, and
    the same person asked these bots something else between the two."""
    told = _line("ada", "admit", "direct", 100_100, "mentioned")
    sent = _line("ada", "commit", "committed", 103_000, "mentioned")
    more = _line("ada", "admit", "direct", 102_100, "goes on: mentioned")
    posts = {"10": 103.1, "12": 105.1}
    evidence = Evidence(
        bots=("ada", "bo"),
        messages=[
            *(Shown(f"1{n}", "lounge", "", at=100.0 + n) for n in range(3)),
            *(
                Shown(f"2{one}", "lounge", "ada", at=at, reply_to=one, nonce=one)
                for one, at in posts.items()
            ),
        ],
        said={
            "10": Said("Kim", "lounge", ("ada",), begun="10", calls=("ada",)),
            "11": Said("Kim", "lounge", between),
            "12": Said("Kim", "lounge", begun="10", calls=("ada",)),
        },
        journals={"10": [told, sent], "11": [_declined(one) for one in between]}
        | {"12": [more]},
        limits=Limits(cooldown=0, root_posts=6, daily_posts=50, stale_after=300),
    )
    return [one.promise for one in Checker(evidence).broken()]


def _declined(bot: str) -> JournalLine:
    return _line(bot, "yield", "declined", 101_500)


@pytest.mark.asyncio
async def test_budgets_that_were_never_read_are_not_written_again(
    redis_url: str,
) -> None:
    """A gateway whose bot has just come knows of none, so what it had posted before
    Redis was emptied is not counted; a turn later it knows."""
    clock = SimpleNamespace(wall=lambda: 100.0)
    world: Any = SimpleNamespace(restored=[], loop=clock, model=False)
    store = AsyncStore(redis_url)
    healing = Healing(store, _published, every=1.0)
    healing.published("elena", Presence("1"))
    with seams(world):
        await healing._restore()
        assert world.restored == []
        await healing.tick()
        await healing._restore()
    assert world.restored == [("elena", 100.0)]
    await store.close()


async def _published(bot: str, presence: Presence) -> None:
    pass


def test_a_line_may_go_on_with_the_latest_question() -> None:
    """Who asked the bot something else after a line goes on with that; who asked another
    bot, or nobody, goes on with the line, and gets one answer to both."""
    assert _of_a_thought("ada", "bo") == []
    assert _of_a_thought("bo") == ["one answer to a thought"]
    assert _of_a_thought() == ["one answer to a thought"]


def test_a_line_that_waits_for_its_rest_is_not_overtaken() -> None:
    """Who speaks to a bot while it waits whether another goes on may be answered
    first; who waits for nothing is overtaken then."""
    assert _of_four_people(waits_ms=500) == []
    assert _of_four_people(waits_ms=0) == ["fairness"]


def test_a_message_has_its_turn_from_the_first_bot_that_heard_it() -> None:
    """Bots share the turn of a message that names them: one whose gateway was away
    finds it before a message that nobody but itself could hear. One that was heard
    later by the other bot is later. None is waited for before the bot itself may begin."""
    assert _of_four_people(Sam=100_050, Lou=100_050, Max=100_050) == []
    assert _of_four_people(Sam=100_150, Lou=100_150, Max=100_150) == ["fairness"]
    assert _of_four_people(waits_ms=500, Kim=99_000) == []
    assert _of_four_people(Kim=99_000) == ["fairness"]


def _of_a_delivery(*posts: Shown) -> list[str]:
    """What breaks where the journal says that an answer was delivered."""
    evidence = Evidence(
        bots=("ada",),
        messages=[Shown("10", "lounge", "", at=100.0), *posts],
        said={"10": Said("Kim", "lounge", ("ada",))},
        journals={
            "10": [
                _line("ada", "admit", "direct", 100_100),
                _line("ada", "commit", "committed", 101_000),
                _line("ada", "deliver", "delivered", 101_100, "receipt"),
            ]
        },
        limits=Limits(cooldown=0, root_posts=6, daily_posts=50, stale_after=300),
    )
    return [one.promise for one in Checker(evidence).broken()]


def test_what_was_delivered_is_there() -> None:
    """A journal that says so does not stand for the answer: something else may have been
    taken for its receipt."""
    answer = Shown("20", "lounge", "ada", at=101.1, reply_to="10", nonce="a")
    other = Shown("20", "lounge", "ada", at=101.1, nonce="b")
    assert _of_a_delivery(answer) == []
    assert _of_a_delivery(other) == ["nothing direct lost"]
    assert _of_a_delivery() == ["nothing direct lost"]


def test_a_gateway_that_died_before_it_healed_redis_knows_of_nothing() -> None:
    """What was said to its bots until it is back is lost; nothing is where it had
    healed, or began only after Redis was emptied."""
    died = Life("gateway2", begun=90.0, died=120.0, back=126.0)
    assert forgetful([died], [100.0], []) == (("elena", 126.0),)
    assert forgetful([died], [100.0], [("elena", 103.0)]) == ()
    assert forgetful([died], [80.0, 123.0], []) == ()
    assert forgetful([died._replace(name="worker1")], [100.0], []) == ()


def _of_a_silence(at: float, *forgot: tuple[str, float]) -> list[str]:
    """What breaks where nobody heard a question, and these gateways knew of nothing."""
    evidence = Evidence(
        bots=("ada", "bo"),
        messages=[Shown("10", "lounge", "", at=at)],
        said={"10": Said("Kim", "lounge", ("ada",))},
        journals={"10": []},
        limits=Limits(cooldown=0, root_posts=6, daily_posts=50, stale_after=300),
        emptied=(100.0,),
        forgot=forgot,
    )
    return [one.promise for one in Checker(evidence).broken()]


def test_nothing_is_owed_to_what_nobody_can_know_of() -> None:
    """Said after Redis was emptied, to a bot whose gateway forgot it too; not to another
    bot, nor after it was back."""
    assert _of_a_silence(120.0, ("ada", 126.0)) == []
    assert _of_a_silence(120.0) == ["nothing direct lost"]
    assert _of_a_silence(120.0, ("bo", 126.0)) == ["nothing direct lost"]
    assert _of_a_silence(140.0, ("ada", 126.0)) == ["nothing direct lost"]


def test_who_was_heard_by_another_bot_meanwhile_comes_after_others() -> None:
    """A bot that reads back what was said before a question to its colleague finds its
    author's turn taken, as long as that question is open."""
    assert _of_four_people(later_heard=99_000) == []
    assert _of_four_people(later_heard=100_200) == ["fairness"]


def test_the_rest_of_a_question_is_asked_too() -> None:
    """Bots that were asked answer what they took for the rest of the question, and a
    line that is answered with it is not lost; without that reason it is a pile-on."""
    assert _of_two_bots("goes on: mentioned") == []
    assert _of_two_bots("watched channel") == ["no pile-on"]


def test_events_of_one_bot_come_in_their_order() -> None:
    """Discord tells them one after another, however fast people write: one that came
    before an earlier one and moved the cursor would hide that one (hunted seed 39)."""
    times: list[float] = []
    loop = SimpleNamespace(time=lambda: 36.0, call_later=lambda s, *_: times.append(s))
    trouble = SimpleNamespace(strikes=lambda *_: None)
    world: Any = SimpleNamespace(
        loop=loop,
        rng=Random(1),
        wire=SimpleNamespace(trouble=trouble),
        record=SimpleNamespace(),
    )
    unused: Any = None
    client = SimulatedClient(world, "elena", unused, unused, unused, unused)
    client._hears, client._process = True, Process("gateway2")
    for number in range(20):
        message: Any = SimpleNamespace(id=str(number), author="someone")
        client.owed("message", message)
    assert times == sorted(set(times))
    assert len(times) == 20


def test_a_failure_shrinks_to_what_it_needs() -> None:
    """Of many acts and faults those two stay without which nothing fails."""
    one = scenario(7, 1.0, messages=60, faults=60)
    needed = one.acts[10], one.faults[20]

    def fails(candidate: object) -> bool:
        acts: tuple[Act, ...] = candidate.acts  # type: ignore[attr-defined]
        return needed[0] in acts and needed[1] in candidate.faults  # type: ignore[attr-defined]

    small = shrunk(one, fails)
    assert (small.acts, small.faults) == ((needed[0],), (needed[1],))
