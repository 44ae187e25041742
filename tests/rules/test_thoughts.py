"""Which lines are one thought, and how long the rest of one is waited for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rules.thoughts import (
    ALONE,
    LINES,
    OFF,
    PEOPLE,
    TO_TYPE_MS,
    Line,
    Patience,
    Thought,
    Thoughts,
    called_words,
    goes_on,
    is_afterthought,
    openness,
    typing_ms,
    wait_ms,
)

NAMES = called_words(["aria", "Aria Stone"])
PATIENCE = Patience()


def line(number: int, text: str, at_s: float = 0.0, **more: object) -> Line:
    """Anna's line so many seconds after the first one."""
    told: dict[str, object] = {
        "message_id": str(number),
        "author": "anna",
        "text": text,
        "at_ms": round(at_s * 1000),
        "open": openness(text, NAMES),
        **more,
    }
    return Line(**told)  # type: ignore[arg-type]  # a test's own fields


WHOLE = (
    "aria, what is a negroni?",
    "Aria: what is X",
    "how do I install it",
    "aria, what is that",
    "I think so.",
    "aria you are great!",
    "thanks",
    "ok, thank you",
    "that was fun :)",
    "see you 👋",
    "(I asked before.)",
    'she said "no."',
    "```\nprint(1)\n```",
    "this line goes on for so long that it is taken for a whole thought by itself",
    "これは何ですか教えてください",
    "/roll 20",
    "aria look https://example.org/wiki/",
)
NOT_WHOLE = (
    "aria",
    "<@123456789012345678>",
    "hey aria",
    "hi all",
    "um",
    "ok so",
    "aria, quick question",
    "I wanted to know,",
    "here is the thing:",
    "I went there and",
    "what I mean is the",
    "aria, the thing is that",
    "I thought...",
    "wait",
    "",
)
BETWEEN = (
    "negroni",
    "the blue one",
    "I like it here",
    "aria hello 17",
    "good luck with that",
    "I have read all of it by now and it is much clearer than it was...",
)


@pytest.mark.parametrize("text", WHOLE)
def test_a_whole_line_is_not_waited_for(text: str) -> None:
    """A question, an end, a smiley, thanks, code or length: no time is lost."""
    assert wait_ms([line(1, text)], PATIENCE) == 0


@pytest.mark.parametrize("text", NOT_WHOLE)
def test_what_plainly_goes_on_is_waited_for(text: str) -> None:
    """A name or a greeting alone, and a sentence cut in two, get the whole wait."""
    assert wait_ms([line(1, text)], PATIENCE) == PATIENCE.wait_ms


@pytest.mark.parametrize("text", BETWEEN)
def test_a_short_line_without_an_end_is_waited_for_a_little(text: str) -> None:
    """Where nothing tells, the shorter the line the longer the wait."""
    assert 0 < wait_ms([line(1, text)], PATIENCE) < PATIENCE.wait_ms


def test_a_picture_without_a_word_waits_for_its_question() -> None:
    """People post a picture and then ask about it."""
    assert 0 < openness("", enclosed=True) < 1
    assert openness("aria, what is this?", NAMES, enclosed=True) == 0


def heard(lines: Sequence[Line], ours: Sequence[int] = ()) -> list[tuple[str, ...]]:
    """Of each line, the earlier ones that it goes on with."""
    thoughts = Thoughts(PATIENCE)
    found = [thoughts.hear(one, ours=place in ours) for place, one in enumerate(lines)]
    return [tuple(one.message_id for one in each.earlier) for each in found]


def test_a_greeting_and_the_point_are_one_thought() -> None:
    """Lines within the gap are joined, in order."""
    three = [line(1, "hey aria"), line(2, "um", 1), line(3, "what is X?", 3)]
    assert heard(three) == [(), ("1",), ("1", "2")]


def test_what_comes_late_is_another_thought() -> None:
    """Beyond the gap nothing is joined."""
    assert heard([line(1, "hey aria"), line(2, "what is X?", 10.1)]) == [(), ()]


