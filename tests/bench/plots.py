"""Plots of curves with their quartiles, as SVG. Both axes are logarithmic: what is
compared lies decades apart. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from tests.bench.figures import Curve

LEFT, TOP, WIDE, HIGH = 70, 20, 480, 260
RIGHT, BELOW = 170, 50
COLOURS = ("#5865f2", "#c0392b", "#2d7d46", "#b8860b", "#8e44ad", "#555555")
STEPS = (1, 2, 5)


def plot(curves: Sequence[Curve], across: str, up: str) -> str:
    """One picture; the axes are called `across` and `up`."""
    sizes = sorted({size for curve in curves for size, _ in curve.points})
    spreads = [spread for curve in curves for _, spread in curve.points]
    low = min(spread.low for spread in spreads) / 1.3
    high = max(spread.high for spread in spreads) * 1.3
    axis = _Axis(sizes[0], sizes[-1]), _Axis(low, high)
    total = f"{LEFT + WIDE + RIGHT} {TOP + HIGH + BELOW}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {total}" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="#fff"/>',
        *_frame(axis, sizes, (across, up)),
    ]
    for place, curve in enumerate(curves):
        parts += _curve(curve, axis, COLOURS[place % len(COLOURS)], place)
    return "\n".join([*parts, "</svg>"]) + "\n"


class _Axis:
    """A logarithmic axis between two values."""

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, max(high, low * 1.01)

    def share(self, value: float) -> float:
        """How far along a value lies: 0 to 1."""
        return math.log(value / self.low) / math.log(self.high / self.low)

    def ticks(self) -> list[float]:
        """Round values on it."""
        powers = range(
            math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        )
        found = [step * 10.0**power for power in powers for step in STEPS]
        return [one for one in found if self.low <= one <= self.high]


def _x(share: float) -> float:
    return LEFT + 20 + (WIDE - 40) * share


def _y(share: float) -> float:
    return TOP + HIGH * (1 - share)


def _frame(
    axis: tuple[_Axis, _Axis], sizes: Sequence[float], names: tuple[str, str]
) -> list[str]:
    across, up = axis
    bottom = TOP + HIGH
    parts = [
        f'<path d="M{LEFT} {TOP}V{bottom}H{LEFT + WIDE}" fill="none" stroke="#888"/>'
    ]
    for value in up.ticks():
        y = _y(up.share(value))
        parts += [
            f'<path d="M{LEFT} {y:.1f}H{LEFT + WIDE}" stroke="#eee"/>',
            f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>',
        ]
    for size in sizes:
        x = _x(across.share(size))
        parts.append(
            f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{size:g}</text>'
        )
    middle = TOP + HIGH / 2
    return [
        *parts,
        f'<text x="{LEFT + WIDE / 2}" y="{bottom + 38}" text-anchor="middle">'
        f"{escape(names[0])}</text>",
        f'<text x="16" y="{middle}" text-anchor="middle" '
        f'transform="rotate(-90 16 {middle})">{escape(names[1])}</text>',
    ]


def _curve(
    curve: Curve, axis: tuple[_Axis, _Axis], colour: str, place: int
) -> list[str]:
    across, up = axis
    points = [
        (_x(across.share(size)), _y(up.share(spread.median)))
        for size, spread in curve.points
    ]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    bars = [
        f'<path d="M{x:.1f} {_y(up.share(spread.low)):.1f}'
        f'V{_y(up.share(spread.high)):.1f}" stroke="{colour}"/>'
        for (x, _), (_, spread) in zip(points, curve.points, strict=True)
    ]
    y = TOP + 14 + 18 * place
    return [
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>',
        *bars,
        *(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>'
            for x, y in points
        ),
        f'<text x="{LEFT + WIDE + 12}" y="{y}" fill="{colour}">'
        f"{escape(curve.name)}</text>",
    ]
