"""What a message is compared with for one character: its own sentences and words, and
the ordinary lines that speak for or against it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from app.domain.character import Character
from app.likeness.encoder import DIMENSIONS, Encoder, Matrix, rounded
from app.likeness.products import Digits
from app.likeness.space import NOBODYS, Space, centre

Flags = NDArray[np.bool_]

NEAR, SAME = 0.45, 0.55
"""Cosines of their centres from which a group of ordinary lines is near a character's
interest, and does not speak against it, and from which it is about the interest, and
speaks for it."""


class Anchors:
    """One character's: `examples` are its example sentences, `words` those of its lists
    and the names of its interests; one a row, as the space makes them."""

    def __init__(self, character: Character, encoder: Encoder, space: Space) -> None:
        self.interests: list[Matrix] = []
        """The centre of each."""
        examples: list[Digits] = []
        words: list[Digits] = []
        for interest in character.interests:
            said = space.anchors(encoder.matrix(interest.examples))
            names = (*interest.words, interest.name)
            named = space.anchors(encoder.matrix(names))
            whole = np.concatenate([said, named])
            self.interests.append(centre(whole))
            examples.append(said)
            words.append(named)
        self.examples = _joined(examples)
        self.words = _joined(words)
        self._nearness = self._nearness_to(space.centres)

    def against(self, groups: Iterable[str]) -> Flags:
        """Which groups of ordinary lines speak against this character."""
        far = self._nearness < NEAR
        return far | _nobodys(groups)

    def about(self, groups: Iterable[str]) -> Flags:
        """Which groups of ordinary lines are about this character's interests."""
        near = self._nearness >= SAME
        return near & ~_nobodys(groups)

    def kindred(self, groups: Mapping[str, Digits]) -> Digits:
        """The ordinary lines about them; its examples, where no group is."""
        found = list(compress(groups.values(), self.about(groups)))
        return np.concatenate(found) if found else self.examples

    def _nearness_to(self, centres: Matrix) -> NDArray[np.float64]:
        """How near each group is to the nearest of the interests."""
        if not self.interests:
            return np.zeros(len(centres))
        cosines = centres @ np.stack(self.interests, axis=1)
        nearest: NDArray[np.float64] = rounded(cosines).max(axis=1)
        return nearest


def _nobodys(groups: Iterable[str]) -> Flags:
    return np.array([name in NOBODYS for name in groups])


def _joined(rows: Sequence[Digits]) -> Digits:
    """One below the other. Whoever has no interests is like nothing."""
    if not rows:
        return np.zeros((1, DIMENSIONS), dtype=np.int8)
    return np.concatenate(rows)
