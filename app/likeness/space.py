"""The space in which likeness is measured: sentence vectors, turned so that what sets
one subject apart counts, and how a line is put counts less.

It begins as a whitening, which divides by the spread of lines that are about one and
the same thing (linear discriminant analysis, shrunk): questions and statements,
languages, moods. The shipped one is fitted from there on (`app/lab/fit_space.py`).
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from importlib import resources
from pathlib import Path
from weakref import WeakKeyDictionary

import numpy as np

from app.domain.safe_yaml import load_yaml
from app.likeness.encoder import Backend, Encoder, Matrix, as_matrix
from app.likeness.products import LEVELS, Digits, Layer, Weights, in_steps

SHRINKAGE = 5.0
"""Weight of an even spread, in mean spreads: few lines cannot tell 512 of them."""
STEP = np.float32(1 / 512)
"""Of which a line's numbers are whole multiples: the greatest ever seen is 0.23, and a
cosine is off by some 0.0005."""
MOST = 1.0
"""Of a number of a unit vector."""
FILE = "space.npz"
PROBE = "which of them sings at night?"
SAME = 0.999
"""Cosine of two vectors of `PROBE` from which one and the same encoder made them."""
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


@dataclass(frozen=True, slots=True)
class Measures:
    """What is measured of the ordinary lines. `mean`: their centre; `turns`: what the
    space does beside leaving as it is, by column, in multiples of `step`; `ordinary`:
    the lines in the space, one a row, in multiples of `STEP`; `groups`: how many lines
    each group has; `probe`: the vector of `PROBE` as the encoder makes it; `digest`: of
    what was measured, and by which numbers."""

    mean: Matrix
    turns: Digits
    step: np.float32
    ordinary: Digits
    groups: Mapping[str, int]
    probe: Matrix
    digest: str


class Space:
    """Projects vectors. `ordinary` holds the ordinary lines as `anchors` makes them;
    `groups` are its parts, by name."""

    def __init__(self, measures: Measures) -> None:
        self._mean = measures.mean
        self._turns = Layer(Weights(measures.turns, measures.step), MOST)
        self.ordinary = measures.ordinary
        ends = np.cumsum(list(measures.groups.values()))
        # Views: each process holds these lines once, however many characters it serves.
        parts = np.split(self.ordinary, ends[:-1])
        self.groups = dict(zip(measures.groups, parts, strict=True))

    @cached_property
    def centres(self) -> Matrix:
        """The direction of each group, one a row: all characters are compared with
        them."""
        return as_matrix([centre(lines) for lines in self.groups.values()])

    def project(self, vectors: Matrix) -> Matrix:
        """Unit vectors of this space, a row for each."""
        moved = vectors - self._mean
        moved += self._turns(moved)
        lengths = np.linalg.norm(moved, axis=1, keepdims=True)
        # A vector at the centre has no direction: it stays zeros.
        units = moved / np.maximum(lengths, 1e-9)
        return as_matrix(units)

    def anchors(self, vectors: Matrix) -> Digits:
        """What messages are compared with: a row for each, in multiples of `STEP`."""
        return in_steps(self.project(vectors), STEP)


def digest_of(lines: Mapping[str, Sequence[str]]) -> str:
    """Of ordinary lines and the numbers that they are measured by."""
    told = [SHRINKAGE, float(STEP), list(lines.items())]
    return hashlib.sha256(repr(told).encode()).hexdigest()


def measured(encoder: Encoder) -> Measures:
    """Measures of the shipped lines as this encoder reads them, whitened within their
    groups: some three seconds of one processor."""
    vectors = [encoder.matrix(lines) for lines in ordinary_lines().values()]
    means = [rows.mean(axis=0) for rows in vectors]
    whitening = _whitening_of(
        [rows - mean for rows, mean in zip(vectors, means, strict=True)]
    )
    found = Measures(
        # The mean of means: a group of many lines must not pull the centre.
        mean=as_matrix(np.mean(means, axis=0)),
        turns=np.zeros((0, 0), dtype=np.int8),
        step=np.float32(1),
        ordinary=np.zeros((0, 0), dtype=np.int8),
        groups=dict(zip(ordinary_lines(), map(len, vectors), strict=True)),
        probe=encoder.fresh(PROBE),
        digest=digest_of(ordinary_lines()),
    )
    return turned(found, whitening.T, encoder)


def turned(measures: Measures, matrix: Matrix, encoder: Encoder) -> Measures:
    """The same measures, in the space that a matrix makes of the encoder's: each row,
    less the centre, is multiplied by it."""
    # Lengths do not count, so a matrix is as good in any unit. In this one it leaves
    # nearly all as it is, and a byte tells the rest.
    even = np.float32(matrix.diagonal().mean())
    rest = matrix.T / even - np.eye(len(matrix), dtype=np.float32)
    step = np.float32(np.abs(rest).max() / LEVELS)
    found = replace(measures, turns=in_steps(rest, step), step=step)
    lines = [line for texts in ordinary_lines().values() for line in texts]
    return replace(found, ordinary=Space(found).anchors(encoder.matrix(lines)))


def matrix_of(measures: Measures) -> Matrix:
    """By which a row, less the centre, is multiplied."""
    rest = measures.turns.astype(np.float32) * measures.step
    return as_matrix(np.eye(len(rest), dtype=np.float32) + rest.T)


def write(measures: Measures, file: Path) -> None:
    """Write them as they are shipped."""
    np.savez_compressed(
        file,
        mean=measures.mean,
        turns=measures.turns,
        step=measures.step,
        ordinary=measures.ordinary,
        groups=np.array(list(measures.groups)),
        sizes=np.array(list(measures.groups.values())),
        probe=measures.probe,
        digest=measures.digest,
    )


def shipped() -> Measures:
    """The shipped ones."""
    with (
        resources.files("app.likeness").joinpath(FILE).open("rb") as file,
        np.load(file, allow_pickle=False) as held,
    ):
        sizes = dict(zip(held["groups"].tolist(), held["sizes"].tolist(), strict=True))
        return Measures(
            mean=held["mean"],
            turns=held["turns"],
            step=np.float32(held["step"]),
            ordinary=held["ordinary"],
            groups=sizes,
            probe=held["probe"],
            digest=str(held["digest"]),
        )


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


def centre(rows: Digits) -> Matrix:
    """The direction of a group of anchors: a unit vector."""
    mean = rows.mean(axis=0)
    length = float(np.linalg.norm(mean))
    return as_matrix(mean / max(length, 1e-9))


_spaces: WeakKeyDictionary[Backend, Space] = WeakKeyDictionary()
_placing = threading.Lock()


def space_of(encoder: Encoder) -> Space:
    """One space for each backend."""
    backend = encoder.backend
    with _placing:
        space = _spaces.get(backend)
        if space is None:
            space = _spaces[backend] = Space(_measures_for(encoder))
        return space


def _measures_for(encoder: Encoder) -> Measures:
    """The shipped ones, where they were made with this encoder."""
    found = shipped()
    probe = encoder.fresh(PROBE)
    if len(probe) == len(found.probe) and probe @ found.probe > SAME:
        return found
    return measured(encoder)
