"""Reads for an operator who wants to know how a stream is. They change nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from app.store import keys
from app.store.calls import Call, Reply, command


class Due(NamedTuple):
    """A sorted set of what is due when."""

    name: str
    key: str


DUE = (
    Due("lanes", keys.WAKES_DUE),
    Due("elections", keys.ELECTIONS_DUE),
    Due("deliveries", keys.DELIVERIES_DUE),
)


def due_by(key: str, now_ms: float) -> Call[int]:
    """How much of it is due by a time (Unix ms)."""
    return command("ZCOUNT", key, "-inf", f"{now_ms:.0f}", parse=int)


def all_due(key: str) -> Call[int]:
    """How much will be due at any time."""
    return command("ZCOUNT", key, "-inf", "+inf", parse=int)


def oldest_entry(stream: str) -> Call[int | None]:
    """When the first entry of an inbox came (Unix ms); None: it is empty."""

    def parse(reply: Reply) -> int | None:
        return int(str(reply[0][0]).partition("-")[0]) if reply else None

    return command("XRANGE", stream, "-", "+", "COUNT", 1, parse=parse)


def cooldown_left(bot: str) -> Call[int]:
    """Milliseconds until a bot may act unasked; 0: now."""
    return command("PTTL", keys.cooldown(bot), parse=lambda left: max(0, int(left)))


def queue_length(queue: str) -> Call[int]:
    """Tasks that wait in one of Celery's queues. For the broker's database."""
    return command("LLEN", queue, parse=int)


def spent(budget: str) -> Call[Mapping[str, int]]:
    """What the key of a budget says was spent: posts, tokens and micro_usd, what is
    held included. What nobody could have written counts as nothing."""

    def parse(reply: Reply) -> Mapping[str, int]:
        found = {}
        for name in ("posts", "tokens", "micro_usd"):
            text = str(reply.get(name, "0"))
            found[name] = int(text) if text.isascii() and text.isdecimal() else 0
        return found

    return command("HGETALL", budget, parse=parse)
