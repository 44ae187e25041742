"""To forget a person is to leave nothing: no key, no value, no byte of the append-only
file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.brain.embeddings import LangChainEncoder, Words
from app.brain.facts import read_facts
from app.brain.memory import Moment, learn, remember
from app.domain.lane import Lane
from app.domain.model import Action, ActionKind, Classified, Event, InboxEntry, Signal
from app.domain.settings import Settings
from app.host.valkey import EmbeddedValkey
from app.store import (
    admission,
    commits,
    floors,
    forgetting,
    journal,
    keys,
    lanes,
    memories,
    mutes,
    nights,
    outbox,
    trusts,
    wishes,
)
from app.store.door import Store
from app.store.limits import Limits
from app.store.nights import Night
from app.worker.memory_store import RedisMemory

PERSON, OTHER, BOT, CHANNEL = "4100000000000000001", "4100000000000000002", "99", "55"
WORDS = 'I live in Trondheim/Lade, by the "old" fjord ☃.'
SETTINGS = Settings(_env_file=None, cooldown=0, quiet_time=0)  # type: ignore[call-arg]
LIMITS = Limits.of(SETTINGS)


@pytest.fixture
def valkey_of_ours(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    """A server whose append-only file is plain text, so that what is in it can be
    read."""
    with EmbeddedValkey(tmp_path) as server:
        yield server


@pytest.fixture
def own(valkey_of_ours: EmbeddedValkey) -> Iterator[Store]:
    """A store on it."""
    door = Store(valkey_of_ours.url)
    door.client.config_set("aof-use-rdb-preamble", "no")
    yield door
    door.close()


def said(message: str, person: str, text: str = WORDS, **more: object) -> Event:
    """A message on a server, or in private."""
    fields = {"guild_id": "7", **more}
    return Event(
        message_id=message,
        channel_id=CHANNEL,
        author_id=person,
        author_name="Ingrid" if person == PERSON else "Olu",
        content=text,
        **fields,
    )


def admitted(store: Store, event: Event, signal: Signal = Signal.DIRECT) -> None:
    """The event in Elena's mailbox."""
    classified = Classified(
        signal=signal,
        reason="named",
        addressed=("elena",) if signal is Signal.DIRECT else (),
    )
    candidate = admission.AdmissionRequest("elena", event, classified)
    store.run(admission.admit(candidate, f"r{event.message_id}", LIMITS, SETTINGS))


def answered(store: Store, message: str) -> None:
    """Elena's answer to a message of her direct inbox, committed and waiting to be
    sent."""
    lane = Lane("elena", CHANNEL)
    store.client.set(keys.lock(lane), "me", px=10_000)
    entries = store.run(lanes.begin(lane, "me")).entries
    entry = next(entry for entry in entries if entry.event.message_id == message)
    holder = floors.Holder(lane, "me")
    claimed = store.run(floors.claim(holder, entry, SETTINGS, 0))
    action = Action(
        kind=ActionKind.REPLY,
        channel_id=CHANNEL,
        message_id=message,
        text=f"You said: {entry.event.content}",
    )
    decision = commits.Decision(holder, entry, action, claimed.token, final=True)
    assert (
        store.run(commits.commit(decision, LIMITS, SETTINGS, f"c{message}")).verdict
        == "committed"
    )
    store.client.delete(keys.lock(lane), keys.floor(CHANNEL))


def everything(store: Store) -> str:
    """All keys and values as one text."""
    parts = []
    client = store.client
    for key in client.scan_iter("*"):
        value = {
            "string": client.get,
            "hash": client.hgetall,
            "set": client.smembers,
            "stream": client.xrange,
            "list": lambda name: client.lrange(name, 0, -1),
            "zset": lambda name: client.zrange(name, 0, -1),
        }
        parts.append(f"{key} {value[client.type(key)](key)!r}")
    return "\n".join(parts)


def files(server: EmbeddedValkey) -> bytes:
    """All bytes of the append-only folder."""
    return b"".join(
        file.read_bytes()
        for file in sorted((server.folder / "appendonlydir").iterdir())
    )


def lived(store: Store) -> None:
    """A life of one person and another with Elena: every place where a person leaves
    something."""
    memory = RedisMemory(store, LangChainEncoder(Words))
    for number, person in enumerate((PERSON, OTHER)):
        event = said(
            f"450000000000000000{number}",
            person,
            WORDS if person == PERSON else "I have two cats and a canoe.",
        )
        moment = Moment(
            InboxEntry(entry_id="1-0", event=event, signal=Signal.DIRECT),
            f"Well, {event.content}",
        )
        remember(memory, "elena", BOT, "Elena", moment)
        line = {"name": event.author_name, "channel": CHANNEL, "guild": "7"}
        for fact in read_facts(event.content, event.message_id):
            learn(memory, "elena", person, fact, line)
        store.run(trusts.add("elena", person, 1, f"t{number}"))
        date = f"2026-11-2{number}"
        for night in Night:
            store.run(nights.claim("elena", night, date, "me"))
            text = memories.encoded(
                {"text": f"{event.author_name} came by", "people": [person]}
            )
            store.run(nights.write("elena", night, date, "me", text))
        store.run(
            journal.append(
                event.message_id,
                "stream",
                "moderate",
                "stop",
                f"by {person}",
                {"scope": "channel:55"},
            )
        )
        line_of_journal = json.dumps(
            {
                "channel": CHANNEL,
                "reply_to": event.message_id,
                "author": person,
                "text": "Hm.",
            }
        )
        store.client.rpush(keys.journal_of_bot("elena", date), line_of_journal)
        admitted(store, said(f"200000000000000000{number}", person, event.content))
        admitted(
            store,
            said(f"300000000000000000{number}", person, event.content),
            Signal.AMBIENT,
        )
    quoting = said("5000000000000000000", OTHER, f"somebody here wrote: {WORDS}")
    remember(
        memory,
        "elena",
        BOT,
        "Elena",
        Moment(InboxEntry(entry_id="2-0", event=quoting, signal=Signal.DIRECT), "So?"),
    )
    admitted(
        store,
        said(
            "4000000000000000000",
            OTHER,
            f"elena, did <@{PERSON}> say this? {WORDS}",
            mentions=(PERSON,),
        ),
    )
    answered(store, "2000000000000000000")
    answered(store, "2000000000000000001")
    store.run(memories.reserve_line("elena", "Good morning, Ingrid."))
    store.run(mutes.stop("channel:77", f"moderator {PERSON}"))


