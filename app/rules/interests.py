"""The words of a character's interests, held against a message: cheap enough for every
bot and every message."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from app.rules.words import read

FIRST_BITS = 6.0
"""Bits that a message about one of a character's interests adds to its bid. Set by
hand, as a chat log knows no interests: the shipped characters bid on nearly all example
sentences of their own (tests/rules/test_interests.py)."""
MORE_BITS = 1.0
MORE = 2
"""Further words of interest that count, each by `MORE_BITS`: whom it concerns most
should win."""


class Interests:
    """Words and phrases, read once. A phrase is touched when all its words occur, in
    any order."""

    def __init__(self, words: Iterable[str]) -> None:
        parts = {frozenset(read(word).words) for word in words} - {frozenset()}
        self._words = frozenset(
            word for part in parts if len(part) == 1 for word in part
        )
        self._phrases = tuple(part for part in parts if len(part) > 1)

    def touched(self, text: str) -> int:
        """How many of the words and phrases the text holds whole."""
        said = _said(text)
        return len(said & self._words) + sum(
            1 for phrase in self._phrases if phrase <= said
        )

    def bits(self, text: str) -> float:
        """What the text adds to a bid."""
        found = self.touched(text)
        return FIRST_BITS + MORE_BITS * min(found - 1, MORE) if found else 0.0


@lru_cache(maxsize=512)
def _said(text: str) -> frozenset[str]:
    """Shared by all bots that hear the same message."""
    reading = read(text)
    return frozenset((*reading.words, *reading.tokens))
