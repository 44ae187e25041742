"""Learning a space in which a message lies near the interests of whom it concerns, and
farther from everybody else's: gradient descent on one matrix. numpy only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.likeness.encoder import Matrix, as_matrix
from app.likeness.subjects import EXAMPLES, KINDRED, ORDINARY, OWN, SHARPNESS, WORDS

Places = NDArray[np.intp]

SLOPE = 14.0
"""Nats for one unit of likeness."""
RATE = 2e-4
"""How far an entry moves in a step, at most about."""
LEVEL_RATE = 0.02
"""By how much of its rise `Metric.nobody` moves in a step."""
LEVEL = 0.08
"""Where it starts: about where it ends."""
PULL = 1e-3
"""Of the square of what the matrix differs by from the one it started as: few casts
cannot tell 512 x 512 numbers."""
MEAN_DECAY, SQUARE_DECAY, TINY = 0.9, 0.999, 1e-8
"""Of Adam (Kingma and Ba, 2015), as its authors chose them."""


@dataclass(frozen=True)
class Bot:
    """Whose subject it may be. Places count the ordinary lines first, and then the
    anchors of its lesson."""

    examples: Places
    words: Places
    kindred: Places
    """Ordinary lines about its interests."""
    against: Places
    """Ordinary lines that speak against it."""


@dataclass(frozen=True)
class Lesson:
    """Some bots and n lines that are said to them; vectors are the encoder's, less the
    centre of the space."""

    bots: Sequence[Bot]
    anchors: Matrix
    """A row for each sentence and word of the bots' interests."""
    lines: Matrix
    """n x 512."""
    known: Matrix
    """n x bots: what their words add to a likeness."""
    open: NDArray[np.bool_]
    """n x bots: whether a line tells anything about a bot. Where somebody else's line
    may be its subject too, it does not."""
    answers: NDArray[np.intp]
    """n: the place of the bot whose line it is; `len(bots)`: nobody's."""
    weights: Matrix
    """n: how much each counts."""


@dataclass(slots=True)
class Metric:
    """What is learned: `matrix`, 512 x 512, by which a row is multiplied, and `nobody`,
    the likeness from which a line is more likely a bot's than nobody's."""

    matrix: Matrix
    nobody: float = LEVEL


class Learner:
    """Adam, one lesson a step."""

    def __init__(self, start: Matrix, ordinary: Matrix) -> None:
        """`ordinary`: the vectors of the ordinary lines, less the centre."""
        self.metric = Metric(start.copy())
        self._start = start
        self._ordinary = ordinary
        self._mean = _Average(start, MEAN_DECAY)
        self._square = _Average(start, SQUARE_DECAY)
        self._steps = 0

    def step(self, lesson: Lesson) -> float:
        """Learn from a lesson. The loss before it, in nats a line."""
        loss, slope, rise = gradient(self.metric, lesson, self._ordinary)
        apart = self.metric.matrix - self._start
        self._move(slope + 2 * PULL * apart)
        self.metric.nobody -= LEVEL_RATE * rise
        return loss

    def _move(self, slope: Matrix) -> None:
        self._steps += 1
        self._mean.add(slope, self._steps)
        self._square.add(slope**2, self._steps)
        length = np.sqrt(self._square.value) + TINY
        step = RATE * self._mean.value / length
        self.metric.matrix -= as_matrix(step)


