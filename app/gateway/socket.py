"""A client whose connection outlives what discord.py cannot parse, and that asks before
it identifies."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import aiohttp
import discord
import structlog
from discord.gateway import DiscordWebSocket, ReconnectWebSocket

from app.content.plain import parse_tolerantly
from app.gateway.identify import SessionStart, session_start
from app.runtime.backoff import error_places

log = structlog.get_logger(__name__)

NO_SESSION = frozenset({"READY", "RESUMED"})
"""Events without which a session cannot begin or go on: one that is unreadable ends the
client."""
CONNECTION_ENDS = (
    ReconnectWebSocket,
    discord.ConnectionClosed,
    aiohttp.ClientError,
    OSError,
)
"""How discord.py says that a connection is over; its own loop takes these."""
MALFORMED = (ValueError, LookupError, TypeError, AttributeError)
"""What reading a frame raises once it is decompressed. Decompressors (zlib or zstd)
have error classes of their own."""
WINDOW = 60.0
"""Seconds over which reconnections are counted."""
FREE = 10
"""Reconnections within the window that do not wait."""
LONGEST = 60.0
MEMORY = 2048.0
"""Seconds for which discord.py's pauses remember a connection that failed."""
MOST_FAILURES = 7
"""Failures within `MEMORY` that end a session. With each discord.py doubles its pause,
which would grow from a minute to seventeen."""


class SessionGivenUp(Exception):
    """Connection after connection brought nothing. discord.py would go on for ever, at
    the address that READY named, though that may be gone and Discord's own is not."""


class Reconnections:
    """How long the next reconnection waits. Resuming is free of charge, but a Discord
    that ends each connection at once would otherwise be called as fast as the network
    allows."""

    def __init__(self) -> None:
        self._times: deque[float] = deque()

    def pause(self, now: float) -> float:
        """Count one at `now` (seconds, any clock); the seconds to wait before it."""
        while self._times and self._times[0] <= now - WINDOW:
            self._times.popleft()
        self._times.append(now)
        excess = len(self._times) - FREE
        return min(LONGEST, float(2 ** min(excess, 10) / 2)) if excess > 0 else 0.0


class Failures:
    """Connections of one client that brought nothing."""

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=MOST_FAILURES)

    def add(self, now: float) -> bool:
        """Count one at `now` (seconds, any clock); whether they are too many."""
        self._times.append(now)
        return len(self._times) == MOST_FAILURES and now - self._times[0] < MEMORY


