"""The forms in which text is compared, character by character."""

from __future__ import annotations

import re
import unicodedata

import pytest

from app.rules.script import (
    MARKS,
    RAW_HEAD,
    RAW_TAIL,
    clip_text,
    fold,
    normalise,
    undrawn_forms,
)

PLANE = [chr(point) for point in range(0x10000) if not 0xD800 <= point < 0xE000]


def of_category(*categories: str) -> set[str]:
    """The characters of the first plane that Unicode puts there."""
    return {one for one in PLANE if unicodedata.category(one) in categories}


def test_marks_belong_to_words_but_accents_and_variants_do_not() -> None:
    """Accents are folded away; a variation selector chooses how an emoji is drawn."""
    found = {one for one in PLANE if re.fullmatch(f"[{MARKS}]", one)}
    accents = {chr(point) for point in range(0x300, 0x370)}
    selectors = {one for one in of_category("Mn") if one >= "\ufe00"}
    assert found == of_category("Mn", "Mc") - accents - selectors
    assert {"\u0301", "\ufe0f", "\u20e3"} & found == set()


def test_what_is_invisible_is_taken_out() -> None:
    """Every character that only steers how others are drawn."""
    for one in of_category("Cf"):
        assert normalise(f"ele{one}na") == "elena"


def test_a_phrase_in_one_character_is_no_part_of_a_name() -> None:
    """What stands for more than three characters becomes a space, what stands for up to
    three is written out."""
    lengths = set()
    for one in map(chr, range(0x3000, 0xFE00)):
        if 0xD800 <= ord(one) < 0xE000 or unicodedata.category(one) == "Co":
            continue
        whole = unicodedata.normalize("NFKC", one)
        lengths.add(min(len(whole), 4))
        if len(whole) > 3:
            assert normalise(f"a{one}b") == "a b"
        elif unicodedata.category(one) == "So" and whole != one:
            assert normalise(f"a{one}b").startswith(f"a{whole.casefold()[0]}")
    assert lengths == {1, 2, 3, 4}


@pytest.mark.parametrize(
    ("word", "folded"),
    [("ipek", "ipek"), ("i\u0307pek", "ipek"), ("ıpek", "ipek"), ("zoë", "zoe")],
)
def test_accents_and_dots_are_folded_away(word: str, folded: str) -> None:
    """Whatever keyboard somebody has."""
    assert fold(word) == folded


@pytest.mark.parametrize(
    ("word", "forms"),
    [
        ("hey", ()),
        ("heyy", ("hey", "heyy")),
        ("heyyy", ("hey", "heyy")),
        ("aanna", ()),
        ("annna", ("ana", "anna")),
        ("gooood", ("god", "good")),
        ("helloooo", ("hello", "helloo")),
    ],
)
def test_a_drawn_out_word_stands_for_shorter_ones(
    word: str, forms: tuple[str, ...]
) -> None:
    """Two of a letter draw out the end alone, three draw out any place."""
    assert undrawn_forms(word) == forms


def test_a_long_text_is_read_at_its_two_ends() -> None:
    """One that is as long as may be is whole, and so is any length of ASCII."""
    whole = "é" * (RAW_HEAD + RAW_TAIL)
    assert clip_text(whole) == whole
    assert clip_text("a" * 9_999) == "a" * 9_999
    long = "a" * RAW_HEAD + "é" + "b" * RAW_TAIL
    assert clip_text(long) == "a" * RAW_HEAD + "\n" + "b" * RAW_TAIL
