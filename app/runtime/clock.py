"""Today, as budgets and diaries are kept by it."""

from __future__ import annotations

import time
from datetime import UTC, datetime

DAY_S = 24 * 60 * 60


def today() -> str:
    """The date in UTC, ISO."""
    return datetime.now(UTC).date().isoformat()


def epoch_day(at: float | None = None) -> int:
    """The day in UTC as its number since 1970; `at`: Unix seconds, now by default."""
    return int((time.time() if at is None else at) // DAY_S)
