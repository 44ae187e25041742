"""What a room forgets first, and for how long an exchange is fresh."""

from __future__ import annotations

import pytest

from app.rules.features import Tie, features
from app.rules.room import (
    CONTACTS,
    FRESH_LINES,
    FRESH_MS,
    PEOPLE,
    PROFILE,
    RECENT,
    Room,
    Utterance,
)

ELENA = "e"
START_MS = 1_700_000_000_000


class Talk:
    """A room with Elena in it, and people who speak ten seconds apart."""

    def __init__(self) -> None:
        self.room = Room({ELENA: ("Elena",)})
        self.at_ms = START_MS
        self.count = 0

    def utterance(self, author: str, text: str, after_ms: int = 10_000) -> Utterance:
        """The next message, which the room has not seen."""
        self.at_ms += after_ms
        self.count += 1
        return Utterance(str(self.count), author, text, self.at_ms, (f"Name{author}",))

    def say(self, author: str, text: str, after_ms: int = 10_000) -> None:
        """A message that the room keeps."""
        self.room.observe(self.utterance(author, text, after_ms))

    def fill(self, lines: int, after_ms: int = 10_000) -> None:
        """Lines of somebody who speaks to nobody."""
        for _ in range(lines):
            self.say("filler", "the sky is wide", after_ms)

    def tie(self, author: str, text: str, after_ms: int = 10_000) -> Tie:
        """How a message would be tied to Elena."""
        utterance = self.utterance(author, text, after_ms)
        return Tie(int(features(self.room, utterance, ELENA)["tie"]))


@pytest.mark.parametrize("before", [0, 30, 300])
def test_an_exchange_is_fresh_in_a_room_of_any_age(before: int) -> None:
    """Whom Elena has just answered speaks to her, however many lines the room has
    had."""
    talk = Talk()
    talk.fill(before)
    talk.say("1", "how do reefs grow?")
    talk.say(ELENA, "Name1: slowly")
    assert talk.tie("1", "and where?") is Tie.ANSWERED


@pytest.mark.parametrize(
    ("lines", "tie"),
    [(FRESH_LINES - 1, Tie.ANSWERED), (FRESH_LINES, Tie.FREE)],
)
def test_an_exchange_ages_with_the_lines_after_it(lines: int, tie: Tie) -> None:
    """Elena's line and those after it are counted; one beyond the limit ends it."""
    talk = Talk()
    talk.say("1", "how do reefs grow?")
    talk.say(ELENA, "Name1: slowly")
    talk.fill(lines, after_ms=1)
    assert talk.tie("1", "and where?", after_ms=1) is tie


@pytest.mark.parametrize(
    ("after_ms", "tie"), [(FRESH_MS, Tie.ANSWERED), (FRESH_MS + 1, Tie.FREE)]
)
def test_an_exchange_ages_with_time(after_ms: int, tie: Tie) -> None:
    """Five minutes later it is fresh, a millisecond more and it is not."""
    talk = Talk()
    talk.say("1", "how do reefs grow?")
    talk.say(ELENA, "Name1: slowly")
    assert talk.tie("1", "and where?", after_ms) is tie


def test_who_speaks_stays_and_who_is_silent_longest_is_forgotten() -> None:
    """People are forgotten in the order in which they last spoke."""
    talk = Talk()
    talk.say("regular", "hello")
    talk.say("silent", "hello")
    for number in range(PEOPLE - 3):
        talk.say(f"p{number}", "hello")
    talk.say("regular", "still here")
    for number in range(3):
        talk.say(f"q{number}", "hello")
    assert talk.room.person("regular").lines == 2
    assert talk.room.person("silent").lines == 0
    assert talk.room.person("p2").lines == 1
    assert len(talk.room.people) == PEOPLE


def test_words_are_forgotten_in_the_order_of_their_last_use() -> None:
    """A word that is used again stays; the one that was used longest ago goes."""
    talk = Talk()
    talk.say("1", "kelp urchin")
    for number in range(PROFILE // 2 - 1):
        talk.say("1", f"alga{number:03} coral{number:03}")
    talk.say("1", "kelp")
    talk.say("1", "anemone")
    profile = talk.room.person("1").profile
    assert len(profile) == PROFILE
    assert "urchin" not in profile
    assert {"kelp", "alga000", "anemone"} <= profile.keys()


def test_exchanges_are_forgotten_in_the_order_of_their_last_line() -> None:
    """Of those who spoke to one person, whoever did so longest ago is forgotten."""
    talk = Talk()
    talk.say("me", "hello")
    for number in range(CONTACTS):
        talk.say(f"p{number}", "Nameme: hi")
    talk.say("p0", "Nameme: hi again")
    talk.say("late", "Nameme: hi")
    spoke = talk.room.person("me").addressed_by
    assert len(spoke) == CONTACTS
    assert "p1" not in spoke
    assert {"p0", "p2", "late"} <= spoke.keys()
    assert (spoke["p0"].count, spoke["p2"].count) == (2, 1)


def test_an_open_question_waits_for_twenty_lines() -> None:
    """Who takes up a question to nobody within that has volunteered; the oldest
    questions go first."""
    talk = Talk()
    talk.say("1", "how do reefs grow?")
    talk.say("2", "why is the sea salt?")
    talk.fill(19)
    talk.say("3", "what is a polyp?")
    talk.say(ELENA, "Name1: slowly")
    assert talk.room.person(ELENA).volunteered == 0, "asked more than 20 lines before"
    talk.say(ELENA, "Name2: rivers bring it")
    assert talk.room.person(ELENA).volunteered == 1


@pytest.mark.parametrize(("after_ms", "lines"), [(60_000, 1), (60_001, 0)])
def test_a_minute_has_sixty_seconds(after_ms: int, lines: int) -> None:
    """Lines of the minute before an utterance are counted, its first millisecond too."""
    talk = Talk()
    talk.say("1", "hello")
    assert talk.room.read(talk.utterance("2", "hi", after_ms)).minute == lines


def test_lines_are_remembered_one_by_one_up_to_a_number() -> None:
    """A reply to a line that is older than that names nobody."""
    talk = Talk()
    talk.say("1", "hello")
    talk.fill(RECENT - 1)
    reply = Utterance("r", "2", "yes", talk.at_ms, ("Two",), reply_to="1")
    assert talk.room.read(reply).opened == ("1",)
    talk.fill(1)
    reply = Utterance("s", "2", "yes", talk.at_ms, ("Two",), reply_to="1")
    assert talk.room.read(reply).opened == ()


def test_a_name_of_two_letters_calls_at_the_start_alone() -> None:
    """Further on it is more often a word than a person."""
    talk = Talk()
    room = Room({ELENA: ("Elena",), "bo": ("Bo",), "kim": ("Kim",)})
    talk.room = room
    assert room.read(talk.utterance("1", "bo: are you there")).named == ("bo",)
    assert room.read(talk.utterance("1", "ask bo or kim")).named == ("kim",)


def test_a_room_learns_how_often_its_lines_name_somebody() -> None:
    """A new room is presumed to name people in three lines of ten; what is said weighs
    more and more, and after five hundred lines the latest still count."""
    talk = Talk()
    assert talk.room.names_share == pytest.approx(0.3)
    talk.fill(20)
    assert talk.room.names_share == pytest.approx(0.15)
    talk.fill(980)
    assert talk.room.names_share < 0.01
    for _ in range(100):
        talk.say("9", "Elena: look")
    assert 0.17 < talk.room.names_share < 0.2
    table = features(talk.room, talk.utterance("9", "so"), ELENA)
    assert table["room_names"] == talk.room.names_share
