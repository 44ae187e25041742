"""How close a message is to what a character cares about: as gateways measure it, so
that the bot which wins a message for its subject also has something to say on it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

from app.brain.embeddings import LangChainEncoder
from app.domain.character import Character, Interest
from app.likeness.space import space_of
from app.likeness.subjects import Subjects, legible
from app.rules.interests import Interests, Likeness
from app.rules.profile import is_follow_up, profile_of
from app.rules.reading import read

WORD_BONUS = 0.1
"""Added when one of the interest's words is said: it lifts short messages, whose
vectors say little."""
FOREIGN = 0.10
"""Interest of a message whose bits are zero; `rules.plan` takes less for foreign."""
BIT = 0.06
"""Interest of one bit above or below that: five, which hand a subject over, are 0.40."""

MEASURED = 64
"""Messages whose likeness a character keeps at most."""


@dataclass(frozen=True)
class _Key:
    """A character: of two with the same interests the subjects are the same."""

    name: str
    interests: tuple[Interest, ...]
    character: Character = field(compare=False)


# Diaries and dreams ask by themselves, of the few characters that are at work.
@lru_cache(maxsize=4)
def _subjects_of(key: _Key, encoder: LangChainEncoder) -> Subjects:
    return Subjects({key.name: key.character}, encoder, space_of(encoder))


class InterestVectors:
    """A character's interests as vectors, computed at the first use."""

    def __init__(self, character: Character, encoder: LangChainEncoder) -> None:
        self._character = character
        self._encoder = encoder
        self._examples = tuple(
            sentence
            for interest in character.interests
            for sentence in interest.examples
        )
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
        # By the hash of a text: a turn asks several times of one message, and other
        # turns ask meanwhile. No text is kept for that.
        self._measured: dict[int, Likeness] = {}

    def score(self, said: Sequence[str]) -> list[tuple[float, str]]:
        """For each text how near it is to the interests, from 0 on, and the name of the
        nearest. By an encoder of meanings the bits of a bid, on a scale of their own;
        else the largest cosine to an example sentence, with the bonus."""
        nearest = self._nearest(said)
        if not self._encoder.understands:
            return nearest
        return [
            (max(0.0, FOREIGN + BIT * self._bits(text)), topic)
            for text, (_, topic) in zip(said, nearest, strict=True)
        ]

    def follows_up(self, text: str) -> bool:
        """Whether a text is a bare follow-up, which says nothing of its subject."""
        return self._encoder.understands and is_follow_up(self._likeness(text))

    def warm(self) -> None:
        """Compute what every message is compared with."""
        if self._encoder.understands:
            self.score(["warm"])

    def _bits(self, text: str) -> float:
        known = self._interests
        return (
            known.bits(read(text), self._likeness(text)) if known is not None else 0.0
        )

    def _likeness(self, text: str) -> Likeness:
        key = hash(text)
        found = self._measured.get(key)
        if found is None:
            # The encoder remembers: moods and lines are compared with the same vector.
            plain = legible(text)
            vector = self._encoder.matrix([plain])[0]
            measured = self._subjects.likeness_of(plain, vector)
            found = measured[self._character.name]
            # A new one in place of a full one: other threads may be reading it.
            if len(self._measured) >= MEASURED:
                self._measured = {}
            self._measured[key] = found
        return found

    @cached_property
    def _interests(self) -> Interests | None:
        return profile_of(self._character).interests

    @cached_property
    def _subjects(self) -> Subjects:
        character = self._character
        key = _Key(character.name, character.interests, character)
        return _subjects_of(key, self._encoder)

    def _nearest(self, said: Sequence[str]) -> list[tuple[float, str]]:
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
