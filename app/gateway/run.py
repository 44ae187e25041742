"""A gateway process: one or many bots, each with a client that is started again when it
dies."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import aiohttp
import discord
import structlog
import yarl
from pydantic import SecretStr

from app.domain.errors import (
    AccountTaken,
    IdentifiesSpent,
    LeaseTaken,
    StoreUnavailable,
    StreamError,
)
from app.domain.settings import Settings
from app.gateway.accounts import Accounts
from app.gateway.asking import Desk
from app.gateway.hearing import Clock
from app.gateway.identify import Identifies, IdentifyLater, Sleep
from app.gateway.intake import Intake
from app.gateway.interactions import Counter
from app.gateway.measuring import Measuring
from app.gateway.ports import GatewayPorts
from app.gateway.reactions import Bursts
from app.gateway.refusals import joined, refusal
from app.gateway.reloading import Reloading
from app.gateway.session import BotSession
from app.gateway.socket import SessionGivenUp
from app.rules.policy import Policy
from app.runtime import collector as heap
from app.runtime import metrics
from app.runtime.backoff import Backoff, error_places
from app.runtime.cancelling import end

log = structlog.get_logger(__name__)

ROSTER_REFRESH = 5.0
"""Seconds after which a bot that another process started is known here."""
RELOAD_LOOK = 2.0
"""Seconds between looks for character files that are to be read again."""
CANCEL_AGAIN = 2.0
"""Seconds a cancelled client gets to say goodbye to Discord."""
REMIND = 3600.0
"""Seconds between lines that say which bots are down."""


class Hosted(NamedTuple):
    """A bot that this process runs."""

    bot: str
    token: SecretStr


UNREACHABLE = (aiohttp.ClientError, OSError, discord.DiscordServerError)
"""What a login raises while the network or Discord is away."""


def _tell_death(bot: str, error: Exception) -> None:
    """What ended a client that is started again."""
    kind = type(error).__name__
    if isinstance(error, UNREACHABLE):
        log.warning("Discord cannot be reached, tried again", bot=bot, error=kind)
        return
    log.error(
        "a client died, will start again",
        bot=bot,
        error=kind,
        where=error_places(error),
    )


def configure_discord(settings: Settings) -> None:
    """Point discord.py at the Discord of the settings, for the whole process."""
    # discord.py keeps both on its classes: a client cannot be given its own.
    discord.http.Route.BASE = settings.discord_api_url.rstrip("/")
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(
        settings.discord_gateway_url
    )


class Gateway:
    """Runs its bots until `stop`. One bot's failure does not touch the others; `run`
    raises when none is left."""

    def __init__(
        self,
        bots: Sequence[Hosted],
        ports: GatewayPorts,
        settings: Settings,
        policy: Policy,
        clock: Clock = time.time,
        sleep: Sleep = asyncio.sleep,
        http_trace: aiohttp.TraceConfig | None = None,
        measuring: Measuring | None = None,
        desk: Desk | None = None,
        reloading: Reloading | None = None,
        discord_clock: Clock | None = None,
    ) -> None:
        """`clock` tells Unix seconds, `discord_clock` those that ids are made by (None:
        the same); `sleep` is what a client waits with before it
        begins another session; `http_trace` sees, and may hold up, each request of
        Discord's REST; `desk` answers commands inside Discord, None: there are none;
        `reloading` reads character files again, None: nobody asks for it."""
        self._bots = {hosted.bot: hosted.token for hosted in bots}
        self._ports = ports
        self._settings = settings
        self._clock = clock
        self._discord_clock = discord_clock or clock
        self._intake = Intake(ports, settings, policy, measuring)
        self._bursts = Bursts(settings.reaction_burst)
        self._counter = None if desk is None else Counter(desk)
        self._reloading = reloading
        self._sleep = sleep
        self._http_trace = http_trace
        self._identifies = Identifies(ports, settings, clock, sleep)
        self._accounts = Accounts(ports, settings.gateway_lease)
        self._ends: dict[str, StreamError] = {}
        self._clients: dict[str, asyncio.Task[None]] = {}
        self._sessions: dict[str, BotSession] = {}
        self._stop = asyncio.Event()
        self._was_ready: set[str] = set()
        self.ready: set[str] = set()
        """Bots whose session is live and published."""

    def stop(self) -> None:
        """Let `run` end: close the connections, admit what waits, give the leases
        back."""
        self._stop.set()

    async def run(self) -> None:
        """Run until stopped. When it cannot begin, or when the last bot has ended:
        TokenRefused, LeaseTaken, AccountTaken, IdentifiesSpent, ConfigurationError
        or StoreUnavailable."""
        configure_discord(self._settings)
        self._listen_for_signals()
        owned: list[str] = []
        loops: list[asyncio.Task[None]] = []
        try:
            # Before any login: two gateways of one bot would each admit all its events.
            await self._take_leases(owned)
            await self._intake.refresh()
            spawn = asyncio.get_running_loop().create_task
            self._clients = {
                bot: spawn(self._supervise(bot), name=f"client {bot}")
                for bot in self._bots
            }
            loops = [
                spawn(
                    self._every(self._settings.pump_interval, self._ports.pump),
                    name="pump",
                ),
                spawn(
                    self._every(self._settings.pump_interval, self._forget),
                    name="forgetting",
                ),
                spawn(self._every(ROSTER_REFRESH, self._intake.refresh), name="roster"),
                spawn(
                    # A third: a renewal that fails is tried again before the lease
                    # ends.
                    self._every(self._settings.gateway_lease / 3, self._renew),
                    name="leases",
                ),
                spawn(self._every(REMIND, self._remind), name="reminder"),
                spawn(self._every(RELOAD_LOOK, self._reload), name="reloads"),
                spawn(
                    self._every(ROSTER_REFRESH, self._settle_commands), name="commands"
                ),
            ]
            await self._until_stopped()
        finally:
            await self._close(loops, owned)

    async def _take_leases(self, owned: list[str]) -> None:
        """Take all, and list them in `owned`. A dead process's lease ends within its
        term: who has it longer is alive."""
        until = time.monotonic() + 1.1 * self._settings.gateway_lease
        holders = await self._holders()
        # A restart may wait now for the lease of the process before it; without this
        # line for no visible reason.
        log.info("gateway starts", bots=len(self._bots))
        while not self._stop.is_set():
            # In place: `run` gives these back also when this raises.
            owned[:] = [bot for bot, holder in holders.items() if not holder]
            others = [
                f"{bot}: {holder} already runs this bot's gateway."
                for bot, holder in holders.items()
                if holder
            ]
            if not others:
                return
            if time.monotonic() > until:
                raise LeaseTaken(" ".join(others))
            await asyncio.sleep(self._settings.gateway_lease / 20)
            holders = await self._holders()

    async def _holders(self) -> dict[str, str]:
        """Who has each bot's lease; empty where it is ours now."""
        return {bot: await self._ports.acquire_lease(bot) for bot in self._bots}

    async def _until_stopped(self) -> None:
        stopped = asyncio.ensure_future(self._stop.wait())
        try:
            while not stopped.done():
                live = {task for task in self._clients.values() if not task.done()}
                await asyncio.wait(
                    {stopped, *live}, return_when=asyncio.FIRST_COMPLETED
                )
                for bot, task in list(self._clients.items()):
                    # Once the process was told to stop, a client's end is no failure.
                    if task.done() and not stopped.done():
                        self._ended(bot, task)
        finally:
            stopped.cancel()

    def _ended(self, bot: str, task: asyncio.Task[None]) -> None:
        """A bot ends alone; the last one's end is the process's."""
        del self._clients[bot]
        self.ready.discard(bot)
        # Nobody but `_renew` cancels a client before the end, and it says why.
        error = self._ends.get(bot) if task.cancelled() else task.exception()
        if error is None:
            return
        if not isinstance(error, StreamError):
            raise error
        self._ends[bot] = error
        if not self._clients:
            raise joined(list(self._ends.values()))
        log.error("a bot has ended, the others go on", bot=bot, error=str(error))

    async def _remind(self) -> None:
        for bot, error in self._ends.items():
            log.error(
                "a bot is down until this process starts again",
                bot=bot,
                error=str(error),
            )

    async def _supervise(self, bot: str) -> None:
        """Keep one bot connected. Discord's outages are discord.py's own business; this
        is for a client that dies."""
        backoff = Backoff(1.0, 60.0, self._sleep)
        while not self._stop.is_set():
            await self._identifies.rest(bot)
            session = self._sessions[bot] = self._session(bot)
            try:
                await session.run(self._bots[bot].get_secret_value())
            except IdentifyLater:
                # The client has closed its connection; the pause is spent in `rest`.
                pass
            except (AccountTaken, IdentifiesSpent):
                raise
            except SessionGivenUp:
                log.warning(
                    "Discord does not connect the bot, a new session is tried", bot=bot
                )
            except Exception as error:  # noqa: BLE001 - whatever killed this client must not kill the other bots
                if refused := refusal(bot, error):
                    # Without its cause: Discord's own text may hold the token.
                    raise refused from None
                _tell_death(bot, error)
            # A client that became ready starts its count over. Sessions that all end
            # soon are slowed by `rest`.
            if session.lived:
                backoff.reset()
            self.ready.discard(bot)
            await backoff.pause()

    def _session(self, bot: str) -> BotSession:
        session = BotSession(
            bot=bot,
            intake=self._intake,
            bursts=self._bursts,
            ports=self._ports,
            settings=self._settings,
            clock=self._clock,
            discord_clock=self._discord_clock,
            identifies=self._identifies,
            accounts=self._accounts,
            http_trace=self._http_trace,
            counter=self._counter,
        )
        session.on_ready = lambda: self._note_ready(bot)
        return session

    def _note_ready(self, bot: str) -> None:
        self.ready.add(bot)
        if bot not in self._was_ready:
            self._was_ready.add(bot)
            # Not sooner: only now is all loaded that the process will keep.
            if self._was_ready >= set(self._clients):
                heap.settle()

    async def _every(self, seconds: float, job: Callable[[], Awaitable[None]]) -> None:
        failing = False
        while True:
            try:
                await job()
                failing = False
            except StoreUnavailable as error:
                if not failing:
                    log.warning(str(error))
                failing = True
            except Exception as error:  # noqa: BLE001 - the loop's end would be noticed by nobody
                log.error(
                    "a chore failed",
                    error=type(error).__name__,
                    where=error_places(error),
                )
            await asyncio.sleep(seconds)

    async def _settle_commands(self) -> None:
        """Later than the first publications: which bot bears the commands of a server
        hangs on who is there."""
        for bot in self.ready & self._sessions.keys():
            await self._sessions[bot].settle_commands()

    async def _reload(self) -> None:
        if self._reloading is None:
            return
        for bot in await self._reloading.look():
            session = self._sessions.get(bot)
            if session is not None and self._reloading.outcomes[bot].changed:
                await session.publish_again()
            # The process that asked waits for this sign.
            await self._ports.beat(bot, self._sign(bot))

    async def _forget(self) -> None:
        gone = await self._ports.forgotten()
        if gone is not None:
            self._intake.forget(gone)
            self._bursts.forget(gone)

    async def _renew(self) -> None:
        for bot, task in list(self._clients.items()):
            if holder := await self._ports.acquire_lease(bot):
                log.error(
                    "another process took this bot's gateway", bot=bot, holder=holder
                )
                self._ends[bot] = LeaseTaken(
                    f"{bot}: another process took this bot's gateway."
                )
                task.cancel()
            elif taken := await self._accounts.keep(bot):
                self._ends[bot] = taken
                task.cancel()
        # Also of a bot that has ended: its sign tells an operator why.
        for bot in self._bots:
            sign = self._sign(bot)
            metrics.BOT_CONNECTED.labels(bot).set(bool(sign["connected"]))
            await self._ports.beat(bot, sign)

    def unheard(self) -> list[str]:
        """Bots that run here, or are to, and do not hear Discord now. Who has ended is
        none of them."""
        bots = self._clients or self._bots
        return [bot for bot in bots if not self._sign(bot)["connected"]]

    def _sign(self, bot: str) -> dict[str, object]:
        """Whether a bot is connected, since when (Unix seconds), what ended it, and
        what came of reading its character again."""
        session = self._sessions.get(bot)
        live = session if bot in self._clients else None
        since = live.connected_since if live is not None else None
        error = str(self._ends.get(bot, ""))
        sign: dict[str, object] = {
            "connected": since is not None,
            "since": since,
            "error": error,
        }
        if self._reloading is None or bot not in self._reloading.outcomes:
            return sign
        return sign | {"reload": self._reloading.outcomes[bot]._asdict()}

    async def _close(
        self, loops: Sequence[asyncio.Task[None]], owned: Sequence[str]
    ) -> None:
        await end({*loops, *self._clients.values()}, CANCEL_AGAIN)
        await self._intake.close()
        if self._counter is not None:
            self._counter.close()
        # The leases last: until here this process still admits for its bots.
        for bot in owned:
            try:
                await self._accounts.release(bot)
                await self._ports.release_lease(bot)
            except StoreUnavailable:
                return  # the lease expires by itself

    def _listen_for_signals(self) -> None:
        # Python takes signal handlers in the main thread alone.
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, self.stop)
