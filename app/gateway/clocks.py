"""Three clocks of a gateway: this machine's, Redis's, and Discord's. Leases and quiet
times go by Redis's, the age of what was written by Discord's; this machine's is
never believed."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from app.gateway.discord_clock import DiscordClock
from app.store import clocks, stats
from app.store.door import AsyncStore

log = structlog.get_logger(__name__)

NOTABLE = 5.0
"""Seconds between two clocks that are allowed for, and worth a line in the log. Discord's
is known to about two."""
TOLD_EVERY = 10.0
"""Seconds between two times that the others are told: a Redis that was emptied learns it
again."""


class Clocks:
    """Compares them; `compare` is to be called every second or so."""

    def __init__(
        self, store: AsyncStore, wall: Callable[[], float], discord: DiscordClock
    ) -> None:
        """`wall`: seconds since 1970 by this machine's clock."""
        self._store = store
        self._wall = wall
        self._discord = discord
        self._redis_ahead: float | None = None
        """Of this machine's, in seconds."""
        self._discord_ahead = 0.0
        """Of Redis's, in seconds; 0 where that is not worth mentioning."""
        self._told_at = -TOLD_EVERY

    @property
    def known(self) -> bool:
        """Whether Redis's clock was seen."""
        return self._redis_ahead is not None

    def redis(self) -> float:
        """Seconds since 1970 by Redis's clock."""
        return self._wall() + (self._redis_ahead or 0.0)

    def discord(self) -> float:
        """Seconds since 1970 by Discord's clock."""
        return self.redis() + self._discord_ahead

    async def compare(self) -> None:
        """Look at Redis's clock, and tell the others how far Discord's is from it."""
        now = await self._store.run(stats.server_time())
        ahead = now - self._wall()
        # Said once: this is asked again and again.
        if abs(ahead) > NOTABLE and not self.known:
            log.warning(
                "this machine's clock and Redis's differ: Redis's is used",
                ahead_seconds=round(ahead),
            )
        self._redis_ahead = ahead
        discord = self._discord.now()
        if discord is not None:
            await self._tell(discord - now)

    async def _tell(self, ahead: float) -> None:
        if abs(ahead) <= NOTABLE:
            ahead = 0.0
        moved = abs(ahead - self._discord_ahead) > NOTABLE
        if moved:
            log.warning(
                "Redis's clock and Discord's differ: that is allowed for"
                if ahead
                else "Redis's clock and Discord's agree again",
                discord_ahead_seconds=round(ahead),
            )
        self._discord_ahead = ahead
        if moved or time.monotonic() - self._told_at >= TOLD_EVERY:
            await self._store.run(clocks.note_discord_ahead(round(ahead * 1000)))
            self._told_at = time.monotonic()
