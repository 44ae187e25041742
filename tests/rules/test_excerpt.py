"""What of a long text is read for names: its edges and what stands around names, each
part once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.rules.excerpt import (
    AROUND,
    HEAD,
    HEAD_LINES,
    READ,
    TAIL,
    TAIL_LINES,
    excerpt,
)
from app.rules.reading import read
from app.rules.script import RAW_HEAD, RAW_TAIL, clip_text

NAME = "elena"


def text_with(*places: int, length: int = 900) -> str:
    """A text of signs that occur once each, with the name at these places."""
    signs = [chr(0x4E00 + place) for place in range(length)]
    for place in places:
        signs[place : place + len(NAME)] = NAME
    return "".join(signs)


@given(st.lists(st.integers(0, 890), max_size=6))
def test_no_part_is_read_twice_nor_out_of_order(places: list[int]) -> None:
    """Wherever names stand, each sign is read at most once, in the text's order."""
    text = text_with(*places)
    read = [sign for sign in excerpt(text, (NAME,)) if sign > "\u4dff"]
    assert read == sorted(set(read))


@given(st.lists(st.integers(0, 890), max_size=6))
def test_no_more_is_read_than_may_be(places: list[int]) -> None:
    """The signs that are read fit into `READ`, and its beginning and end are always
    among them."""
    text = text_with(*places)
    found = excerpt(text, (NAME,))
    assert len(found.replace("\n", "")) <= READ
    assert found.startswith(text[:HEAD])
    assert found.endswith(text[-TAIL:])


@pytest.mark.parametrize("place", [HEAD, HEAD + 10, HEAD + AROUND, 400, 800, 815])
def test_a_name_in_between_is_read_with_what_stands_around_it(place: int) -> None:
    """So much before and behind it as is there, within one line: at an edge it would
    look like a call."""
    text = text_with(place)
    around = text[place - AROUND : place + len(NAME) + AROUND]
    line = next(line for line in excerpt(text, (NAME,)).split("\n") if NAME in line)
    beyond_the_end = max(0, place + len(NAME) + AROUND - (len(text) - TAIL))
    assert around[: len(around) - beyond_the_end] in line


def test_a_text_that_fits_is_read_whole() -> None:
    """One sign more, and its middle is left out."""
    assert excerpt(text_with(length=READ), ()) == text_with(length=READ)
    assert len(excerpt(text_with(length=READ + 1), ())) == HEAD + 1 + TAIL


def test_the_first_and_the_last_lines_are_read() -> None:
    """Each line may be a call, and costs as much however short it is."""
    lines = [str(number) for number in range(40)]
    fitting = lines[: HEAD_LINES + TAIL_LINES]
    assert excerpt("\n".join(fitting), ()).split("\n") == fitting
    read = excerpt("\n".join(lines), ()).split("\n")
    assert read == lines[:HEAD_LINES] + lines[-TAIL_LINES:]


def test_only_what_is_dear_to_normalise_is_clipped() -> None:
    """ASCII of any length stays; of other scripts the edges of what is too long."""
    assert clip_text("a" * 4_000) == "a" * 4_000
    fitting = text_with(length=RAW_HEAD + RAW_TAIL)
    assert clip_text(fitting) == fitting
    longer = text_with(length=RAW_HEAD + RAW_TAIL + 1)
    assert clip_text(longer) == f"{longer[:RAW_HEAD]}\n{longer[-RAW_TAIL:]}"


def test_words_count_in_the_first_six_hundred_characters() -> None:
    """A huge line says no more than a long one."""
    before, after = "x " * 290 + "whale", "x " * 300 + "whale"
    assert "whale" in read(before).vocabulary
    assert "whale" not in read(after).vocabulary


def test_of_many_lines_the_first_and_the_last_are_read() -> None:
    """Twenty from the beginning and ten from the end, not one more."""
    lines = [str(number) for number in range(40)]
    assert excerpt("\n".join(lines), ()).split("\n") == [*lines[:20], *lines[30:]]


ONE, TWO = "elena", "maria"


@pytest.mark.parametrize(("apart", "read"), [(14, True), (15, True), (16, False)])
def test_names_are_read_as_long_as_there_is_room(apart: int, read: bool) -> None:
    """What stands around both counts once, and together fits into the room or not."""
    text = text_with(300)
    text = text[: 300 + apart] + TWO + text[300 + apart + len(TWO) :]
    # In any order: the one that stands first in the text is read first.
    for names in ((ONE, TWO), (TWO, ONE)):
        found = excerpt(text, names)
        assert ONE in found
        assert (text[300 : 300 + apart + len(TWO) + AROUND] in found) is read


def test_a_name_within_another_takes_no_further_room() -> None:
    """Nor does it shorten what is read around the longer one."""
    long = "kim elena maria kim"
    text = text_with()[:300] + long + text_with()[300:]
    alone = excerpt(text, (long,))
    assert long in alone
    assert excerpt(text, (long, "elena", "maria", "kim elena")) == alone
