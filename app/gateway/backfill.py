"""What the gateway missed: read back after a start, after a lost session and at regular
looks, through the same intake and in order."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import aiohttp
import discord
import structlog

from app.domain.errors import StoreUnavailable
from app.domain.model import snowflake_ms
from app.domain.settings import Settings
from app.gateway.client import StreamClient
from app.gateway.hearing import Clock
from app.gateway.intake import Intake
from app.gateway.ports import CursorPorts
from app.gateway.presence import Readable, may_read, readable
from app.gateway.translate import event_of
from app.runtime.backoff import Backoff, error_places

log = structlog.get_logger(__name__)

AT_ONCE = 4
"""Channels of one bot that are read at the same time."""
DIRECT_CHANNELS = 100
"""Direct message channels that are read: those with the newest messages."""
DIRECT_LOOKED_AT = 10
"""Of them those that a look reads: no list tells of their newest messages, so each
costs a request."""
IN_FLIGHT = 5.0
"""Seconds for which a message's event may still be on its way."""

_GONE = frozenset({10003, 10004})
"""Discord's codes for a channel or server that is gone."""
_NO_ACCESS = 50001
_CLOSED = _GONE | {_NO_ACCESS, 50013}
"""Those for a channel that is gone or closed to the bot. A proxy's page of the same
status has none."""
_PASSING = (discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError)
"""Whatever Discord says but that the channel is gone or closed: five rate limits in a
row are an HTTPException, and so is a token that is being rotated. One channel's error
would end the reading of all, and what was missed would be lost."""


class CursorGate:
    """Which channels' cursors live events may move: those without a gap before the live
    events."""

    def __init__(self) -> None:
        self._live = False
        self._all = False
        self._open: set[str] = set()
        self._losses: dict[str, int] = {}
        self._passed: dict[str, str] = {}
        """The latest message of each channel that was admitted while nobody knew whether
        the session goes on."""

    def passes(self, channel_id: str, message_id: str) -> bool:
        """Whether the cursor may pass this live event, once it is admitted. If not for
        the connection alone, it does when the session went on."""
        latest = self._passed.get(channel_id, "0")
        if not self._live and int(message_id) > int(latest):
            self._passed[channel_id] = message_id
        return self.moves(channel_id)

    def moves(self, channel_id: str) -> bool:
        """Whether a live event of this channel may move its cursor."""
        return (
            self._live
            and (self._all or channel_id in self._open)
            and channel_id not in self._losses
        )

    def disconnect(self) -> None:
        """What comes next may have a gap before it, until it is known that the session
        went on."""
        self._live = False

    def resume(self) -> Mapping[str, str]:
        """The session went on without a gap. Returns by channel which message the cursor
        may pass now: in a quiet channel nothing else would move it for long."""
        self._live = True
        passed, self._passed = self._passed, {}
        return {one: message for one, message in passed.items() if self.moves(one)}

    def open_session(self) -> None:
        """A new session: every channel may have a gap, also if the connection is lost
        and resumed before it is ready."""
        self._live = self._all = False
        self._open.clear()
        self._passed.clear()

    def begin(self) -> None:
        """The session is ready to be read back."""
        self.open_session()
        self._live = True

    def release(self, channel_id: str, losses: int) -> None:
        """This channel was read up to its live events, when so many losses of it were
        known."""
        self._open.add(channel_id)
        # An event that was lost during the reading may lie behind what was read.
        if self._losses.get(channel_id, 0) == losses:
            self._losses.pop(channel_id, None)

    def release_all(self) -> None:
        """All channels were read. Those with losses of their own stay on the list."""
        self._all = True

    def lose(self, channel_id: str) -> None:
        """A live event of this channel found no room in the queue."""
        self._losses[channel_id] = self._losses.get(channel_id, 0) + 1

    def losses(self, channel_id: str) -> int:
        """How many live events of this channel were lost since it was read."""
        return self._losses.get(channel_id, 0)

    @property
    def lossy(self) -> frozenset[str]:
        """Channels that lost live events."""
        return frozenset(self._losses)


