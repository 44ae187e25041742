"""Splitting texts for Discord."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rules.chunking import LIMIT, split, utf16_units

prose = st.text(
    st.characters(exclude_characters="`", exclude_categories=["Cs"]), max_size=1_500
)
speech = [
    "reef.",
    "squid",
    "oh!\n",
    "\n\n",
    "deep sea,",
    "😀😀",
    "e\u0301",
    "👨\u200d👩\u200d👧",
    "x" * 70,
]
words = st.lists(st.sampled_from(speech), max_size=200).map(" ".join)
fenced = [
    "```py\n",
    "```\n",
    "code = 1\n",
    "    indented\n",
    "text. ",
    "\n\n",
    "`tick` ",
    "```",
]


def squeezed(text: str) -> str:
    """Without white space, which a cut may take."""
    return "".join(text.split())


@given(st.one_of(prose, words), st.integers(64, 300))
def test_nothing_is_lost_and_nothing_too_long(text: str, limit: int) -> None:
    """Joined again the pieces hold every character but white space; each has 1 to
    `limit` units and is not blank."""
    pieces = split(text, limit)
    assert squeezed("".join(pieces)) == squeezed(text)
    assert all(piece.strip() and utf16_units(piece) <= limit for piece in pieces)


@given(
    st.lists(st.sampled_from(fenced), max_size=120).map("".join), st.integers(64, 300)
)
def test_fences_stay_balanced(text: str, limit: int) -> None:
    """Whatever fences a text holds, no piece is empty or too long, and every piece but
    the last closes its fences."""
    pieces = split(text, limit)
    assert all(piece.strip() and utf16_units(piece) <= limit for piece in pieces)
    for piece in pieces[:-1]:
        assert len(re.findall(r"^[ \t]*```", piece, re.MULTILINE)) % 2 == 0


def test_a_short_text_stays_as_it_is() -> None:
    """Nothing is touched below the limit."""
    text = "A *short* one.\n\n    with an indent"
    assert split(text) == (text,)


def test_no_text_is_no_message() -> None:
    """Blank text gives no piece at all."""
    assert split(" \n\t ") == split("") == ()


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("First paragraph here, with words.\n\n" + "Second. " * 10, "words."),
        ("One line that goes on and on for a while\n" + "then " * 20, "while"),
        ("Here is a sentence that ends. " + "and words without end " * 5, "ends."),
        (
            "He said “this is quite enough now.” " + "and words without end " * 5,
            "now.”",
        ),
    ],
)
def test_natural_boundaries_come_first(text: str, ends: str) -> None:
    """A cut falls after a paragraph, else a line, else a sentence, and quotes stay with
    their sentence."""
    assert split(text, 64)[0].endswith(ends)


def test_code_keeps_its_fence_language_and_indent() -> None:
    """A long code block becomes several whole ones."""
    code = "\n".join(f"    value_{n} = {n}" for n in range(200))
    pieces = split(f"Look:\n```py\n{code}\n```\nDone.", 500)
    assert all(piece.startswith("```py\n    value") for piece in pieces[1:])
    assert all(piece.endswith("\n```") for piece in pieces[:-1])
    assert pieces[-1].endswith("Done.")


@pytest.mark.parametrize(
    "cluster", ["e\u0301\u0323", "👍🏽", "👨\u200d👩\u200d👧", "🇫🇷"]
)
def test_what_is_one_character_to_a_reader_stays_whole(cluster: str) -> None:
    """Combining marks, skin tones, families and flags are not cut apart, wherever a
    piece is full."""
    for limit in range(101, 109):
        for piece in split("x" + cluster * 40, limit):
            assert piece.removeprefix("x").replace(cluster, "") == ""


def test_lone_surrogates_do_not_break_the_sender() -> None:
    """Half an emoji, as broken JSON brings it, becomes a replacement character that can
    be encoded."""
    (piece,) = split("a \ud83d b")
    assert piece.encode("utf-8")


def test_length_is_counted_as_strictly_as_any_client_does() -> None:
    """1,000 emoji fill one message, though Python counts them as half of it."""
    assert [utf16_units(piece) for piece in split("😀" * 1_000)] == [LIMIT]
    assert all(utf16_units(piece) <= LIMIT for piece in split("😀" * 5_000))


def test_a_limit_without_room_for_fences_is_refused() -> None:
    """Rather an error than an endless loop."""
    with pytest.raises(ValueError, match="64"):
        split("text", 10)


@pytest.mark.parametrize("character", ["a", "\uffff", "\U00010000", "\U0010ffff"])
@pytest.mark.parametrize("limit", [64, 65])
def test_a_piece_is_filled_to_the_last_unit(character: str, limit: int) -> None:
    """A character beyond the first plane takes two units, the last of the plane one."""
    units = len(character.encode("utf-16-le")) // 2
    assert utf16_units(character) == units
    full = character * (limit // units)
    assert split(full, limit) == (full,)
    # One that is not the last leaves four units for the end of a code fence.
    first = character * ((limit - 4) // units)
    assert split(full + character, limit)[0] == first


FLAG = "\U0001f1e9\U0001f1ea"


@pytest.mark.parametrize("before", ["a", "b" * 3, FLAG, FLAG * 2])
def test_a_cut_stands_before_a_flag_and_not_within(before: str) -> None:
    """A flag is a pair of letters, whatever stands before it."""
    room = (64 - 4 - utf16_units(before)) // 4
    text = "x" * (60 - utf16_units(before) - 4 * room) + before + FLAG * (room + 9)
    first, *rest = split(text, 64)
    assert utf16_units(first) == 60
    assert "".join(rest) == FLAG * 9


@pytest.mark.parametrize("place", range(4))
def test_a_cut_before_the_first_flag(place: int) -> None:
    """Where it no longer fits the piece ends before it."""
    text = "x" * (60 - place) + FLAG * 9
    assert split(text, 64)[0] == "x" * (60 - place)


def sent(*runs: tuple[str, int]) -> str:
    """Runs of one letter, a space between them."""
    return " ".join(letter * count for letter, count in runs)


@pytest.mark.parametrize(
    ("text", "first"),
    [
        # A space right behind the last letter that fits is a boundary, the next is not.
        (sent(("a", 30), ("b", 29), ("c", 40)), 60),
        (sent(("a", 30), ("b", 30), ("c", 40)), 30),
        # Crumbs are no piece: at least three tenths are filled.
        (sent(("a", 18), ("b", 100)), 60),
        (sent(("a", 19), ("b", 100)), 19),
        # Marks belong to their letter as far as is looked back for it.
        ("x" * 30 + "\u0301" * 60, 29),
        ("x" * 29 + "\u0301" * 60, 60),
    ],
)
def test_where_a_piece_ends(text: str, first: int) -> None:
    """Of 64 units four are kept for the end of a code fence."""
    assert len(split(text, 64)[0]) == first


def test_one_character_longer_than_a_message_is_cut() -> None:
    """Each piece ends somewhere, and nothing is lost."""
    text = "👍" + "🏽" * 70
    assert "".join(split(text, 64)) == text


@pytest.mark.parametrize(
    "text",
    ["```py\nx = 1", "```py\nx = 1\n```", "a\n```\nx = 1  \n\n  y = 2\n```\nb", "```"],
)
def test_code_that_fits_is_left_alone(text: str) -> None:
    """Also a fence that nobody closed."""
    assert split(text, 64) == (text,)


def test_code_is_cut_between_lines_and_keeps_its_spaces() -> None:
    """Those in front and at the end; what is empty around the cut goes."""
    code = f"```py\n{'a' * 40}\n\n\n  {'b' * 40}  \n\n  {'c' * 40}\n```"
    assert split(code, 64) == (
        f"```py\n{'a' * 40}\n```",
        f"```py\n  {'b' * 40}  \n```",
        f"```py\n  {'c' * 40}\n```",
    )


def test_a_long_name_of_a_language_is_cut() -> None:
    """Where the fence is opened again."""
    code = f"```{'p' * 30}\n{'a' * 40}\n{'b' * 40}\n```"
    assert split(code, 100)[1] == f"```{'p' * 20}\n{'b' * 40}\n```"
