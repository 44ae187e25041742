"""The machine while it is measured: what others took of its processors, and what our
own processes took. From /proc (Linux)."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.bench.figures import Spread

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")
OTHERS = 0.10
"""Others that take more than this share of the processors are heard in the figures."""
STOLEN = 0.02
"""The same for time that a host kept from this virtual machine."""
IDLE_SLOTS = (3, 4)
"""In a line of /proc/stat: idle, and waiting for disks."""
STEAL_SLOT = 7


@dataclass(frozen=True, slots=True)
class Ticks:
    """Counters of /proc/stat, in seconds of all processors."""

    busy: float
    stolen: float
    ours: float
    at: float


@dataclass(frozen=True, slots=True)
class Quiet:
    """How quiet the machine was: shares of all its processors."""

    processors: int
    load: float
    others: float
    stolen: float
    unsteady: tuple[str, ...] = ()

    @property
    def loaded(self) -> bool:
        """Whether the figures must not be taken at their word."""
        too_much = self.others > OTHERS or self.stolen > STOLEN
        return too_much or bool(self.unsteady)

    def line(self) -> str:
        """One line for people."""
        facts = (
            f"load average {self.load:.1f} on {self.processors} processors at the "
            f"beginning; others took {self.others:.0%} of them, "
            f"{self.stolen:.1%} was stolen by the host"
        )
        if not self.loaded:
            return f"Quiet machine: {facts}."
        if self.unsteady:
            facts += f"; floors that did not hold still: {', '.join(self.unsteady)}"
        return (
            f"LOADED MACHINE, no verdict: {facts}. "
            "Ratios may still say something, goals are not judged."
        )

    def json(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self) | {"loaded": self.loaded, "line": self.line()}


class Watch:
    """Watches the machine from its beginning on; `ours` are the processes below this
    one."""

    def __init__(self) -> None:
        self._load = os.getloadavg()[0]
        self._begun = self._last = read_ticks()
        self._others = self._stolen = 0.0

    def note(self) -> None:
        """Add what went by since the last note. Call it often: of a process that ended
        meanwhile only its parent knows."""
        now = read_ticks()
        ours = max(0.0, now.ours - self._last.ours)
        self._others += max(0.0, now.busy - self._last.busy - ours)
        self._stolen += now.stolen - self._last.stolen
        self._last = now

    def quiet(self, floors: Iterable[tuple[str, Spread]]) -> Quiet:
        """How quiet it was until now. `floors`: what should have held still."""
        self.note()
        processors = count_processors()
        capacity = max(1e-9, (self._last.at - self._begun.at) * processors)
        return Quiet(
            processors=processors,
            load=self._load,
            others=self._others / capacity,
            stolen=self._stolen / capacity,
            unsteady=tuple(name for name, spread in floors if spread.unsteady),
        )


def machine_told(quiet: Quiet) -> dict[str, Any]:
    """What was measured on, when, and whether it was quiet."""
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    what = (
        f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    )
    return {**quiet.json(), "when": when, "what": what}


def count_processors() -> int:
    """Those that /proc/stat counts."""
    lines = (PROC / "stat").read_text(encoding="ascii").splitlines()
    return sum(line.startswith("cpu") for line in lines) - 1


def read_ticks() -> Ticks:
    """The counters now."""
    first = (PROC / "stat").read_text(encoding="ascii").split("\n", 1)[0]
    # Guests' time is counted in `user` too.
    slots = [int(one) / TICKS for one in first.split()[1:9]]
    idle = sum(slots[slot] for slot in IDLE_SLOTS)
    stolen = slots[STEAL_SLOT]
    return Ticks(
        busy=sum(slots) - idle - stolen,
        stolen=stolen,
        ours=sum(total_time(pid) for pid in family(os.getpid())),
        at=time.monotonic(),
    )


def _stat(pid: int) -> list[str]:
    """The fields of a process after its name, which may hold anything; none once it is
    gone."""
    try:
        text = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()


def used_time(pids: Iterable[int]) -> float:
    """Processor seconds that processes have taken themselves."""
    found = (_stat(pid) for pid in pids)
    return sum(int(one[11]) + int(one[12]) for one in found if one) / TICKS


def total_time(pid: int) -> float:
    """Processor seconds of a process and of its children that have ended."""
    fields = _stat(pid)
    return sum(int(one) for one in fields[11:15]) / TICKS if fields else 0.0


def family(pid: int) -> list[int]:
    """A process and all below it."""
    below: dict[int, list[int]] = {}
    for folder in PROC.iterdir():
        if folder.name.isdigit() and (fields := _stat(int(folder.name))):
            below.setdefault(int(fields[1]), []).append(int(folder.name))
    found = [pid]
    for one in found:
        found.extend(below.get(one, ()))
    return found


def command_of(pid: int) -> str:
    """A process's command line; empty once it is gone."""
    try:
        data = (PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return ""
    return data.replace(b"\0", b" ").decode(errors="replace")


def memory_mb(pids: Sequence[int]) -> float:
    """Megabytes of processes together; pages that they share count once (PSS)."""
    return sum(_kilobytes(pid, "Pss") for pid in pids) / 1024


def resident_mb(pids: Sequence[int]) -> float:
    """The same with shared pages counted in each process (RSS)."""
    return sum(_kilobytes(pid, "Rss") for pid in pids) / 1024


def _kilobytes(pid: int, kind: str) -> int:
    try:
        text = (PROC / str(pid) / "smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return 0
    lines = (one.split() for one in text.splitlines())
    return next((int(one[1]) for one in lines if one[0] == f"{kind}:"), 0)