def test_a_thought_has_a_bound() -> None:
    """Whoever types without end begins a new thought after the bound, so nothing is
    held for ever."""
    flood = [line(n, "and", n) for n in range(30)]
    found = heard(flood)
    assert [n for n, earlier in enumerate(found) if not earlier] == [0, 8, 16, 24]
    assert max(map(len, found)) == LINES - 1


def test_a_crowd_pushes_out_who_was_silent_longest() -> None:
    """A person who goes on writing is remembered, although they were heard first."""
    thoughts = Thoughts(PATIENCE)
    crowd = [line(n, "and", author=f"p{n}") for n in range(PEOPLE)]
    for one in (*crowd, line(90, "and", 1, author="p0"), line(91, "and", author="new")):
        thoughts.hear(one)
    assert thoughts.of("p0") is not None
    assert thoughts.of("p1") is None


def test_a_new_call_after_a_whole_line_is_a_new_thought() -> None:
    """Two questions that both call the bot are two; after a bare call it is one."""
    first = line(1, "aria, what is X?", calls=("aria",))
    again = line(2, "aria, and Y?", 2, calls=("aria",))
    assert heard([first, again]) == [(), ()]
    bare = line(1, "hey aria", calls=("aria",))
    assert heard([bare, again]) == [(), ("1",)]
    assert heard([line(1, "um"), again]) == [(), ("1",)]
    assert heard([line(1, "it is late."), again]) == [(), ()]


def test_who_calls_somebody_else_begins_anew() -> None:
    """Lines to two bots are two thoughts."""
    bare = line(1, "hey aria", calls=("aria",))
    other = line(2, "bruno, what is X?", 2, calls=("bruno",))
    assert heard([bare, other]) == [(), ()]


def test_others_between_end_a_whole_line_alone() -> None:
    """Somebody else's line ends a thought, unless it plainly was not over."""
    other = line(9, "lol", 1, author="ben")
    assert heard([line(1, "what is X?"), other, line(2, "or Y", 2)])[2] == ()
    assert heard([line(1, "hey aria"), other, line(2, "what is X?", 2)])[2] == ("1",)


def test_a_reply_to_somebody_is_a_thought_of_its_own() -> None:
    """Who replies to a message speaks of that one."""
    reply = line(2, "yes it is", 2, reply_to="77")
    assert heard([line(1, "hey aria"), reply]) == [(), ()]
    own = line(2, "I mean the blue one", 2, reply_to="1")
    assert heard([line(1, "hey aria"), own]) == [(), ("1",)]
    assert heard([line(1, "hey aria", reply_to="77"), reply]) == [(), ("1",)]


def answered(at_s: float, text: str, answer: str = "It is Y.", **more: object) -> bool:
    """Whether a line is an afterthought, its thought answered after half a second."""
    thoughts = Thoughts(PATIENCE)
    thoughts.hear(line(1, "aria, what is X?", calls=("aria",)))
    reply = line(5, answer, 0.5, author="bot", reply_to="1")
    thoughts.hear(reply, ours=True)
    return thoughts.hear(line(2, text, at_s, **more)).afterthought


def test_an_afterthought_was_begun_before_the_answer_was_read() -> None:
    """What its author cannot have written in answer to the bot is the rest of the
    thought; what may answer the bot, asks, or calls is not."""
    assert answered(3, "asking for a friend")
    assert answered(5, "asking for a friend of mine")
    assert not answered(9, "ah nice")
    assert not answered(3, "or is it Z?")
    assert answered(2, "?")
    assert not answered(3, "aria, asking for a friend", calls=("aria",))
    assert not answered(3, "asking for a friend", reply_to="5")
    assert not answered(11, "asking for a friend of mine, who has no time to ask")


def test_in_private_the_rest_of_an_answered_thought_begins_the_next() -> None:
    """Every line there is answered: the one that waits for its own rest is answered with
    it, not after it."""
    thoughts = Thoughts(PATIENCE)
    thoughts.hear(line(1, "it was raining, so"), private=True)
    answer = line(5, "The usual?", 1, author="bot", reply_to="1")
    thoughts.hear(answer, ours=True, private=True)
    rest = thoughts.hear(line(2, "well,", 2.8), private=True)
    assert not rest.afterthought
    point = thoughts.hear(line(3, "do you like rain?", 3.4), private=True)
    assert [one.message_id for one in point.earlier] == ["2"]


