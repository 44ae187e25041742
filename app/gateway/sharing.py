"""One copy of a message for all bots of a process: which of them share it, whose own
copies have come since, and how far their cursors may move."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

CURSOR_PAUSE = 2.0
"""Seconds that moves of cursors are gathered: one write for all that was said in a
channel meanwhile. A cursor that lags costs a reading of what is known, and the gateway
looks for what it missed only where a cursor is five seconds behind (ADR 16); one that
leads would cost a message."""


@dataclass(slots=True)
class Sharing:
    """The bots that are admitted for a message by the first copy of it."""

    bots: frozenset[str]
    arrived: set[str] = field(default_factory=set)
    """Those whose own copy has come."""
    admitted: bool = False


Moves = Mapping[tuple[str, str], str]
"""The newest message by bot and channel."""


class CursorMoves:
    """Cursors that are to move, written together."""

    def __init__(self, write: Callable[[Moves], object]) -> None:
        self._write = write
        self._moves: dict[tuple[str, str], str] = {}
        self._timer: asyncio.TimerHandle | None = None

    def note(self, bot: str, channel: str, message: str) -> None:
        """A bot has read up to this message."""
        if int(message) > int(self._moves.get((bot, channel), "0")):
            self._moves[bot, channel] = message
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(CURSOR_PAUSE, self.flush)

    def flush(self) -> None:
        """Write now what was noted."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._moves:
            moves, self._moves = self._moves, {}
            self._write(moves)
