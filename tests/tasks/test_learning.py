"""What is learned when a conversation has ended: once, by whom it was said, within the
budget."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.brain.memory import Moment, remember
from app.broker.hints import LEARN
from app.domain.model import AuthorKind
from app.store import keys, memories, nights, trusts, wishes
from app.store.door import Store
from app.store.nights import Night
from app.store.signing import signer, spoken
from app.worker.privacy import ask_wishes
from app.worker.worker import Worker
from tests.brain.fakes import ME, Scripted, entry, line, snowflake, speaker

pytest_plugins = ["tests.elena"]

CHANNEL = "50"


def talked(
    worker: Worker, text: str, place: int = 0, person: str = "7", **more: Any
) -> None:
    """A person says something and Elena answers."""
    said = entry(
        text, age_s=100 - place, place=place, author_id=person, guild_id="9", **more
    )
    beside = (
        line(
            "I live in a data centre", "66", "Parrot", AuthorKind.FOREIGN, 200 - place
        ),
    )
    remember(
        worker.chores.memory,
        "elena",
        ME,
        "Elena",
        Moment(said, "I live in a tide pool.", beside),
    )


def known(worker: Worker, person: str = "7") -> list[str]:
    """What Elena knows of somebody."""
    return sorted(
        item.value["text"]
        for item in worker.chores.memory.search(("elena", "person", person), limit=100)
    )


def with_model(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, *script: Any
) -> Scripted:
    """Elena gets a model that answers with this script."""
    served = worker.bots.get("elena")
    speaks = speaker(*script, usd_out=10.0)
    served = replace(served, brain=replace(served.brain, speaker=speaks))
    monkeypatch.setattr(worker.bots, "get", lambda _: served)
    model = speaks.models[0]
    assert isinstance(model, Scripted)
    return model


def test_people_teach_and_bots_do_not(worker: Worker) -> None:
    """Rules read what people said since the last time; the second task finds nothing
    new."""
    talked(worker, "I work as a diver. Do you?")
    assert worker.chores.learn("elena", CHANNEL) == 1
    assert worker.chores.learn("elena", CHANNEL) == 0
    talked(worker, "I have two cats", place=1, person="8")
    talked(worker, "just passing", place=2)
    assert worker.chores.learn("elena", CHANNEL) == 1
    assert (
        known(worker),
        known(worker, "8"),
        known(worker, "66"),
        known(worker, ME),
    ) == (
        ["works as a diver"],
        ["has two cats"],
        [],
        [],
    )


def test_nothing_is_learned_of_who_opted_out(worker: Worker) -> None:
    """Also not from what was said before the wish."""
    talked(worker, "I work as a diver")
    worker.store.run(wishes.opt_out(wishes.digest("7")))
    assert worker.chores.learn("elena", CHANNEL) == 0
    assert known(worker) == []


def test_one_model_call_for_a_conversation(
    worker: Worker, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model reads the whole conversation once; what it took is booked; a
    redelivered task asks nothing."""
    talked(worker, "My two dogs need a walk")
    model = with_model(
        worker,
        monkeypatch,
        '{"facts": [{"line": 1, "fact": "has two dogs"}, {"line": 0, "fact": "is a bot"}]}',
    )
    assert [worker.chores.learn("elena", CHANNEL) for _ in range(3)] == [1, 0, 0]
    assert len(model.prompts) == 1
    assert known(worker) == ["has two dogs"]
    spent = store.client.hgetall(next(store.client.scan_iter("budget:elena:*")))
    assert int(spent["tokens"]) > 0
    assert int(spent["micro_usd"]) > 0


@pytest.mark.parametrize("trouble", ["no money", "no answer", "garbage"])
def test_without_a_model_the_rules_remain(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    """No budget and no answer: rules. An answer that is garbage teaches nothing, and is
    not paid for twice."""
    talked(worker, "I work as a diver")
    script: Any = "Well, hm." if trouble == "garbage" else RuntimeError("down")
    model = with_model(worker, monkeypatch, *([script] * 4))
    if trouble == "no money":
        served = worker.bots.get("elena")
        poor = replace(served, limits=replace(served.limits, daily_tokens=10))
        monkeypatch.setattr(worker.bots, "get", lambda _: poor)
    worker.chores.learn("elena", CHANNEL)
    assert known(worker) == ([] if trouble == "garbage" else ["works as a diver"])
    assert bool(model.prompts) == (trouble != "no money")


def test_a_diary_and_a_dream_by_the_model(
    worker: Worker, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model's text is kept if it is one; a refusal is replaced by the
    composer's."""
    talked(worker, "How many hearts does an octopus have?")
    store.client.rpush(
        keys.journal_of_bot("elena", "2027-01-15"),
        signer(worker.settings).sign(
            spoken("elena"),
            f'{{"channel": "50", "reply_to": "{snowflake(100)}", "author": "7", "text": "Three.", "emoji": ""}}',
        ),
    )
    store.client.expire(keys.journal_of_bot("elena", "2027-01-15"), 60)
    good = "Sam asked about hearts today, and I said three. I like small numbers that hold surprises."
    with_model(worker, monkeypatch, good, "I'm sorry, but as an AI I can't dream.")
    assert worker.chores.write(Night.DIARY, "elena", "2027-01-15") == "written"
    assert worker.chores.write(Night.DREAM, "elena", "2027-01-15") == "written"
    assert good in store.run(nights.read("elena", Night.DIARY))["2027-01-15"]
    dreamt = store.run(nights.read("elena", Night.DREAM))["2027-01-15"]
    assert "sorry" not in dreamt
    assert "Sam" in dreamt


def test_the_poll_hands_out_ended_conversations(
    worker: Worker, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each once; one that the broker did not take waits for the next poll."""
    sent: list[tuple[str, ...]] = []
    monkeypatch.setattr(worker.hints, "send", lambda *hint: bool(sent.append(hint)))
    store.run(memories.touch_conversation("elena", CHANNEL, 0))
    assert worker.chores.finished() == 1
    assert sent == [(LEARN, "elena", CHANNEL)]
    assert (
        store.client.zscore(keys.CONVERSATIONS_DUE, f"elena:{CHANNEL}") is not None
    ), "the broker was away"
    assert worker.chores.finished() == 0, "not yet due again"


def test_an_answer_earns_trust_but_not_from_the_unwilling(
    worker: Worker, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is answered is known a little better; of who opted out nothing is kept."""

    class World:
        """What is left of a cycle's ports when it is over."""

        bot, me, served, taken = "elena", ME, worker.bots.get("elena"), list
        moments = (
            Moment(entry("hello", author_id="7"), "Hi."),
            Moment(entry("hello", place=1, author_id="8"), "Hi."),
        )

    store.run(wishes.opt_out(wishes.digest("8")))
    asked: Any = ask_wishes(worker.settings, World.moments)
    told = store.run_all(asked)
    worker.chores.remember(World(), *told)  # type: ignore[arg-type]
    assert {
        person: points.points
        for person, points in store.run(trusts.everyone("elena")).items()
    } == {"7": 1}
    assert {
        item.value.get("to", item.value["author"])
        for item in worker.chores.memory.search(("elena", "said"))
    } == {"7"}
    assert store.client.zscore(keys.CONVERSATIONS_DUE, f"elena:{CHANNEL}") is not None
