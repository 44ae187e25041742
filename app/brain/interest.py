"""How close a message is to what a character cares about."""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.brain.embeddings import Encoder
from app.domain.character import Character

WORD_BONUS = 0.1
"""Added when one of the interest's words is said: it lifts short messages, whose
vectors say little."""


class Interests:
    """A character's interests as vectors, computed at the first use."""

    def __init__(self, character: Character, encoder: Encoder) -> None:
        self._encoder = encoder
        self._examples = [
            sentence
            for interest in character.interests
            for sentence in interest.examples
        ]
        self._names = [
            interest.name for interest in character.interests for _ in interest.examples
        ]
        self._words = [
            (
                interest.name,
                re.compile(
                    rf"\b(?:{'|'.join(map(re.escape, interest.words))})\b",
                    re.IGNORECASE,
                ),
            )
            for interest in character.interests
        ]

    def score(self, said: Sequence[str]) -> list[tuple[float, str]]:
        """For each text the largest cosine to an example sentence (with the bonus), and
        that interest's name."""
        if not said:
            return []
        cosines = self._encoder.likeness(said, self._examples)
        found: list[tuple[float, str]] = []
        for text, row in zip(said, cosines, strict=True):
            best = {name: 0.0 for name, _ in self._words}
            for name, cosine in zip(self._names, row, strict=True):
                best[name] = max(best[name], float(cosine))
            for name, words in self._words:
                best[name] += WORD_BONUS if words.search(text) else 0.0
            topic = max(best, key=lambda name: best[name])
            found.append((best[topic], topic))
        return found
