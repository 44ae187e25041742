"""How near a message is to what each character cares about: read once per message, for
all characters of the process."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from app.domain.character import Character
from app.likeness.encoder import Encoder, Matrix, rounded
from app.likeness.space import FOLLOW_UPS, NOBODYS, Space, centre
from app.rules.interests import Likeness

Flags = NDArray[np.bool_]
Order = NDArray[np.intp]

READ = 160
"""Characters of a message that are read, after composition: one ligature may stand for
eighteen letters, and the cost grows with them."""
SHARPNESS = 8.0
"""How much the nearest anchors outweigh the others."""
OWN, ORDINARY = 5, 15
"""How many of the nearest anchors of a character, and of ordinary lines, are asked."""
SENTENCES = 0.7
"""Share of the example sentences; the rest is that of the words, whose vectors say
less."""
SAME = 0.3
"""Cosine of their centres from which a group of ordinary lines is about a character's
own interest, and does not speak against it."""


class Subjects:
    """The interests of some characters as anchors. `read` is safe in any thread."""

    def __init__(
        self, characters: Mapping[str, Character], encoder: Encoder, space: Space
    ) -> None:
        self._encoder = encoder
        self._space = space
        names = list(space.groups)
        self._ordinary = np.concatenate([space.groups[name] for name in names])
        sizes = [len(space.groups[name]) for name in names]
        self._group = np.repeat(np.arange(len(names)), sizes)
        follow = np.array([name == FOLLOW_UPS for name in names])
        self._follow = follow[self._group]
        self._anchors = {
            bot: _Anchors(character, encoder, space)
            for bot, character in characters.items()
        }
        self._against = {
            bot: anchors.against(space.groups)[self._group]
            for bot, anchors in self._anchors.items()
        }

    def read(self, text: str) -> dict[str, Likeness]:
        """The likeness of a message to each character's subjects, by bot."""
        vector = self._space.project(self._encoder.matrix([legible(text)]))[0]
        ordinary = _weights(self._ordinary, vector)
        # Sorted once; each bot leaves out what is about its own interests.
        nearest = np.argsort(-ordinary, kind="stable")
        follow = _level(ordinary[self._follow], OWN) - _level(
            ordinary[~self._follow], ORDINARY - OWN
        )
        return {
            bot: Likeness(
                subject=_rounded(
                    anchors.level(vector)
                    - _level(_first(ordinary, nearest, self._against[bot]), ORDINARY)
                ),
                follow_up=_rounded(follow),
            )
            for bot, anchors in self._anchors.items()
        }


class _Anchors:
    """One character's: its example sentences, and its words with the names."""

    def __init__(self, character: Character, encoder: Encoder, space: Space) -> None:
        self._interests: list[Matrix] = []
        sentences, words = [], []
        for interest in character.interests:
            said = space.project(encoder.matrix(interest.examples))
            named = space.project(encoder.matrix((*interest.words, interest.name)))
            self._interests.append(centre(np.concatenate([said, named])))
            sentences.append(said)
            words.append(named)
        self._sentences = np.concatenate(sentences) if sentences else None
        self._words = np.concatenate(words) if words else None

    def level(self, vector: Matrix) -> float:
        """How near the nearest anchors are."""
        # A character may have no interests: nothing is its subject.
        if self._sentences is None or self._words is None:
            return -1.0
        said = _level(_weights(self._sentences, vector), OWN)
        named = _level(_weights(self._words, vector), OWN)
        return SENTENCES * said + (1.0 - SENTENCES) * named

    def against(self, groups: Mapping[str, Matrix]) -> Flags:
        """Which groups of ordinary lines speak against this character."""
        return np.array(
            [
                name in NOBODYS or not self._owns(centre(rows))
                for name, rows in groups.items()
            ],
            dtype=np.bool_,
        )

    def _owns(self, group: Matrix) -> bool:
        return any(float(rounded(own @ group)) >= SAME for own in self._interests)


def legible(text: str) -> str:
    """What of a message is read."""
    return unicodedata.normalize("NFKC", text[:READ])[:READ]


def _weights(anchors: Matrix, vector: Matrix) -> Matrix:
    return np.asarray(np.exp(SHARPNESS * (anchors @ vector)), dtype=np.float32)


def _level(weights: Matrix, count: int) -> float:
    """A soft maximum over the `count` greatest, as a cosine."""
    count = min(count, len(weights))
    greatest = np.partition(weights, -count)[-count:]
    return float(np.log(greatest.mean()) / SHARPNESS)


def _first(weights: Matrix, order: Order, kept: Flags) -> Matrix:
    """The greatest of the weights that are kept."""
    return np.asarray(weights[order[kept[order]][:ORDINARY]])


def _rounded(value: float) -> float:
    return float(rounded(np.array(value, dtype=np.float64)))
