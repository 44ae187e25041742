"""How much is measured, and the progress that shows."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from rich.console import Console
from rich.progress import track


@dataclass(frozen=True, slots=True)
class Plan:
    """The size of a run. `messages` are those of one kind in one round; `seconds` that
    one rate is kept up, by messages a second.

    A part begins no further round after `part_s` seconds, and is given up after
    `most_s`.
    """

    full: bool = False
    repeats: int = 5
    calls: int = 300
    messages: int = 20
    seconds: dict[int, float] = field(default_factory=lambda: {1: 4, 10: 3, 50: 2})
    sizes: tuple[int, ...] = (3, 30, 100)
    thoughts: int = 300
    waves: int = 2
    part_s: float = 75.0
    most_s: float = 300.0
    ends: float = math.inf
    """When (monotonic) the part that runs begins no further round."""
    console: Console = field(default_factory=lambda: Console(stderr=True))

    def for_part(self) -> Plan:
        """The plan of a part that begins now."""
        return replace(self, ends=time.monotonic() + self.part_s)

    def rounds(self, what: str) -> Iterator[int]:
        """The numbers of the rounds, with a line that shows how far it is."""
        return self.steps(self.repeats, what)

    def few(self, what: str) -> Iterator[int]:
        """Fewer rounds, of what takes long."""
        return self.steps(max(3, self.repeats // 2), what)

    def steps(self, count: int, what: str) -> Iterator[int]:
        """So many steps, or fewer where the part has no time for more: one at least."""
        numbers = range(count)
        if self.console.is_terminal:
            shown: Iterable[int] = track(
                numbers, what, console=self.console, transient=True
            )
        else:
            self.console.print(f"  {what}")
            shown = numbers
        for number in shown:
            if number and time.monotonic() > self.ends:
                self.console.print(f"  {what}: ended after {number} of {count}")
                return
            yield number


def plan_of(full: bool) -> Plan:
    """The short run of a few minutes, or the long one."""
    if not full:
        return Plan()
    return Plan(
        full=True,
        repeats=9,
        calls=2_000,
        messages=60,
        seconds={1: 15, 10: 10, 50: 10},
        waves=5,
        part_s=600.0,
        most_s=1_200.0,
    )
