"""Figures of speech are left out of what is read."""

from __future__ import annotations

from importlib import resources

import pytest

from app.domain.safe_yaml import load_yaml
from app.likeness.figures import COMMENT, FILE, SpeechFigures
from app.likeness.jargon import stems
from app.likeness.space import NOBODYS, ordinary_lines
from app.likeness.subjects import legible


@pytest.fixture(scope="module")
def small() -> SpeechFigures:
    """Two that begin alike, and one of another language."""
    return SpeechFigures(["sick as a dog", "sick and tired", "auf den Hund gekommen"])


@pytest.fixture(scope="module")
def shipped_lines() -> list[str]:
    """The shipped file as it stands."""
    source = resources.files("app.likeness").joinpath(FILE)
    lines = source.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.startswith(COMMENT)]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("been SICK as a dog, all week", "been , all week"),
        ("sick as a dog", ""),
        ("sick as a dog and sick and tired of it", "and of it"),
        ("he is auf den Hund gekommen!", "he is !"),
        ("my dog is sick", "my dog is sick"),
        ("sick as a", "sick as a"),
        ("", ""),
        ("  two  blanks stay  ", "  two  blanks stay  "),
    ],
)
def test_a_figure_is_left_out(small: SpeechFigures, text: str, left: str) -> None:
    """Whole, in any case, at any place, as often as it is said; nothing else goes."""
    assert small.left_out(text) == left


def test_the_longest_figure_is_left_out() -> None:
    """Not the shorter one within it, whose rest would be read."""
    figures = SpeechFigures(["big fish", "big fish in a small pond"])
    assert figures.left_out("a big fish in a small pond, he says") == "a , he says"
    assert figures.left_out("a big fish, he says") == "a , he says"
    assert figures.left_out("he is a big fish") == "he is a"


def test_what_is_left_out_is_not_measured() -> None:
    """Neither by the encoder nor by its rare words."""
    assert legible("threw him under the bus again") == "again"


def test_shipped_figures_are_nobody_s_words(shipped_lines: list[str]) -> None:
    """None is a rare word of a subject, none is what somebody says about one, and none
    is a single word, which is too often meant as it stands."""
    said = {
        line[place : place + length]
        for name, lines in ordinary_lines().items()
        if name not in NOBODYS
        for line in map(stems, lines)
        for place in range(len(line))
        for length in range(2, 7)
    }
    source = resources.files("app.likeness").joinpath("jargon.yaml")
    jargon = load_yaml(source.read_text(encoding="utf-8")).values()
    rare = {stems(word) for words in jargon for word in words.split(",")}
    terms = {stems(line) for line in shipped_lines}
    assert len(terms) == len(shipped_lines) > 10_000
    assert not said & terms
    assert not [term for term in terms if not 2 <= len(term) <= 6]
    assert not rare & terms
