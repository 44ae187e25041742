"""Forgetting is final: no process that runs, and nothing that comes late, brings a
forgotten person's past back."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from app.brain.embeddings import shared_encoder
from app.brain.facts import read_facts
from app.brain.memory import Moment, learn, remember
from app.domain.lane import Lane
from app.domain.model import DISCORD_EPOCH_MS, Classified, Event, InboxEntry, Signal
from app.domain.settings import Settings
from app.gateway.hearing import Hearing
from app.gateway.places import Nicknames
from app.gateway.proxies import Proxies
from app.gateway.reactions import Bursts
from app.gateway.store_ports import StorePorts
from app.operator import own_data
from app.store import (
    admission,
    forgetting,
    keys,
    memories,
    nights,
    trusts,
    wishes,
)
from app.store.admission import AdmissionRequest
from app.store.door import Store
from app.store.limits import Limits
from app.store.nights import Night
from app.store.signing import signer, spoken
from app.worker.privacy import ask_wishes
from app.worker.worker import Worker
from tests.brain.fakes import ME, line
from tests.store.test_forgetting import everything

pytest_plugins = ["tests.elena"]

KIM, SAM, PRIVATE = "6100000000000000001", "6100000000000000002", "6100000000000000077"
SECRET = "I keep a harpoon under the bed"


def message_id(store: Store, seconds: float, place: int = 0) -> str:
    """The id of a message written so many seconds from now, by Redis's clock."""
    now_s, micros = store.client.time()
    at_ms = int(now_s) * 1000 + int(micros) // 1000 + int(seconds * 1000)
    return str(((at_ms - DISCORD_EPOCH_MS) << 22) + place)


def event(store: Store, seconds: float = -60, person: str = KIM, **more: Any) -> Event:
    """A message on a server, `seconds` from now."""
    fields: dict[str, Any] = {
        "message_id": message_id(store, seconds),
        "channel_id": "55",
        "guild_id": "7",
        "author_id": person,
        "author_name": "Kimberley",
        "content": SECRET,
        **more,
    }
    return Event(**fields)


def private(store: Store, seconds: float = -60, person: str = KIM) -> Event:
    """A direct message."""
    return event(store, seconds, person, channel_id=PRIVATE, guild_id=None, is_dm=True)


def forget(store: Store) -> None:
    """As `memory forget`, without its waiting."""
    store.run(wishes.mark_forgotten(wishes.digest(KIM)))
    forgetting.forget(store, KIM)


def heard(said: Event) -> AdmissionRequest:
    """An event as a gateway admits it."""
    return AdmissionRequest(
        "elena", said, Classified(signal=Signal.AMBIENT, reason="nothing special")
    )


@pytest.mark.asyncio
async def test_what_a_gateway_held_comes_too_late(
    ports: StorePorts, store: Store
) -> None:
    """An event, an edit or a burst of reactions that goes back to before the wish is
    nobody's; a new message is the person's."""
    await ports.forgotten()
    forget(store)
    ports._wishes._looked = -1e9  # as if the process had slept meanwhile
    old = event(store)
    for number, late in enumerate(
        (old, old.model_copy(update={"kind": "reaction", "reactions": 5}))
    ):
        await ports.admit([heard(late)], f"r{number}")
    assert not [
        trace for trace in (KIM, "Kimberley", "harpoon") if trace in everything(store)
    ]
    await ports.admit([heard(event(store, 10, content="good morning"))], "r3")
    assert KIM in everything(store)


@pytest.mark.asyncio
async def test_a_reaction_to_old_words_earns_nothing(
    ports: StorePorts, store: Store
) -> None:
    """Otherwise one thumb would enter the person again; a reaction to what was said
    since is a new acquaintance."""
    await ports.forgotten()
    old = message_id(store, -60)
    forget(store)
    await ports.forgotten()
    await ports.liked("elena", KIM, old, "l1")
    await ports.liked("elena", SAM, old, "l2")
    assert set(store.run(trusts.everyone("elena"))) == {SAM}
    await ports.liked("elena", KIM, message_id(store, 10), "l3")
    assert set(store.run(trusts.everyone("elena"))) == {KIM, SAM}


