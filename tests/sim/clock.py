"""Simulated time: a loop that never waits, and threads that hand over a baton."""

from __future__ import annotations

import asyncio
import contextvars
import selectors
import threading
import time
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, tzinfo
from random import Random
from typing import Any, TypeVar
from unittest import mock

T = TypeVar("T")

START = datetime(2027, 1, 4, 9, tzinfo=UTC).timestamp()
"""When every simulation begins, in Unix seconds."""


class Crashed(BaseException):
    """The process that runs this is dead."""


class _Jump(selectors.DefaultSelector):
    """Waiting is a jump of the clock."""

    elapsed = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise RuntimeError("nothing is left to do, and the simulation has no end")
        self.elapsed += max(0.0, timeout)
        return []


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An event loop whose time passes only when nothing is left to do now."""

    def __init__(self) -> None:
        self._jump = _Jump()
        super().__init__(self._jump)
        self._clock_resolution = 1e-6
        self.set_task_factory(_owned)  # type: ignore[arg-type]
        self.set_exception_handler(lambda *_: None)

    def time(self) -> float:
        """Seconds since the beginning."""
        return self._jump.elapsed

    def wall(self) -> float:
        """Unix seconds."""
        return START + self.time()

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """At once, in the loop's own thread."""
        done: asyncio.Future[T] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 - it belongs to whoever asked
            done.set_exception(error)
        return done


class Process:
    """One process of ours: its tasks die with it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.dead = False
        self.clock_off = 0.0
        """Seconds by which its clock is wrong."""
        self.paused_until = 0.0
        """Simulated seconds until which it does nothing."""
        self.tasks: dict[asyncio.Task[Any], None] = {}
        """In the order in which they began."""
        self.on_crash: Callable[[], None] = lambda: None

    def crash(self) -> None:
        """kill -9."""
        if self.dead:
            return
        self.dead = True
        self.on_crash()
        for task in list(self.tasks):
            task.cancel()


PROCESS: contextvars.ContextVar[Process | None] = contextvars.ContextVar(
    "process", default=None
)


BUSY: contextvars.ContextVar[bool] = contextvars.ContextVar("busy", default=False)
"""Whether a task of a worker is a cycle or a delivery, and no look for what is due."""


def _owned(
    loop: asyncio.AbstractEventLoop,
    coro: Coroutine[Any, Any, T],
    context: contextvars.Context | None = None,
) -> asyncio.Task[T]:
    task = asyncio.Task(coro, loop=loop, context=context)
    owner = context.get(PROCESS) if context is not None else PROCESS.get()
    if owner is not None:
        owner.tasks[task] = None
        task.add_done_callback(lambda done: owner.tasks.pop(done, None))
    return task


def context_of(process: Process, busy: bool = False) -> contextvars.Context:
    """A fresh context for what belongs to a process."""
    context = contextvars.Context()
    context.run(PROCESS.set, process)
    context.run(BUSY.set, busy)
    return context


class Baton:
    """A thread for code that blocks. Either it runs or the loop does: while it waits
    for something, that something is awaited on the loop."""

    def __init__(self) -> None:
        self._resume = threading.Semaphore(0)
        self._yielded = threading.Semaphore(0)
        self._asked: Awaitable[Any] | None = None
        self._reply: tuple[Any, BaseException | None] = None, None
        self._outcome: tuple[Any, BaseException | None] = None, None

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` returns or raises. If the task is cancelled, the thread meets
        Crashed in whatever it waits for."""
        context = contextvars.copy_context()
        context.run(BATON.set, self)
        thread = threading.Thread(target=context.run, args=(self._body, work))
        thread.start()
        self._yielded.acquire()
        while (asked := self._asked) is not None:
            try:
                self._reply = await asked, None
            except asyncio.CancelledError:
                self._reply = None, Crashed()
            except BaseException as error:  # noqa: BLE001 - it belongs to the thread
                self._reply = None, error
            self._asked = None
            self._resume.release()
            self._yielded.acquire()
        thread.join()
        result, error = self._outcome
        if error is not None:
            raise error
        return result  # type: ignore[no-any-return]

    def ask(self, what: Awaitable[T]) -> T:
        """Called in the thread: wait for something on the loop."""
        self._asked = what
        self._yielded.release()
        self._resume.acquire()
        value, error = self._reply
        if error is not None:
            raise error
        return value  # type: ignore[no-any-return]

    def _body(self, work: Callable[[], Any]) -> None:
        try:
            self._outcome = work(), None
        except BaseException as error:  # noqa: BLE001 - raised where the loop waits
            self._outcome = None, error
        self._yielded.release()


BATON: contextvars.ContextVar[Baton | None] = contextvars.ContextVar(
    "baton", default=None
)


def wait(what: Awaitable[T]) -> T:
    """Wait, in a thread that has the baton."""
    baton = BATON.get()
    assert baton is not None, "only a thread with a baton may wait"
    return baton.ask(what)


@contextmanager
def simulated(seed: str) -> Iterator[SimulatedLoop]:
    """A loop, and everywhere its time and the seed's chance in place of the
    machine's."""
    loop, ids = SimulatedLoop(), Random(f"{seed} ids")

    def wall() -> float:
        """As the process that asks sees it."""
        process = PROCESS.get()
        return loop.wall() + (process.clock_off if process is not None else 0.0)

    class Date(datetime):
        """The date of the process that asks."""

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Date:
            return cls.fromtimestamp(wall(), tz)

    fresh = mock.Mock(side_effect=lambda: uuid.UUID(int=ids.getrandbits(128)))
    import random

    state = random.getstate()
    random.seed(f"{seed} chance")
    with (
        mock.patch.object(time, "time", wall),
        mock.patch.object(time, "monotonic", loop.wall),
        mock.patch("app.runtime.clock.datetime", Date),
        mock.patch("app.delivery.courier.datetime", Date),
        mock.patch("app.worker.chores.datetime", Date),
        mock.patch.object(time, "sleep", lambda seconds: wait(asyncio.sleep(seconds))),
        mock.patch.object(uuid, "uuid4", fresh),
        mock.patch("app.gateway.intake.uuid4", fresh),
    ):
        try:
            yield loop
        finally:
            random.setstate(state)
            loop.close()
