"""What a message is about, by words that people use of one subject alone: an encoder of
sentences knows few of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from importlib import resources

import numpy as np

from app.domain.character import Character, Interest
from app.domain.safe_yaml import load_yaml
from app.likeness.encoder import Matrix, as_matrix

Term = str
"""A word or a phrase, as stems with a blank between."""
Subjects = dict[str, float]
"""How surely a text is about some subjects, from 0 to 1."""

WORD = re.compile(r"[^\W_]+")
_ANY = "*"
"""At the end of a word: with any ending, as most languages give it several."""
SHORTEST, LONGEST = 3, 20
"""Letters that such a word may have: no run of letters is looked at for long."""
_KEPT_ENDINGS = ("ss", "us", "is")
SURE = 2.0
"""Words of a subject that an interest holds from which it is about the subject."""
EXAMPLE = 0.7
"""Of a word, what an example sentence counts that holds one: it tells a story too."""


def stems(text: str) -> tuple[str, ...]:
    """The words of a text, those of English without their plural."""
    return tuple([stem(word) for word in WORD.findall(text.lower())])


def stem(word: str) -> str:
    """A word without the plural of English."""
    if len(word) <= 3 or not word.endswith("s") or word.endswith(_KEPT_ENDINGS):
        return word
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-1]


def _base_forms(word: str) -> list[str]:
    """What an English verb in another form may be a form of: `resigned`, `knitting`,
    `baking`."""
    for ending in ("ing", "ed"):
        rest = word.removesuffix(ending)
        if len(rest) < len(word) and len(rest) >= SHORTEST:
            doubled = rest[-1] == rest[-2]
            return [rest, rest + "e", rest[:-1]] if doubled else [rest, rest + "e"]
    return []


def _shipped_terms() -> Mapping[str, frozenset[Term]]:
    """The shipped words, by subject."""
    source = resources.files("app.likeness").joinpath("jargon.yaml")
    subjects = load_yaml(source.read_text(encoding="utf-8"))
    terms = {}
    for name, words in subjects.items():
        found = {_term_of(word.strip()) for word in words.split(",")}
        terms[name] = frozenset(found - {""})
    return terms


def _term_of(word: str) -> Term:
    """A word of the file as a term; `_ANY` stays at its end."""
    if word.endswith(_ANY):
        return word.lower()
    return " ".join(stems(word))


class Jargon:
    """The words of many subjects, read once; `*` at the end of one stands for any
    ending."""

    def __init__(self, terms: Mapping[str, Iterable[Term]]) -> None:
        self._subjects: dict[Term, tuple[str, ...]] = {}
        # By its first word: how many words a phrase can have.
        self._longest: dict[str, int] = {}
        # Nearly all terms are of one subject: they share what names it.
        alone: dict[str, tuple[str, ...]] = {name: (name,) for name in terms}
        for subject, known in terms.items():
            for term in sorted(known):
                others = self._subjects.get(term)
                self._subjects[term] = (
                    alone[subject] if others is None else (*others, subject)
                )
                first, *rest = term.split()
                longest = self._longest.get(first, 0)
                self._longest[first] = max(longest, 1 + len(rest))

    def subjects_of(self, text: str) -> Subjects:
        """What a text is about. A word that several subjects share says less of each;
        a phrase counts, and not the words in it."""
        said = stems(text)
        found: Subjects = {}
        place = 0
        while place < len(said):
            term, length = self._term_at(said, place)
            place += length
            subjects = self._subjects.get(term, ())
            for subject in subjects:
                share = found.get(subject, 0.0) + len(subjects) ** -0.5
                found[subject] = min(1.0, share)
        return found

    def _term_at(self, said: Sequence[str], place: int) -> tuple[Term, int]:
        """The longest term that begins there, and how many words it takes; an empty one
        where none does."""
        word = said[place]
        most = min(self._longest.get(word, 0), len(said) - place)
        for length in range(most, 0, -1):
            term = " ".join(said[place : place + length])
            if term in self._subjects:
                return term, length
        for form in _base_forms(word):
            if form in self._subjects:
                return form, 1
        for length in range(min(len(word), LONGEST), SHORTEST - 1, -1):
            beginning = word[:length] + _ANY
            if beginning in self._subjects:
                return beginning, 1
        return "", 1

    def subjects_of_character(self, character: Character) -> Subjects:
        """What a character cares about: the subjects whose words its interests hold."""
        most: Subjects = {}
        for interest in character.interests:
            for subject, share in self._subjects_of_interest(interest).items():
                most[subject] = max(share, most.get(subject, 0.0))
        return most

    def _subjects_of_interest(self, interest: Interest) -> Subjects:
        counts: Subjects = {}
        said = [(text, 1.0) for text in (interest.name, *interest.words)]
        said += [(text, EXAMPLE) for text in interest.examples]
        for text, weight in said:
            for subject, share in self.subjects_of(text).items():
                counts[subject] = counts.get(subject, 0.0) + weight * share
        greatest = max(counts.values(), default=1.0)
        # A subject of which it holds a word or two by chance is not what it is about.
        return {
            subject: min(1.0, count / SURE) * count / greatest
            for subject, count in counts.items()
        }


@lru_cache(maxsize=1)
def shipped_jargon() -> Jargon:
    """The shipped words, by which all characters of a process are measured."""
    return Jargon(_shipped_terms())


class Concerns:
    """Which of some characters care about the subjects of a message."""

    def __init__(self, characters: Iterable[Character], jargon: Jargon) -> None:
        self._jargon = jargon
        found = [jargon.subjects_of_character(one) for one in characters]
        self._nothing = np.zeros(len(found), dtype=np.float32)
        # A number for each character: how much it cares.
        self._shares = {
            subject: as_matrix([one.get(subject, 0.0) for one in found])
            for subject in {subject for one in found for subject in one}
        }

    def spoken_of(self, plain: str) -> Matrix:
        """How surely the words of a message are of each one's subjects, 0 to 1."""
        most = self._nothing
        for subject, share in self._jargon.subjects_of(plain).items():
            concerned = self._shares.get(subject)
            if concerned is not None:
                most = np.maximum(most, share * concerned)
        return most
