"""How far the cursors of a process's bots have moved: written behind what waits of the
same channel, and seldom."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial

from app.gateway.event_queue import ALL, Queues, ended
from app.gateway.ports import CursorPorts

CURSOR_PAUSE = 2.0
"""Seconds that moves of cursors are gathered: one write for all that was said in a
channel meanwhile. A cursor that lags costs a reading of what is known, and the gateway
looks for what it missed only where a cursor is five seconds behind (ADR 16); one that
leads would cost a message."""


class CursorMoves:
    """Moves of cursors, and the ends of those whose channels are gone."""

    def __init__(
        self,
        ports: CursorPorts,
        queues: Queues,
        shared: Callable[[str], asyncio.Future[None] | None],
    ) -> None:
        """`shared`: the latest job of a channel that several bots share, if it is not
        done."""
        self._ports = ports
        self._queues = queues
        self._shared = shared
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
            write = partial(self._ports.move_cursors, moves)
            self._queues.put(ALL, write, always=True)

    def move(self, bot: str, channel: str, message: str) -> asyncio.Future[None] | None:
        """Queue a move of one cursor, behind the channel's events before it."""
        write = partial(self._ports.move_cursor, bot, channel, message)
        return self._queues.put(bot, write, channel, always=True)

    def drop(self, bot: str, channels: Iterable[str]) -> None:
        """Queue the end of cursors of channels that are gone, behind all that would
        write them again."""
        for channel in channels:
            end = partial(self._drop, bot, channel)
            self._queues.put(bot, end, channel, always=True)

    async def _drop(self, bot: str, channel: str) -> None:
        await ended(self._shared(channel))
        self._moves.pop((bot, channel), None)
        # Where moves that were flushed already wait, too.
        end = partial(self._ports.drop_cursor, bot, channel)
        self._queues.put(ALL, end, always=True)
