"""Trust as a table: slow to earn, slow to fade."""

from __future__ import annotations

import pytest

from app.rules.trust import (
    DAILY,
    DAY_MS,
    GRACE_DAYS,
    LEVELS,
    MOST,
    level,
    remaining_points,
)


@pytest.mark.parametrize(
    ("points", "idle_days", "expected"),
    [
        (0, 0, 0),  # a stranger
        (4, 0, 0),  # one short talk
        (5, 0, 1),  # a day's worth
        (19, 0, 1),
        (20, 0, 2),
        (50, 0, 3),
        (99, 0, 3),
        (100, 0, 4),  # a trusted author: twenty days of talk at the least
        (200, 0, 5),
        (10_000, 0, 5),  # there is no more than that
        (100, 14, 4),  # a holiday costs nothing
        (100, 15, 3),  # then a point a day
        (200, 114, 4),
        (200, 115, 3),
        (300, 400, 0),  # long gone is a stranger again
        (5, -3, 1),  # a clock that went back takes nothing
    ],
)
def test_levels(points: int, idle_days: int, expected: int) -> None:
    """The level that so many points are worth after so many days without a word."""
    assert level(points, idle_days * DAY_MS) == expected


def test_trust_is_slow() -> None:
    """Nobody becomes trusted (level 4) within two weeks, and whoever has it keeps it
    over two weeks of silence."""
    assert level(14 * DAILY) < 4
    assert level(LEVELS[3], GRACE_DAYS * DAY_MS) == 4
    assert remaining_points(MOST, 365 * DAY_MS) == 0
