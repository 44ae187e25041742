"""The chaos is an instrument: its schedules replay, its proxy does harm, its verdict
fails where a promise is broken."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.domain.errors import StoreUnavailable
from app.domain.model import JournalLine
from app.host.valkey import EmbeddedValkey
from app.loopback import Post
from tests.chaos.__main__ import main
from tests.chaos.house import faketime, wrong_clock
from tests.chaos.proxy import Proxy
from tests.chaos.report import recoveries, table, verdict_table
from tests.chaos.run import LIMITS, Run, Seen, Struck, play, said_of
from tests.chaos.schedule import BOTS, KINDS, PRIVATE, Act, schedule
from tests.chaos.strikes import _MADE
from tests.sim.checker import Checker
from tests.sim.evidence import Evidence, Said, Shown, Silence


def test_a_seed_is_a_schedule() -> None:
    """The same seed is the same acts and strikes, another is another, and five minutes
    have every kind."""
    assert schedule(7, 300.0) == schedule(7, 300.0)
    assert schedule(7, 300.0).digest != schedule(8, 300.0).digest
    for seed in range(20):
        assert {one.kind for one in schedule(seed, 300.0).strikes} == set(KINDS)
    assert set(_MADE) == set(KINDS)


@pytest.mark.parametrize(
    "arguments", [["--version", "0"], ["--minutes", "61"], ["--minutes", "0"]]
)
def test_what_cannot_be_played_is_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A seed of another version, or a time out of bounds: exit code 2 and one line."""
    assert main(arguments) == 2
    assert len(capsys.readouterr().out.splitlines()) == 1


def _through(proxy: Proxy, valkey: EmbeddedValkey) -> redis.Redis:
    return redis.Redis(
        port=proxy.port,
        password=valkey.password,
        socket_timeout=0.5,
        retry=Retry(NoBackoff(), 0),
    )


def test_the_proxy_does_harm_and_heals(redis_url: str, valkey: EmbeddedValkey) -> None:
    """Through it all passes; swallowed and cut calls fail; healed it passes again."""
    with (
        Proxy("127.0.0.1", valkey.port, 1).running() as proxy,
        _through(proxy, valkey) as client,
    ):
        assert client.set("probe", "x", px=10_000)
        proxy.swallow = True
        with pytest.raises(redis.exceptions.TimeoutError):
            client.get("probe")
        proxy.heal()
        assert client.get("probe") == b"x"
        proxy.cut_rate = 1.0
        with pytest.raises(redis.exceptions.ConnectionError):
            client.get("probe")
        proxy.heal()
        assert client.get("probe") == b"x"


def _evidence(*posts: Shown, silences: tuple[Silence, ...] = ()) -> Evidence:
    """Kim asked ada in message 10 at second 100, and said 11 to nobody."""
    said = {"10": Said("Kim", "lounge", ("ada",)), "11": Said("Kim", "lounge")}
    heard = JournalLine(at_ms=100_000, bot="ada", step="admit", verdict="direct")
    return Evidence(
        bots=BOTS,
        messages=(Shown("10", "1", "", 100.0), Shown("11", "1", "", 100.0), *posts),
        said=said,
        journals={"10": (heard,), "11": ()},
        limits=LIMITS,
        silences=silences,
    )


ANSWER = Shown("20", "1", "ada", 104.0, reply_to="10", nonce="a")


def _queue(*order: str) -> Evidence:
    """Four people asked ada in the order of 10 to 13; she answers in this order."""
    told = ("10", "11", "12", "13")
    heard = [100_000 + 100 * place for place in range(len(told))]
    return replace(
        _evidence(),
        messages=[
            *(Shown(one, "1", "", 100.0) for one in told),
            *(
                Shown(f"2{one}", "1", "ada", 104.0 + place, one, one)
                for place, one in enumerate(order)
            ),
        ],
        said={one: Said(f"person {one}", "lounge", ("ada",)) for one in told},
        journals={
            one: (JournalLine(at_ms=at, bot="ada", step="admit", verdict="direct"),)
            for one, at in zip(told, heard, strict=True)
        },
    )


def _begun(at_ms: int) -> Evidence:
    """Ada answered at second 104; bob was granted message 11 then."""
    granted = JournalLine(at_ms=at_ms, bot="bob", step="elect", verdict="granted")
    plain = _evidence(ANSWER)
    return replace(plain, journals={**plain.journals, "11": (granted,)})


