"""Whether a gateway process is alive, and whether it hears Discord and reaches
Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence

from app.domain.errors import StoreUnavailable
from app.runtime.scraping import Health

ANSWERS_WITHIN = 3.0
"""Seconds that the event loop, and Redis, have for an answer."""


class GatewayHealth:
    """Asked from other threads; looks on the gateway's `loop`. `unheard` names the bots
    that do not hear Discord, `answers` returns when Redis does."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        unheard: Callable[[], Sequence[str]],
        answers: Callable[[], Awaitable[object]],
    ) -> None:
        self._loop = loop
        self._unheard = unheard
        self._answers = answers

    def checks(self) -> Health:
        """Both, for `app.runtime.scraping`."""
        return Health(alive=self.alive, ready=self.ready)

    def alive(self) -> str:
        """Whether the event loop turns."""
        return self._asked(self._turn())

    def ready(self) -> str:
        """Whether every bot that runs here hears Discord, and Redis answers."""
        return self._asked(self._look())

    def _asked(self, question: Coroutine[None, None, str]) -> str:
        asked = asyncio.run_coroutine_threadsafe(question, self._loop)
        try:
            return asked.result(ANSWERS_WITHIN)
        except TimeoutError:
            asked.cancel()
            return f"no answer within {ANSWERS_WITHIN:.0f} s"

    async def _turn(self) -> str:
        return ""

    async def _look(self) -> str:
        if bots := self._unheard():
            return f"does not hear Discord: {', '.join(bots)}"
        try:
            await self._answers()
        except StoreUnavailable:
            return "Redis does not answer"
        return ""
