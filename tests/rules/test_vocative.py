"""Whom a line calls at its start, one sign after the other."""

from __future__ import annotations

import pytest

from app.rules.reading import read
from app.rules.sentences import sentences
from app.rules.tokens import lexicon, name_lines
from app.rules.vocative import called

NAMES = lexicon(
    [(name, name.lower()) for name in ("Elena", "Bob", "Aria", "Hope", "花子", "リア")]
)


def called_in(text: str) -> str:
    """Whom the lines of a text call."""
    lines = name_lines(read(text), NAMES)
    return " ".join(called([sentences(line) for line in lines]))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        # Behind a question a name alone calls, unless it answers "who".
        ("can you help? elena", "elena"),
        ("can you help? elena, bob", "elena bob"),
        ("can you help?\nelena", "elena"),
        ("can you help. elena", ""),
        ("can you help? hope", ""),
        ("can you help? elena or reef", ""),
        ("who is it? elena", ""),
        # Behind a sentence a name needs a comma, a colon or a greeting.
        ("ok. elena what do you think", "elena"),
        ("reef. elena what do you think", ""),
        ("reef. elena, what do you think", "elena"),
        ("reef. elena: hi", "elena"),
        ("reef. elena - hi", ""),
        ("reef. elena, who is a bot, is here", ""),
        ("reef. hey elena what do you think", "elena"),
        ("reef. hey so elena what do you think", ""),
    ],
)
def test_behind_another_sentence(text: str, names: str) -> None:
    """What was said before decides who the next sentence may open with."""
    assert called_in(text) == names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("elena, bob and aria: hi", "elena bob aria"),
        ("elena , & bob hi", "elena bob"),
        ("elena , & , bob hi", "elena"),
        ("elena, bob is nice", "elena"),
        ("elena: bob is nice", "elena"),
        ("elena and bob is nice", ""),
        ("elena, bob reef", ""),
        ("elena san, hi", "elena"),
        # An apposition or a relative clause speaks of who stands before it.
        ("elena, who is nice, left", ""),
        ("elena, who is nice?", "elena"),
        ("elena, who", ""),
        ("elena, my sister, is nice", ""),
        ("elena, my sister, left", "elena"),
        ("elena, my sister,", "elena"),
        ("elena, my", "elena"),
        ("elena, my will is done", "elena"),
        ("elena,", "elena"),
        ("elena, reef sister, is nice", "elena"),
        ("elena, my a b c d e, is nice", ""),
        ("elena, my a b c d e f, is nice", "elena"),
        # What is also a common word needs more.
        ("hope, hi", "hope"),
        ("hope: hi", "hope"),
        ("hope - hi", ""),
        ("hope hi", ""),
        ("so hope", ""),
        ("hey hope", "hope"),
        ("hey hope 😂", "hope"),
        ("hey hope you are well", ""),
        ("hey hope what now", "hope"),
        ("hey hope can you see", "hope"),
        ("hey hope can reef", ""),
        ("hey hope can you", "hope"),
        ("@hope what do you think", "hope"),
    ],
)
def test_who_opens_a_line(text: str, names: str) -> None:
    """Several together, with what describes them."""
    assert called_in(text) == names


@pytest.mark.parametrize(
    ("rest", "called_by_it"),
    [
        ("", True),
        (") reef", False),
        (") tell me more", True),
        ("😂 reef", True),
        ("- reef", True),
        ("/ reef", False),
        # A joiner
        ("and reef", False),
        ("and reef?", True),
        ("and you", True),
        # A question word
        ("what", True),
        ("what now", False),
        ("what now?", True),
        ("what is it", True),
        ("what do you think", True),
        ("who", False),
        ("who?", False),
        ("who is it", True),
        ("wanna go", True),
        # A verb of the third person, or a question turned round
        ("is nice", False),
        ("is it nice", False),
        ("is it nice?", True),
        ("is that nice?", True),
        ("is reef nice?", False),
        ("can you see", True),
        ("can i see", True),
        ("can we see", True),
        ("can they see", False),
        ("can you", True),
        ("said you can", False),
        ("never mind", True),
        ("never reef", False),
        # What greets, begins a request or says you
        ("good morning", True),
        ("hi reef", True),
        ("tell me", True),
        ("your reef", True),
        # A word of no known part
        ("lol", True),
        ("lol reef", False),
        ("it rains", True),
        ("it", False),
        ("if you can", True),
        ("if reef", False),
        ("reef", False),
        ("reef?", False),
        ("reef you", False),
        ("reef you?", True),
        ("reefs you?", False),
        ("reefed you?", False),
        ("coming?", True),
        ("coming", False),
    ],
)
def test_what_follows_a_name(rest: str, called_by_it: bool) -> None:
    """Shows whether it was a call."""
    assert called_in(f"elena {rest}") == ("elena" if called_by_it else "")


@pytest.mark.parametrize(
    ("rest", "called_by_it"),
    [
        ("and everyone", True),
        ("and reef", False),
        ("what now", True),
        ("did it rain", True),
        ("is it rain", False),
        ("did reef rain", False),
        ("reef", True),
    ],
)
def test_what_follows_a_name_that_is_greeted(rest: str, called_by_it: bool) -> None:
    """Less is needed there."""
    assert called_in(f"hey elena {rest}") == ("elena" if called_by_it else "")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        # At the start: a pause, a word to somebody, or a greeting before it
        ("花子", "花子"),
        ("花子、学校", "花子"),
        ("花子は学校", ""),
        ("花子教えて", "花子"),
        ("花子さん教えて", "花子"),
        ("花子さんは学校", ""),
        ("花子😂学校", "花子"),
        ("花子)学校", ""),
        ("花子 学校", ""),
        ("花子 学校？", "花子"),
        ("花子 学校あなた", "花子"),
        ("花子 こんにちは", "花子"),
        ("花子学校？", ""),
        ("你好花子学校", "花子"),
        # A greeting that ends with what takes a name must be a long one.
        ("亲爱的花子学校", "花子"),
        ("请问花子学校", ""),
        ("请问花子，学校", ""),
        ("あの花子学校", ""),
        ("😂花子、学校", "花子"),
        # Further on: at the end of a clause, with a sign of a second person
        ("学校、花子", "花子"),
        ("学校花子", ""),
        ("学校 花子", ""),
        ("あなたの学校 花子", "花子"),
        ("あなたの学校花子", ""),
        ("你在学校吗花子？", "花子"),
        ("学校の花子", ""),
        ("学校、花子は", ""),
        ("学校😂花子", "花子"),
        ("、花子は", ""),
        # Several
        ("花子、リア、学校", "花子"),
        ("花子、リアは学校", "花子"),
        # A longer title before a shorter one
        ("花子姐姐，学校", "花子"),
        ("花子姐学校", ""),
        # A name of another script beside such letters
        ("elena、教えて", "elena"),
        ("学校でelena", ""),
    ],
)
def test_without_spaces(text: str, names: str) -> None:
    """In Japanese and Chinese."""
    assert called_in(text) == names