BROKEN: dict[str, Evidence] = {
    "nothing direct lost": _evidence(),
    "no duplicate": _evidence(ANSWER, Shown("21", "1", "ada", 105.0, "10", "b")),
    "no pile-on": _evidence(
        ANSWER,
        Shown("21", "1", "bob", 105.0, "11", "b"),
        Shown("22", "1", "cyd", 106.0, "11", "c"),
    ),
    "mute": _evidence(ANSWER, silences=(Silence("bot:ada", 103.0, 110.0),)),
    "freshness": _evidence(ANSWER, Shown("21", "1", "bob", 9_999.0, "11", "b")),
    "fairness": _queue("11", "12", "13", "10"),
    "quiet time": _begun(104_900),
}


@pytest.mark.parametrize("promise", BROKEN)
def test_a_broken_promise_is_seen(promise: str) -> None:
    """Each is told by its name, and a sound record breaks none."""
    assert [one.promise for one in Checker(BROKEN[promise]).broken()] == [promise]
    for sound in (_evidence(ANSWER), _queue("11", "12", "10", "13"), _begun(105_000)):
        assert not Checker(sound).broken()


def test_private_channels_are_apart() -> None:
    """A person has another private channel with each bot: what holds in one says nothing
    of the other."""
    act = Act(0.0, "say", who="Kim", channel=PRIVATE, asks=("ada",))
    acts = {"10": act, "11": replace(act, asks=("bob",))}
    posts = [
        Post(number, place, 1, "Kim", False, "hi", None, None, 0.0, 0.0)
        for number, place in ((10, 100), (11, 101))
    ]
    said = said_of(acts, posts)
    assert [said[one].channel for one in ("10", "11")] == ["100", "101"]


@pytest.mark.skipif(faketime() is None, reason="libfaketime is not installed")
def test_a_wrong_clock_is_only_wrong() -> None:
    """A process whose clock is a day ahead can sleep, and its other clock is right."""
    program = (
        "import threading, time; begun = time.monotonic(); time.sleep(0.01); "
        "threading.Event().wait(0.01); print(time.time(), time.monotonic() - begun)"
    )
    shown = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **wrong_clock("+1d")},
        capture_output=True,
        text=True,
        check=True,
    )
    wall, passed = map(float, shown.stdout.split())
    assert wall > time.time() + 80_000
    assert 0.02 <= passed < 80_000


def test_recovery_is_counted_from_the_end() -> None:
    """What was asked during a strike waits from its end until its answer; what was
    answered before the end did not wait."""
    struck = [Struck("Redis killed", 99.0, 101.0), Struck("beat killed", 99.0, 104.5)]
    seen = Seen(_evidence(ANSWER), struck, [], {"disk full": "no"})
    waits = {one.kind: list(one.waits) for one in recoveries(seen)}
    assert waits == {"Redis killed": [3.0], "beat killed": []}
    assert re.search(r"Redis killed \| 1 \| 1 \| 1 \| 3.0 \| 3.0", table(seen))


def test_several_seeds_have_a_table() -> None:
    """One row for each seed counts what broke there, and strikes of a kind are told
    together."""
    struck = [Struck("Redis killed", 99.0, 101.0)]
    sound = Seen(_evidence(ANSWER), struck, [], {})
    lost = Seen(_evidence(), struck, ["beat ended with 1"], {})
    first, second = verdict_table({1: sound, 2: lost}).splitlines()[2:]
    assert first == "| 1 | 2 | 1 | 1 | 1 | 0" + " | 0" * 10 + " |"
    assert second == "| 2 | 2 | 1 | 0 | 1 | 0 | 1" + " | 0" * 8 + " | 1 |"
    assert "| Redis killed | 2 | 1 | 1 | 3.0 | 3.0 |" in table(sound, lost)


@pytest.mark.slow
def test_half_a_minute_of_chaos(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """Every promise holds while processes are killed and frozen and Redis is cut
    off, and no process ends by itself."""
    kinds = ("worker killed", "gateway frozen", "dropping network")
    seen = play(tmp_path / "run", schedule(5, 25.0, kinds, pause=1.0))
    record_property("table", table(seen))
    assert not Checker(seen.evidence).broken()
    assert not seen.ended
    assert {one.kind for one in seen.struck} == set(kinds)


def test_a_mute_ends_with_the_first_try_to_lift_it() -> None:
    """A frozen Redis carries out later what nobody waits for any more."""
    refusing = Mock(run=Mock(side_effect=StoreUnavailable("frozen")))
    run = object.__new__(Run)
    run._house = Mock(running=Mock(store=refusing))
    run._muting = {"bot:ada": Mock()}
    run._unmuting, run._queue, run._begun = {}, [], 0.0
    run._numbers = itertools.count()
    run._silences = [Silence("bot:ada", 1.0)]
    before = time.time()
    run._unmute("bot:ada")
    between = time.time()
    assert run._silences == [Silence("bot:ada", 1.0)]
    refusing.run.side_effect = None
    time.sleep(0.002)
    run._unmute("bot:ada")
    assert before <= run._silences[0].until_s <= between
