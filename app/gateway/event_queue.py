"""A bot's work, in order for each channel: what Redis cannot take now waits and is not
lost. Only where a channel's work piles up, a person's first job overtakes."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from app.domain.errors import StoreUnavailable
from app.runtime.backoff import Backoff, error_places

log = structlog.get_logger(__name__)

ALL = "all bots"
"""The queue that several bots share, beside each bot's own."""
# Bounds a gateway's memory in an outage; what is beyond is read back later.
LIMIT = 5_000
REMIND = 60.0
"""Seconds between lines that say that events still wait, and why."""
FAULT_TRIES = 3
"""How often a job that meets a fault of ours is tried."""

OVERTAKEN_FROM = 20
"""Jobs of one channel that wait, from which on an author's first goes ahead."""

Job = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A job in its line; `author` is empty where the job is no message."""

    job: Job
    done: asyncio.Future[None]
    channel: str
    author: str


_Line = tuple[str, bool]
"""A channel, and whether it is the line of those who go ahead."""


class EventQueue:
    """Jobs of one bot, one at a time: the channels in turn, each channel's in order. A
    job that meets StoreUnavailable is tried again until it succeeds.

    A job that goes `ahead` joins a second line of its channel, which takes turns with
    the first: a quiet person waits for other people, not for all that they said.
    """

    def __init__(self, bot: str, limit: int = LIMIT) -> None:
        self._bot = bot
        self._limit = limit
        self._lines: OrderedDict[_Line, deque[_Waiting]] = OrderedDict()
        """Only those where a job waits, the next to be served first."""
        self._authors: Counter[tuple[str, str]] = Counter()
        """Jobs that wait, by channel and author."""
        self._count = 0
        self.overtaking = False
        """Whether the job that runs has overtaken others of its channel."""
        self.away = False
        """Whether Redis is away."""
        self._arrived = asyncio.Event()
        self._opened = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def __len__(self) -> int:
        return self._count

    def waiting(self, channel: str) -> int:
        """How many jobs of one channel wait."""
        if not self._lines:
            return 0  # as nearly always, and each copy of a message asks
        return sum(
            len(self._lines.get((channel, ahead), ())) for ahead in (False, True)
        )

    @property
    def opened(self) -> bool:
        """Whether it works already."""
        return self._opened.is_set()

    def open(self) -> None:
        """Begin to work; until then jobs wait."""
        self._opened.set()

    def first_of_many(self, channel: str, author: str) -> bool:
        """Whether much of a channel waits, and nothing of this author's."""
        return (
            not self._authors[channel, author]
            and self.waiting(channel) >= OVERTAKEN_FROM
        )

    def put(
        self,
        job: Job,
        channel: str = "",
        *,
        always: bool = False,
        author: str = "",
        ahead: bool = False,
    ) -> asyncio.Future[None] | None:
        """Queue a job of a channel. None: too many wait already, unless `always`. The
        future is done when the job is."""
        if self._count >= self._limit and not always:
            return None
        done = asyncio.get_running_loop().create_future()
        waiting = _Waiting(job, done, channel, author)
        self._lines.setdefault((channel, ahead), deque()).append(waiting)
        self._authors[channel, author] += 1
        self._count += 1
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
            while not self._count:
                self._idle.set()
                self._arrived.clear()
                await self._arrived.wait()
            line = next(iter(self._lines))
            waiting = self._lines[line][0]
            # With nothing left in the first line nobody is passed over, and the message
            # may move the cursor.
            self.overtaking = line[1] and (line[0], False) in self._lines
            await self._carry_out(waiting.job)
            self._remove(line)
            # A reading that was cancelled has cancelled the future that it waited for.
            if not waiting.done.done():
                waiting.done.set_result(None)

    def _remove(self, line: _Line) -> None:
        """Take the first job off a line, which then comes last."""
        jobs = self._lines[line]
        waiting = jobs.popleft()
        self._count -= 1
        self._authors[waiting.channel, waiting.author] -= 1
        if not self._authors[waiting.channel, waiting.author]:
            del self._authors[waiting.channel, waiting.author]
        if jobs:
            self._lines.move_to_end(line)
        else:
            del self._lines[line]

    async def _carry_out(self, job: Job) -> None:
        backoff = Backoff()
        outage = Outage(self._bot)
        faults = 0
        while True:
            try:
                await job()
            except StoreUnavailable as error:
                # No try is counted: an outage may outlast any number of them. What
                # Redis forbids comes here too, since an operator can mend that.
                outage.note(error, self._count)
                self.away = True
                await backoff.pause()
                continue
            except Exception as error:  # noqa: BLE001 - one event that meets a bug must not stop those behind it
                faults += 1
                if faults < FAULT_TRIES:
                    await backoff.pause()
                    continue
                log.error(
                    "an event was dropped",
                    bot=self._bot,
                    error=type(error).__name__,
                    where=error_places(error),
                )
            self.away = False
            outage.over(self._count)
            return


class Queues(dict[str, EventQueue]):
    """The queues of one process, by name, and the tasks that work on them."""

    def __init__(self) -> None:
        super().__init__()
        self._workers: list[asyncio.Task[None]] = []

    def begin(self, name: str) -> EventQueue:
        """The queue of this name, at work once it is opened."""
        queue = self.get(name)
        if queue is None:
            queue = self[name] = EventQueue(name)
            work = asyncio.get_running_loop().create_task(
                queue.run(), name=f"intake {name}"
            )
            self._workers.append(work)
        return queue

    def put(
        self,
        name: str,
        job: Job,
        channel: str = "",
        *,
        always: bool = False,
        author: str = "",
        ahead: bool = False,
    ) -> asyncio.Future[None] | None:
        """Queue a job, as `EventQueue.put` does; None as well where there is no such
        queue."""
        queue = self.get(name)
        done = None
        if queue is not None:
            done = queue.put(job, channel, always=always, author=author, ahead=ahead)
        if done is None:
            log.warning("no room to hold more", bot=name)
        return done

    async def drain(self, grace: float) -> None:
        """Wait up to `grace` seconds until nothing is left to do."""
        waiting = [asyncio.ensure_future(queue.drained()) for queue in self.values()]
        if waiting:
            _, late = await asyncio.wait(waiting, timeout=grace)
            for task in late:
                task.cancel()

    async def close(self) -> None:
        """Stop the work."""
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)


class Outage:
    """Says when events wait, why, and when they flow again."""

    def __init__(self, bot: str) -> None:
        self._bot = bot
        self._told: float | None = None

    def note(self, error: StoreUnavailable, waiting: int) -> None:
        """Redis took nothing: one line at first, then one a minute."""
        now = time.monotonic()
        if self._told is None or now - self._told > REMIND:
            self._told = now
            log.warning(
                "events wait for Redis",
                bot=self._bot,
                reason=str(error),
                waiting=waiting,
            )

    def over(self, waiting: int) -> None:
        """Redis took something."""
        if self._told is not None:
            log.info("events flow again", bot=self._bot, waiting=waiting)


async def ended(job: asyncio.Future[None] | None) -> None:
    """Wait for a shared job, whatever its result."""
    if job is not None:
        await asyncio.wait({job})
