"""Who may push to Redis, and has no key of the vault, puts no words into a bot's or a
person's mouth."""

from __future__ import annotations

import json
import time

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from app.domain.lane import Lane
from app.domain.model import ActionKind, Context, Event, OutboxEntry
from app.store import (
    admission,
    forgetting,
    inboxes,
    journal,
    keys,
    lanes,
    nights,
    outbox,
)
from app.store.door import Store
from app.store.floors import Holder
from app.store.nights import Night
from app.store.resigning import sign_anew
from app.store.signing import (
    HEARD,
    OUTBOX,
    UNCHECKED,
    Signer,
    asked,
    night,
    signer,
    spoken,
)
from tests.store import world
from tests.store.world import World, settings_with

OLD, NEW, OTHER = (SecretStr(Fernet.generate_key().decode()) for _ in range(3))
OURS = Signer([NEW, OLD])
LANE = Lane("aria", "55")
BODY = OutboxEntry(
    entry_id="e1", bot="aria", channel_id="55", kind=ActionKind.POST, chunks=("Hello.",)
)


@given(
    st.text(st.characters(exclude_categories=()), max_size=50),
    st.integers(0, 200),
    st.characters(),
)
def test_a_signature_holds_for_this_text_alone(
    text: str, place: int, other: str
) -> None:
    """What was signed is believed, and no text that differs in one character."""
    signed = OURS.sign(OUTBOX, json.dumps({"text": text}, ensure_ascii=False))
    assert OURS.believes(signed, OUTBOX)
    place %= len(signed)
    changed = signed[:place] + other + signed[place + 1 :]
    assert OURS.believes(changed, OUTBOX) is (changed == signed)


@pytest.mark.parametrize("purpose", [OUTBOX, asked("elena"), asked("ari"), ""])
def test_a_signature_holds_for_its_purpose_alone(purpose: str) -> None:
    """What was heard passes as no order, and what was asked of one bot was asked of no
    other."""
    assert not OURS.believes(OURS.sign(HEARD, "{}"), purpose)
    assert not OURS.believes(OURS.sign(asked("aria"), "{}"), purpose)


def test_keys_change_by_list() -> None:
    """The newest key signs; all of the list are believed, no other."""
    by_old, by_new = Signer([OLD]).sign(OUTBOX, "{}"), OURS.sign(OUTBOX, "{}")
    assert OURS.believes(by_old, OUTBOX)
    assert Signer([NEW]).believes(by_new, OUTBOX)
    assert not Signer([NEW]).believes(by_old, OUTBOX)
    assert not Signer([OTHER]).believes(by_new, OUTBOX)


def test_unsigned_texts_pass_only_where_the_operator_says_so() -> None:
    """While updating, what an old version wrote passes. A wrong signature never
    does."""
    lenient = Signer([NEW], accept_unsigned=True)
    assert not OURS.believes('{"a":1}', OUTBOX)
    assert lenient.believes('{"a":1}', OUTBOX)
    assert not lenient.believes(Signer([OTHER]).sign(OUTBOX, '{"a":1}'), OUTBOX)


def test_a_signed_text_stays_an_object() -> None:
    """Who has no key reads it as before."""
    assert json.loads(OURS.sign(OUTBOX, '{"a":1}'))["a"] == 1
    assert UNCHECKED.sign(OUTBOX, '{"a":1}') == '{"a":1}'


def test_a_signature_costs_next_to_nothing() -> None:
    """Less than 50 µs for a long message, beside 1.5 ms for a task."""
    text = Event.model_validate(
        {**world.event("1").model_dump(), "content": "x" * 2_000}
    ).model_dump_json()
    begun = time.process_time()
    for _ in range(1_000):
        OURS.believes(OURS.sign(HEARD, text), HEARD)
    taken = (time.process_time() - begun) * 1_000
    print(f"signing and checking: {taken:.1f} µs")
    assert taken < 50


