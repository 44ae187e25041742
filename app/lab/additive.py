"""Fitting a sum of tables: penalised logistic regression over binned features, and
pairs of them, by Newton's method. numpy only."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Cells = NDArray[np.int32]

RIDGE = 20.0
"""Pull of every weight to zero, in examples."""
SMOOTH = 100.0
"""Pull of neighbouring bins to each other, in examples."""
LOOSE = 1e-6
ROUNDS = 100
SHORTEST = 2.0**-20
"""Of a step, as a share of Newton's."""
SETTLED = 1e-6
"""Twice what is left to gain, in nats, from which one whole step more ends at the
optimum: what is left after it is the square of this."""


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
        return math.prod(self.shape)

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
        sizes = [table.size for table in self.tables]
        return list(accumulate(sizes[:-1], initial=1))

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
    known: Floats | None = None,
) -> Floats:
    """The weights (nats) that fit best under the penalties, beside log odds that are
    `known` of each example. There is one optimum, and it is found to within rounding:
    neither `start` nor the order of the examples changes it."""
    first = np.zeros(design.width) if start is None else start
    if start is None and known is None:
        rate = float(np.average(labels, weights=importance))
        first[0] = np.log(rate / (1.0 - rate))
    loss = PenalisedLoss(
        design,
        cells,
        labels=labels,
        importance=importance,
        penalty=penalty_of(design),
        known=np.zeros(len(labels)) if known is None else known,
    )
    return minimise_loss(loss, first)


def penalty_of(design: Design) -> Floats:
    """Curvature of the penalties, shape (weights, weights)."""
    links, every = design.links(), np.arange(design.width)
    penalty = np.zeros((design.width, design.width))
    penalty[every, every] = RIDGE
    # The intercept is nearly free: a pull to zero is one to even odds.
    penalty[0, 0] = LOOSE
    low, high = links[:, 0], links[:, 1]
    for rows, columns, pull in (
        (low, low, SMOOTH),
        (high, high, SMOOTH),
        (low, high, -SMOOTH),
        (high, low, -SMOOTH),
    ):
        # A weight has several neighbours: `penalty[rows, columns] +=` would add one.
        np.add.at(penalty, (rows, columns), pull)
    return penalty


@dataclass(frozen=True)
class PenalisedLoss:
    """What a fit makes small, in nats, and its derivatives."""

    design: Design
    cells: Cells
    labels: Floats
    importance: Floats
    penalty: Floats
    known: Floats
    """Log odds of each example that the weights are added to."""

    def odds(self, weights: Floats) -> Floats:
        """Log odds of each example."""
        return self.known + log_odds(weights, self.cells)

    def value(self, weights: Floats) -> float:
        """The loss."""
        odds = self.odds(weights)
        losses = (np.logaddexp(0.0, odds) - self.labels * odds) * self.importance
        return float(losses.sum() + 0.5 * weights @ self.penalty @ weights)

    def gradient(self, weights: Floats) -> Floats:
        """Its slope along each weight."""
        chance = _chances(self.odds(weights))
        residual = (chance - self.labels) * self.importance
        slope = np.bincount(
            np.ravel(self.cells),
            np.repeat(residual, self.cells.shape[1]),
            minlength=self.design.width,
        ).astype(np.float64)
        slope[0] = residual.sum()
        total: Floats = slope + self.penalty @ weights
        return total

    def curvature(self, weights: Floats) -> Floats:
        """Its second derivatives, shape (weights, weights), positive definite."""
        chance = _chances(self.odds(weights))
        share = chance * (1.0 - chance) * self.importance
        curved = self.penalty.copy()
        curved[0, 0] += share.sum()
        offsets = self.design.offsets()
        sizes = [table.size for table in self.design.tables]
        # One column after the other, in the type that is counted: half the time.
        columns = [
            np.ascontiguousarray(self.cells[:, place]).astype(np.intp) - begin
            for place, begin in enumerate(offsets)
        ]
        for place, (begin, size) in enumerate(zip(offsets, sizes, strict=True)):
            own = slice(begin, begin + size)
            sums = np.bincount(columns[place], share, minlength=size)
            curved[own, own] += np.diag(sums)
            curved[0, own] += sums
            curved[own, 0] += sums
            for other in range(place):
                across = slice(offsets[other], offsets[other] + sizes[other])
                both = columns[place] * sizes[other] + columns[other]
                block = np.bincount(both, share, minlength=size * sizes[other])
                block = block.reshape(size, sizes[other])
                curved[own, across] += block
                curved[across, own] += block.T
        return curved


def _chances(odds: Floats) -> Floats:
    # The same as 1 / (1 + exp(-odds)), without its overflow.
    chances: Floats = 0.5 * (1.0 + np.tanh(0.5 * odds))
    return chances


def minimise_loss(loss: PenalisedLoss, start: Floats) -> Floats:
    """Newton's method with backtracking (Boyd and Vandenberghe, algorithm 9.5)."""
    point = start
    for _ in range(ROUNDS):
        slope = loss.gradient(point)
        downhill = np.linalg.solve(loss.curvature(point), -slope)
        step = np.asarray(downhill, dtype=np.float64)
        decrement = -float(slope @ step)
        if not np.isfinite(decrement):
            raise ArithmeticError("the examples hold what is no number")
        if decrement < SETTLED:
            nearest: Floats = point + step
            return nearest
        point = _walk_down(loss, point, step, decrement)
    raise ArithmeticError(f"the fit has not settled in {ROUNDS} steps")


def _walk_down(
    loss: PenalisedLoss, point: Floats, step: Floats, decrement: float
) -> Floats:
    """As much of a step as leads down."""
    value, length = loss.value(point), 1.0
    while length > SHORTEST:
        ahead: Floats = point + length * step
        if loss.value(ahead) <= value - 0.1 * length * decrement:
            return ahead
        length /= 2.0
    raise ArithmeticError("no step leads down, though the loss is convex")
