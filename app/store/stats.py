"""Counters of work done, for reports and for the control of cost."""

from __future__ import annotations

from app import keys
from app.store.door import Call, command


def count(what: str, by: int = 1) -> Call[int]:
    """Count cycles, tasks, elections or model_calls."""
    return command("HINCRBY", keys.STATS, what, by, parse=int)


def counts() -> Call[dict[str, int]]:
    """All counters since the database was made."""
    return command("HGETALL", keys.STATS, parse=lambda reply: {name: int(value) for name, value in reply.items()})