def test_a_forged_outbox_entry_is_not_read(store: Store) -> None:
    """Unsigned, signed with another key, or another entry's body: nothing that would be
    sent."""
    settings = settings_with(vault_keys=(NEW.get_secret_value(),))
    key = keys.entry("e1")
    for body in (
        BODY.model_dump_json(),
        Signer([OTHER]).sign(OUTBOX, BODY.model_dump_json()),
        OURS.sign(HEARD, BODY.model_dump_json()),
    ):
        store.client.hset(key, "body", body)
        store.client.expire(key, 60)
        assert store.run(outbox.read("e1", signer(settings))) is None
    store.client.hset(key, "body", outbox.signed(BODY, settings))
    assert store.run(outbox.read("e1", signer(settings))) == BODY


SAID = json.dumps({"channel": "55", "reply_to": "1", "author": "2", "text": "Hello."})
PAGE = json.dumps({"text": "A quiet day.", "people": [], "guild": "7"})
DATE = "2026-11-20"


def test_what_a_bot_never_said_is_in_no_diary(store: Store) -> None:
    """A diary quotes the bot's journal, which a gateway's login may write: of unsigned
    lines, of another key's and of another bot's none is read."""
    settings = settings_with(vault_keys=(NEW.get_secret_value(),))
    key = keys.journal_of_bot("aria", DATE)
    true = signer(settings).sign(spoken("aria"), SAID)
    forged = (
        SAID,
        Signer([OTHER]).sign(spoken("aria"), SAID),
        OURS.sign(spoken("elena"), SAID),
        OURS.sign(OUTBOX, SAID),
    )
    store.client.rpush(key, *forged, true)
    store.client.expire(key, 60)
    assert store.run(journal.lines_of_bot("aria", DATE, signer(settings))) == (true,)


def test_a_forged_diary_is_not_read(store: Store) -> None:
    """Nor a true one under another date, or a diary as a dream: it would be posted as
    the bot's own words."""
    settings = settings_with(vault_keys=(NEW.get_secret_value(),))
    ours, diary = signer(settings), keys.memory("aria", Night.DIARY)
    true = ours.sign(night("aria", Night.DIARY, DATE), PAGE)
    for date, text in ((DATE, true), ("2026-11-21", true), ("2026-11-22", PAGE)):
        store.client.hset(diary, date, text)
    store.client.hset(keys.memory("aria", Night.DREAM), DATE, true)
    for kind in Night:
        store.client.expire(keys.memory("aria", kind), 60)
    assert store.run(nights.read("aria", Night.DIARY, ours)) == {DATE: true}
    read = [
        store.run(nights.read_one("aria", kind, date, ours))
        for kind, date in (
            (Night.DIARY, DATE),
            (Night.DIARY, "2026-11-21"),
            (Night.DIARY, "2026-11-22"),
            (Night.DREAM, DATE),
        )
    ]
    assert read == [true, None, None, None]


def test_a_receipt_signs_no_forged_words(store: Store) -> None:
    """Diaries are made of what is delivered, and a delivered entry is one of ours."""
    settings = settings_with(vault_keys=(NEW.get_secret_value(),))
    ours = signer(settings)
    signed = outbox.record_delivery(
        BODY, chunk=0, message_id="9", how="post", date=DATE, signer=ours
    )
    lines = [str(one) for one in signed.args if "Hello." in str(one)]
    assert [ours.believes(line, spoken("aria")) for line in lines] == [True]


def test_a_new_key_is_given_to_diaries_too(store: Store) -> None:
    """After `vault rotate` whoever has the new key alone believes what the old one
    signed, in its order, and still nothing that was forged."""
    old, new = Signer([OLD]), Signer([NEW])
    said, diary = keys.journal_of_bot("aria", DATE), keys.memory("aria", Night.DIARY)
    lines = [
        old.sign(spoken("aria"), SAID.replace("Hello", word)) for word in ("A", "B")
    ]
    store.client.rpush(said, lines[0], SAID, lines[1])
    store.client.hset(diary, DATE, old.sign(night("aria", Night.DIARY, DATE), PAGE))
    store.client.hset(diary, "2026-11-21", PAGE)
    for key in (said, diary):
        store.client.expire(key, 60)
    assert sign_anew(store, OURS) == 3
    read = [
        json.loads(one)["text"]
        for one in store.run(journal.lines_of_bot("aria", DATE, new))
    ]
    assert read == ["A.", "B."]
    assert list(store.run(nights.read("aria", Night.DIARY, new))) == [DATE]