class Backfill:
    """Reads back for one client. `clock`: seconds since 1970 by Discord's clock."""

    def __init__(
        self,
        client: StreamClient,
        gate: CursorGate,
        intake: Intake,
        ports: CursorPorts,
        settings: Settings,
        clock: Clock,
    ) -> None:
        self._client = client
        self._gate = gate
        self._intake = intake
        self._ports = ports
        self._age = settings.backfill_age
        self._clock = clock
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._was_here = False
        # Where a channel is read from, for which no cursor was ever written: all that
        # the age allows.
        self._unwritten = "0"

    async def run(self) -> None:
        """Read every channel that has news, then let live events move all cursors."""
        cursors = await self._cursors()
        # A client that was here stays so, though Redis holds no cursor: it may have
        # refused them all, or lost them.
        self._was_here = self._was_here or bool(cursors)
        if not self._was_here:
            # Its servers may be in an outage: what was said there before is not for it.
            self._unwritten = str(_snowflake_at(self._clock()))
        # What is new when the reading begins; live events reach the intake by
        # themselves.
        newest = {
            str(channel.id): channel.last_message_id
            for channel in readable(self._client)
        }
        direct = await self._direct(cursors, DIRECT_CHANNELS)
        jobs = [
            self._channel(channel, cursors.get(channel), last)
            for channel, last in newest.items()
        ]
        jobs += [
            self._channel(channel, cursor, None) for channel, cursor in direct.items()
        ]
        await asyncio.gather(*jobs)
        # From here on a channel without a cursor is one that was made and never told
        # of.
        self._was_here = True
        self._gate.release_all()
        log.info(
            "caught up", bot=self._client.bot, channels=len(newest), direct=len(direct)
        )

    async def mend(self) -> None:
        """Read the channels that lost live events."""
        cursors = await self._cursors()
        await asyncio.gather(
            *(
                self._channel(channel, cursors.get(channel, self._unwritten), None)
                for channel in self._gate.lossy
            )
        )

    async def look(self) -> None:
        """Read the channels that are behind what Discord's REST says: an event was
        never delivered on a connection that seemed well. What fails is left to the next
        look."""
        newest = await self._listed()
        cursors = await self._cursors()
        settled = discord.utils.time_snowflake(
            datetime.fromtimestamp(self._clock() - IN_FLIGHT, UTC)
        )
        behind = {
            channel: last
            for channel, last in newest.items()
            if channel not in cursors or int(cursors[channel]) < (last or 0) < settled
        }
        jobs = [
            self._channel(channel, cursors.get(channel), last, patient=False)
            for channel, last in behind.items()
        ]
        direct = await self._direct(cursors, DIRECT_LOOKED_AT)
        jobs += [
            self._channel(channel, cursor, None, patient=False)
            for channel, cursor in direct.items()
        ]
        await asyncio.gather(*jobs)

    async def _listed(self) -> dict[str, int | None]:
        """The newest message of each readable channel and active thread. Not the cached
        ones: they come from the very events that may be missing."""
        found: dict[str, int | None] = {}
        for guild in self._client.guilds:
            try:
                places = [*await guild.fetch_channels(), *await guild.active_threads()]
            except _PASSING as error:
                log.warning(
                    "a server's channels cannot be listed, tried again at the next look",
                    bot=self._client.bot,
                    guild=str(guild.id),
                    error=type(error).__name__,
                    where=error_places(error),
                )
                continue
            found |= {
                str(place.id): place.last_message_id
                for place in places
                if isinstance(place, Readable) and may_read(place, guild.me)
            }
        return found

    async def _direct(self, cursors: Mapping[str, str], most: int) -> dict[str, str]:
        """Cursors of what is in no server's list, as far as is known: direct messages,
        and threads that are archived. The newest, and direct messages first: a busy
        server archives a hundred threads before a person writes again."""
        listed = discord.abc.GuildChannel, discord.Thread
        direct = {
            channel: cursor
            for channel, cursor in cursors.items()
            if not isinstance(self._client.get_channel(int(channel)), listed)
        }
        guilds = [str(guild.id) for guild in self._client.guilds]
        threads: frozenset[str] = frozenset()
        if guilds and len(direct) > most:
            threads = await self._ports.named(guilds, list(direct))
        order = sorted(direct, key=lambda one: (one in threads, -int(direct[one])))
        return {channel: direct[channel] for channel in order[:most]}

    async def _cursors(self) -> Mapping[str, str]:
        backoff = Backoff()
        while True:
            try:
                return await self._ports.cursors(self._client.bot)
            except StoreUnavailable:
                await backoff.pause()

    async def _channel(
        self,
        channel_id: str,
        cursor: str | None,
        last: int | None,
        patient: bool = True,
    ) -> None:
        """Read one channel after its cursor. `last`: its newest message, None when that
        is not known. `patient`: until it could be read."""
        # Counted before the reading, which need not see what is lost while it runs.
        losses = self._gate.losses(channel_id)
        if cursor is None and self._made_meanwhile(channel_id):
            cursor = str(
                int(channel_id) - 1
            )  # the first message of a forum's post has its thread's id
        if cursor is None:
            # First seen: the bot starts from now. "0" marks an empty channel, so that
            # its first message is not missed.
            await self._move(channel_id, str(last or 0))
        elif last is None or last > int(cursor):
            async with self._at_once:
                # The gate stays as it was; the next look tries again.
                if not await self._read(channel_id, int(cursor), patient):
                    return
        self._gate.release(channel_id, losses)

    def _made_meanwhile(self, channel_id: str) -> bool:
        """Whether a channel without a cursor was made while this bot, which was here
        before, was away."""
        return (
            self._was_here
            and self._clock() - snowflake_ms(channel_id) / 1000 < self._age
        )

    async def _read(self, channel_id: str, cursor: int, patient: bool) -> bool:
        backoff = Backoff(0.5, 60.0)
        while True:
            try:
                # A second try reads the same messages again: admission knows those it
                # took.
                cursor = await self._read_after(channel_id, cursor)
                return True
            except _PASSING as error:
                # Nothing can be read there: waiting would hold all cursors of the bot
                # back.
                code = getattr(error, "code", 0)
                if code in _CLOSED:
                    if self._is_gone(channel_id, code):
                        self._intake.cursors.drop(self._client.bot, [channel_id])
                    return True
                again = "soon" if patient else "at the next look"
                log.warning(
                    f"reading back failed, tried again {again}",
                    bot=self._client.bot,
                    channel=channel_id,
                    error=type(error).__name__,
                    where=error_places(error),
                )
                if not patient:
                    return False
                await backoff.pause()

    def _is_gone(self, channel_id: str, code: int) -> bool:
        """Whether a closed channel is one that the bot will not see again: it was
        deleted, or is in none of the bot's servers. One of them that has no access
        for the bot may be opened again."""
        if any(guild.unavailable for guild in self._client.guilds):
            return False  # its channels are not known, and may look as if deleted
        unlisted = self._client.get_channel(int(channel_id)) is None
        return code in _GONE or (code == _NO_ACCESS and unlisted)

    async def _read_after(self, channel_id: str, cursor: int) -> int:
        channel = self._client.get_channel(
            int(channel_id)
        ) or await self._client.fetch_channel(int(channel_id))
        if not isinstance(channel, discord.abc.Messageable):
            return cursor
        # What is older than twice the age could be admitted a second time: the dedupe
        # has forgotten it.
        oldest = _snowflake_at(self._clock() - 2 * self._age)
        after = discord.Object(max(cursor, oldest))
        before: asyncio.Future[None] | None = None
        async for message in channel.history(
            after=after, oldest_first=True, limit=None
        ):
            # Heard before the one before it is admitted: that one waits for the rest of
            # its thought.
            taken = self._take(message)
            # One at a time: no cursor may pass a message that is not admitted yet.
            await _settled((before,))
            before, cursor = taken, message.id
        await _settled((before,))
        if cursor > 0:
            # Webhooks' and the bot's own messages are no events, yet are read.
            await self._move(channel_id, str(cursor))
        return cursor

    def _take(self, message: discord.Message) -> asyncio.Future[None] | None:
        """Hear a message. Done when it is admitted; None: it needs no admission."""
        event = event_of(
            message, self._intake.hearing.ours, self._intake.proxies.applications
        )
        if event is None:
            return None
        if str(message.author.id) == self._client.user_id:
            self._intake.overhear(event)
            return None
        late = self._clock() - event.created_ms / 1000 > self._age
        return self._intake.offer(self._client.bot, event, late=late, history=True)

    async def _move(self, channel_id: str, message_id: str) -> None:
        moved = self._intake.cursors.move(self._client.bot, channel_id, message_id)
        await _settled((moved,))


def _snowflake_at(seconds: float) -> int:
    """The least id of that time."""
    return discord.utils.time_snowflake(datetime.fromtimestamp(seconds, UTC))


async def _settled(jobs: Iterable[asyncio.Future[None] | None]) -> None:
    for job in jobs:
        if job is not None:
            await job
