"""A small process supervisor: starts children, starts them again when they end, ends
with all of them.

Children marked `base` (a database) are started first, awaited, and stopped last.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import IO, Protocol

from app.host.valkey import die_with_parent

FINAL_EXITS = frozenset({2, 5})
"""Exit codes by which a child says that starting it again will not help: a wrong
configuration, too many sessions with Discord today (app/domain/errors.py)."""
REMIND = 3600.0
"""Seconds between lines that say which children stay down."""

KEPT_LINES = 20
TICK = 0.05


class Program(Protocol):
    """A process that was started, as `subprocess.Popen` has it. `poll` gives its exit
    code, or the negative number of the signal that ended it; None while it runs."""

    pid: int
    stdout: IO[str] | None

    def poll(self) -> int | None: ...

    def wait(self) -> object: ...


class NotLaunched(Exception):
    """A child cannot be started now, and soon may be."""


def start_program(spec: ChildSpec, pass_fds: tuple[int, ...] = ()) -> Program:
    """A process of its own, in a group of its own, whose output can be read. It dies
    with this one."""
    return subprocess.Popen(
        list(spec.command),
        env=spec.environment,
        cwd=spec.cwd,
        pass_fds=(*spec.pass_fds, *pass_fds),
        # A group of its own: a terminal's Ctrl-C reaches `up` alone, which then
        # ends the children in order.
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # A child may print any bytes: they must not end the thread that reads.
        errors="replace",
        # SIGKILL, for the sake of certainty: whatever a killed process held is
        # recovered at the next start.
        # It calls prctl and getppid only, and takes no lock.
        preexec_fn=die_with_parent(signal.SIGKILL),  # noqa: PLW1509
    )


@dataclass(frozen=True)
class ChildSpec:
    """What to run. `prepare` runs before each start, `launch` is the start (or raises
    NotLaunched), `started` gets the process id, `ready` tells when it serves."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] | None = None
    cwd: Path | None = None
    base: bool = False
    pass_fds: tuple[int, ...] = ()
    prepare: Callable[[], object] | None = None
    launch: Callable[[ChildSpec], Program] = start_program
    started: Callable[[int], object] | None = None
    ready: Callable[[], bool] | None = None


@dataclass(frozen=True)
class RestartPauses:
    """Seconds before a restart: `first`, doubled with each failure up to `most`, times
    0.5 to 1.5 by chance.

    A child that ran for `stable` seconds starts its count over.
    """

    first: float = 0.5
    most: float = 30.0
    stable: float = 60.0
    chance: Callable[[], float] = random.random

    def restart_delay(self, failures: int) -> float:
        """The wait before the next start, after this many failures in a row (at least
        one)."""
        return float(
            min(self.most, self.first * 2 ** min(failures - 1, 30))
            * (0.5 + self.chance())
        )


class State(StrEnum):
    """Where a child is in its life."""

    WAITING = "waiting"
    STARTING = "starting"
    RUNNING = "running"
    REFUSED = "refused"
    STOPPING = "stopping"
    ENDED = "ended"


@dataclass
class Child:
    """One child: its specification and what became of it."""

    spec: ChildSpec
    state: State = State.WAITING
    process: Program | None = None
    restarts: int = 0
    failures: int = 0
    proven: bool = False
    started_at: float = 0.0
    due: float = 0.0
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT_LINES))
    reader: threading.Thread | None = None

    @property
    def pid(self) -> int | None:
        """Its process id while it runs."""
        return self.process.pid if self.process is not None else None

    def signal(self, signum: int) -> None:
        """Send a signal to the child's whole process group."""
        if self.process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signum)

    def last_line(self) -> str:
        """The last thing it said."""
        if self.reader is not None:
            # The last words may still be in the pipe; a grandchild may hold it open for
            # long.
            self.reader.join(1.0)
        return next((line for line in reversed(self.lines) if line.strip()), "")


Say = Callable[[str, str], None]
"""Gets a child's name and one line that it wrote. Called from several threads."""


