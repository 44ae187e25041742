"""The words by which a call is told from a mention, by language: closed lists, read
once from lexis.yaml."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Final

from app.domain.safe_yaml import load_yaml
from app.rules.script import normalise

Phrases = Mapping[str, Sequence[tuple[str, ...]]]
"""First word of a phrase to the phrases that begin with it, as words, longest first."""

_FILE = load_yaml(
    (resources.files("app.rules") / "lexis.yaml").read_text(encoding="utf-8")
)
_NEVER = re.compile(r"(?!)")


def _field_entries(part: str, field: str) -> list[str]:
    return [
        entry.strip()
        for entry in normalise(_FILE[part].get(field, "")).split(",")
        if entry.strip()
    ]


def _field_set(part: str, field: str) -> frozenset[str]:
    return frozenset(_field_entries(part, field))


def _phrase_table(entries: Iterable[str]) -> Phrases:
    found: dict[str, list[tuple[str, ...]]] = {}
    for entry in sorted(set(entries), key=len, reverse=True):
        words = tuple(entry.split())
        found.setdefault(words[0], []).append(words)
    return found


@dataclass(frozen=True, slots=True)
class Lexis:
    """The word lists of one language, or of several that a line may be written in."""

    fill: Phrases
    you: frozenset[str]
    ends: re.Pattern[str]
    ask: frozenset[str]
    about: frozenset[str]
    open: frozenset[str]
    block: frozenset[str]
    close: frozenset[str]
    english: bool

    def addresses(self, word: str) -> bool:
        """Whether the word is of the second person."""
        return word in self.you or self.ends.search(word) is not None


LANGUAGES: Final = tuple(
    name for name, lists in _FILE.items() if "you" in lists and name != "unspaced"
)
GREETINGS: Final = _phrase_table(
    entry for name in (*LANGUAGES, "others") for entry in _field_entries(name, "greet")
)
_GREETING_WORDS: Final = frozenset(
    word for entry in _field_entries("english", "greet") for word in entry.split()
)
AUXILIARY: Final = _field_set("english", "auxiliary")
PROMPTS: Final = _field_set("english", "prompt")
SUBJECTS: Final = _field_set("english", "subject")
NOUNS: Final = _field_set("english", "noun")
"""Verbs that are nouns too."""
BE: Final = _field_set("english", "be")
TAIL: Final = _field_set("english", "tail")
TITLES_AFTER: Final = _field_set("honorifics", "after")
TITLES_BEFORE: Final = _field_set("honorifics", "before")
CALLING_SUFFIXES: Final = tuple(_field_entries("suffixes", "calling"))
FOND_SUFFIXES: Final = _field_set("suffixes", "fond")
UNSPACED: Final = {
    field: tuple(sorted(_field_entries("unspaced", field), key=len, reverse=True))
    for field in _FILE["unspaced"]
}

_VOCABULARY = {
    name: frozenset().union(
        *(
            word.split()
            for field in _FILE[name]
            if field != "ends"
            for word in _field_entries(name, field)
        )
    )
    for name in LANGUAGES
}
_NO_PERSON = (
    _field_set("common", "words")
    | frozenset().union(
        *(
            _field_set("english", field)
            for field in ("fill", "you", "ask", "prompt", "subject", "tail")
        )
    )
    # Will and May are people's names, too.
    | (_field_set("english", "auxiliary") - {"will", "may"})
    | {name for name in _field_entries("english", "greet") if " " not in name}
)
_COMMON = _NO_PERSON | _field_set("common", "names")


def is_common(name: str) -> bool:
    """Whether the name, normalised, is also a common English word: more must show that
    it is a call."""
    return name in _COMMON


def is_no_person(name: str) -> bool:
    """Whether the name, normalised, calls nobody, even if a bot has it: "help, ..." and
    "guys, ..." are calls to all."""
    return name in _NO_PERSON


def may_greet(word: str) -> bool:
    """Whether an English greeting has this word, normalised, and it is no name besides:
    "good" of "good morning"."""
    return word in _GREETING_WORDS and not is_common(word)


def lexis_of(words: Iterable[str]) -> Lexis:
    """The lists of the language that most of the words belong to; of several, when they
    are even."""
    heard = set(words)
    score = {name: len(heard & vocabulary) for name, vocabulary in _VOCABULARY.items()}
    best = max(score.values())
    return _lexis_of(
        tuple(name for name in LANGUAGES if score[name] == best)
        if best
        else ("english",)
    )


@lru_cache(maxsize=256)
def _lexis_of(names: tuple[str, ...]) -> Lexis:
    def union(field: str) -> frozenset[str]:
        return frozenset().union(*(_field_set(name, field) for name in names))

    ends = "|".join(_FILE[name]["ends"] for name in names if "ends" in _FILE[name])
    about = union("about") | (
        AUXILIARY - {"do", "don't", "have"} if "english" in names else frozenset()
    )
    return Lexis(
        fill=_phrase_table(
            entry
            for name in dict.fromkeys((*names, "english"))
            for entry in _field_entries(name, "fill")
        ),
        you=union("you"),
        ends=re.compile(f"(?:{ends})$") if ends else _NEVER,
        ask=union("ask"),
        about=about,
        open=union("open"),
        block=union("block"),
        close=union("close"),
        english="english" in names,
    )
