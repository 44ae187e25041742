"""Whom a gateway trusts and whom it leaves alone: read now and then, never on an
event's way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.domain.lane import Lane
from app.domain.model import AuthorKind, Classified, Event, Signal
from app.gateway.presence import Presence
from app.gateway.store_ports import StorePorts
from app.rules.addressing import addressing
from app.rules.signals import SignalThresholds, classify
from app.store import keys, trusts, wishes
from app.store.admission import AdmissionRequest
from app.store.door import Store
from tests.gateway.conftest import Town
from tests.gateway.recording import until

pytest_plugins = ["tests.elena"]

FRIEND, STRANGER = "71", "72"


def said(person: str, text: str = "My secret is out", **more: Any) -> Event:
    """A plain message."""
    return Event(
        message_id="900",
        channel_id="55",
        guild_id="7",
        author_id=person,
        author_name="Kim",
        content=text,
        **more,
    )


@pytest.mark.asyncio
async def test_earned_trust_makes_a_trusted_author(
    ports: StorePorts, store: Store
) -> None:
    """From level 4 a person's plain message is a signal; the gateway learns of it with
    its pump, without asking per event."""
    now_ms = int(store.client.time()[0]) * 1000
    store.client.hset(
        keys.trust("elena"),
        FRIEND,
        f'{{"points":100,"at_ms":{now_ms},"day":"","today":0}}',
    )
    assert (await ports.facts("elena", said(FRIEND))).trust == 0
    await ports.pump()
    facts = {
        person: await ports.facts("elena", said(person))
        for person in (FRIEND, STRANGER)
    }
    assert {person: known.trust for person, known in facts.items()} == {
        FRIEND: 4,
        STRANGER: 0,
    }
    signals = {
        person: classify(
            said(person),
            "elena",
            known,
            addressing(said(person), (), ()),
            SignalThresholds(),
        ).signal
        for person, known in facts.items()
    }
    assert signals == {FRIEND: Signal.TRUSTED, STRANGER: Signal.AMBIENT}
    store.client.expire(keys.trust("elena"), 60)


@pytest.mark.asyncio
async def test_who_opted_out_is_left_alone(ports: StorePorts, store: Store) -> None:
    """Their messages wake nobody, their words reach no mailbox, and their reactions
    earn nothing."""
    store.run(wishes.opt_out(wishes.digest(STRANGER)))
    await ports.forgotten()
    assert (await ports.facts("elena", said(STRANGER))).ignored
    assert not (await ports.facts("elena", said(FRIEND))).ignored
    for number, person in enumerate((STRANGER, FRIEND)):
        event = said(person).model_copy(update={"message_id": str(900 + number)})
        ambient = Classified(signal=Signal.AMBIENT, reason="nothing special")
        await ports.admit([AdmissionRequest("elena", event, ambient)], f"r{number}")
        await ports.liked("elena", person, "1200000000000000000", f"l{number}")
    texts = [
        fields["event"] for _, fields in store.client.xrange(keys.inbox(Lane("elena")))
    ]
    assert ["secret" in text for text in texts] == [False, True]
    assert set(store.run(trusts.everyone("elena"))) == {FRIEND}


@pytest.mark.asyncio
async def test_a_reaction_to_a_bots_words_is_noticed_by_that_bot(town: Town) -> None:
    """Once for each reaction of a person, by the bot whose words they are; bots' own
    reactions count nothing."""
    person = town.discord.add_user("Kim")
    await town.start()
    post = await town.say("a tide pool", town.bots["elena"])
    other = await town.say("my dog", person)
    await until(lambda: len(town.ports.admitted) == 5)
    town.discord.react(town.bots["aria"], post, "👍")
    town.discord.react(person, other, "👍")
    town.discord.react(person, post, "👍")
    await until(lambda: town.ports.likes)
    await town.say("end")
    await until(lambda: len(town.ports.admitted) == 8)
    assert town.ports.likes == [("elena", str(person.id))]
    assert AuthorKind.OURS in {
        candidate.event.author_kind for candidate in town.ports.admitted
    }


@pytest.mark.asyncio
async def test_a_place_has_its_own_watchers_voice_and_chattiness(
    ports: StorePorts, tmp_path: Path
) -> None:
    """What STREAM_PLACES says of a server reaches what a bot knows of an event, and its
    bids."""
    event = said(STRANGER)
    own = ports.profile("elena", event).chattiness
    assert not (await ports.facts("elena", event)).watched
    file = tmp_path / "places.yaml"
    file.write_text(
        "servers:\n  7: {watchers: [elena], speak: true, chattiness: 0.5}\n"
    )
    ports.settings = ports.settings.model_copy(update={"places": file})
    known = await ports.facts("elena", event)
    assert known.watched
    assert known.unasked
    assert ports.profile("elena", event).chattiness == own / 2


@pytest.mark.asyncio
async def test_a_pump_asks_for_all_bots_at_once(
    ports: StorePorts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each second a gateway looks at what its bots engage in: in as many round trips
    for twenty bots as for two."""
    trips: list[object] = []
    for name in ("_reply", "_replies"):
        real = getattr(ports._store, name)
        monkeypatch.setattr(
            ports._store, name, lambda one, real=real: trips.append(one) or real(one)
        )
    counts = []
    for bots in (2, 20):
        elena = ports.characters["elena"]
        ports.characters = {"elena": elena} | {f"b{n}": elena for n in range(1, bots)}
        await ports.pump()  # trust and receptions are read, and fresh for a while
        trips.clear()
        await ports.pump()
        counts.append(len(trips))
    assert counts[0] == counts[1]


@pytest.mark.asyncio
async def test_what_belongs_to_a_server_is_known_by_its_name(ports: StorePorts) -> None:
    """Archived threads too: names stay. Direct messages have none."""
    presence = Presence("1", names={"77": {"900": "a thread", "901": "general"}})
    await ports.publish("elena", presence)
    assert await ports.named(["77", "78"], ["900", "901", "902"]) == {"900", "901"}
