"""When each bot began sessions with Discord: counted here, so that no crash or restart
forgets them."""

from __future__ import annotations

from app.store import keys
from app.store.calls import Call, Reply, command
from app.store.keys import Key
from app.store.scripts import script


def _seconds(reply: Reply) -> tuple[float, ...]:
    # Members are `<Unix ms>:<request>`.
    return tuple(int(member.partition(":")[0]) / 1000 for member in reply)


def times(bot: str) -> Call[tuple[float, ...]]:
    """The Unix seconds of the last day's sessions, oldest first."""
    return command("ZRANGE", keys.identifies(bot), 0, -1, parse=_seconds)


@script("identify.note")
def _note(*, identifies: Key, session: str, at_ms: int) -> None: ...


def note(bot: str, request: str, at_ms: int) -> Call[int]:
    """Count one session; the same `request` again changes nothing. Returns how many the
    last day holds."""
    call = _note(
        identifies=keys.identifies(bot), session=f"{at_ms}:{request}", at_ms=at_ms
    )
    return call.parsed(int)
