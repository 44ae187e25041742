"""Trust: how well a bot knows a person, 0 to 5. Slow to earn, slow to fade."""

from __future__ import annotations

from bisect import bisect_right

DAY_MS = 86_400_000

ANSWERED = 1
"""Points for a message that the bot answered."""
REACTED = 1
"""Points for a reaction to something the bot said."""
DAILY = 5
"""Most points that one person earns with one bot in a day: nobody talks their way up in
an evening."""
GRACE_DAYS = 14
"""Days of absence that cost nothing; each further day costs a point."""
LEVELS = (5, 20, 50, 100, 200)
"""Points from which levels 1 to 5 hold: at the earliest after 1, 4, 10, 20 and 40
days."""
MOST = 300
"""More is not counted, so that a long absence shows in the end."""


def remaining_points(points: int, idle_ms: int) -> int:
    """What points are worth after `idle_ms` without any new one. `trust.add` counts
    the same."""
    return max(0, points - max(0, idle_ms // DAY_MS - GRACE_DAYS))


def level(points: int, idle_ms: int = 0) -> int:
    """The level, 0 to 5."""
    return bisect_right(LEVELS, remaining_points(points, idle_ms))
