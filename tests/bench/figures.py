"""Figures of a benchmark: rounds of ours and of what it is compared with, and their
spread. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

UNSTEADY = 1.5
"""A floor whose upper quartile is so many times its lower one says that something else
moved the figures."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some rounds between its quartiles."""

    low: float
    median: float
    high: float

    @property
    def unsteady(self) -> bool:
        """Whether the rounds differ too much to be told apart from their like."""
        return self.high > UNSTEADY * self.low


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison. `ours[n]` and `base[n]` were measured right after each other, in
    the n-th round; without a base the figure stands for itself.

    `goal` is the most that the ratio may be; without a base, the most that ours may be.
    `least` turns it around: the ratio may not be below the goal.
    """

    section: str
    name: str
    unit: str
    ours: tuple[float, ...]
    base: tuple[float, ...] = ()
    base_name: str = ""
    goal: float | None = None
    least: bool = False
    note: str = ""

    @property
    def ratios(self) -> list[float]:
        """Ours over the base, round by round; rounds without both are left out."""
        return [
            one / other
            for one, other in zip(self.ours, self.base, strict=False)
            if other > 0
        ]

    @property
    def judged(self) -> float | None:
        """What the goal speaks of: the median ratio, or ours; None: nothing was
        measured."""
        values = self.ratios if self.base_name else self.ours
        return statistics.median(values) if values else None

    @property
    def kept(self) -> bool | None:
        """Whether the goal is reached; None where there is none, or no figure."""
        value = self.judged
        if value is None or self.goal is None:
            return None
        return value >= self.goal if self.least else value <= self.goal


@dataclass(frozen=True, slots=True)
class Curve:
    """Medians over some sizes, for a plot: `points` are (size, spread)."""

    plot: str
    name: str
    points: tuple[tuple[float, Spread], ...]


@dataclass(slots=True)
class Results:
    """Everything that a run found out."""

    full: bool
    machine: dict[str, Any] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    """Parts that were not, or not yet, measured."""
    costs: dict[str, float] = field(default_factory=dict)
    before: dict[str, Any] | None = None
    """A run beside an older commit: `changes.Changes` as plain data."""

    def json(self) -> dict[str, Any]:
        """As plain data, with the spreads and ratios that the page shows."""
        data = asdict(self)
        for plain, row in zip(data["rows"], self.rows, strict=True):
            plain["ratios"], plain["kept"] = row.ratios, row.kept
        return data


def read_results(data: dict[str, Any]) -> Results:
    """The run that `Results.json` wrote."""
    rows = [_read_row(row) for row in data["rows"]]
    curves = [
        Curve(
            one["plot"],
            one["name"],
            tuple((size, Spread(**spread)) for size, spread in one["points"]),
        )
        for one in data["curves"]
    ]
    return Results(**{**data, "rows": rows, "curves": curves})


def _read_row(data: dict[str, Any]) -> Row:
    known = {name: data[name] for name in Row.__dataclass_fields__}
    known |= {name: tuple(data[name]) for name in ("ours", "base")}
    return Row(**known)


def spread_of(values: Sequence[float]) -> Spread:
    """The median and quartiles of at least one value."""
    if len(values) == 1:
        return Spread(values[0], values[0], values[0])
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(low, middle, high)


def nearest_rank(values: Sequence[float], share: float) -> float:
    """The percentile that is one of the values; infinity of none, as nothing came."""
    ordered = sorted(values)
    if not ordered:
        return math.inf
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
