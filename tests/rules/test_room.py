"""What a room forgets first, and for how long an exchange is fresh."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

import pytest

from app.rules.features import Tie, features
from app.rules.reading import WORD_CAP
from app.rules.room import (
    CONTACTS,
    FRESH_LINES,
    FRESH_MS,
    NAME_LENGTH,
    NAMES,
    PEOPLE,
    PROFILE,
    VOCABULARY,
    Room,
    Utterance,
)
from app.rules.survey import RECENT
from app.rules.talks import is_between_two

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


@pytest.mark.parametrize(
    ("said", "text", "between_two"),
    [
        ([("1", "Name2: is it in the car?"), ("2", "Name1: it is")], "good", True),
        ([("1", "Name2: is it in the car?"), ("2", "it is")], "good", True),
        # A line that names somebody says itself whom it is for.
        ([("1", "Name2: is it?"), ("2", "Name1: it is")], "Name2: good", False),
        ([("1", "is it in the car?"), ("2", "Name1: it is")], "good", False),
        ([("1", "Name2: is it in the car?")], "good", False),
        ([("1", "is it in the car?"), ("2", "it is")], "good", False),
        # Who spoke to the author last is somebody else, and was not spoken to.
        (
            [("1", "Name2: is it?"), ("2", "Name1: it is"), ("3", "Name1: no")],
            "good",
            False,
        ),
    ],
)
def test_two_people_talk_to_each_other_once_both_have_spoken(
    said: list[tuple[str, str]], text: str, between_two: bool
) -> None:
    """A hint from one side alone is no talk of two."""
    talk = Talk()
    for author in "123":
        talk.say(author, "hello")
    for author, line in said:
        talk.say(author, line)
    assert is_between_two(talk.room, talk.utterance("1", text)) is between_two


@pytest.mark.parametrize(
    ("lines", "between_two"), [(FRESH_LINES - 2, True), (FRESH_LINES - 1, False)]
)
def test_a_talk_of_two_ends_with_the_lines_after_it(
    lines: int, between_two: bool
) -> None:
    """Of either side: what one of them said long ago binds nobody."""
    talk = Talk()
    talk.say("2", "hello")
    talk.say("1", "Name2: is it in the car?")
    talk.fill(lines, after_ms=1)
    talk.say("2", "Name1: it is", after_ms=1)
    good = talk.utterance("1", "good", after_ms=1)
    assert talk.room.read(good).target == "2"
    assert is_between_two(talk.room, good) is between_two


def test_who_speaks_stays_and_who_is_silent_longest_is_forgotten() -> None:
    """People are forgotten in the order in which they last spoke, with their names; a
    bot's stays, and so does one that somebody else bears by now."""
    talk = Talk()
    talk.say(ELENA, "hello")
    talk.say("regular", "hello")
    talk.say("silent", "hello")
    # Not every line tells what its author is called.
    talk.room.observe(Utterance("s", "silent", "hi", talk.at_ms))
    talk.say("heir", "hello")
    for number in range(PEOPLE - 4):
        talk.say(f"p{number}", "hello")
    talk.say("regular", "still here")
    talk.room.observe(Utterance("h", "heir", "hi", talk.at_ms, ("Namep0",)))
    for number in range(4):
        talk.say(f"q{number}", "hello")
    assert talk.room.person("regular").lines == 2
    assert talk.room.person("silent").lines == 0
    assert talk.room.person("p1").lines == 0
    assert talk.room.person("p2").lines == 1
    assert len(talk.room.people) == PEOPLE
    called = {
        name: talk.room.read(talk.utterance("x", f"{name}: hi")).opened
        for name in ("Elena", "Nameregular", "Namesilent", "Namep0", "Namep1", "Namep2")
    }
    assert called == {
        "Elena": (ELENA,),
        "Nameregular": ("regular",),
        "Namesilent": (),
        "Namep0": ("heir",),
        "Namep1": (),
        "Namep2": ("p2",),
    }


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
    assert talk.room.survey(talk.utterance("2", "hi", after_ms)).minute == lines


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


def said_words(talk: Talk, words: Sequence[str], times: int = 1) -> None:
    """Lines of no more words than are read of one."""
    for part in range(0, len(words), WORD_CAP):
        for _ in range(times):
            talk.say("teller", " ".join(words[part : part + WORD_CAP]))


