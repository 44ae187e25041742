"""Figures of speech and slang: whoever is "sick as a dog" does not speak of dogs."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from importlib import resources

from app.likeness.jargon import WORD, stem, stems

FILE = "figures.txt"
COMMENT = "#"


class SpeechFigures:
    """Phrases whose words are not meant, read once."""

    def __init__(self, phrases: Iterable[str]) -> None:
        # By its first word: how long a phrase can be. One string a phrase: tuples of
        # so many would take three times the memory.
        self._phrases: set[str] = set()
        self._longest: dict[str, int] = {}
        for phrase in phrases:
            words = stems(phrase)
            if words:
                self._phrases.add(" ".join(words))
                longest = self._longest.get(words[0], 0)
                self._longest[words[0]] = max(longest, len(words))

    def left_out(self, text: str) -> str:
        """The text without the figures of speech in it."""
        words = list(WORD.finditer(text))
        said = [stem(word.group().lower()) for word in words]
        kept: list[str] = []
        end = place = 0
        while place < len(said):
            length = self._length_at(said, place)
            if length:
                kept.append(text[end : words[place].start()])
                end = words[place + length - 1].end()
            place += length or 1
        if not kept:
            return text
        kept.append(text[end:])
        return " ".join(" ".join(kept).split())

    def _length_at(self, said: list[str], place: int) -> int:
        """How many words the longest figure has that begins there; 0: none does."""
        most = min(self._longest.get(said[place], 0), len(said) - place)
        for length in range(most, 0, -1):
            if " ".join(said[place : place + length]) in self._phrases:
                return length
        return 0


@lru_cache(maxsize=1)
def shipped_figures() -> SpeechFigures:
    """The shipped ones, by which all messages of a process are read."""
    source = resources.files("app.likeness").joinpath(FILE)
    lines = source.read_text(encoding="utf-8").splitlines()
    return SpeechFigures(line for line in lines if not line.startswith(COMMENT))
