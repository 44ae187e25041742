"""The date by which budgets and diaries are kept."""

from __future__ import annotations

from datetime import UTC, datetime


def today() -> str:
    """The date in UTC, ISO."""
    return datetime.now(UTC).date().isoformat()
