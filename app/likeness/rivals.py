"""Which characters compete for a message, and what that takes from how sure they are of
it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from app.likeness.encoder import DECIMALS, DIMENSIONS, Likeness, Matrix, rounded

LEAD = 0.06
"""Likeness by which a character should be nearer than any other bot of the room: where
two are about as near, the nearest is often the wrong one."""
STEEPNESS = 2.0
"""How many times what it lacks of the lead is taken off."""
MOST_LACKING = 0.09
"""The most that is taken off."""
AKIN = 0.8
"""Cosine of the centres of two interests from which their characters do not compete."""


class Rivals:
    """The bots of a process, each with the centres of its interests."""

    def __init__(self, interests: dict[str, Sequence[Matrix]]) -> None:
        self._bots = tuple(interests)
        # A row for each bot: with whom it competes.
        self._compete = ~_who_shares(list(interests.values()))

    def lacking(self, subjects: Likeness, present: Collection[str]) -> Likeness:
        """What whoever is hardly nearer than a rival, or farther, has less. `present`:
        the bots of the room; none: all are."""
        room = present or self._bots
        here = [bot in room for bot in self._bots]
        counted = self._compete & np.array(here)
        others = np.where(counted, subjects, -np.inf)
        lead = subjects - others.max(axis=1)
        missing = LEAD - lead
        less = np.clip(STEEPNESS * missing, 0.0, MOST_LACKING)
        settled = np.round(less, DECIMALS)
        return np.asarray(settled)


def _who_shares(interests: Sequence[Sequence[Matrix]]) -> NDArray[np.bool_]:
    """A row for each bot: who has an interest in common with it, itself included."""
    # Before all of them nothing: there may be no interests.
    nothing = np.zeros(DIMENSIONS, dtype=np.float32)
    centres = [nothing]
    for own in interests:
        centres.extend(own)
    rows = np.stack(centres)
    akin = rounded(rows @ rows.T) >= AKIN
    sizes = [len(own) for own in interests]
    owner = np.repeat(np.arange(len(sizes)), sizes)
    shared = np.eye(len(sizes), dtype=np.bool_)
    mine, theirs = np.nonzero(akin[1:, 1:])
    shared[owner[mine], owner[theirs]] = True
    return shared
