"""The processes under chaos, and who starts them again."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.loopback import LoopbackDiscord
from tests.chaos.proxy import Proxy
from tests.chaos.schedule import BOTS, CHANNELS, PEOPLE
from tests.e2e.system import (
    System,
    add_bots,
    cold,
    eager_character,
    system,
    write_characters,
)

QUEUES = "direct,delivery,cycles,chores"
GATEWAYS = {"gateway-1": BOTS[:2], "gateway-2": BOTS[2:]}
WORKERS = ("worker-1",)
DISK_MB = 160
LIBFAKETIME = "/usr/lib/{}-linux-gnu/faketime/libfaketime.so.1"
NO_SERVER = 3
"""The exit code of a start that finds no Redis: a supervisor tries again."""


@dataclass
class House:
    """Everything that runs, and what became of it."""

    running: System
    proxy: Proxy
    accounts: Mapping[str, Any]
    """Our bots' accounts, by name."""
    disk: Path | None
    """The folder of a small file system that holds Redis's data; None: none could be
    mounted."""
    bots_of: dict[str, tuple[str, ...]] = field(default_factory=lambda: dict(GATEWAYS))
    """What each gateway carries."""
    workers: list[str] = field(default_factory=lambda: list(WORKERS))
    ended: list[str] = field(default_factory=list)
    """Processes that ended by themselves when nobody meant them to."""
    frozen: set[str] = field(default_factory=set)
    expected: set[str] = field(default_factory=set)
    """Processes that may end."""
    starts: dict[str, int] = field(default_factory=dict)
    """Lines in a process's log, before its last start, that say that it has loaded."""

    # ---- starting

    def open(self) -> None:
        """Start everything."""
        for name in self.workers:
            self.start(name)
        self.start("beat")
        for name in self.bots_of:
            self.start(name)
        self.running.wait_ready(*BOTS)
        self.running.wait_workers()

    def start(self, name: str, clock: str = "") -> None:
        """Start a process by its name; `clock`: how wrong its clock is, as libfaketime
        has it."""
        self.expected.discard(name)
        self.starts[name] = self._loads(name)
        env = wrong_clock(clock) if clock else {}
        before, self.running.launch = self.running.launch, self._launch(clock)
        try:
            self._start(name, env)
        finally:
            self.running.launch = before

    def _launch(self, clock: str) -> Any:
        # What is forked from a warm interpreter loads no library before its others.
        return cold if clock else self.running.launch

    def _start(self, name: str, env: dict[str, str]) -> None:
        if name.startswith("gateway"):
            self.running.gateway(*self.bots_of[name], name=name, env=env)
        elif name.startswith("worker"):
            self.running.worker(QUEUES, name, env=env)
        else:
            schedule = str(self.running.folder / name)
            options = ("-A", "tasks", "beat", "-s", schedule, "--pidfile=")
            self.running.start(name, "celery", *options, "-l", "WARNING", env=env)

    def loaded(self, name: str) -> bool:
        """Whether it has loaded since it was started last, and works."""
        return self._loads(name) > self.starts[name]

    def _loads(self, name: str) -> int:
        word = "caught up" if name.startswith("gateway") else " ready. "
        file = self.running.folder / f"{name}.log"
        return file.read_text(errors="replace").count(word) if file.exists() else 0

    # ---- signals

    def send(self, name: str, how: int) -> None:
        """A signal to a process; one that has ended gets none."""
        if how in {signal.SIGKILL, signal.SIGTERM}:
            self.expected.add(name)
        if how == signal.SIGSTOP:
            self.frozen.add(name)
        elif how == signal.SIGCONT:
            self.frozen.discard(name)
        pid = self.running.processes[name].pid
        try:
            os.killpg(pid, how)
        except ProcessLookupError:
            # It has ended; or it was forked just now, and has no group of its own yet.
            if self.alive(name):
                os.kill(pid, how)

    def freeze_redis(self, how: int) -> None:
        """SIGSTOP or SIGCONT to the server."""
        process = self.running.valkey.process
        if process is not None:
            process.send_signal(how)

    def alive(self, name: str) -> bool:
        """Whether it runs."""
        return self.running.processes[name].poll() is None

    def names(self, kind: str) -> list[str]:
        """The processes of a kind (worker, gateway, beat) that run, not frozen."""
        return [
            name
            for name in self.running.processes
            if name.startswith(kind)
            and name not in self.expected | self.frozen
            and self.alive(name)
        ]

    def free_name(self, kind: str) -> str:
        """The name of a process that does not run."""
        names = (f"{kind}-{number}" for number in itertools.count(1))
        return next(name for name in names if name not in self.running.processes)

    def watch(self) -> None:
        """As a supervisor: what ended by itself is noted and started again."""
        for name in list(self.running.processes):
            if name in self.expected or self.alive(name):
                continue
            code = self.running.processes[name].poll()
            if code != NO_SERVER or self.loaded(name):
                last = self.running.log(name, 400).strip().splitlines()[-1:]
                self.ended.append(f"{name} ended with {code}: {' '.join(last)}")
            self.start(name)


def faketime() -> Path | None:
    """The library that makes a clock wrong, where it is installed."""
    file = Path(LIBFAKETIME.format(os.uname().machine))
    return file if file.exists() else None


def wrong_clock(clock: str) -> dict[str, str]:
    """The environment of a process whose clock is wrong, as libfaketime has it."""
    here = Path(__file__).parent
    return {
        "LD_PRELOAD": str(faketime()),
        "FAKETIME": clock,
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "PYTHONPATH": os.pathsep.join(
            (str(here / "wrong_clock"), str(here.parents[1]))
        ),
    }


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path | None]:
    """A file system of its own, with little room; None where nothing may be mounted."""
    folder.mkdir(parents=True)
    size = f"size={DISK_MB}m"
    command = [
        shutil.which("mount") or "mount",
        "-t",
        "tmpfs",
        "-o",
        size,
        "tmpfs",
        str(folder),
    ]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        yield None
        return
    try:
        yield folder
    finally:
        subprocess.run([shutil.which("umount") or "", "-l", str(folder)], check=True)


CALM: Mapping[str, object] = {
    "cooldown": 4,
    "quiet_time": 1,
    "daily_posts": 100_000,
    "daily_posts_all": 100_000,
    "person_hourly": 100_000,
    "quiet_reserve": 0,
    "identifies_per_day": 450,
}


@contextlib.contextmanager
def house(folder: Path, seed: int) -> Iterator[House]:
    """Two gateways, a worker and beat, with a proxy before Redis."""
    characters = write_characters(
        folder / "characters", [eager_character(name) for name in BOTS]
    )
    server = LoopbackDiscord(seed=seed, rate_limit=(5, 5.0))
    with (
        small_disk(folder / "valkey") as disk,
        system(folder, server, characters_dir=characters, **CALM) as running,
        Proxy("127.0.0.1", running.valkey.port, seed).running() as proxy,
    ):
        url = running.env["STREAM_REDIS_URL"]
        running.env["STREAM_REDIS_URL"] = url.replace(
            f":{running.valkey.port}/", f":{proxy.port}/"
        )
        one = House(running, proxy, add_bots(running, *BOTS), disk)
        try:
            yield one
        finally:
            one.freeze_redis(signal.SIGCONT)
            for name in list(one.frozen):
                one.send(name, signal.SIGCONT)


def people_and_places(one: House) -> tuple[dict[str, Any], dict[str, Any]]:
    """Those who speak, and where, by name."""
    discord = one.running.discord
    return (
        {name: discord.add_user(name) for name in PEOPLE},
        {name: discord.add_channel(name) for name in CHANNELS},
    )