def word_counts(talk: Talk, words: Sequence[str]) -> list[int]:
    """How many lines with each word the room remembers, by its rarity."""
    return [
        round((talk.room.number + 2) / math.exp(talk.room.rarity(word)) - 0.7)
        for word in words
    ]


WORDS = ["q" + "".join(one) for one in product("abcdefghijklmnopqrst", repeat=3)]


def test_a_full_vocabulary_forgets_what_was_said_once() -> None:
    """What was said again stays, and is as common as it was."""
    talk = Talk()
    said_words(talk, WORDS[:40], times=2)
    said_words(talk, WORDS[40:80], times=4)
    said_words(talk, WORDS[80:VOCABULARY])
    watched = [WORDS[0], WORDS[40], WORDS[80], WORDS[VOCABULARY - 1]]
    assert word_counts(talk, watched) == [2, 4, 1, 1], "so many fit"
    said_words(talk, [WORDS[VOCABULARY]])
    assert word_counts(talk, watched) == [2, 4, 0, 0]


@pytest.mark.parametrize(("more", "counts"), [(0, [2, 3, 4, 5]), (1, [0, 0, 2, 2])])
def test_a_vocabulary_that_stays_full_is_halved(more: int, counts: list[int]) -> None:
    """Where three quarters recur, what was said up to three times goes, and the rest
    keeps its order."""
    talk = Talk()
    talk.room = Room()
    recurring = VOCABULARY * 3 // 4 + more
    said_words(talk, WORDS[:recurring], times=2)
    for place, further in ((1, 1), (2, 2), (3, 3)):
        said_words(talk, [WORDS[place]], times=further)
    said_words(talk, WORDS[recurring : VOCABULARY + 1])
    assert word_counts(talk, WORDS[:4]) == counts


def test_a_word_that_was_never_said_is_the_rarest() -> None:
    """And one of every line is as common as can be: never below nothing."""
    talk = Talk()
    said_words(talk, ["kelp"], times=9)
    assert talk.room.rarity("kelp") == pytest.approx(math.log(11 / 9.7), abs=1e-6)
    assert talk.room.rarity("coral") == pytest.approx(math.log(11 / 0.7), abs=1e-6)
    assert Room().rarity("kelp") == pytest.approx(math.log(2 / 0.7), abs=1e-6)


@pytest.mark.parametrize(
    ("name", "calls"),
    [
        ("anna_", ("anna_", "anna")),
        ("anna42", ("anna42", "anna")),
        ("ann7", ("ann7",)),
        ("anna|away", ("anna|away", "anna")),
        ("Anna Berg", ("anna",)),
        ("*Anna*", ("anna",)),
        ("x", ()),
        ("  ", ()),
        ("a" * NAME_LENGTH + "bc", ("a" * NAME_LENGTH,)),
    ],
)
def test_the_words_that_call_somebody(name: str, calls: tuple[str, ...]) -> None:
    """The first word of a name, and the same without what it ends with where four
    letters are left."""
    room = Room({"n": (name,)})
    asked = {*calls, "anna", "ann", "x", "berg", "a" * NAME_LENGTH, "anna_", "anna42"}
    asked |= {"anna|away", "ann7"}
    called = {
        word
        for word in asked
        if room.read(Utterance(word, "1", f"{word}: hi", 0)).opened == ("n",)
    }
    assert called == set(calls)


def test_names_are_owned_by_the_latest_but_never_taken_from_a_bot() -> None:
    """A person takes a name from a person, a bot from anybody."""
    talk = Talk()
    for author in ("1", "2"):
        talk.room.observe(Utterance(author, author, "x", 0, ("Kim", "Elena")))

    def called(name: str) -> tuple[str, ...]:
        return talk.room.read(Utterance(name, "9", f"{name}: hi", 0)).opened

    assert (called("kim"), called("elena")) == (("2",), (ELENA,))
    talk.room.know("bot", ("Kim",))
    assert called("kim") == ("bot",)


@pytest.mark.parametrize(("many", "known"), [(NAMES, True), (NAMES + 1, False)])
def test_of_many_names_the_first_are_known(many: int, known: bool) -> None:
    """So that nobody makes a room large by what they are called."""
    talk = Talk()
    names = tuple(f"kim{chr(97 + place)}" for place in range(many))
    talk.room.observe(Utterance("1", "1", "x", 0, names))
    call = Utterance("2", "2", f"{names[-1]}: hi", 0)
    assert bool(talk.room.read(call).opened) is known


