"""The space in which likeness is measured: sentence vectors, whitened so that what sets
one subject apart counts, and how a line is put counts less.

Whitening divides by the spread of lines that are about one and the same thing (linear
discriminant analysis, shrunk): questions and statements, languages, moods.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import resources
from weakref import WeakKeyDictionary

import numpy as np

from app.domain.safe_yaml import load_yaml
from app.likeness.encoder import Backend, Encoder, Matrix, as_matrix

SHRINKAGE = 5.0
"""Weight of an even spread, in mean spreads: few lines cannot tell 512 of them."""
FOLLOW_UPS = "follow_ups"
NOBODYS = frozenset({"chatter", "errands", "figures of speech", FOLLOW_UPS})
"""The groups of lines that are no subject of anybody."""


@lru_cache(maxsize=1)
def ordinary_lines() -> Mapping[str, Sequence[str]]:
    """The shipped lines of ordinary chat, by group."""
    source = resources.files("app.likeness").joinpath("ordinary.yaml")
    groups = load_yaml(source.read_text(encoding="utf-8"))
    lines = {}
    for name, text in groups.items():
        lines[name] = tuple(text.splitlines())
    return lines


class Space:
    """Projects vectors. `ordinary` holds the projected ordinary lines, one unit vector
    a row; `groups` are its parts, by name."""

    def __init__(self, encoder: Encoder) -> None:
        vectors = {}
        means, centred = [], []
        for name, lines in ordinary_lines().items():
            rows = vectors[name] = encoder.matrix(lines)
            mean = rows.mean(axis=0)
            means.append(mean)
            centred.append(rows - mean)
        # The mean of means: a group of many lines must not pull the centre.
        self._mean = np.mean(means, axis=0)
        self._whitening = _whitening_of(centred)
        projected = [self.project(rows) for rows in vectors.values()]
        self.ordinary = np.concatenate(projected)
        ends = np.cumsum([len(rows) for rows in projected])
        # Views: each process holds these lines once, however many characters it serves.
        parts = np.split(self.ordinary, ends[:-1])
        self.groups = dict(zip(vectors, parts, strict=True))

    def project(self, vectors: Matrix) -> Matrix:
        """Unit vectors of this space, a row for each."""
        moved = (vectors - self._mean) @ self._whitening
        lengths = np.linalg.norm(moved, axis=1, keepdims=True)
        # A vector at the centre has no direction: it stays zeros.
        units = moved / np.maximum(lengths, 1e-9)
        return as_matrix(units)


def _whitening_of(centred: Sequence[Matrix]) -> Matrix:
    """A root of the inverse of the spread within the groups. A group's own mean took
    one of its lines, hence the factor."""
    scaled = []
    for group in centred:
        size = len(group)
        scaled.append(group * np.sqrt(size / max(1, size - 1)))
    rows = np.concatenate(scaled)
    spread = (rows.T @ rows / len(rows)).astype(np.float64)
    dimensions = len(spread)
    diagonal = spread.flat[:: dimensions + 1]
    even = SHRINKAGE * np.trace(spread) / dimensions
    spread.flat[:: dimensions + 1] = diagonal + even
    # Any root will do: cosines do not change when all vectors are turned.
    root = np.linalg.inv(np.linalg.cholesky(spread))
    return as_matrix(root.T)


def centre(rows: Matrix) -> Matrix:
    """The direction of a group of unit vectors."""
    mean = rows.mean(axis=0)
    length = float(np.linalg.norm(mean))
    return as_matrix(mean / max(length, 1e-9))


_spaces: WeakKeyDictionary[Backend, Space] = WeakKeyDictionary()
_placing = threading.Lock()


def space_of(encoder: Encoder) -> Space:
    """One space for each backend: its lines are read once, which takes some four
    seconds of one processor."""
    backend = encoder.backend
    with _placing:
        space = _spaces.get(backend)
        if space is None:
            space = _spaces[backend] = Space(encoder)
        return space