class SteadyClient(discord.Client):
    """discord.py's client, which skips frames that it cannot parse, and ends with
    SessionGivenUp when it is not connected again.

    discord.py parses in the loop that reads the socket, so an exception there ends the
    client and its session. Each new socket of this client gets a `received_message` of
    its own: set on that one object, nothing global is replaced. discord.py shows a
    socket to its connection state as soon as there is one.
    """

    def __init__(
        self,
        bot: str,
        leave: Callable[[SessionStart | None, bool], Awaitable[None]],
        **options: Any,
    ) -> None:
        """`leave` returns when the client may identify, and raises when it may not. See
        `Identifies.take`."""
        self.bot = bot
        self._leave = leave
        self._socket: DiscordWebSocket | None = None
        self._event = ""
        self._reconnections = Reconnections()
        self._failures = Failures()
        self._answered = False
        """Discord said something of the session on this connection."""
        self._refused = False
        """Discord closed the connection for good."""
        self._listening: set[asyncio.Task[None]] = set()
        super().__init__(**options)
        parsers = self._connection.parsers
        # One part that discord.py cannot parse must not cost the words beside it.
        parsers["MESSAGE_CREATE"] = parse_tolerantly(parsers["MESSAGE_CREATE"])
        self._refer = self._connection._update_references
        self._connection._update_references = self._opened  # type: ignore[assignment]

    def dispatch(self, event: str, /, *args: Any, **kwargs: Any) -> None:
        """As discord.py's, which would fail on an event that comes while the client
        closes."""
        if event == "socket_event_type":
            # discord.py tells the name before it parses: it is known of a frame that
            # fails.
            self._event = str(args[0])
            self._answered = True
        elif not self.is_closed():
            super().dispatch(event, *args, **kwargs)
            if event == "disconnect":
                self._give_up_if_barren()

    def _give_up_if_barren(self) -> None:
        """discord.py lets what is raised here end the client."""
        barren, self._answered = not self._answered, False
        too_many = barren and self._failures.add(time.monotonic())
        # Without a first connection discord.py does not know how to go on.
        if not self._refused and (too_many or self.ws is None):
            raise SessionGivenUp

    @property
    def listening(self) -> bool:
        """Whether a listener of an earlier event has not ended."""
        return bool(self._listening)

    def _schedule_event(
        self,
        coro: Callable[..., Coroutine[Any, Any, Any]],
        event_name: str,
        *args: Any,
        **kwargs: Any,
    ) -> asyncio.Task[None]:
        task: asyncio.Task[None] = super()._schedule_event(
            coro, event_name, *args, **kwargs
        )
        self._listening.add(task)
        task.add_done_callback(self._listening.discard)
        return task

    async def before_identify_hook(
        self, _shard_id: int | None, *, initial: bool = False
    ) -> None:
        """Every IDENTIFY passes here, also those of discord.py's own loop. What is
        raised here ends the client."""
        try:
            await self._leave(await session_start(self), initial)
        except BaseException:
            # discord.py would leave the socket open, and its heartbeat on a thread.
            if self._socket is not None:
                await self._socket.close()
            raise

    def frames_wait(self) -> Awaitable[None] | None:
        """Ends when a frame that was received may be read; None: now. Each copy of each
        message asks."""
        return None

    def _opened(self, socket: DiscordWebSocket) -> None:
        self._socket = socket
        self._steady(socket)
        self._refer(socket)

    def _steady(self, socket: DiscordWebSocket) -> None:
        receive, poll = socket.received_message, socket.poll_event

        async def received_message(frame: Any, /) -> None:
            # A frame that fails before it names its event must not bear the last one's
            # name.
            self._event = ""
            try:
                if (wait := self.frames_wait()) is not None:
                    await wait
                await receive(frame)
                await self._leave_unheard(socket)
            except CONNECTION_ENDS:
                raise
            except Exception as error:
                if self._event in NO_SESSION or socket._keep_alive is None:
                    raise  # without HELLO there is no heartbeat, and so no connection
                self._skipped(error)
                if (
                    isinstance(frame, bytes)
                    and not self._event
                    and not isinstance(error, MALFORMED)
                ):
                    # All frames share one stream of compression: nothing after this one
                    # can be read.
                    await socket.close()
                    raise ReconnectWebSocket(socket.shard_id) from None

        async def poll_event() -> None:
            try:
                await poll()
            except discord.ConnectionClosed:
                self._refused = True
                raise
            except ReconnectWebSocket as end:
                # "Begin a new session" is an answer, too.
                self._answered = self._answered or not end.resume
                # discord.py's own loop connects again at once after this error.
                await asyncio.sleep(self._reconnections.pause(time.monotonic()))
                raise

        socket.received_message, socket.poll_event = received_message, poll_event  # type: ignore[method-assign]

    async def _leave_unheard(self, socket: DiscordWebSocket) -> None:
        """End a connection that brings events though Discord has answered no heartbeat
        for long. discord.py ends only one on which nothing at all comes."""
        alive = socket._keep_alive
        if alive is None:
            return
        longest = alive.heartbeat_timeout + (alive.interval or 0.0)
        if time.perf_counter() - alive._last_ack > longest:
            log.warning("Discord answers no heartbeat, connected again", bot=self.bot)
            await socket.close()
            raise ReconnectWebSocket(socket.shard_id)

    def _skipped(self, error: Exception) -> None:
        # The error's own text quotes the frame.
        log.error(
            "a frame of Discord's was skipped: it cannot be parsed",
            bot=self.bot,
            event_type=self._event or None,
            error=type(error).__name__,
            where=error_places(error),
        )
