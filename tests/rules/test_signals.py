"""Why a message matters: one row per line of the table of signals."""

from __future__ import annotations

import pytest

from app.domain.model import Addressing, ConversationState, Event, Signal
from app.rules.interests import Interests
from app.rules.reading import read
from app.rules.signals import Facts, SignalThresholds, classify

ENGAGED = ConversationState.ENGAGED
NOBODY = Addressing(reason="addresses nobody")
TO_ELENA = Addressing(bots=("elena",), reason="mentioned")
TO_ARIA = Addressing(bots=("aria",), reason="mentioned")
TO_BOTH = Addressing(bots=("aria", "elena"), reason="called by name")
TO_BOB = Addressing(somebody_else=True, reason="replies to somebody else")

EVERYTHING: dict[str, object] = {
    "trust": 5,
    "watched": True,
    "state": ENGAGED,
    "named": True,
}

ROWS: list[tuple[str, dict[str, object], dict[str, object], Addressing, Signal]] = [
    ("a mention", {}, {}, TO_ELENA, Signal.DIRECT),
    ("one of two addressed", {}, {}, TO_BOTH, Signal.DIRECT),
    ("a direct message", {"is_dm": True}, {}, NOBODY, Signal.DIRECT),
    (
        "direct beats all else",
        {},
        {"trust": 5, "watched": True, "state": ENGAGED},
        TO_ELENA,
        Signal.DIRECT,
    ),
    ("addressed to another bot", {}, {}, TO_ARIA, Signal.AMBIENT),
    (
        "... keeps out even with every other reason",
        {},
        EVERYTHING,
        TO_ARIA,
        Signal.AMBIENT,
    ),
    ("addressed to a person", {}, EVERYTHING, TO_BOB, Signal.AMBIENT),
    (
        "the rest of a thought that is answered",
        {},
        {**EVERYTHING, "afterthought": True},
        NOBODY,
        Signal.AMBIENT,
    ),
    ("... unless it calls", {}, {"afterthought": True}, TO_ELENA, Signal.DIRECT),
    ("a trusted author", {}, {"trust": 4}, NOBODY, Signal.TRUSTED),
    (
        "trusted beats watched",
        {},
        {"trust": 5, "watched": True, "state": ENGAGED},
        NOBODY,
        Signal.TRUSTED,
    ),
    ("an author one level short", {}, {"trust": 3}, NOBODY, Signal.AMBIENT),
    (
        "a watched channel",
        {},
        {"watched": True, "state": ENGAGED},
        NOBODY,
        Signal.WATCHED,
    ),
    ("an active conversation", {}, {"state": ENGAGED}, NOBODY, Signal.ACTIVE),
    (
        "a conversation that cools",
        {},
        {"state": ConversationState.COOLING},
        NOBODY,
        Signal.AMBIENT,
    ),
    (
        "a bot that cools down",
        {},
        {"state": ConversationState.COOLING},
        NOBODY,
        Signal.AMBIENT,
    ),
    ("a person speaks of it", {}, {"named": True}, NOBODY, Signal.GOSSIP),
    ("a person touches its interests", {}, {"touches": True}, NOBODY, Signal.AMBIENT),
    (
        "more than three reactions",
        {"kind": "reaction", "reactions": 4},
        {},
        NOBODY,
        Signal.REACTIONS,
    ),
    (
        "three reactions",
        {"kind": "reaction", "reactions": 3},
        {},
        NOBODY,
        Signal.AMBIENT,
    ),
    (
        "a burst on a message to another",
        {"kind": "reaction", "reactions": 9},
        {},
        TO_ARIA,
        Signal.REACTIONS,
    ),
    (
        "a burst on its own message",
        {"kind": "reaction", "reactions": 9, "author_id": "11"},
        {},
        NOBODY,
        Signal.AMBIENT,
    ),
    (
        "one of ours names it",
        {"author_kind": "ours"},
        {"named": True},
        NOBODY,
        Signal.GOSSIP,
    ),
    (
        "one of ours touches its interests",
        {"author_kind": "ours"},
        {"touches": True},
        NOBODY,
        Signal.GOSSIP,
    ),
    (
        "... also in a reply to a person",
        {"author_kind": "ours"},
        {"touches": True},
        TO_BOB,
        Signal.GOSSIP,
    ),
    ("one of ours mentions it", {"author_kind": "ours"}, {}, TO_ELENA, Signal.GOSSIP),
    (
        "one of ours speaks to a third",
        {"author_kind": "ours"},
        {"touches": True},
        TO_ARIA,
        Signal.AMBIENT,
    ),
    (
        "one of ours chats",
        {"author_kind": "ours"},
        {"trust": 5, "watched": True},
        NOBODY,
        Signal.AMBIENT,
    ),
    (
        "a foreign bot mentions it",
        {"author_kind": "foreign"},
        {},
        TO_ELENA,
        Signal.GOSSIP,
    ),
    (
        "a foreign bot touches its interests",
        {"author_kind": "foreign"},
        {"touches": True, "named": True},
        NOBODY,
        Signal.AMBIENT,
    ),
    (
        "an ignored person mentions it",
        {},
        {"ignored": True, "trust": 5},
        TO_ELENA,
        Signal.AMBIENT,
    ),
    (
        "an ignored person's direct message",
        {"is_dm": True},
        {"ignored": True},
        NOBODY,
        Signal.AMBIENT,
    ),
    (
        "its own message",
        {"author_id": "11", "author_kind": "ours"},
        {"touches": True},
        NOBODY,
        Signal.AMBIENT,
    ),
    ("anything else", {}, {}, NOBODY, Signal.AMBIENT),
]


