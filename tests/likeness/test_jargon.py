"""What a message is about, by words of one subject alone."""

from __future__ import annotations

from importlib import resources

import pytest

from app.brain.embeddings import shared_encoder
from app.domain.character import Interest, load_character
from app.domain.safe_yaml import load_yaml
from app.likeness.jargon import SHORTEST, Jargon, shipped_jargon, stems
from app.likeness.space import NOBODYS, ordinary_lines, space_of
from app.likeness.subjects import READ, Subjects
from app.rules.everyday import EVERYDAY
from app.rules.interests import EVEN_BITS, LIKENESS_BITS


@pytest.fixture(scope="module")
def small() -> Jargon:
    """Two subjects that share a word."""
    return Jargon(
        {
            "boats": ["hull", "bilge pump", "captain"],
            "aircraft": ["fuselage", "captain"],
        }
    )


@pytest.fixture(scope="module")
def shipped_terms() -> dict[str, list[str]]:
    """The words of the shipped file as they stand, by subject."""
    source = resources.files("app.likeness").joinpath("jargon.yaml")
    found = load_yaml(source.read_text(encoding="utf-8"))
    return {name: words.split(", ") for name, words in found.items()}


def test_a_word_tells_its_subject(small: Jargon) -> None:
    """A word is known in capitals, in the plural and beside marks."""
    assert small.subjects_of("Two HULLS, one of them...") == {"boats": 1.0}
    assert small.subjects_of("hullabaloo") == {}


def test_a_verb_is_known_in_other_forms() -> None:
    """English ones; a short word that only ends like one is none."""
    jargon = Jargon({"chess": ["resign"], "crafts": ["knit", "glaze"]})
    for text, subject in (
        ("he resigned on move 22", "chess"),
        ("knitting a scarf", "crafts"),
        ("glazing it twice", "crafts"),
    ):
        assert jargon.subjects_of(text) == {subject: 1.0}, text
    assert jargon.subjects_of("a string, a red thing, nothing") == {}


def test_a_phrase_counts_as_a_whole(small: Jargon) -> None:
    """Neither of its words tells anything alone, nor both in another order."""
    assert small.subjects_of("my bilge pumps leak") == {"boats": 1.0}
    assert small.subjects_of("these are my bilge pumps") == {"boats": 1.0}
    assert small.subjects_of("pump the bilge") == {}
    assert small.subjects_of("the bilge") == {}


def test_a_shared_word_says_less(small: Jargon) -> None:
    """A word of two subjects is less of each; one more word decides."""
    shared = small.subjects_of("ask the captain")
    assert shared["boats"] == shared["aircraft"] == pytest.approx(0.5**0.5)
    both = small.subjects_of("ask the captain about the fuselage")
    assert both["aircraft"] == 1.0 > both["boats"]


def test_a_character_cares_about_what_its_words_are_of(small: Jargon) -> None:
    """Its interests decide, each by itself; a word that happens to be another
    subject's makes it no expert of that."""
    elena = load_character("elena", None)
    sailing = Interest(name="sea", words=("hull", "bilge pump"), examples=("Ahoy!",))
    told = elena.model_copy(update={"interests": (sailing,)})
    assert small.subjects_of_character(told) == {"boats": 1.0}
    mixed = sailing.model_copy(update={"examples": ("Ask the captain!",)})
    told = elena.model_copy(update={"interests": (mixed,)})
    found = small.subjects_of_character(told)
    assert found["boats"] == 1.0
    assert found["aircraft"] < 0.1
    assert small.subjects_of_character(elena) == {}


def test_nothing_is_found_in_nothing(small: Jargon) -> None:
    """No text is an error."""
    for text in ("", "?!", "\u6f22" * READ, "a" * READ, " ".join("ab" * READ)):
        assert small.subjects_of(text) == {}


def test_shipped_words_are_of_somebodys_subjects(
    shipped_terms: dict[str, list[str]],
) -> None:
    """No word is one that people use about anything, or that chatter and errands hold;
    none stands twice under its subject."""
    nobodys = NOBODYS - {"figures of speech"}
    ordinary = [stems(line) for name in nobodys for line in ordinary_lines()[name]]
    said = {
        line[place : place + length]
        for line in ordinary
        for place in range(len(line))
        for length in range(1, 6)
    }
    said |= {stems(word) for word in EVERYDAY}
    single = [term[0] for term in said if len(term) == 1]
    for subject, words in shipped_terms.items():
        assert len(words) == len(set(words)), subject
        for word in words:
            assert stems(word), (subject, word)
            assert not word.endswith("*") or len(word) > SHORTEST, (subject, word)
            if word.endswith("*"):
                found = [one for one in single if one.startswith(word[:-1])]
                assert not found, (subject, word)
            else:
                assert stems(word) not in said, (subject, word)


def test_a_star_stands_for_any_ending() -> None:
    """Most languages give a word several; a longer word of its own comes first."""
    jargon = Jargon({"bees": ["\u043f\u0447\u0435\u043b*"], "wasps": ["wasp*"]})
    assert jargon.subjects_of("\u043c\u043e\u0438 \u043f\u0447\u0435\u043b\u044b") == {
        "bees": 1.0
    }
    assert jargon.subjects_of("waspish") == {"wasps": 1.0}
    assert jargon.subjects_of("was") == {}


def test_jargon_alone_finds_its_expert() -> None:
    """A line whose rare words no encoder of sentences knows is its expert's, though the
    character lists none of them."""
    encoder = shared_encoder()
    aria = load_character("aria", None)
    sailing = Interest(
        name="sailing",
        words=("mast", "rudder", "jib"),
        examples=("Which boat is good for a beginner?",),
    )
    sailor = aria.model_copy(update={"interests": (sailing,)})
    subjects = Subjects({"aria": aria, "sailor": sailor}, encoder, space_of(encoder))
    found = subjects.read("how many turns on the winch before the halyard slips?")
    needed = (4.0 - EVEN_BITS) / LIKENESS_BITS
    sure = {bot: one.subject - one.lacking for bot, one in found.items()}
    assert sure["sailor"] > needed > sure["aria"]
    assert shipped_jargon().subjects_of("halyard") == {"ships and sailing": 1.0}
