"""One client's life: publish, hold the cursors over gaps, read back what was missed,
look for what was never delivered."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import replace

import aiohttp
import structlog

from app.domain.errors import StoreUnavailable
from app.domain.model import Event
from app.domain.settings import Settings
from app.gateway.accounts import Accounts
from app.gateway.backfill import Backfill, CursorGate
from app.gateway.client import StreamClient
from app.gateway.hearing import Clock
from app.gateway.identify import Identifies, SessionStart
from app.gateway.intake import Intake
from app.gateway.interactions import Counter
from app.gateway.ports import GatewayPorts
from app.gateway.presence import presence_of
from app.gateway.reactions import Bursts
from app.runtime.backoff import Backoff, error_places

log = structlog.get_logger(__name__)

SETTLE = 0.25
"""Seconds that changes of channels are gathered before they are published."""


class BotSession:
    """One client from its start to its death."""

    _touched: frozenset[str] = frozenset()
    """Where rights were changed since the last publication."""

    def __init__(
        self,
        bot: str,
        intake: Intake,
        bursts: Bursts,
        ports: GatewayPorts,
        settings: Settings,
        clock: Clock,
        discord_clock: Clock,
        identifies: Identifies,
        accounts: Accounts,
        http_trace: aiohttp.TraceConfig | None = None,
        counter: Counter | None = None,
    ) -> None:
        self._bot = bot
        self._identifies = identifies
        self._accounts = accounts
        self._intake = intake
        self._ports = ports
        self._refresh = settings.vault_refresh
        self._look_every = settings.check_interval
        self._gate = CursorGate()
        self._client = StreamClient(
            bot=bot,
            intake=intake,
            bursts=bursts,
            sessions=self,
            settings=settings,
            http_trace=http_trace,
            counter=counter,
        )
        self._backfill = Backfill(
            client=self._client,
            gate=self._gate,
            intake=intake,
            ports=ports,
            settings=settings,
            clock=discord_clock,
        )
        self._changed = asyncio.Event()
        self._is_ready = False
        self._publishing: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[None] | None = None
        self._looking: asyncio.Task[None] | None = None
        self._clock = clock
        self.connected_since: float | None = None
        """Unix seconds since when it hears Discord; None: it does not."""
        self.lived = False
        """The client became ready."""
        self.on_ready: Callable[[], None] = lambda: None

    async def run(self, token: str) -> None:
        """Connect and serve until the client dies (its error comes out) or the task is
        cancelled."""
        try:
            await self._client.start(token)
        finally:
            self.connected_since = None
            # It hears nothing any more, not even by another bot's copy.
            self._gate.disconnect()
            for task in (self._publishing, self._reading, self._looking):
                if task is not None:
                    task.cancel()
            await self._client.close()

    async def identifying(self, start: SessionStart | None, initial: bool) -> None:
        await self._identifies.take(self._bot, start, initial)

    async def answers_as(self, user_id: str) -> None:
        await self._accounts.take(self._bot, user_id)

    def identified(self, user_id: str) -> None:
        self._intake.host(self._bot, user_id, self)

    def passes(self, channel_id: str, message_id: str) -> bool:
        return self._gate.passes(channel_id, message_id)

    def hears(self, channel_id: str) -> bool:
        return self._gate.moves(channel_id) and self._client.rights(channel_id).may_read

    def barred(self, channel_id: str) -> str:
        return self._client.rights(channel_id).barred

    def may_react(self, channel_id: str) -> bool:
        return self._client.rights(channel_id).may_react

    def acknowledge(self, event: Event, emoji: Sequence[str]) -> None:
        self._client.acknowledge(event, emoji)

    async def settle_commands(self) -> None:
        """See `StreamClient.settle_commands`."""
        await self._client.settle_commands()

    def disconnected(self) -> None:
        self.connected_since = None
        self._gate.disconnect()

    def opened(self) -> None:
        # READY says who the bot is, and may differ from the session before.
        user_id = self._client.user_id
        self._accounts.change(self._bot, user_id)
        self.identified(user_id)
        self._is_ready = False
        self._gate.open_session()

    def resumed(self) -> None:
        self.connected_since = self._clock()
        for channel, message in self._gate.resume().items():
            self._intake.cursors.move(self._bot, channel, message)

    def ready(self) -> None:
        self.lived = self._is_ready = True
        self.connected_since = self._clock()
        self._gate.begin()
        # READY comes again with each new session of this client; one publisher serves
        # them all.
        if self._publishing is None:
            self._publishing = self._spawn(self._publish(), "publish")
        else:
            self._changed.set()
        self._read(self._backfill.run)
        # One of the session before ends: it may not let live events move a cursor over
        # this session's gap.
        if self._looking is not None:
            self._looking.cancel()
        self._looking = self._spawn(self._look(), "look")

    def changed(self, touched: Iterable[str] = ()) -> None:
        self._touched |= frozenset(touched)
        self._changed.set()

    async def _publish_now(self) -> None:
        touched, self._touched = self._touched, frozenset()
        try:
            presence = replace(presence_of(self._client), touched=touched)
            await self._ports.publish(self._bot, presence)
            await self._intake.refresh()
        except Exception:
            # What changes while it is published is for the next one; this, too.
            self._touched |= touched
            raise

    async def publish_again(self) -> None:
        """Publish now, if that was ever done: who waits for it is told it is in
        force."""
        if self._publishing is None:
            return
        try:
            await self._publish_now()
        except StoreUnavailable:
            # Soon, and until it succeeds.
            self._changed.set()

    def made(self, channel_id: str) -> None:
        # Its first message may fall into a lost session. No message in it is older than
        # the channel; the first one of a forum's post has the very id of its thread.
        before = str(int(channel_id) - 1)
        self._intake.cursors.move(self._bot, channel_id, before)

    def gone(self, channel_ids: Sequence[str]) -> None:
        self._intake.cursors.drop(self._bot, channel_ids)

    def returned(self, channel_ids: Sequence[str]) -> None:
        # Servers that come before the session is ready are read with all others.
        if self._is_ready:
            self._mend(channel_ids)

    def lost(self, channel_id: str) -> None:
        """An event found no room in the queue: its channel is read back once Redis has caught
        up."""
        self._mend([channel_id])

    def _mend(self, channel_ids: Sequence[str]) -> None:
        # A reading under way looks for losses when it ends.
        idle = self._reading is None or self._reading.done()
        for channel in channel_ids:
            self._gate.lose(channel)
        if idle and channel_ids:
            self._read(self._backfill.mend)

    def _read(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        # One of the session before would open cursors over the gap of this session.
        if self._reading is not None:
            self._reading.cancel()
        self._reading = self._spawn(self._read_all(work), "backfill")

    async def _read_all(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        await self._surely(work)
        while self._gate.lossy:
            await self._surely(self._backfill.mend)

    async def _surely(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        """Read until it succeeds: as long as it does not, no cursor of the bot
        moves."""
        backoff = Backoff(0.5, 60.0)
        while True:
            try:
                return await work()
            except Exception as error:  # noqa: BLE001 - see above
                log.error(
                    "reading back failed, tried again",
                    bot=self._bot,
                    error=type(error).__name__,
                    where=error_places(error),
                )
                await backoff.pause()

    async def _look(self) -> None:
        """Look for what was missed, each interval; first at a random time, so that not
        all bots ask at once."""
        await asyncio.sleep(self._look_every * random.random())
        while True:
            try:
                await self._backfill.look()
            except Exception as error:  # noqa: BLE001 - one look that meets a bug must not be the last
                log.error(
                    "a look failed",
                    bot=self._bot,
                    error=type(error).__name__,
                    where=error_places(error),
                )
            await asyncio.sleep(self._look_every)

    async def _publish(self) -> None:
        """Publish now, every hour, and soon after channels changed. Events wait for the
        first time."""
        backoff = Backoff()
        while True:
            # Cleared before the presence is read: a change during the write counts as
            # new.
            self._changed.clear()
            self._client.look_for_proxies()
            try:
                await self._publish_now()
            except StoreUnavailable:
                await backoff.pause()
                continue
            except Exception as error:  # noqa: BLE001 - a bot that is never published hears everything and answers nothing
                log.error(
                    "publishing failed, tried again",
                    bot=self._bot,
                    error=type(error).__name__,
                    where=error_places(error),
                )
                await backoff.pause()
                continue
            backoff.reset()
            # Only now: a woken worker needs the vault and the roster entry.
            self._intake.open(self._bot)
            self.on_ready()
            try:
                async with asyncio.timeout(self._refresh):
                    await self._changed.wait()
                await asyncio.sleep(SETTLE)
            except TimeoutError:
                pass

    def _spawn(
        self, work: Coroutine[None, None, None], name: str
    ) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work, name=f"{name} {self._bot}")
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            log.error(
                "a chore of a bot failed",
                bot=self._bot,
                chore=task.get_name(),
                error=type(error).__name__,
                where=error_places(error),
            )