def test_who_reads_an_answer_types_no_sooner_than_that() -> None:
    """Two seconds to read and a quarter of a second a character: twenty characters
    cannot have been begun after an answer that is seven seconds old."""
    twenty = "asking for my friend"
    assert len(twenty) == 20
    assert answered(0.5 + 6.9, twenty)
    assert not answered(0.5 + 7.1, twenty)


def test_a_long_answer_takes_longer_to_read() -> None:
    """A second to notice it and 40 ms a character, from two seconds up to five: people
    skim."""
    assert not answered(0.5 + 3, "ok")
    assert answered(0.5 + 3, "ok", answer="x" * 80)
    assert not answered(0.5 + 4.8, "ok", answer="x" * 80)
    assert answered(0.5 + 5.4, "ok", answer="x" * 4_000)
    assert not answered(0.5 + 5.6, "ok", answer="x" * 4_000)


@pytest.mark.parametrize(
    "text", ["unusually*", "*unusually", "(ty)", "because my friend asked", "or Z"]
)
def test_a_supplement_is_an_afterthought_whenever_it_comes(text: str) -> None:
    """A correction, a remark in brackets and the end of a sentence belong to the line
    before them, however long its author took; beyond the gap nothing does."""
    assert answered(9.9, text)
    assert not answered(10.1, text)


@pytest.mark.parametrize(
    "text", ["(ty", "ty)", "*", "* so it goes on and on", "it was or is", "un*usual"]
)
def test_what_only_looks_like_a_supplement_is_none(text: str) -> None:
    """Half a bracket, a star without a word or with many, and such a word further on."""
    assert not answered(9.9, text)


def test_who_types_one_line_after_the_other_reads_nothing_between_them() -> None:
    """The time to read begins anew with each line of a thought that is answered."""
    thoughts = Thoughts(PATIENCE)
    thoughts.hear(line(1, "aria, I have set it up."))
    thoughts.hear(line(5, "Well done.", 0.5, author="bot", reply_to="1"), ours=True)
    rest = ("as you told me to do it", "as my friend told me", "as he told me")
    for number, text in enumerate(rest, 2):
        at_s = 6.0 * (number - 1)
        assert thoughts.hear(line(number, text, at_s)).afterthought == (number < 4)


def test_the_point_after_an_answered_greeting_is_answered() -> None:
    """Whoever was greeted back has not been answered yet, however soon the point
    comes."""
    thoughts = Thoughts(PATIENCE)
    thoughts.hear(line(1, "hey aria"))
    thoughts.hear(line(5, "Hello.", 3, author="bot", reply_to="1"), ours=True)
    point = thoughts.hear(line(2, "I cannot sleep at night", 4))
    assert not point.afterthought
    assert not point.earlier


def test_two_whole_lines_in_a_row_are_one_thought() -> None:
    """As long as nobody has spoken between them."""
    assert heard([line(1, "I think so."), line(2, "It is nice.", 2)]) == [(), ("1",)]


def test_off_joins_nothing_and_waits_for_nothing() -> None:
    """With a wait of 0 every line is a thought of its own."""
    thoughts = Thoughts(OFF)
    two = [line(1, "hey aria"), line(2, "what is X?", 1)]
    assert [thoughts.hear(one) for one in two] == [ALONE, ALONE]
    assert wait_ms(two, OFF) == 0
    assert OFF.off
    assert not Patience(wait_ms=1).off


def test_typing_is_waited_for_within_the_bound() -> None:
    """A sign that the author types holds the answer, never beyond the bound."""
    first = [line(1, "hey aria")]
    assert typing_ms(first, 2_000, PATIENCE) == PATIENCE.typing_ms
    assert typing_ms(first, 10_000, PATIENCE) == 2_000
    assert typing_ms(first, 99_000, PATIENCE) == 0


TEXTS = st.one_of(
    st.text(max_size=700),
    st.sampled_from([*WHOLE, *NOT_WHOLE, *BETWEEN]),
)


