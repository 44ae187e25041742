"""The space in which likeness is measured: sentence vectors, whitened so that what sets
one subject apart counts, and how a line is put counts less.

Whitening divides by the spread of lines that are about one and the same thing (linear
discriminant analysis, shrunk): questions and statements, languages, moods.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import resources

import numpy as np
import yaml

from app.likeness.encoder import Encoder, Matrix

SHRINKAGE = 5.0
"""Weight of an even spread, in mean spreads: few lines cannot tell 512 of them."""
FOLLOW_UPS = "follow_ups"
NOBODYS = frozenset({"chatter", "errands", FOLLOW_UPS})
"""The groups of lines that are no subject of anybody."""


@lru_cache(maxsize=1)
def ordinary_lines() -> Mapping[str, Sequence[str]]:
    """The shipped lines of ordinary chat, by group."""
    source = resources.files("app.likeness").joinpath("ordinary.yaml")
    groups = yaml.safe_load(source.read_text(encoding="utf-8"))
    return {name: tuple(text.splitlines()) for name, text in groups.items()}


class Space:
    """Projects vectors. `groups` holds the projected ordinary lines, one unit vector a
    row, by group."""

    def __init__(self, encoder: Encoder) -> None:
        groups = ordinary_lines().items()
        raw = {name: encoder.matrix(lines) for name, lines in groups}
        means = {name: rows.mean(axis=0) for name, rows in raw.items()}
        # The mean of means: a group of many lines must not pull the centre.
        self._mean = np.mean(list(means.values()), axis=0)
        self._whitening_of = _whitening_of(
            [rows - means[name] for name, rows in raw.items()]
        )
        self.groups = {name: self.project(rows) for name, rows in raw.items()}

    def project(self, vectors: Matrix) -> Matrix:
        """Unit vectors of this space, a row for each."""
        moved = (vectors - self._mean) @ self._whitening_of
        lengths = np.linalg.norm(moved, axis=1, keepdims=True)
        return np.asarray(moved / np.maximum(lengths, 1e-9), dtype=np.float32)


def _whitening_of(centred: Sequence[Matrix]) -> Matrix:
    """A root of the inverse of the spread within the groups. A group's own mean took
    one of its lines, hence the factor."""
    rows = np.concatenate(
        [group * np.sqrt(len(group) / max(1, len(group) - 1)) for group in centred]
    )
    spread = (rows.T @ rows / len(rows)).astype(np.float64)
    spread.flat[:: len(spread) + 1] += SHRINKAGE * np.trace(spread) / len(spread)
    # Any root will do: cosines do not change when all vectors are turned.
    root = np.linalg.inv(np.linalg.cholesky(spread))
    return np.asarray(root.T, dtype=np.float32)


def centre(rows: Matrix) -> Matrix:
    """The direction of a group of unit vectors."""
    mean = rows.mean(axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), dtype=np.float32)