@pytest.mark.asyncio
async def test_a_gateway_lets_go_of_names_once(ports: StorePorts, store: Store) -> None:
    """A nickname that waits for the pump is not written after the wish; the caches are
    told of it once."""
    await ports.forgotten()
    ports.nicknamed("7", KIM, "Kimmy")
    ports.nicknamed("7", SAM, "Sammy")
    forget(store)
    gone = await ports.forgotten()
    assert gone is not None
    assert [gone(KIM), gone(SAM)] == [True, False]
    await ports.pump()
    assert store.client.hgetall(keys.names("7")) == {SAM: "Sammy"}
    assert await ports.forgotten() is None


def test_every_cache_of_a_gateway_lets_go(store: Store) -> None:
    """Rooms, messages, what waits for a proxy, crowds and nicknames: nothing of the
    person, everything of the others."""
    hearing, proxies, bursts, names = (
        Hearing(),
        Proxies((), 500),
        Bursts(3),
        Nicknames(),
    )
    proxies.at_work_in("7")
    kims = event(store, -60, message_id=message_id(store, -60))
    sams = event(
        store,
        -50,
        SAM,
        author_name="Samuel",
        content="Good evening, all",
        channel_id="56",
    )
    after = event(store, -40, SAM, message_id=message_id(store, -40), content="really?")
    waiting = hearing.hear(kims)
    for said in (sams, after):
        hearing.hear(said)
    for said in (kims, sams):
        proxies.delay_ms(said)
        bursts.add("elena", "1", said.author_id)
        names.nicknamed("7", said.author_id, said.author_name)
    for one in (hearing, proxies, bursts, names):
        one.forget(lambda person: person == KIM)  # type: ignore[attr-defined]
    assert hearing.known(kims.message_id) is None
    assert hearing.known(sams.message_id) == sams
    assert (
        waiting.event.content,
        waiting.utterance.text,
        waiting.event.author_name,
    ) == (
        "",
        "",
        "somebody",
    )
    assert KIM not in hearing._places["55"].room.people
    assert [key for key in proxies._originals] == [sams.message_id]
    assert {key for _, key in proxies._people} == {SAM}
    assert bursts._crowds["1"].people == {SAM}
    assert names.news() == {"7": ({SAM: "Samuel"}, ())}


def entry(said: Event) -> InboxEntry:
    """In Elena's inbox."""
    return InboxEntry(entry_id="1-0", event=said, signal=Signal.DIRECT)


def test_a_cycle_that_ran_meanwhile_keeps_nothing_old(
    worker: Worker, store: Store
) -> None:
    """Its answer was on the way when the person was forgotten: neither the words nor
    trust nor a conversation come back."""
    before = (event(store), private(store, -55))
    mixed = event(store, 10, SAM, content="what did they say?")
    earlier = line(SECRET, KIM, "Kimberley").model_copy(
        update={"message_id": message_id(store, -30)}
    )
    since = event(store, 20, content="good morning")
    forget(store)
    moments = [Moment(entry(said), f"So: {said.content}") for said in before]
    moments += [
        Moment(entry(mixed), "Nothing.", (earlier,)),
        Moment(entry(since), "Hello."),
    ]
    asked: Any = ask_wishes(worker.settings, moments)
    worker.chores.remember(
        SimpleNamespace(  # type: ignore[arg-type]
            bot="elena",
            me=ME,
            served=worker.bots.get("elena"),
            moments=moments,
            taken=list,
        ),
        *store.run_all(asked),
    )
    kept = {
        item.value["text"]
        for item in worker.chores.memory.search(("elena", "said"), limit=100)
    }
    assert kept == {"what did they say?", "Nothing.", "good morning", "Hello."}
    assert PRIVATE not in everything(store)


