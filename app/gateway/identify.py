"""Leave to begin a session. Each IDENTIFY is counted in Redis first, so that no loop
can spend a token's daily thousand."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import uuid4

import aiohttp
import discord
import structlog

from app.domain.errors import IdentifiesSpent, StoreUnavailable
from app.domain.settings import Settings
from app.gateway.hearing import Clock
from app.gateway.ports import IdentifyPorts
from app.rules.identifies import Allowance, Leave, leave
from app.runtime import metrics

log = structlog.get_logger(__name__)

Sleep = Callable[[float], Awaitable[object]]

HOLD = 15.0
"""Longest wait, in seconds, on an open connection; discord.py gives a connection a
minute to identify."""
ASK_TIMEOUT = 5.0
"""Seconds for Discord to say how many sessions are left; without an answer the own
count decides."""
UNANSWERED = (
    discord.DiscordException,
    aiohttp.ClientError,
    OSError,
    LookupError,
    TypeError,
    ValueError,
    OverflowError,
)


class IdentifyLater(Exception):
    """The pause is too long to be spent on an open connection."""


class SessionStart(NamedTuple):
    """Discord's `session_start_limit`: sessions left, and seconds until they are all
    there again."""

    remaining: int
    resets_in: float


class Identifies:
    """Counts sessions and paces them, for all bots of a process."""

    def __init__(
        self,
        ports: IdentifyPorts,
        settings: Settings,
        clock: Clock,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._ports = ports
        self._allowance = Allowance(
            settings.identifies_per_day, settings.identify_pause
        )
        self._clock = clock
        self._sleep = sleep
        self._known: dict[str, tuple[float, ...]] = {}
        self._unsaved: dict[str, list[tuple[str, float]]] = {}

    async def rest(self, bot: str) -> None:
        """Before a login: wait as long as the sessions before ask for. IdentifiesSpent:
        not today."""
        verdict = await self._judge(bot, None, random.random())
        if verdict.wait > HOLD:
            log.warning(
                "the next session waits: many have begun lately",
                bot=bot,
                today=verdict.today,
                seconds=round(verdict.wait),
            )
        await self._sleep(verdict.wait)

    async def take(self, bot: str, start: SessionStart | None, initial: bool) -> None:
        """Return when the bot may identify; the session is counted then. `initial`: the
        client's first.

        IdentifyLater: end the connection and `rest`. IdentifiesSpent: end the bot.
        """
        verdict = await self._judge(bot, start)
        # Discord asks for one to five seconds between the end of a session and the
        # next.
        courtesy = (
            0.0 if initial else self._allowance.first_pause * random.uniform(0.2, 1.0)
        )
        wait = max(verdict.wait, courtesy)
        if wait > max(HOLD, courtesy):
            raise IdentifyLater
        await self._sleep(wait)
        # Counted here before Redis is asked: it must count also while Redis is away.
        self._unsaved.setdefault(bot, []).append((uuid4().hex, self._clock()))
        try:
            await self._save(bot)
        except StoreUnavailable:
            log.warning(
                "a session is counted in this process alone: Redis cannot be reached",
                bot=bot,
            )

    async def _judge(
        self, bot: str, start: SessionStart | None, chance: float = 0.0
    ) -> Leave:
        times = await self._times(bot)
        allowance = self._allowance
        if start is not None:
            allowance = allowance._replace(
                remaining=start.remaining, resets_in=start.resets_in
            )
        now = self._clock()
        verdict = leave(times, now, allowance, chance)
        metrics.IDENTIFIES_LEFT.labels(bot).set(allowance.per_day - verdict.today)
        if verdict.spent:
            raise IdentifiesSpent(_spent(bot, verdict, start, now))
        return verdict

    async def _times(self, bot: str) -> tuple[float, ...]:
        """Sessions of the last day. While Redis is away: those known before, and those
        of this process since."""
        try:
            await self._save(bot)
            self._known[bot] = await self._ports.identifies(bot)
        except StoreUnavailable:
            pass
        return (
            *self._known.get(bot, ()),
            *(at for _, at in self._unsaved.get(bot, ())),
        )

    async def _save(self, bot: str) -> None:
        waiting = self._unsaved.get(bot, [])
        while waiting:
            request, at = waiting[0]
            await self._ports.count_identify(bot, request, at)
            self._known[bot] = (*self._known.get(bot, ()), at)
            # After Redis took it; the id makes a second try harmless.
            del waiting[0]


async def session_start(client: discord.Client) -> SessionStart | None:
    """How many sessions Discord would still begin for this client's bot; None: it did
    not say."""
    try:
        async with asyncio.timeout(ASK_TIMEOUT):
            _, _, limit = await client.http.get_bot_gateway()
            return SessionStart(
                int(limit["remaining"]), int(limit["reset_after"]) / 1000
            )
    except UNANSWERED as error:
        log.warning(
            "Discord does not say how many sessions are left",
            error=type(error).__name__,
        )
        return None


def _spent(bot: str, verdict: Leave, start: SessionStart | None, now: float) -> str:
    again = datetime.fromtimestamp(now + verdict.again_in, UTC).strftime(
        "%d %B %H:%M UTC"
    )
    left = f", and Discord has {start.remaining} left" if start is not None else ""
    return (
        f"{bot}: {verdict.today} sessions were begun within a day{left}; Discord resets a token that begins too many. "
        f"Find in the log what ends them. This bot can start again on {again}."
    )