@pytest.mark.parametrize(
    ("waiting", "lie"), [(CONTACTS // 2 - 1, 0), (CONTACTS // 2, 0), (17, 1), (18, 2)]
)
def test_who_waits_longest_is_let_lie(waiting: int, lie: int) -> None:
    """Where more wait for one person than are remembered."""
    talk = Talk()
    talk.say("me", "hello")
    for number in range(waiting):
        talk.say(f"p{number}", "Nameme: hi")
    me = talk.room.person("me")
    assert (me.let_lie, len(me.waiting)) == (lie, waiting - lie)


@pytest.mark.parametrize(("lines", "lie"), [(RECENT - 1, 0), (RECENT, 1)])
def test_who_waits_too_long_is_let_lie(lines: int, lie: int) -> None:
    """When somebody else asks after more lines than are remembered one by one."""
    talk = Talk()
    talk.say("me", "hello")
    talk.say("early", "Nameme: hi")
    talk.fill(lines)
    talk.say("late", "Nameme: hi")
    assert talk.room.person("me").let_lie == lie
    talk.say("me", "Namelate: hi")
    assert talk.room.person("me").replied == 1


def test_what_a_person_does_is_counted() -> None:
    """Lines, bursts, questions and names, the latest counting most."""
    talk = Talk()
    for text in ("hello", "late? I am", "Elena: hi"):
        talk.say("1", text)
    talk.say("2", "yes")
    talk.say("1", "bye")
    one = talk.room.person("1")
    assert (one.lines, one.runs, one.run) == (4, 2, 1)
    assert (one.first_line, one.last_line) == (0, 4)
    assert one.asks == pytest.approx(0.1 * 0.9**2)
    assert one.names_others == pytest.approx(0.1 * 0.9)
    assert one.rate == pytest.approx(1 + 0.98**2 + 0.98**3 + 0.98**4)


def test_who_asks_again_has_the_latest_question() -> None:
    """The older question of another is forgotten before it."""
    talk = Talk()
    for author in ("1", "2", "1"):
        talk.say(author, "how do reefs grow?")
    talk.fill(19)
    talk.say("3", "what is a polyp?")
    talk.say(ELENA, "Name2: slowly")
    assert talk.room.person(ELENA).volunteered == 0
    talk.say(ELENA, "Name1: slowly")
    assert talk.room.person(ELENA).volunteered == 1


def test_people_who_are_only_spoken_to_are_bounded_too() -> None:
    """However many one line mentions."""
    room = Room()
    for line in range(PEOPLE // 4):
        names = tuple(f"m{line}-{place}" for place in range(4))
        room.observe(Utterance(str(line), "1", "hi", line, mentions=names))
        assert len(room.people) <= PEOPLE
    assert len(room.people) == PEOPLE
    assert room.person("m0-0").lines == 0
    assert not room.person("m0-0").named_by, "the first is forgotten"


def test_an_utterance_is_read_once_until_the_room_learns_more() -> None:
    """A hundred bots ask for the same reading."""
    talk = Talk()
    said = talk.utterance("1", "Kim: hi")
    reading = talk.room.read(said)
    assert talk.room.read(said) is reading
    assert talk.room.read(talk.utterance("1", "Kim: hi")) is not reading
    assert not reading.opened
    talk.room.know("kim", ("Kim",))
    assert talk.room.read(said).opened == ("kim",)
    number = talk.room.read(said).number
    talk.say("2", "hello")
    assert talk.room.read(said).number == number + 1


def test_help_that_nobody_asked_for_is_counted_and_fades() -> None:
    """By each line, and only the first time between two people."""
    talk = Talk()
    for author in "123":
        talk.say(author, "hello")
    talk.say("1", "Name2: try again")
    talk.fill(4)
    talk.say("1", "Name2: or not")
    talk.say("2", "Name1: thanks")
    assert (talk.room.person("1").helped, talk.room.person("2").helped) == (1.0, 0.0)
    talk.say("1", "Name3: try again")
    helper = talk.room.person("1")
    assert helper.helped == pytest.approx(1 + 0.97**7)
    assert helper.helped_line == 10
