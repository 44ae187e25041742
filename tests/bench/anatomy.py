"""Where the time of one answer goes: its steps in order, by the points that the kill
tests name, and the processor time of the thread that runs the cycle, by part."""

from __future__ import annotations

import functools
import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from langgraph.pregel import Pregel

from app.brain import graph
from app.delivery.rest import DiscordRest
from app.likeness.encoder import Encoder
from app.likeness.subjects import Subjects
from app.runtime import killpoints
from app.store.door import Store
from app.worker import answering, worker
from tests.bench.figures import Results, Row
from tests.bench.plan import Plan

STEPS = {
    "lock_after": "the lane's lock, and what is due",
    "floor_before": "who spoke, and what is known of them",
    "floor_after": "the channel's floor",
    "model_before": "words read, Discord's lines, an answer chosen and reserved",
    "commit_before": "the decision",
    "commit_after": "commit, with the cycle's end and leave to send",
    "post_before": "handed to the delivery",
    "post_sent": "discord.py's and aiohttp's way to the socket",
    "post_after": "Discord's answer",
    "mark_after": "recorded, lease given back",
}
"""What has happened since the point before, by point."""
REST = "the worker, and what the nodes do themselves"
Do = Callable[[], object]


class PartClock:
    """Processor time of the thread that made it, by part. What one part calls of another
    counts for the other alone. `clock` counts seconds."""

    def __init__(self, clock: Callable[[], float] = time.thread_time) -> None:
        self.spent: defaultdict[str, float] = defaultdict(float)
        self._clock = clock
        self._owner = threading.get_ident()
        self._parts = [REST]
        self._since = clock()

    def wrap(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, whose time counts for a part."""

        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            if threading.get_ident() != self._owner:
                return function(*args, **kwargs)
            self._charge()
            self._parts.append(part)
            try:
                return function(*args, **kwargs)
            finally:
                self._charge()
                self._parts.pop()

        return timed

    def _charge(self) -> None:
        now = self._clock()
        self.spent[self._parts[-1]] += now - self._since
        self._since = now

    @contextmanager
    def running(self) -> Iterator[None]:
        """Counts only what happens inside the block."""
        self._since = self._clock()
        yield
        self._charge()


@contextmanager
def parts_of(clock: PartClock) -> Iterator[None]:
    """Count for the parts of a turn until the block ends."""
    parts: dict[str, list[tuple[Any, str]]] = {
        "Redis's client": [(Store, "run"), (Store, "run_all")],
        "the sentence encoder": [(Encoder, "matrix")],
        "likeness to the bot's subjects": [(Subjects, "likeness_of")],
        "LangGraph": [(Pregel, "invoke")],
        REST: [(graph, "perceive"), (graph, "plan"), (graph, "act")],
    }
    with pytest.MonkeyPatch.context() as patched:
        for part, places in parts.items():
            for owner, name in places:
                whole = clock.wrap(part, getattr(owner, name))
                patched.setattr(owner, name, whole)
        graph.compiled.cache_clear()
        yield
    graph.compiled.cache_clear()


@contextmanager
def points_of(passed: dict[str, float]) -> Iterator[None]:
    """Note when (seconds) each named point is passed until the block ends."""

    def reached(name: str) -> None:
        passed.setdefault(name, time.perf_counter())

    with pytest.MonkeyPatch.context() as patched:
        for module in (killpoints, worker, answering):
            patched.setattr(module, "reached", reached)
        yield


def measure_anatomy(
    results: Results, plan: Plan, turn: Do, cycle: tuple[Any, str], rest: DiscordRest
) -> None:
    """Rows of the steps and of the parts. `turn` answers one message; `cycle` names what
    the thread runs for it; `rest` has the thread that delivers."""
    _measure_steps(results, plan, turn)
    spent: dict[str, list[float]] = defaultdict(list)
    for _ in plan.few("processor time of a turn, by part"):
        delivered = _thread_time(rest)
        clock = PartClock()
        with parts_of(clock), pytest.MonkeyPatch.context() as patched:
            patched.setattr(*cycle, _counted(clock, getattr(*cycle)))
            for _ in range(plan.messages):
                turn()
        for part, seconds in clock.spent.items():
            spent[part].append(1000 * seconds / plan.messages)
        beside = _thread_time(rest) - delivered
        spent["the thread that reads from Discord and delivers"].append(
            1000 * beside / plan.messages
        )
    section = "Processor time of a turn of the offline voice, by part"
    ordered = sorted(spent, key=lambda part: statistics.median(spent[part]))
    results.rows += [
        Row(section, part, "ms", tuple(spent[part])) for part in reversed(ordered)
    ]


def _counted(clock: PartClock, work: Callable[..., Any]) -> Callable[..., Any]:
    def counted(*args: Any) -> Any:
        with clock.running():
            return work(*args)

    return counted


def _measure_steps(results: Results, plan: Plan, turn: Do) -> None:
    took: dict[str, list[float]] = defaultdict(list)
    for _ in plan.steps(plan.messages, "one answer, step by step"):
        passed: dict[str, float] = {}
        with points_of(passed):
            turn()
            _wait_for(passed, "mark_after")
        before = passed["lock_before"]
        for point in STEPS:
            took[point].append(1000 * (passed[point] - before))
            before = passed[point]
    section = "One answer of the offline voice, step by step"
    results.rows += [
        Row(section, told, "ms", tuple(took[point])) for point, told in STEPS.items()
    ]


def _wait_for(passed: dict[str, float], point: str, seconds: float = 10.0) -> None:
    until = time.monotonic() + seconds
    while point not in passed:
        if time.monotonic() > until:
            raise TimeoutError(f"{point} was not passed within {seconds:g} s")
        time.sleep(0.001)


def _thread_time(rest: DiscordRest) -> float:
    """Processor seconds of the thread of Discord's requests so far."""
    thread = rest._thread
    assert thread is not None
    assert thread.ident is not None
    return time.clock_gettime(time.pthread_getcpuclockid(thread.ident))
