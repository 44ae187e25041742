"""Discord snowflakes: 42 bits of milliseconds since 2015-01-01, then 22 bits of
sequence."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

DISCORD_EPOCH_MS = 1_420_070_400_000
_SEQUENCE_BITS = 22


def snowflake_time(snowflake: int) -> datetime:
    """The moment (UTC) that a snowflake carries."""
    return datetime.fromtimestamp(
        ((snowflake >> _SEQUENCE_BITS) + DISCORD_EPOCH_MS) / 1000, UTC
    )


def iso_time(snowflake: int) -> str:
    """The moment of a snowflake as Discord writes it in JSON (ISO 8601 with an
    offset)."""
    return snowflake_time(snowflake).isoformat(timespec="milliseconds")


class SnowflakeSource:
    """Strictly increasing snowflakes of the present time.

    `clock` returns seconds since 1970; a test may pass a clock that lies in the past to
    write old history.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._last = 0

    def next(self) -> int:
        """A snowflake greater than every earlier one, also when the clock stands still
        or steps back."""
        fresh = (int(self._clock() * 1000) - DISCORD_EPOCH_MS) << _SEQUENCE_BITS
        self._last = max(fresh, self._last + 1)
        return self._last