@given(TEXTS, st.booleans())
def test_openness_is_a_share(text: str, enclosed: bool) -> None:
    """Any text: from 0 to 1, and no exception."""
    assert 0.0 <= openness(text, NAMES, enclosed) <= 1.0


@given(
    st.lists(
        st.tuples(
            TEXTS,
            st.integers(0, 12_000),
            st.sampled_from(["anna", "ben", "bot"]),
            st.sampled_from([(), ("aria",), ("bruno",)]),
        ),
        max_size=40,
    )
)
def test_any_talk(talk: list[tuple[str, int, str, tuple[str, ...]]]) -> None:
    """Joined lines are of one author, in order, within bounds of number and time; and
    no wait reaches beyond the bound of the first line."""
    thoughts, at_ms = Thoughts(PATIENCE), 0
    for number, (text, gap_ms, author, calls) in enumerate(talk):
        at_ms += gap_ms
        one = line(number, text, at_ms / 1000, author=author, calls=calls)
        earlier = thoughts.hear(one, ours=author == "bot").earlier
        whole = (*earlier, one)
        assert {each.author for each in whole} == {author}
        assert len(whole) <= LINES
        assert [each.at_ms for each in whole] == sorted(each.at_ms for each in whole)
        assert at_ms - whole[0].at_ms <= PATIENCE.most_ms
        wait = wait_ms(whole, PATIENCE)
        assert 0 <= wait <= PATIENCE.wait_ms
        assert at_ms + wait <= whole[0].at_ms + PATIENCE.most_ms


def said(*at_ms: int, **more: object) -> Thought:
    """Unfinished lines of one person at these times."""
    lines = [line(place, "and then", at / 1000) for place, at in enumerate(at_ms)]
    return replace(Thought(tuple(lines)), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("before", "at_ms", "same"),
    [
        (said(0), PATIENCE.gap_ms, True),
        (said(0), PATIENCE.gap_ms + 1, False),
        (said(5_000), 5_000, True),
        (said(5_000), 4_999, False),
        (said(0, 6_000), PATIENCE.most_ms, True),
        (said(0, 6_000), PATIENCE.most_ms + 1, False),
        (said(*range(LINES - 1)), 100, True),
        (said(*range(LINES)), 100, False),
        (said(0, answered_ms=50), 100, False),
        (said(0, interrupted=True), 100, True),
    ],
)
def test_a_thought_goes_on_to_its_bounds(
    before: Thought, at_ms: int, same: bool
) -> None:
    """In the pause between two lines, in all its time, and in lines."""
    assert goes_on(before, line(99, "I left", at_ms / 1000), PATIENCE) is same


@pytest.mark.parametrize(
    ("whole", "interrupted", "same"),
    [(False, True, True), (True, False, True), (True, True, False)],
)
def test_only_an_unfinished_line_waits_across_others(
    whole: bool, interrupted: bool, same: bool
) -> None:
    """After a whole one somebody else's line ends the thought."""
    last = line(1, "x", open=0.0 if whole else 1.0)
    before = Thought((last,), interrupted=interrupted)
    assert goes_on(before, line(2, "I left", 1), PATIENCE) is same


@pytest.mark.parametrize(("beyond", "rest"), [(-1, True), (0, False)])
def test_what_was_typed_before_the_answer_could_be_read(
    beyond: int, rest: bool
) -> None:
    """By what it takes to read the answer and to type the line."""
    before = Thought((line(1, "aria, how are you?"),), answered_ms=500)
    text = "the tide is late today"
    late = 500 + before.reading_ms + TO_TYPE_MS * len(text) + beyond
    assert is_afterthought(before, line(2, text, late / 1000), PATIENCE) is rest
    assert not is_afterthought(
        replace(before, answered_ms=None), line(2, text, 0.1), PATIENCE
    )


@pytest.mark.parametrize(
    ("after_ms", "rest"), [(PATIENCE.gap_ms, True), (PATIENCE.gap_ms + 1, False)]
)
def test_a_supplement_comes_soon(after_ms: int, rest: bool) -> None:
    """However plainly it is one."""
    before = Thought((line(1, "aria, how are you?"),), answered_ms=1)
    late = line(2, "usually*", after_ms / 1000)
    assert is_afterthought(before, late, PATIENCE) is rest


