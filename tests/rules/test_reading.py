"""How much of a text is read, and what a line does."""

from __future__ import annotations

import pytest

from app.rules.reading import (
    TEXT_CAP,
    TOKEN_CAP,
    WORD_CAP,
    WORD_LENGTH,
    LineKind,
    read,
)

TOKEN_LENGTH = 40


def distinct(count: int, length: int) -> list[str]:
    """So many different words of a length."""
    return [f"q{number:0{length - 1}}" for number in range(count)]


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_a_text_is_read_up_to_its_bounds(more: int) -> None:
    """In letters, tokens, words, and the length of each."""
    short = " ".join(["k"] * (TOKEN_CAP + more))
    assert len(read(short).tokens) == TOKEN_CAP + min(more, 0)
    words = " ".join(distinct(WORD_CAP + more, 5))
    assert len(read(words).words) == WORD_CAP + min(more, 0)
    token = "k" * (TOKEN_LENGTH + more)
    assert len(read(token).tokens[0]) == TOKEN_LENGTH + min(more, 0)
    word = "k" * (WORD_LENGTH + more)
    assert len(read(word).words[0]) == WORD_LENGTH + min(more, 0)
    text = "." * (TEXT_CAP - 3 - more) + "kelp"
    assert read(text).words == (("kelp",) if more > 0 else ("kel",) if not more else ())


@pytest.mark.parametrize(
    ("text", "opener"),
    [
        ("anna: hi", "anna"),
        ("anna, hi", "anna"),
        ("@anna hi", ""),
        ("@anna: hi", "anna"),
        ("anna > hi", ""),
        ("anna> hi", "anna"),
        ("anna -> hi", "anna"),
        ("anna:hi", ""),
        ("a" * TOKEN_LENGTH + ": hi", "a" * TOKEN_LENGTH),
        ("a" * (TOKEN_LENGTH + 1) + ": hi", ""),
    ],
)
def test_what_a_line_opens_with(text: str, opener: str) -> None:
    """A mark has to stand behind the word, and a space behind that."""
    assert read(text).opener == opener


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("!roll", LineKind.COMMAND),
        ("!", LineKind.STATEMENT),
        ("/roll?", LineKind.COMMAND),
        ("thanks, but how?", LineKind.QUESTION),
        ("how do tides work", LineKind.QUESTION),
        ("does anyone know", LineKind.ASKING_ALL),
        ("many thanks", LineKind.THANKS),
        ("yes it is so", LineKind.ACK),
        ("yes it is so today", LineKind.STATEMENT),
        ("hello to all here", LineKind.GREETING),
        ("hello to all here now", LineKind.STATEMENT),
        ("anna: yes it is so", LineKind.ACK),
        ("", LineKind.STATEMENT),
    ],
)
def test_what_a_line_does(text: str, kind: LineKind) -> None:
    """By its first word, and only a short one greets or nods."""
    assert read(text).kind is kind


@pytest.mark.parametrize(
    ("text", "marks"),
    [("hi", 0), ("why? oh", 1), ("why?", 2), ("(why?)", 2), ("why?!..", 2), ("?", 2)],
)
def test_where_a_question_mark_stands(text: str, marks: int) -> None:
    """At the end, within, or nowhere."""
    assert read(text).marks == marks