class Supervisor:
    """Keeps the children running until `stop`, SIGINT, SIGTERM or SIGHUP, or until one
    refuses to start.

    One that refuses after it has run for a while stays down, and the others go on.

    `run` must be called from a thread that lives as long as the children should: the
    kernel ends them with it.
    """

    def __init__(
        self,
        specs: Sequence[ChildSpec],
        say: Say,
        grace: float = 7.0,
        backoff: RestartPauses | None = None,
    ) -> None:
        self.children = [Child(spec) for spec in specs]
        self.failure: str | None = None
        self._say = say
        self._exit_code = 0
        self._grace = grace
        self._backoff = backoff or RestartPauses()
        self._stops = 0

    def stop(self) -> None:
        """Ask for the end; asked twice, it comes at once (SIGKILL). Safe from a signal
        handler and from any thread."""
        self._stops += 1

    def run(self) -> int:
        """Supervise until the end. 0, or a child's final exit code with `failure` set
        to its one line."""
        with self._stop_on_signals():
            try:
                while not self._stops:
                    self._check_children()
                    time.sleep(TICK)
            finally:
                self._end_children()
        return self._exit_code

    def _check_children(self) -> None:
        now = time.monotonic()
        for child in self.children:
            code = child.process.poll() if child.process is not None else None
            if code is not None:
                self._handle_end(child, code, now)
            elif child.state is State.REFUSED:
                self._remind_of_wait(child, now)
            elif child.state is State.STARTING and (
                child.spec.ready is None or child.spec.ready()
            ):
                child.state = State.RUNNING
            elif (
                child.state is State.RUNNING
                and now - child.started_at >= self._backoff.stable
            ):
                child.proven, child.failures = True, 0
            elif (
                child.process is None
                and now >= child.due
                and (child.spec.base or self._base_ready())
            ):
                self._start_child(child, now)

    def _base_ready(self) -> bool:
        return all(
            child.state is State.RUNNING for child in self.children if child.spec.base
        )

    def _start_child(self, child: Child, now: float) -> None:
        spec = child.spec
        if spec.prepare is not None:
            spec.prepare()
        try:
            child.process = process = spec.launch(spec)
        except NotLaunched:
            child.due = now + self._backoff.first
            return
        child.state, child.started_at = State.STARTING, now
        if spec.started is not None:
            spec.started(process.pid)
        assert process.stdout is not None  # noqa: S101 -- for the type checker: it is a pipe
        # A child blocks once its pipe is full, so each has somebody who reads.
        child.reader = threading.Thread(
            target=self._read_output,
            args=(child, process.stdout),
            name=f"output of {spec.name}",
            daemon=True,
        )
        child.reader.start()

    def _read_output(self, child: Child, output: IO[str]) -> None:
        with output:
            for line in output:
                child.lines.append(line.rstrip("\n"))
                self._say(child.spec.name, line.rstrip("\n"))

    def _handle_end(self, child: Child, code: int, now: float) -> None:
        child.process, child.state = None, State.WAITING
        if code in FINAL_EXITS:
            self._handle_refusal(child, code, now)
            return
        child.failures = (
            1 if now - child.started_at >= self._backoff.stable else child.failures + 1
        )
        child.restarts += 1
        delay = self._backoff.restart_delay(child.failures)
        child.due = now + delay
        self._say(
            "up",
            f"{child.spec.name} ended ({describe_exit(code)}); it starts again in {delay:.1f} s",
        )

    def _handle_refusal(self, child: Child, code: int, now: float) -> None:
        # It has run well before, so what is wrong now is this child's alone: the others
        # go on.
        if child.proven:
            child.state, child.due = State.REFUSED, now
            self._remind_of_wait(child, now)
            return
        self.failure = f"{child.spec.name}: {child.last_line()}"
        self._exit_code = code
        self.stop()

    def _remind_of_wait(self, child: Child, now: float) -> None:
        if now >= child.due:
            child.due = now + REMIND
            self._say(
                "up",
                f"{child.spec.name} stays down until `up` starts again: {child.last_line()}",
            )

    def _end_children(self) -> None:
        """TERM, then KILL after the grace: first the others, then the base that they
        need to end in good order."""
        deadline = time.monotonic() + self._grace
        for base in (False, True):
            group = [child for child in self.children if child.spec.base is base]
            for child in group:
                child.state = State.STOPPING if child.process else State.ENDED
                child.signal(signal.SIGTERM)
            while (
                any(map(_is_alive, group))
                and time.monotonic() < deadline
                and self._stops < 2
            ):
                time.sleep(TICK)
            for child in filter(_is_alive, group):
                self._say("up", f"{child.spec.name} did not end in time and was killed")
                child.signal(signal.SIGKILL)
            for child in group:
                if child.process is not None:
                    child.process.wait()
                    child.process = None
                child.state = State.ENDED
            # However long the others took, the base gets time to end in good order.
            deadline = max(deadline, time.monotonic() + 2.0)

    @contextmanager
    def _stop_on_signals(self) -> Iterator[None]:
        # Python takes signal handlers in the main thread alone.
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {
            number: signal.signal(number, lambda *_: self.stop())
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _is_alive(child: Child) -> bool:
    return child.process is not None and child.process.poll() is None


def describe_exit(code: int) -> str:
    """A return code in words: `code 3`, or the signal that ended the process."""
    return f"code {code}" if code >= 0 else signal.Signals(-code).name