def test_an_answered_thought_keeps_its_last_lines() -> None:
    """However many afterthoughts follow: the newest, and no more than one thought
    has."""
    thoughts = Thoughts(PATIENCE)
    thoughts.hear(line(0, "aria, I have set it up."))
    thoughts.hear(line(99, "Well done.", 0.5, author="bot", reply_to="0"), ours=True)
    for number in range(1, LINES + 3):
        assert thoughts.hear(line(number, "because I can", 0.6)).afterthought
        kept = thoughts.of("anna")
        assert kept is not None
        numbers = [int(one.message_id) for one in kept.lines]
        assert numbers == list(range(number + 1))[-LINES:]


def test_the_first_answer_closes_a_thought() -> None:
    """A second one to the same lines gives no more time to read it."""
    thoughts = Thoughts(PATIENCE)
    thoughts.hear(line(1, "aria, what is X?", calls=("aria",)))
    for at_s, text in ((0.5, "It is Y."), (9.0, "x" * 4_000)):
        thoughts.hear(line(5, text, at_s, author="bot", reply_to="1"), ours=True)
    assert not thoughts.hear(line(2, "ah nice", 9.5)).afterthought


@pytest.mark.parametrize(
    ("text", "open_"),
    [
        # From sixty signs on a line is whole; in scripts without spaces, from twelve.
        ("wide " * 11 + "seas", 0.1),
        ("wide " * 11 + "ocean", 0.0),
        ("海" * 11, 0.5),
        ("海" * 12, 0.0),
        # What trails off has said enough where it is long.
        ("wide " * 11 + "s...", 1.0),
        ("wide " * 11 + "se...", 0.1),
        # Unless it plainly goes on: but one of the full length has made its point.
        ("wide " * 119 + " and", 1.0),
        ("wide " * 119 + "  and", 0.0),
        # Words without an end: the fewer, the more may come.
        ("one two", 0.5),
        ("one two three", 0.35),
        ("one two three four", 0.35),
        ("one two three four five", 0.2),
        ("one two three four five six seven eight", 0.2),
        ("one two three four five six seven eight nine", 0.1),
        # Two words may be the beginning of a question, three are one.
        ("how much", 0.5),
        ("hi how much longer", 0.0),
        # A last "that" begins a sentence only where something is said.
        ("I know that", 1.0),
        ("I like that", 0.35),
        ("you know it that", 0.35),
        ("that", 0.5),
    ],
)
def test_how_plainly_more_is_to_come(text: str, open_: float) -> None:
    """To each bound, and one beyond it."""
    assert openness(text, NAMES) == open_


def test_only_a_bots_reply_answers_and_only_whom_it_replies_to() -> None:
    """Several people may wait, and people reply to each other, too."""
    thoughts = Thoughts(PATIENCE)
    thoughts.hear(line(1, "aria, what is X?"))
    thoughts.hear(line(2, "aria, what is Y?", 1, author="ben"))

    def answered_ms() -> list[int | None]:
        found = [thoughts.of(author) for author in ("anna", "ben")]
        return [one and one.answered_ms for one in found]

    thoughts.hear(line(3, "no idea", 2, author="kim", reply_to="1"))
    assert answered_ms() == [None, None]
    thoughts.hear(line(4, "Hello all.", 3, author="bot"), ours=True)
    assert answered_ms() == [None, None]
    thoughts.hear(line(5, "It is Z.", 4, author="bot", reply_to="2"), ours=True)
    assert answered_ms() == [None, 4_000]


def test_a_bot_has_no_thoughts_of_its_own() -> None:
    """And what is cleared is forgotten."""
    thoughts = Thoughts(PATIENCE)
    thoughts.hear(line(1, "hey aria"))
    thoughts.hear(line(2, "well,", 1, author="bot"), ours=True)
    assert thoughts.of("bot") is None
    assert thoughts.of("anna") is not None
    thoughts.clear()
    assert thoughts.of("anna") is None