@pytest.mark.parametrize(
    ("what", "fields", "facts", "addressed", "signal"),
    ROWS,
    ids=[row[0] for row in ROWS],
)
def test_the_signal(
    what: str,
    fields: dict[str, object],
    facts: dict[str, object],
    addressed: Addressing,
    signal: Signal,
) -> None:
    """Every row of the table of signals holds, and says why."""
    event = Event.model_validate(
        {
            "message_id": "1",
            "channel_id": "2",
            "author_id": "22",
            "author_name": "Ann",
            "content": "x",
            **fields,
        }
    )
    found = classify(
        event,
        "elena",
        Facts.model_validate({"user_id": "11", **facts}),
        addressed,
        SignalThresholds(),
    )
    assert found.signal is signal, what
    assert found.reason


@pytest.mark.parametrize(
    ("kind", "addressed", "expected"),
    [
        ("human", TO_BOTH, ("aria", "elena")),
        (
            "human",
            TO_ARIA,
            ("aria",),
        ),  # also a bystander's admission says that it is addressed
        (
            "ours",
            TO_ELENA,
            (),
        ),  # gossip stays an election: bots never owe each other an answer
        ("foreign", TO_ELENA, ()),
    ],
)
def test_only_people_address(
    kind: str, addressed: Addressing, expected: tuple[str, ...]
) -> None:
    """`addressed` closes a message to elections, so only a person's message carries
    it."""
    event = Event.model_validate(
        {
            "message_id": "1",
            "channel_id": "2",
            "author_id": "22",
            "author_name": "Ann",
            "author_kind": kind,
        }
    )
    assert (
        classify(event, "elena", Facts(), addressed, SignalThresholds()).addressed
        == expected
    )


@pytest.mark.parametrize(
    ("fields", "addressed", "expected"),
    [
        ({"is_dm": True}, NOBODY, ("elena",)),
        ({"is_dm": True, "author_kind": "foreign"}, NOBODY, ()),
        ({"is_dm": True, "kind": "reaction"}, NOBODY, ()),
        ({"kind": "reaction"}, TO_BOTH, ()),
        ({}, TO_ARIA, ("aria",)),
        ({}, NOBODY, ()),
    ],
)
def test_a_direct_message_addresses_its_bot(
    fields: dict[str, object], addressed: Addressing, expected: tuple[str, ...]
) -> None:
    """Whatever it says; elsewhere it is who was called."""
    event = Event(message_id="1", channel_id="2", author_id="22", author_name="Ann")
    event = Event.model_validate({**event.model_dump(), **fields})
    found = classify(event, "elena", Facts(), addressed, SignalThresholds())
    assert found.addressed == expected


def test_thresholds_are_settings() -> None:
    """An operator who trusts nobody below 5 and wants 10 reactions gets that."""
    strict = SignalThresholds(trusted_level=5, reaction_burst=10)
    event = Event(message_id="1", channel_id="2", author_id="22", author_name="Ann")
    assert (
        classify(event, "elena", Facts(trust=4), NOBODY, strict).signal
        is Signal.AMBIENT
    )
    burst = event.model_copy(update={"kind": "reaction", "reactions": 10})
    assert classify(burst, "elena", Facts(), NOBODY, strict).signal is Signal.AMBIENT


@pytest.mark.parametrize(
    ("text", "words", "expected"),
    [
        ("a coral reef bleaches", ("coral",), True),
        ("the deep blue sea", ("deep sea",), True),
        ("the deep end", ("deep sea",), False),
        ("chorales", ("coral",), False),
        ("CORAL!", ("coral",), True),
        ("", ("coral",), False),
        ("coral", (), False),
    ],
)
def test_touches(text: str, words: tuple[str, ...], expected: bool) -> None:
    """Interests are found as whole words, in any case."""
    assert bool(Interests(words).touched(read(text))) is expected


def test_nothing_is_assumed_that_would_make_a_bot_speak() -> None:
    """What a gateway does not know of a bot is no reason; that it may act unasked is
    the rule, and what forbids it is said."""
    assumed = {name for name, value in Facts() if value is True}
    assert assumed == {"unasked"}
