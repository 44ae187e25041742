"""The page and the plot of flat cost: what one message costs with few bots and with
many."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.e2e.race import Result

DOCS = Path(__file__).parents[2] / "docs"
INTRODUCTION = """<!-- Made by `make prove` (tests/e2e/test_race.py). Do not edit. -->
# Flat cost

Promise 4: work per message does not grow with the number of bots beyond one inbox append for each. Bots that always want to
answer, cooldown and quiet time 0, unaddressed messages in 20 channels, three gateway processes and four workers on two cores
(fewer messages a second where the machine demands it). Every message was answered exactly once.

![Cycles, model calls and Redis commands over the number of bots](img/flat-cost.svg)

| bots | messages a second | messages | cycles per message | model calls per message | tasks per message | Redis commands / message / bot |
|--:|--:|--:|--:|--:|--:|--:|
"""
AFTER = """
Redis commands are counted by the server and include those inside scripts, Celery's own, and the idle rounds of pump and workers.
What a message costs once (election, cycle, commit, delivery) is shared by the bots, so the last column falls towards the cost of
one admission.
"""
LEFT, TOP, WIDE, HIGH = 60, 30, 560, 260


def publish(results: Sequence[tuple[float, Result]]) -> None:
    """Write docs/flat-cost.md and its plot. Each result comes with its rate in messages
    a second."""
    rows = [
        f"| {one.bots} | {rate:g} | {one.messages} | {one.cycles:.3f} | {one.model_calls:.3f} | {one.tasks:.3f} "
        f"| {one.redis_commands_per_message_and_bot:.0f} |"
        for rate, one in results
    ]
    (DOCS / "flat-cost.md").write_text(
        INTRODUCTION + "\n".join(rows) + "\n" + AFTER, encoding="utf-8"
    )
    (DOCS / "img" / "flat-cost.svg").write_text(
        plot([one for _, one in results]), encoding="utf-8"
    )


def plot(results: Sequence[Result]) -> str:
    """An SVG: bots on a logarithmic axis; counts per message on the left, commands on
    the right."""
    most = max(one.redis_commands_per_message_and_bot for one in results) * 1.15
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDE + 70} {TOP + HIGH + 60}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{LEFT + WIDE + 70}" height="{TOP + HIGH + 60}" fill="#fff"/>',
        f'<path d="M{LEFT} {TOP}V{TOP + HIGH}H{LEFT + WIDE}V{TOP}" fill="none" stroke="#888"/>',
    ]
    for value in (0, 0.5, 1, 1.5, 2):
        y = TOP + HIGH * (1 - value / 2)
        parts.append(
            f'<text x="{LEFT - 8}" y="{y + 4:.0f}" text-anchor="end">{value:g}</text>'
        )
        parts.append(
            f'<text x="{LEFT + WIDE + 8}" y="{y + 4:.0f}">{value / 2 * most:.0f}</text>'
        )
        parts.append(f'<path d="M{LEFT} {y:.0f}H{LEFT + WIDE}" stroke="#eee"/>')
    for one in results:
        parts.append(
            f'<text x="{_x(one.bots):.0f}" y="{TOP + HIGH + 18}" text-anchor="middle">{one.bots}</text>'
        )
    parts += [
        f'<text x="{LEFT + WIDE / 2}" y="{TOP + HIGH + 40}" text-anchor="middle">bots (logarithmic)</text>',
        f'<text x="{LEFT - 40}" y="{TOP - 12}">per message</text>',
        f'<text x="{LEFT + WIDE + 50}" y="{TOP - 12}" text-anchor="end">Redis commands per message and bot</text>',
        *_line(results, lambda one: one.cycles / 2, "#2d7d46", "cycles", 0),
        *_line(results, lambda one: one.model_calls / 2, "#5865f2", "model calls", 1),
        *_line(
            results,
            lambda one: one.redis_commands_per_message_and_bot / most,
            "#c0392b",
            "Redis commands",
            2,
        ),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _x(bots: int) -> float:
    return LEFT + WIDE * (0.05 + 0.9 * math.log(bots / 3) / math.log(100 / 3))


def _line(
    results: Sequence[Result],
    height: Callable[[Result], float],
    colour: str,
    name: str,
    place: int,
) -> list[str]:
    """A curve through the results with a legend; `height` from 0 to 1. Curves that
    coincide are told apart by their dashes."""
    points = [(_x(one.bots), TOP + HIGH * (1 - height(one))) for one in results]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dash = f' stroke-dasharray="{6 * place} 4"' if place else ""
    return [
        f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>',
        *[
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{4 - place}" fill="{colour}"/>'
            for x, y in points
        ],
        f'<text x="{LEFT + 20 + 130 * place}" y="{TOP + HIGH - 12}" fill="{colour}">{name}</text>',
    ]
