"""Counters of work done, for reports and for the control of cost."""

from __future__ import annotations

from app.store import keys
from app.store.calls import Call, command


def count(what: str, by: int = 1) -> Call[int]:
    """Count cycles, tasks, elections or model_calls."""
    return command("HINCRBY", keys.STATS, what, by, parse=int)


def server_time() -> Call[float]:
    """Redis TIME, in seconds since 1970: the one clock that all processes share."""
    return command("TIME", parse=lambda reply: int(reply[0]) + int(reply[1]) / 1e6)


def counts() -> Call[dict[str, int]]:
    """All counters since the database was made."""
    return command(
        "HGETALL",
        keys.STATS,
        parse=lambda reply: {name: int(value) for name, value in reply.items()},
    )