PRIVATE = "1234567890123456789"
"""A channel of one bot and the person."""


def test_nothing_is_left_in_redis_and_on_disk(
    own: Store, valkey_of_ours: EmbeddedValkey, wait_until: Callable[..., None]
) -> None:
    """After it no key, field or value holds the person's id or words, and after the
    rewrite no file does either."""
    lived(own)
    before = everything(own)
    assert PERSON in before
    assert "Trondheim" in before
    assert PERSON.encode() in files(valkey_of_ours)
    assert b"Trondheim" in files(valkey_of_ours)
    forgotten = forgetting.forget(own, PERSON)
    assert forgotten.values > 10
    after = everything(own)
    assert PERSON not in after
    assert "Trondheim" not in after
    assert "Ingrid" not in after, "the name went with the lines"
    assert forgetting.rewrite(own)
    wait_until(
        lambda: PERSON.encode() not in files(valkey_of_ours),
        what="the old file's removal",
    )
    left = files(valkey_of_ours)
    assert PERSON.encode() not in left
    assert b"Trondheim" not in left
    assert forgetting.forget(own, PERSON).values == 0, (
        "nothing was left for a second time"
    )


def test_nobody_else_is_forgotten(own: Store) -> None:
    """The other person's facts, lines, trust, nights and unanswered messages stay; so
    does the moderator's mute."""
    lived(own)
    forgetting.forget(own, PERSON)
    memory = RedisMemory(own, LangChainEncoder(Words))
    assert [item.value["text"] for item in memory.search(("elena", "person", OTHER))]
    assert {item.value["author"] for item in memory.search(("elena", "said"))} == {
        OTHER,
        BOT,
    }
    assert set(own.run(trusts.everyone("elena"))) == {OTHER}
    assert set(own.run(nights.read("elena", Night.DIARY))) == {"2026-11-21"}
    own.client.set(keys.lock(Lane("elena", CHANNEL)), "me", px=10_000)
    waiting = own.run(lanes.begin(Lane("elena", CHANNEL), "me")).entries
    (question,) = [entry.event for entry in waiting]
    assert question.message_id == "4000000000000000000"
    assert question.content == "elena, did <@0> say this? …"
    assert own.client.get(keys.mute("channel:77")) == "a moderator"
    entries = own.client.lrange(keys.outbox("elena", CHANNEL), 0, -1)
    assert [own.run(outbox.read(entry)).reply_author for entry in entries] == [OTHER]  # type: ignore[union-attr]


def test_a_private_channel_stays_silenced(own: Store) -> None:
    """Its mute is somebody's word and no trace of the person, and gateways still know
    of it when Redis is emptied."""
    lived(own)
    scope = f"channel:{PRIVATE}"
    own.run(mutes.stop(scope, "a moderator"))
    own.run(mutes.remember(scope))
    forgetting.forget(own, PERSON, channels=[PRIVATE])
    assert own.client.get(keys.mute(scope)) == "a moderator"
    assert own.run(mutes.list_standing()) == [scope]


def test_what_cannot_be_read_stops_nothing(own: Store) -> None:
    """A broken neighbour does not keep a person's words; one that holds their id goes
    with them."""
    lived(own)
    inbox = keys.inbox(Lane("elena", CHANNEL))
    own.client.xadd(inbox, {"nonsense": "x"})
    own.client.xadd(inbox, {"event": "{", "signal": "direct"})
    own.client.xadd(inbox, {"event": f'{{"author_id": {PERSON}'})
    own.client.hset(
        keys.memory("elena", "said"),
        mapping={"1.0": "{", "2.0": "[]", "3.0": f'{{"v": "{PERSON}'},
    )
    forgetting.forget(own, PERSON)
    left = everything(own)
    assert PERSON not in left
    assert "Trondheim" not in left
    assert own.client.hget(keys.memory("elena", "said"), "1.0") == "{"


def test_a_wish_to_be_left_alone_holds_no_id(own: Store) -> None:
    """Who opted out is known by a digest alone, which survives the forgetting."""
    own.run(wishes.opt_out(wishes.digest(PERSON)))
    forgetting.forget(own, PERSON)
    assert own.run(wishes.opted_out([wishes.digest(PERSON), wishes.digest(OTHER)])) == (
        True,
        False,
    )
    assert PERSON not in everything(own)


def test_a_server_without_an_append_only_file_says_so(own: Store) -> None:
    """Where nothing can be rewritten the operator is told."""
    own.client.config_set("appendonly", "no")
    assert not forgetting.rewrite(own)
