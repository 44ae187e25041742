"""Cells of the benchmarks' tables. Pure."""

from __future__ import annotations

from tests.bench.figures import Row, spread_of


def cell(values: list[float] | tuple[float, ...], unit: str) -> str:
    """A median with its quartiles."""
    if not values:
        return ""
    spread = spread_of(values)
    middle = f"{figure(spread.median)} {unit}"
    if len(values) == 1:
        return middle
    return f"{middle} ({figure(spread.low)}–{figure(spread.high)})"


def figure(value: float) -> str:
    """Three digits that matter."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def goal_text(row: Row, loaded: bool) -> str:
    """The goal and whether it is reached; a loaded machine judges nothing."""
    if row.goal is None:
        return ""
    goal = f"{'≥' if row.least else '≤'} {row.goal:g}"
    goal += "x" if row.base_name else f" {row.unit}"
    if loaded:
        return f"{goal}: not judged"
    if row.kept is None:
        return f"{goal}: no figure"
    return f"{goal}: {'reached' if row.kept else '**missed**'}"
