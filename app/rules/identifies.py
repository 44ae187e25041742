"""How often a bot may begin a session. Discord resets the token of a bot that begins a
thousand within a day."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

DAY = 86_400.0
RECENT = 7_200.0
"""Seconds within which sessions count towards the pause: a storm lasts for hours, and
what is older is forgiven."""
FREE = 4
"""Recent sessions after which the pause begins to double."""
LONGEST = 360
"""The longest pause, as a multiple of the first: half an hour for Discord's five
seconds."""
SHARE = 0.8
"""Stop when the day's count would exceed this share of what remains: at four ninths of
what remained at first."""


class Allowance(NamedTuple):
    """What the operator and Discord allow. Seconds; `remaining` and `resets_in` are
    None when Discord did not say."""

    per_day: int
    first_pause: float
    remaining: int | None = None
    resets_in: float | None = None


class Leave(NamedTuple):
    """Whether to identify: after `wait` seconds; not at all today when `spent`, but in
    `again_in` seconds."""

    wait: float = 0.0
    today: int = 0
    spent: bool = False
    again_in: float = 0.0


def leave(
    times: Sequence[float], now: float, allowance: Allowance, chance: float = 0.0
) -> Leave:
    """Judge the next session by the `times` of those before it (Unix seconds, any
    order). `chance` in [0, 1) lengthens a pause by up to a quarter, so that bots that
    fail together do not come back together."""
    day = sorted(time for time in times if time > now - DAY)
    count = len(day)
    # The next one is free when enough of the oldest are a day old.
    if count >= allowance.per_day:
        return Leave(
            today=count, spent=True, again_in=day[count - allowance.per_day] + DAY - now
        )
    remaining = allowance.remaining
    if remaining is not None and count + 1 > SHARE * (remaining - 1):
        # Discord did not say when: a whole day is the safe answer.
        resets_in = DAY if allowance.resets_in is None else allowance.resets_in
        return Leave(today=count, spent=True, again_in=resets_in)
    if not day:
        return Leave()
    recent = sum(time > now - RECENT for time in day)
    gap = pause(recent, allowance.first_pause) * (1 + chance / 4)
    # A clock that was set back must not make the wait longer than the pause.
    return Leave(wait=min(gap, max(0.0, day[-1] + gap - now)), today=count)


def pause(recent: int, first: float) -> float:
    """The least seconds between two sessions after this many recent ones: doubled with
    each above `FREE`."""
    return first * min(LONGEST, 1 << max(0, recent - FREE))
