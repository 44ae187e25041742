"""What of a character bends its bids."""

from __future__ import annotations

import pytest

from app.rules.interests import Interests, Likeness
from app.rules.profile import (
    BETWEEN_BITS,
    CHATTINESS_BITS,
    FOLLOW_UP_BITS,
    FOLLOWS,
    FOLLOWS_NOT,
    HAND_OVER_BITS,
    NEUTRAL,
    SURE_BITS,
    UNRELATED_BITS,
    Profile,
    Thread,
    is_follow_up,
    subject_change,
)
from app.rules.reading import read

REEFS = Profile(interests=Interests(["reef"]))


def follow_up(likeness: float) -> Likeness:
    """A message that is so like a bare follow-up."""
    return Likeness(subject=0.0, follow_up=likeness)


def test_words_of_an_interest_touch_it() -> None:
    """Nobody in particular is touched by nothing."""
    assert REEFS.touched(read("a reef is alive"))
    assert not REEFS.touched(read("a tree is alive"))
    assert not NEUTRAL.touched(read("a reef is alive"))


def test_a_phrase_touches_as_a_word_does() -> None:
    """Once all of its words are there, in any order; each word and phrase counts."""
    known = Interests(["deep sea", "reef"])
    assert known.touched(read("the sea is deep here")) == 1
    assert known.touched(read("a reef in the deep sea")) == 2
    assert known.touched(read("the sea is wide")) == 0


@pytest.mark.parametrize(
    ("chattiness", "bits", "always"),
    [(0.0, -CHATTINESS_BITS, False), (0.5, 0.0, False), (1.0, CHATTINESS_BITS, True)],
)
def test_who_talks_much_bids_more(chattiness: float, bits: float, always: bool) -> None:
    """In the middle it changes nothing; at 1 the bot bids whatever its score."""
    profile = Profile(chattiness)
    parts = profile.parts(read("hello"), None, Thread.NOBODYS)
    assert parts == {"chattiness": bits, "interest": 0.0, "subject_change": 0.0}
    assert profile.always is always


@pytest.mark.parametrize(
    ("interest", "share"),
    [(-4.0, 0.0), (0.0, 0.0), (SURE_BITS / 2, 0.5), (SURE_BITS, 1.0), (14.0, 1.0)],
)
def test_a_subject_is_handed_over_to_its_expert(interest: float, share: float) -> None:
    """From a colleague's thread, in full once it is sure to be the subject."""
    found = subject_change(interest, None, Thread.COLLEAGUES)
    assert found == pytest.approx(share * HAND_OVER_BITS)


def test_a_thread_of_nobodys_changes_nothing() -> None:
    """Nor does the bot's own where nothing was measured."""
    assert subject_change(9.0, follow_up(1.0), Thread.NOBODYS) == 0.0
    assert subject_change(9.0, None, Thread.OWN) == 0.0


@pytest.mark.parametrize(
    ("likeness", "interest", "bits"),
    [
        (FOLLOWS, 0.0, FOLLOW_UP_BITS),
        (FOLLOWS + 1, 3.0, FOLLOW_UP_BITS),
        # To be like no subject does not speak against a bare follow-up.
        (FOLLOWS, -4.0, FOLLOW_UP_BITS + 4.0),
        (FOLLOWS_NOT, 0.0, -UNRELATED_BITS),
        (FOLLOWS_NOT - 1, -4.0, -UNRELATED_BITS),
        ((FOLLOWS + FOLLOWS_NOT) / 2, 0.0, (FOLLOW_UP_BITS - UNRELATED_BITS) / 2),
    ],
)
def test_in_its_own_thread_a_follow_up_stays(
    likeness: float, interest: float, bits: float
) -> None:
    """What follows up on nothing has less there."""
    found = subject_change(interest, follow_up(likeness), Thread.OWN)
    assert found == pytest.approx(bits)


def test_who_breaks_in_on_two_people_must_be_surer() -> None:
    """Whether or not anything was measured, and whatever it is about; who is nobody in
    particular bids as people do."""
    text = read("how is the reef, and then?")
    for likeness in (None, follow_up(1.0), Likeness(subject=0.2, follow_up=-0.3)):
        free = REEFS.parts(text, likeness, Thread.NOBODYS)
        parts = REEFS.parts(text, likeness, Thread.PEOPLES)
        assert parts == {**free, "between_people": -BETWEEN_BITS}
    assert "between_people" not in NEUTRAL.parts(text, None, Thread.PEOPLES)


def test_half_way_is_a_follow_up() -> None:
    """And what is nearer to none is none."""
    middle = (FOLLOWS + FOLLOWS_NOT) / 2
    assert is_follow_up(follow_up(middle + 0.001))
    assert not is_follow_up(follow_up(middle - 0.001))


def test_a_near_rival_takes_from_interest_and_not_from_a_hand_over() -> None:
    """Who of two near ones is the nearer, their interest tells; that the message is no
    longer the thread's, the likeness alone does."""
    profile = Profile(0.5, Interests(["coral"]))
    text = read("and what do they eat all day")
    near = Likeness(subject=0.1, follow_up=-0.3, lacking=0.05)
    contested = profile.parts(text, near, Thread.COLLEAGUES)
    sure = profile.parts(text, near.alone, Thread.COLLEAGUES)
    assert contested["interest"] < sure["interest"]
    assert contested["subject_change"] == sure["subject_change"] > 0
