"""A bot's work in order: what Redis cannot take now is held, not lost and not overtaken."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable

import structlog

from app.errors import StoreUnavailable

log = structlog.get_logger(__name__)

LIMIT = 5_000
FIRST_PAUSE = 0.05
LONGEST_PAUSE = 5.0

Job = Callable[[], Awaitable[None]]


class Backoff:
    """Pauses that double up to a longest one, with jitter."""

    def __init__(
        self, first: float = FIRST_PAUSE, longest: float = LONGEST_PAUSE,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._sleep = sleep
        self._first = self._next = first
        self._longest = longest

    async def pause(self) -> None:
        """Wait a little longer than the last time."""
        pause = self._next
        self._next = min(self._longest, self._next * 2)
        await self._sleep(pause * (0.5 + random.random() / 2))

    def reset(self) -> None:
        """The next pause is the first again."""
        self._next = self._first


class HeldQueue:
    """Jobs of one bot, one at a time and in order. One that meets StoreUnavailable is tried again until it succeeds."""

    def __init__(self, bot: str, limit: int = LIMIT) -> None:
        self._bot = bot
        self._limit = limit
        self._jobs: deque[tuple[Job, asyncio.Future[None]]] = deque()
        self._arrived = asyncio.Event()
        self._opened = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def __len__(self) -> int:
        return len(self._jobs)

    def open(self) -> None:
        """Begin to work; until then jobs wait."""
        self._opened.set()

    def put(self, job: Job, always: bool = False) -> asyncio.Future[None] | None:
        """Queue a job. None: too many wait already, unless `always`. The future is done when the job is."""
        if len(self._jobs) >= self._limit and not always:
            return None
        done = asyncio.get_running_loop().create_future()
        self._jobs.append((job, done))
        self._idle.clear()
        self._arrived.set()
        return done

    async def drained(self) -> None:
        """Wait until nothing is left to do."""
        await self._idle.wait()

    async def run(self) -> None:
        """Work until cancelled."""
        await self._opened.wait()
        while True:
            while not self._jobs:
                self._idle.set()
                self._arrived.clear()
                await self._arrived.wait()
            job, done = self._jobs[0]
            await self._carry_out(job)
            self._jobs.popleft()
            if not done.done():
                done.set_result(None)

    async def _carry_out(self, job: Job) -> None:
        backoff = Backoff()
        held = False
        while True:
            try:
                await job()
            except StoreUnavailable:
                if not held:
                    log.warning("events are held: Redis cannot be reached", bot=self._bot)
                held = True
                await backoff.pause()
                continue
            except Exception as error:  # noqa: BLE001 - one event that meets a bug must not stop those behind it
                log.error("an event was dropped", bot=self._bot, error=type(error).__name__, where=where(error))
            if held:
                log.info("events flow again", bot=self._bot, waiting=len(self._jobs))
            return


def where(error: BaseException) -> str:
    """The innermost places of a traceback, without the error's text: that may quote a message or a secret."""
    places: list[str] = []
    trail = error.__traceback__
    while trail is not None:
        code = trail.tb_frame.f_code
        places.append(f"{code.co_filename.rpartition('/')[2]}:{trail.tb_lineno} {code.co_name}")
        trail = trail.tb_next
    return " > ".join(places[-4:])
