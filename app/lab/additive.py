"""Fitting a sum of tables: penalised logistic regression over binned features, and
pairs of them. numpy only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Cells = NDArray[np.int32]

RIDGE = 20.0
"""Pull of every weight to zero, in examples."""
SMOOTH = 100.0
"""Pull of neighbouring bins to each other, in examples."""
LOOSE = 1e-6
ROUNDS = 400
MEMORY = 12
TOLERANCE = 2e-6


@dataclass(frozen=True)
class Table:
    """One term to fit: one or two columns of the examples, their edges, and whether
    neighbouring bins are alike."""

    columns: tuple[int, ...]
    edges: tuple[tuple[float, ...], ...]
    ordered: tuple[bool, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Bins of each column."""
        return tuple(len(edges) + 1 for edges in self.edges)

    @property
    def size(self) -> int:
        """Weights of the term."""
        return int(np.prod(self.shape))

    def bins(self, examples: Floats) -> Cells:
        """The cell of each example, counted row by row."""
        cell = np.zeros(len(examples), dtype=np.int32)
        for column, edges, count in zip(
            self.columns, self.edges, self.shape, strict=True
        ):
            cell = cell * count + np.searchsorted(
                edges, examples[:, column], side="right"
            ).astype(np.int32)
        return cell

    def neighbours(self) -> list[tuple[int, int]]:
        """Pairs of cells that should weigh alike."""
        grid = np.arange(self.size).reshape(self.shape)
        found: list[tuple[int, int]] = []
        for axis, ordered in enumerate(self.ordered):
            if ordered:
                for low, high in pairwise(np.moveaxis(grid, axis, 0)):
                    found += list(
                        zip(
                            np.ravel(low).tolist(), np.ravel(high).tolist(), strict=True
                        )
                    )
        return found


@dataclass(frozen=True)
class Design:
    """All terms side by side. Column 0 is the intercept."""

    tables: tuple[Table, ...]

    @property
    def width(self) -> int:
        """Weights in all."""
        return 1 + sum(table.size for table in self.tables)

    def offsets(self) -> list[int]:
        """Where each term's weights begin."""
        return [
            1 + sum(table.size for table in self.tables[:place])
            for place in range(len(self.tables))
        ]

    def cells(self, examples: Floats) -> Cells:
        """Shape (examples, terms): the weight that each term adds."""
        return np.stack(
            [
                table.bins(examples) + offset
                for table, offset in zip(self.tables, self.offsets(), strict=True)
            ],
            axis=1,
        ).astype(np.int32)

    def links(self) -> NDArray[np.int64]:
        """Shape (pairs, 2): weights that should be alike."""
        pairs = [
            (offset + low, offset + high)
            for table, offset in zip(self.tables, self.offsets(), strict=True)
            for low, high in table.neighbours()
        ]
        return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def log_odds(weights: Floats, cells: Cells) -> Floats:
    """Log odds (nats) of each example."""
    total: Floats = weights[0] + np.take(weights, cells).sum(axis=1)
    return total


def fit(
    design: Design,
    cells: Cells,
    labels: Floats,
    importance: Floats,
    start: Floats | None = None,
) -> Floats:
    """The weights (nats) that fit best under the penalties. Convex, so that `start`
    changes only the time."""
    links, width = design.links(), design.width
    ridge = np.full(width, RIDGE)
    # The intercept is nearly free: a pull to zero is one to even odds.
    ridge[0] = LOOSE
    repeated = np.ravel(cells)

    def loss(weights: Floats) -> tuple[float, Floats]:
        odds = log_odds(weights, cells)
        residual = (1.0 / (1.0 + np.exp(-odds)) - labels) * importance
        gradient = _bin_sums(repeated, np.repeat(residual, cells.shape[1]), width)
        gradient[0] = residual.sum()
        apart = SMOOTH * (weights[links[:, 0]] - weights[links[:, 1]])
        gradient += ridge * weights
        gradient += _bin_sums(links[:, 0], apart, width) - _bin_sums(
            links[:, 1], apart, width
        )
        value = ((np.logaddexp(0.0, odds) - labels * odds) * importance).sum()
        value += 0.5 * (ridge * weights**2).sum() + 0.5 * (apart**2).sum() / SMOOTH
        return float(value), gradient

    rate = float(np.average(labels, weights=importance))
    first = np.zeros(width) if start is None else start.copy()
    if start is None:
        first[0] = np.log(rate / (1.0 - rate))
    seen = _bin_sums(repeated, np.repeat(importance, cells.shape[1]), width)
    seen[0] = importance.sum()
    return minimise_loss(
        loss, first, 1.0 / (seen * rate * (1.0 - rate) + ridge + SMOOTH)
    )


def _bin_sums(places: NDArray[np.integer], parts: Floats, width: int) -> Floats:
    return np.bincount(places, parts, minlength=width).astype(np.float64)


def minimise_loss(
    loss: Callable[[Floats], tuple[float, Floats]], start: Floats, scale: Floats
) -> Floats:
    """L-BFGS with backtracking (Nocedal and Wright, algorithm 7.4); `scale` is the
    first guess of the inverse curvature of each weight."""
    point = start
    value, gradient = loss(point)
    steps: list[tuple[Floats, Floats, float]] = []
    for _ in range(ROUNDS):
        direction = -_two_loops(gradient, steps, scale)
        slope, length = float(gradient @ direction), 1.0
        while True:
            ahead = point + length * direction
            new_value, new_gradient = loss(ahead)
            # At the end of precision no step leads down: halving must end.
            if new_value <= value + 1e-4 * length * slope or length < 1e-8:
                break
            length /= 2.0
        moved, bent = ahead - point, new_gradient - gradient
        # Without curvature upwards the estimate of the inverse would break.
        if float(moved @ bent) > 1e-12:
            steps = [*steps[-MEMORY + 1 :], (moved, bent, 1.0 / float(moved @ bent))]
        gained = value - new_value
        point, value, gradient = ahead, new_value, new_gradient
        if gained < TOLERANCE * abs(value):
            break
    return point


def _two_loops(
    gradient: Floats, steps: list[tuple[Floats, Floats, float]], scale: Floats
) -> Floats:
    direction, shares = gradient.copy(), []
    for moved, bent, weight in reversed(steps):
        share = weight * float(moved @ direction)
        shares.append(share)
        direction -= share * bent
    direction *= scale
    for (moved, bent, weight), share in zip(steps, reversed(shares), strict=True):
        direction += moved * (share - weight * float(bent @ direction))
    return direction