def test_a_learning_that_ran_meanwhile_keeps_nothing_old(
    worker: Worker, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The person was forgotten while the model read the conversation."""
    remember(
        worker.chores.memory,
        "elena",
        ME,
        "Elena",
        Moment(entry(event(store, content="I have a canoe")), "Lovely."),
    )
    real = read_facts

    def slow(*arguments: Any) -> Any:
        forget(store)
        return real(*arguments)

    monkeypatch.setattr("app.brain.facts.read_facts", slow)
    assert worker.chores.learn("elena", "55") == 0
    assert "canoe" not in everything(store)


def test_a_diary_that_was_written_meanwhile_is_not_kept(
    worker: Worker, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It tells of the person; the next night writes one that does not."""
    said = event(store)
    remember(worker.chores.memory, "elena", ME, "Elena", Moment(entry(said), "Lovely."))
    store.client.rpush(
        keys.journal_of_bot("elena", "2026-11-20"),
        signer(worker.settings).sign(
            spoken("elena"),
            json.dumps(
                {
                    "channel": "55",
                    "reply_to": said.message_id,
                    "author": KIM,
                    "text": "Lovely.",
                    "emoji": "",
                }
            ),
        ),
    )
    written = worker.chores._written

    def slow(*arguments: Any) -> str:
        text = written(*arguments)
        assert KIM in text
        forget(store)
        return text

    monkeypatch.setattr(worker.chores, "_written", slow)
    worker.chores.write(Night.DIARY, "elena", "2026-11-20")
    assert store.run(nights.read("elena", Night.DIARY)) == {}
    assert KIM not in everything(store)


def test_a_worker_lets_go_of_its_caches(worker: Worker, store: Store) -> None:
    """With its next task: the items of memory, and the texts whose vectors it knows."""
    worker.heed()
    remember(
        worker.chores.memory,
        "elena",
        ME,
        "Elena",
        Moment(entry(event(store)), "Lovely."),
    )
    worker.chores.memory.search(("elena", "said"), query="harpoon")
    assert SECRET in shared_encoder()._cache
    forget(store)
    worker._forgotten = (1e-9, worker._forgotten[1])
    worker.heed()
    assert SECRET not in shared_encoder()._cache
    assert worker.chores.memory._known == {}


def lived(store: Store, memory: Any) -> None:
    """Kim and Sam have told Elena something, Kim also in private."""
    for number, said in enumerate(
        (
            event(store),
            private(store, -55),
            event(store, -50, SAM, content="I have two cats"),
        )
    ):
        remember(
            memory,
            "elena",
            ME,
            "Elena",
            Moment(entry(said), f"I see, number {number}."),
        )
        for fact in read_facts("I have a canoe", said.message_id):
            learn(
                memory,
                "elena",
                said.author_id,
                fact,
                {
                    "name": said.author_name,
                    "channel": said.channel_id,
                    "guild": said.guild_id or "",
                },
            )
        store.run(trusts.add("elena", said.author_id, 1, f"t{number}"))
        limits, settings = Limits.of(Settings(_env_file=None)), Settings(_env_file=None)  # type: ignore[call-arg]
        asked = AdmissionRequest(
            "elena",
            said,
            Classified(signal=Signal.DIRECT, reason="named", addressed=("elena",)),
            move_cursor=True,
        )
        store.run(admission.admit(asked, f"a{number}", limits, settings))
    store.run(memories.touch_conversation("elena", PRIVATE, 60_000))
    store.client.hset(keys.names("7"), mapping={KIM: "Kimmy", SAM: "Sammy"})
    store.client.expire(keys.names("7"), 60)


def test_the_private_channel_goes_with_the_person(worker: Worker, store: Store) -> None:
    """Its id says as much as the person's: cursors, lanes, floors and conversations of
    it go; other people's stay."""
    lived(store, worker.chores.memory)
    assert PRIVATE in everything(store)
    assert store.client.exists(keys.inbox(Lane("elena", PRIVATE)))
    forget(store)
    left = everything(store)
    assert not [trace for trace in (KIM, PRIVATE, "Kimmy", "harpoon") if trace in left]
    assert SAM in left
    assert store.client.hgetall(keys.names("7")) == {SAM: "Sammy"}


def test_what_is_kept_of_a_person_is_handed_out_until_they_are_forgotten(
    worker: Worker, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that is theirs and nothing of anybody else; nothing once they are
    forgotten."""
    lived(store, worker.chores.memory)
    found = own_data.export(store, KIM)
    written = json.dumps(found)
    assert "has a canoe" in written
    assert {line["text"] for line in found["bots"]["elena"]["lines"]} == {SECRET}
    assert len(found["bots"]["elena"]["facts"]) == 1
    assert found["bots"]["elena"]["trust"]["points"] == 2
    assert found["nicknames"] == {"7": "Kimmy"}
    assert found["elsewhere"]["mailbox"] >= 2
    assert not [trace for trace in (SAM, "cats", "Sammy") if trace in written]
    monkeypatch.setattr("app.operator.own_data.looks_every", lambda _: 0)
    assert own_data.forget(store, worker.settings, KIM, opt_out=True).values > 0
    left = own_data.export(store, KIM)
    assert left["opted_out"]
    assert (left["nicknames"], left["elsewhere"]) == ({}, {})
    assert left["bots"]["elena"] == {
        "facts": [],
        "lines": [],
        "answers": [],
        "trust": None,
        "reception": {},
        "diary": [],
        "dream": [],
    }
    assert SAM in everything(store)
