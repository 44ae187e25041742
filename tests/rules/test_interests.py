"""Interests count: a shipped character wants to speak when people talk about its own
subjects."""

from __future__ import annotations

import pytest

from app.domain.character import load_character
from app.domain.model import Signal
from app.rules.bids import bid
from app.rules.features import features
from app.rules.interests import LEAST_BITS, Interests, Likeness
from app.rules.policy import shipped_policy
from app.rules.reading import read
from app.rules.room import Room, Utterance

SMALL_TALK = (
    ("7", "morning all"),
    ("8", "hey, how was the film?"),
    ("7", "quite long, honestly"),
    ("8", "they always are"),
)
FOREIGN = (
    "anybody know how to mount an ntfs partition read-write?",
    "my sound stopped working after the upgrade",
    "the printer shows up but nothing comes out",
    "which package has the wifi firmware?",
    "grub says error 17 after I resized",
    "is there a way to see which process holds the port?",
)


def wants(name: str, text: str) -> bool:
    """Whether the character bids for a line in a watched channel where two people have
    been talking."""
    character = load_character(name, None)
    room = Room()
    room.know("1", character.names)
    for place, (author, line) in enumerate(SMALL_TALK):
        room.observe(
            Utterance(
                str(place + 1),
                author,
                line,
                20_000 * place,
                ("Ann" if author == "7" else "Ben",),
            )
        )
    said = Utterance("9", "7", text, 100_000, ("Ann",))
    score = bid(features(room, said, "1"), Signal.WATCHED, 0, shipped_policy()).score
    return (
        score
        + Interests(
            word for interest in character.interests for word in interest.words
        ).bits(said.reading)
        >= 0
    )


@pytest.mark.parametrize("name", ["elena", "aria", "dotty"])
def test_shipped_characters_bid_on_their_own_subjects(name: str) -> None:
    """At middling chattiness a character bids on most of the sentences that its file
    gives as examples, and on no others'."""
    examples = [
        text
        for interest in load_character(name, None).interests
        for text in interest.examples
    ]
    assert sum(wants(name, text) for text in examples) >= 0.8 * len(examples)
    assert not [text for text in FOREIGN if wants(name, text)]


@pytest.mark.parametrize(
    ("text", "idle"),
    [
        ("haha yeah that tracks", True),
        ("\U0001f642 \U0001f642", True),
        ("?!", True),
        ("brb dinner", True),
        ("yes, the coral is white", False),
        ("brb, my corals need feeding before the lamp goes out", False),
        ("do whales sleep", False),
    ],
)
def test_a_line_that_only_nods_or_leaves_is_nobodys_subject(
    text: str, idle: bool
) -> None:
    """However near it was measured to be: what its author says is that they agree, are
    here or leave."""
    near = Likeness(subject=0.2, follow_up=-0.2)
    bits = Interests(("coral",)).bits(read(text), near)
    assert (bits == LEAST_BITS) is idle


@pytest.mark.parametrize(
    ("text", "bits"),
    [
        ("hello there", 0.0),
        ("coral", 6.0),
        ("deep sea", 6.0),
        ("night", 6.0),
        ("coral at night", 7.0),
        ("coral of the deep sea", 7.0),
        ("coral of the deep sea at night", 8.0),
        ("coral and kelp of the deep sea at night", 8.0),
    ],
)
def test_words_alone_touch_an_interest(text: str, bits: float) -> None:
    """Each further one counts a little, up to two; a line that is nothing but a phrase
    holds it, too."""
    assert Interests(("coral", "kelp", "deep sea", "night")).bits(read(text)) == bits


@pytest.mark.parametrize(
    ("text", "subject", "bits"),
    [
        ("do whales sleep", 0.0, 1.5),
        ("do whales sleep", 0.2, 8.7),
        ("do whales sleep", -0.1, -2.1),
        ("do whales sleep", 1.0, 14.0),
        ("do whales sleep", -1.0, -4.0),
        ("is coral asleep", -0.1, 1.9),
        # An everyday word proves nothing where more is known.
        ("what a night", -0.1, -2.1),
        # Five tokens may be no more than a nod, six are more.
        ("ok that is so good", 1.0, 14.0),
        ("brb i have to go", 1.0, -4.0),
        ("brb i have to go now", 1.0, 14.0),
    ],
)
def test_a_measured_likeness_counts_within_bounds(
    text: str, subject: float, bits: float
) -> None:
    """Beside it a word of an interest adds what it tells."""
    near = Likeness(subject=subject, follow_up=0.0)
    known = Interests(("coral", "night"))
    assert known.bits(read(text), near) == pytest.approx(bits)


def test_a_near_rival_takes_from_a_likeness() -> None:
    """As much as it is lacking."""
    contested = Likeness(subject=0.25, follow_up=0.0, lacking=0.05)
    assert Interests(()).bits(read("do whales sleep"), contested) == pytest.approx(8.7)
