"""When each bot began sessions with Discord: counted here, so that no crash or restart
forgets them."""

from __future__ import annotations

from app.domain import terms
from app.store import keys
from app.store.calls import Call, Reply, command


def _seconds(reply: Reply) -> tuple[float, ...]:
    # Members are `<Unix ms>:<request>`.
    return tuple(int(member.partition(":")[0]) / 1000 for member in reply)


def times(bot: str) -> Call[tuple[float, ...]]:
    """The Unix seconds of the last day's sessions, oldest first."""
    return command("ZRANGE", keys.identifies(bot), 0, -1, parse=_seconds)


def note(bot: str, request: str, at_ms: int) -> Call[int]:
    """Count one session; the same `request` again changes nothing. Returns how many the
    last day holds."""
    return Call(
        "identify",
        (keys.identifies(bot),),
        (f"{at_ms}:{request}", at_ms, terms.DAY),
        int,
    )
