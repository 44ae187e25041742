"""Every call of a process to the world outside: the place where time passes, others
come between, and things go wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeVar

from app.domain.errors import StoreUnavailable
from app.store.calls import Call
from tests.sim.clock import BATON, BUSY, PROCESS, Crashed, Process, SimulatedLoop, wait
from tests.sim.scenario import Fault
from tests.sim.server import Server

T = TypeVar("T")
COMMITS = frozenset({"answer.commit", "post.commit"})
"""The scripts in which a decision becomes a post: what is stopped there wakes with a
permission that is long over."""


@dataclass
class Timeline:
    """What happened, for a person to read."""

    loop: SimulatedLoop
    lines: list[str] = field(default_factory=list)

    def tell(self, who: str, what: str) -> None:
        """One line."""
        self.lines.append(f"{self.loop.time():10.3f}  {who:<9} {what}")


class Trouble:
    """The faults that are still to come. Each strikes the first call of its place after
    its time."""

    def __init__(self, faults: Sequence[Fault], timeline: Timeline) -> None:
        self._waiting: dict[str, list[Fault]] = {}
        for one in faults:
            self._waiting.setdefault(one.place, []).append(one)
        self._timeline = timeline
        self.struck = 0

    def strikes(self, place: str, who: str, what: str) -> Fault | None:
        """The fault that meets this call, if one does."""
        waiting = self._waiting.get(place)
        if not waiting or waiting[0].at > self._timeline.loop.time():
            return None
        fault = waiting.pop(0)
        self.struck += 1
        amount = f" {fault.amount:g} s" if "pause" in fault.kind else ""
        if fault.kind == "wrong clock":
            amount = f", {fault.amount:+.0f} s"
        self._timeline.tell(who, f"!! {place}: {fault.kind}{amount} at {what}")
        return fault

    def end(self) -> None:
        """Nothing goes wrong any more."""
        self._waiting.clear()


class Wire:
    """How long calls take, and what becomes of them."""

    def __init__(self, loop: SimulatedLoop, seed: str, trouble: Trouble) -> None:
        self.loop = loop
        self.trouble = trouble
        self._rng = Random(f"{seed} wire")
        self.calls = 0
        self.stops: list[tuple[str, float, float]] = []
        """Which process was stopped, from when and until when."""

    def stop(self, process: Process, seconds: float) -> None:
        """A process does nothing for so long."""
        now = self.loop.time()
        process.paused_until = now + seconds
        self.stops.append((process.name, now, now + seconds))

    async def travel(self, process: Process, slow: float = 1.0) -> None:
        """One way: others run meanwhile. Raises Crashed where the process is dead."""
        if process.dead:
            raise Crashed
        seconds = self._rng.uniform(0.0002, 0.003)
        if self._rng.random() < 0.02:
            seconds *= 60
        await asyncio.sleep(seconds * slow)
        await self.awake(process)

    async def awake(self, process: Process) -> None:
        """Wait while the process is stopped."""
        while process.paused_until > self.loop.time():  # noqa: ASYNC110
            await asyncio.sleep(process.paused_until - self.loop.time())
        if process.dead:
            raise Crashed

    async def strike(self, process: Process, fault: Fault, after: bool) -> None:
        """A crash or a pause, before or after what the call does."""
        if fault.kind == ("crash after" if after else "crash before"):
            process.crash()
            raise Crashed
        if fault.kind == ("pause after" if after else "pause"):
            self.stop(process, fault.amount)
            await self.awake(process)

    async def reach(self, process: Process, server: Server, call: Call[T]) -> T:
        """One call of the store."""
        await self.travel(process)
        self.calls += 1
        what = call.script or str(call.args[0])
        fault = self.trouble.strikes("chore", process.name, what)
        if fault is None and call.script in COMMITS:
            fault = self.trouble.strikes("commit", process.name, what)
        if fault is None and _is_busy():
            fault = self.trouble.strikes("store", process.name, what)
        if fault is None:
            reply = server.execute(call)
            await self.travel(process)
            return reply
        await self.strike(process, fault, after=False)
        if fault.kind == "refused":
            raise StoreUnavailable("Redis refuses: the simulation says so")
        reply = server.execute(call)
        await self.strike(process, fault, after=True)
        await self.travel(process)
        if fault.kind == "answer lost":
            raise StoreUnavailable("Redis cannot be reached: the answer was lost")
        if fault.kind == "sent twice":
            reply = server.execute(call)
            await self.travel(process)
        return reply


def _is_busy() -> bool:
    """Whether somebody's message is being worked on. Most calls only look for what is
    due, and would meet nearly all faults."""
    task = asyncio.current_task()
    name = task.get_name() if task is not None else ""
    return BUSY.get() or name.startswith(("intake", "backfill"))


class SimulatedStore:
    """In place of `Store`, for threads with a baton."""

    def __init__(self, wire: Wire, server: Server) -> None:
        self._wire, self._server = wire, server

    def run(self, call: Call[T]) -> T:
        """One call."""
        process = PROCESS.get()
        if process is None or BATON.get() is None:
            return self._server.execute(call)
        return wait(self._wire.reach(process, self._server, call))

    def run_all(self, calls: Sequence[Call[Any]]) -> list[Any]:
        """One after another: others come between more often than they would."""
        return [self.run(call) for call in calls]

    def close(self) -> None:
        """Nothing to close."""


class SimulatedAsyncStore:
    """In place of `AsyncStore`."""

    def __init__(self, wire: Wire, server: Server) -> None:
        self._wire, self._server = wire, server

    async def run(self, call: Call[T]) -> T:
        """One call."""
        process = PROCESS.get()
        assert process is not None
        return await self._wire.reach(process, self._server, call)

    async def run_all(self, calls: Sequence[Call[Any]]) -> list[Any]:
        """As `SimulatedStore.run_all`."""
        return [await self.run(call) for call in calls]

    async def close(self) -> None:
        """Nothing to close."""


class Broker:
    """Celery's queues: hints on their way to some worker."""

    def __init__(self, wire: Wire, seed: str, deliver: Callable[[Hint], None]) -> None:
        self._wire = wire
        self._rng = Random(f"{seed} broker")
        self._deliver = deliver
        self.hints = 0

    def send(self, task: str, *args: Any) -> None:
        """A hint leaves, whoever sends it."""
        process = PROCESS.get()
        if process is not None and process.dead:
            raise Crashed
        self.hints += 1
        hint = Hint(task, tuple(str(one) for one in args))
        name = process.name if process is not None else "beat"
        fault = self._wire.trouble.strikes("broker", name, str(hint))
        seconds = self._rng.uniform(0.001, 0.01)
        if fault is None:
            self._later(seconds, hint)
        elif fault.kind == "late":
            self._later(fault.amount, hint)
        elif fault.kind == "doubled":
            self._later(seconds, hint)
            self._later(seconds * self._rng.uniform(0, 3), hint)

    def _later(self, seconds: float, hint: Hint) -> None:
        self._wire.loop.call_later(seconds, self._deliver, hint)


@dataclass(frozen=True, slots=True)
class Hint:
    """One task by name."""

    task: str
    args: tuple[str, ...] = ()

    def __str__(self) -> str:
        return " ".join((self.task, *self.args))


class SimulatedHints:
    """In place of `HintSender`."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def send(self, task: str, *args: str) -> bool:
        """One hint."""
        self._broker.send(task, *args)
        return True

    offer = offer_first = send

    def when_sent(self, call: Callable[[], None]) -> None:
        """The hints so far are sent."""
        call()

    def close(self, timeout: float = 2.0) -> None:
        """Nothing to close."""
