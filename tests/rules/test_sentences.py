"""A line as sentences, and what greets or fills in front of a name."""

from __future__ import annotations

import pytest

from app.rules.reading import read
from app.rules.sentences import Sentence, read_hail, says_nothing, sentences
from app.rules.tokens import lexicon, name_lines
from app.rules.unspaced import is_unspaced

NAMES = lexicon([("Elena", "1"), ("Bob", "2"), ("花子", "3")])


def parts(line: str) -> list[Sentence]:
    """The sentences of a line that names somebody."""
    (tokens,) = name_lines(read(line), NAMES)
    return sentences(tokens)


def shown(sentence: Sentence) -> str:
    """Its tokens, with a mark if it asks."""
    said = " ".join(token.text for token in sentence.tokens)
    return f"{said}?" if sentence.asks else said


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("hi. what? elena! yes", ["hi", "what?", "elena", "yes"]),
        # A mark that asks counts behind another, and any other behind it does not.
        ("elena!? so", ["elena?", "so"]),
        ("elena?! so", ["elena?", "so"]),
        ("elena.! so", ["elena", "so"]),
        ("? elena", ["elena"]),
        ("... elena", ["elena"]),
        ("¿elena?", ["elena?"]),
        ('"elena" said «so»', ["elena said so"]),
        # A short bracket behind a name describes it, unless it names somebody else.
        ("elena (the bot) hi", ["elena hi"]),
        ("elena [she/her] hi", ["elena hi"]),
        ("elena (elena r) hi", ["elena hi"]),
        ("elena (bob) hi", ["elena ( bob ) hi"]),
        ("elena (a b c d e f) hi", ["elena hi"]),
        ("elena (a b c d e f g) hi", ["elena ( a b c d e f g ) hi"]),
        ("elena (a b] hi", ["elena ( a b ] hi"]),
        ("elena (a b", ["elena ( a b"]),
        ("hi (there) elena", ["hi ( there ) elena"]),
        ("elena's (old) reef", ["elena's ( old ) reef"]),
        ("elena (bot) (ai) hi", ["elena ( ai ) hi"]),
    ],
)
def test_a_line_as_sentences(line: str, said: list[str]) -> None:
    """Without the marks that end them, quotation marks and what describes a name."""
    assert [shown(one) for one in parts(line)] == said


@pytest.mark.parametrize(
    ("line", "before", "greets", "directly"),
    [
        ("elena hi", 0, False, False),
        ("hey elena", 1, True, True),
        ("heyyy elena", 1, True, True),
        ("good morning elena", 2, True, True),
        ("so elena", 1, False, False),
        ("hey so elena", 2, True, False),
        ("so hey elena", 2, True, True),
        ("hey, elena", 2, True, True),
        # A title stands between, and is none where nobody is named behind it.
        ("hey dr elena", 2, True, True),
        ("dr elena", 1, False, False),
        ("so dr elena", 2, False, False),
        ("dr who elena", 0, False, False),
        # Pictures, tags and the number of a list change nothing, a command does.
        ("😂 hey elena", 2, True, True),
        ("[ai] hey elena", 4, True, True),
        ("1) elena", 2, False, False),
        ("1 elena", 0, False, False),
        ("hey 1", 1, True, True),
        ("hey /roll elena", 1, True, True),
        # So many are taken, so that a line of them costs no more than another.
        ("lol " * 8 + "elena", 8, False, False),
        ("lol " * 9 + "elena", 8, False, False),
    ],
)
def test_what_a_sentence_begins_with(
    line: str, before: int, greets: bool, directly: bool
) -> None:
    """How many tokens greet or fill, and whether a greeting is the last of them."""
    tokens = parts(line if "elena" in line else f"{line}. elena")
    hail = read_hail(tokens[0])
    assert (hail.end, hail.greets, hail.directly) == (before, greets, directly)


@pytest.mark.parametrize(
    ("line", "nothing"),
    [
        ("hey elena", True),
        ("ok so, elena", True),
        ("ok 17 elena", True),
        ("elena 😂", True),
        ("reef elena", False),
        ("ok elena reef", False),
    ],
)
def test_what_says_nothing(line: str, nothing: bool) -> None:
    """A sentence that only greets, fills, counts or calls."""
    assert says_nothing(parts(line)[0]) is nothing


@pytest.mark.parametrize(
    ("line", "unspaced"),
    [
        ("elena hi", False),
        ("elena 你好", True),
        ("你好 elena", True),
        ("elena, 你好", True),
        ("你好, elena", True),
        ("elena, - 你好", False),
        ("你好, - elena", False),
        ("elena, , 、hi", False),
        ("花子 hi", True),
        ("@花子 hi", False),
        ("bob hi ok then elena 你", True),
    ],
)
def test_a_name_beside_a_script_without_spaces(line: str, unspaced: bool) -> None:
    """Up to two tokens away, or written in it and not picked from Discord's list."""
    assert is_unspaced(parts(line)[0]) is unspaced