def _pushed(
    store: Store, bot: str, channel: str | None, event: str, signal: str
) -> None:
    lane = Lane(bot, channel)
    fields = {
        "event": event,
        "signal": signal,
        "reason": "r",
        "addressed": "[]",
        "bid": "",
    }
    store.client.xadd(keys.inbox(lane), fields)  # type: ignore[arg-type]
    store.client.expire(keys.inbox(lane), 60)


def _begun(w: World, lane: Lane = LANE) -> lanes.Begun:
    w.store.run(lanes.wake(lane, Context.DIRECT))
    assert w.lock(lane, "me")
    return w.store.run(lanes.begin(lane, "me", OURS))


def test_a_forged_message_is_not_heard(store: Store) -> None:
    """Unsigned, of another key, or one that was merely heard and is passed off as a
    question: all are dropped, with a line in the journal of the message that they claim
    to be. The true one is read."""
    w = World(store, vault_keys=(NEW.get_secret_value(),))
    true = world.direct("aria", world.event("1"), ("aria",))
    assert (
        w.store.run(admission.admit(true, "1", w.limits, w.settings)).verdict
        == "direct"
    )
    text = world.event("2").model_dump_json()
    for forged in (
        text,
        Signer([OTHER]).sign(asked("aria"), text),
        OURS.sign(HEARD, text),
        OURS.sign(asked("elena"), text),
    ):
        _pushed(store, "aria", "55", forged, "direct")
    begun = _begun(w)
    assert [entry.event.message_id for entry in begun.entries] == ["1"]
    assert [entry.event.message_id for entry in begun.forged] == ["2"] * 4
    assert (
        store.run(
            inboxes.remove_unreadable(Holder(LANE, "me"), begun.broken, begun.forged)
        )
        == 4
    )
    lines = [json.loads(line) for line in store.client.lrange(keys.journal("2"), 0, -1)]
    assert {(line["step"], line["verdict"], line["reason"]) for line in lines} == {
        ("begin", "dropped", "no gateway of ours signed it")
    }


def test_what_a_bot_merely_heard_is_read_as_such(store: Store) -> None:
    """An unasked message, and a question that a spent budget made context, keep their
    signatures through admission."""
    w = World(store, vault_keys=(NEW.get_secret_value(),), daily_posts=0)
    for candidate in (
        world.candidate("aria", world.event("1"), None),
        world.direct("aria", world.event("2"), ("aria",)),
    ):
        w.store.run(
            admission.admit(candidate, candidate.event.message_id, w.limits, w.settings)
        )
    begun = _begun(w, Lane("aria"))
    assert [entry.event.message_id for entry in begun.entries] == ["1", "2"]
    assert begun.forged == ()


def test_forgetting_a_person_keeps_others_messages_believed(store: Store) -> None:
    """What somebody else said about the forgotten is written anew, and signed anew; a
    forged one stays forged."""
    person = "100000000000000077"
    w = World(store, vault_keys=(NEW.get_secret_value(),))
    said = world.event("1").model_copy(update={"content": f"aria, who is <@{person}>?"})
    w.store.run(
        admission.admit(
            world.direct("aria", said, ("aria",)), "1", w.limits, w.settings
        )
    )
    _pushed(
        store,
        "aria",
        "55",
        said.model_copy(update={"message_id": "2"}).model_dump_json(),
        "direct",
    )
    forgetting.forget(store, person, OURS)
    begun = _begun(w)
    assert [entry.event.content for entry in begun.entries] == ["aria, who is <@0>?"]
    assert [entry.event.message_id for entry in begun.forged] == ["2"]
