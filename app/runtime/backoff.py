"""Growing pauses between tries, and where an error came from."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

FIRST_PAUSE = 0.05
LONGEST_PAUSE = 5.0
"""Seconds."""


class Backoff:
    """Pauses that double up to a longest one, with jitter."""

    def __init__(
        self,
        first: float = FIRST_PAUSE,
        longest: float = LONGEST_PAUSE,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._sleep = sleep
        self._first = self._next = first
        self._longest = longest

    async def pause(self) -> None:
        """Wait a little longer than the last time."""
        pause = self._next
        self._next = min(self._longest, self._next * 2)
        # Jitter: queues that failed together must not all come back together.
        await self._sleep(pause * (0.5 + random.random() / 2))

    def reset(self) -> None:
        """The next pause is the first again."""
        self._next = self._first


def error_places(error: BaseException) -> str:
    """The innermost places of a traceback, without the error's text: that may quote a
    message or a secret."""
    places: list[str] = []
    trail = error.__traceback__
    while trail is not None:
        code = trail.tb_frame.f_code
        places.append(
            f"{code.co_filename.rpartition('/')[2]}:{trail.tb_lineno} {code.co_name}"
        )
        trail = trail.tb_next
    return " > ".join(places[-4:])
