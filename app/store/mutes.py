"""Mute: a human's word, above every model. Checked at admission, at the floor, at commit and before each POST."""

from __future__ import annotations

from app import keys
from app.store.door import Call, Reply, command


def _score(reply: Reply) -> str | None:
    flat = [part for item in reply for part in (item if isinstance(item, list | tuple) else (item,))]
    return f"{float(flat[1]):.0f}" if flat else None


def mute(scope: str, who: str, for_ms: int | None = None) -> Call[bool]:
    """Silence a scope: `all`, `guild:<id>`, `channel:<id>` or `bot:<name>`; without `for_ms` until it is unmuted."""
    expiry: tuple[str | int, ...] = () if for_ms is None else ("PX", for_ms)
    return command("SET", keys.mute(scope), who, *expiry, parse=bool)


def unmute(scope: str) -> Call[bool]:
    """End a mute; False: there was none."""
    return command("DEL", keys.mute(scope), parse=bool)


def in_flight(by: str = "+inf") -> Call[int]:
    """POSTs that may still be on their way, only those that time out `by` a time: a mute is acknowledged when those that
    began before it have ended."""
    return Call("in_flight", (keys.DELIVERIES_IN_FLIGHT,), (by,), int)


def last_in_flight() -> Call[str | None]:
    """When the POST that began last times out, for `in_flight`; None: none is on its way."""
    return command("ZRANGE", keys.DELIVERIES_IN_FLIGHT, -1, -1, "WITHSCORES", parse=_score)
