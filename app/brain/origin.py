"""Where a fact comes from: its words must stand in lines that the person wrote, and
nobody else may be named in it."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from app.rules.script import spoken_words, unspaced_letters

_QUOTED: Final = re.compile(r"^\s*>.*$", re.MULTILINE)


def _listed_words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_LIGHT: Final = frozenset(
    _listed_words(
        "a an the and or of to in on at as by for from with near outside is are was were be been am has have had having lives live"
        " lived living works work worked working job called name named comes come came owns own owning got does do did their"
        " they them theirs themselves who which that this there person user also very currently now still"
    )
)
"""Words that a third person's sentence needs and the first person's may lack: they
carry no news."""
_LIKED: Final = frozenset(
    _listed_words("like love enjoy adore fond favourite favorite fan")
)
_DISLIKED: Final = frozenset(_listed_words("hate dislike detest loathe"))
_DENIALS: Final = frozenset(
    _listed_words(
        "not no never don't dont can't cannot cant won't isn't nicht ikke pas no"
    )
)
_NUMBERS: Final = {
    word: str(number)
    for number, word in enumerate(
        _listed_words(
            "zero one two three four five six seven eight nine ten eleven twelve"
        )
    )
}
_ENDINGS: Final = ("ies", "ing", "ed", "es", "s", "e", "y")
_STEM_LEAST: Final = 3


def own_words(line: Mapping[str, Any]) -> str:
    """What the author of a kept line wrote there: without what was forwarded, linked or
    quoted."""
    return _QUOTED.sub("", str(line.get("own", line["text"])))


def stands_in(fact: str, own: Sequence[str]) -> bool:
    """Whether each word of a fact that says something stands in a person's own
    lines."""
    text = " ".join(own).casefold()
    heard = set(_words_of(text))
    said = [word for word in _words_of(fact.casefold()) if word not in _LIGHT]
    return bool(said) and all(_stands_in(word, heard, text) for word in said)


def names_other(fact: str, others: Collection[str]) -> bool:
    """Whether a fact names somebody of these: what is said about others is no fact of
    theirs, and none of the speaker's."""
    words = set(_words_of(fact.casefold()))
    return any(
        named and set(named) <= words
        for named in (_words_of(name.casefold()) for name in others)
    )


def _words_of(text: str) -> list[str]:
    return [
        word.removesuffix("'s").removesuffix("’s")
        for word in spoken_words(text.replace("’", "'"))
    ]


def _stands_in(word: str, heard: Collection[str], text: str) -> bool:
    # Without spaces no word stands alone: it is sought by its pairs of signs.
    if unspaced_letters(word):
        return all(word[at : at + 2] in text for at in range(max(1, len(word) - 1)))
    if word in heard or _NUMBERS.get(word, word) in {
        _NUMBERS.get(one, one) for one in heard
    }:
        return True
    stem = _stem_of(word)
    stems = {_stem_of(one) for one in heard}
    if stem in stems:
        return True
    return _attitude_to(stem, stems, heard)


def _attitude_to(stem: str, stems: Collection[str], heard: Collection[str]) -> bool:
    """`likes` for who wrote `love`, `dislikes` for who wrote `don't like`."""
    if stem in map(_stem_of, _LIKED):
        alike = _LIKED
    elif stem in map(_stem_of, _DISLIKED):
        alike = _DISLIKED | (
            _LIKED | {"stand"} if _DENIALS & set(heard) else frozenset()
        )
    else:
        return False
    return any(_stem_of(word) in stems for word in alike)


def _stem_of(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _STEM_LEAST:
            return word.removesuffix(ending)
    return word