class _Average:
    """What was last added counts most."""

    def __init__(self, like: Matrix, decay: float) -> None:
        self._decay = decay
        self._held = np.zeros_like(like)
        self.value = self._held

    def add(self, one: Matrix, steps: int) -> None:
        """`steps`: how many were added, this one too."""
        self._held *= self._decay
        self._held += (1 - self._decay) * one
        # It began at zero, and is too small by so much.
        missing = self._decay**steps
        self.value = self._held / (1 - missing)


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows in the space: of length one, and how long they were before."""

    given: Matrix
    units: Matrix
    lengths: Matrix

    @classmethod
    def of(cls, given: Matrix, matrix: Matrix) -> _Rows:
        found = given @ matrix
        lengths = np.linalg.norm(found, axis=1, keepdims=True)
        lengths = np.maximum(lengths, TINY)
        return cls(given, found / lengths, lengths)

    def rise(self, by_unit: Matrix) -> Matrix:
        """How a loss rises with the matrix, where it is known how it does with the
        units."""
        along = (by_unit * self.units).sum(axis=1, keepdims=True)
        across = by_unit - along * self.units
        return as_matrix(self.given.T @ (across / self.lengths))


class _Reading:
    """A lesson as a metric sees it."""

    def __init__(self, metric: Metric, lesson: Lesson, ordinary: Matrix) -> None:
        given = np.concatenate([ordinary, lesson.anchors])
        self.anchors = _Rows.of(given, metric.matrix)
        self.lines = _Rows.of(lesson.lines, metric.matrix)
        self.cosines = self.lines.units @ self.anchors.units.T
        self.levels = [_Levels(bot, self.cosines) for bot in lesson.bots]
        near = [one.likeness for one in self.levels]
        self.likeness = as_matrix(np.stack(near, axis=1) + lesson.known)

    def rise(self, by_likeness: Matrix) -> Matrix:
        """How a loss rises with the matrix."""
        by_cosine = np.zeros_like(self.cosines)
        for place, one in enumerate(self.levels):
            one.spread(by_likeness[:, place], by_cosine)
        by_line = by_cosine @ self.anchors.units
        by_anchor = by_cosine.T @ self.lines.units
        return self.lines.rise(by_line) + self.anchors.rise(by_anchor)


def gradient(
    metric: Metric, lesson: Lesson, ordinary: Matrix
) -> tuple[float, Matrix, float]:
    """The mean loss of a lesson's lines, and how it rises with the matrix and with what
    nobody's lines need."""
    found = _Reading(metric, lesson, ordinary)
    loss, rise = _loss(found.likeness, metric.nobody, lesson)
    by_level = float(rise[:, -1].sum())
    return loss, found.rise(rise), by_level


def likeness_of(metric: Metric, lesson: Lesson, ordinary: Matrix) -> Matrix:
    """Of each line to each bot: n x bots."""
    return _Reading(metric, lesson, ordinary).likeness


class _Levels:
    """How near a bot's nearest anchors are to each line, as `app.likeness.subjects`
    tells it, and by which of them."""

    def __init__(self, bot: Bot, cosines: Matrix) -> None:
        self.likeness = np.zeros(len(cosines), dtype=np.float32)
        self._parts: list[tuple[Places, Matrix]] = []
        self._add(EXAMPLES, cosines, bot.examples)
        self._add(KINDRED, cosines, bot.kindred)
        self._add(WORDS, cosines, bot.words)
        self._add(-1.0, cosines, bot.against, ORDINARY)

    def _add(
        self, share: float, cosines: Matrix, places: Places, most: int = OWN
    ) -> None:
        """Of each line a soft maximum over its nearest, at `most` so many."""
        count = min(most, len(places))
        own = cosines[:, places]
        ranked = np.argpartition(-own, count - 1, axis=1)
        nearest = ranked[:, :count]
        greatest = np.take_along_axis(own, nearest, axis=1)
        weights = np.exp(SHARPNESS * greatest)
        level = np.log(weights.mean(axis=1)) / SHARPNESS
        self.likeness += share * level
        total = weights.sum(axis=1, keepdims=True)
        parts = share * weights / total
        self._parts.append((places[nearest], parts))

    def spread(self, rise: Matrix, by_cosine: Matrix) -> None:
        """Adds to `by_cosine` what a rise of the likeness of each line does."""
        each = rise[:, np.newaxis]
        rows = np.arange(len(each))[:, np.newaxis]
        for places, parts in self._parts:
            by_cosine[rows, places] += each * parts


def _loss(likeness: Matrix, nobody: float, lesson: Lesson) -> tuple[float, Matrix]:
    """The cross entropy of who answers, nobody being one of them, and how it rises with
    each likeness: n x (bots + 1)."""
    rows = np.arange(len(likeness))
    # A bot of which a line tells nothing is as if it were not there.
    present = np.where(lesson.open, likeness, -np.inf)
    silent = np.full((len(likeness), 1), nobody)
    nats = SLOPE * np.concatenate([present, silent], axis=1)
    greatest = nats.max(axis=1, keepdims=True)
    odds = np.exp(nats - greatest)
    total = odds.sum(axis=1, keepdims=True)
    chances = odds / total
    right = chances[rows, lesson.answers]
    surprise = -np.log(np.maximum(right, TINY))
    weights = lesson.weights / lesson.weights.sum()
    loss = float(weights @ surprise)
    chances[rows, lesson.answers] -= 1
    by_nat = weights[:, np.newaxis] * chances
    return loss, as_matrix(SLOPE * by_nat)
