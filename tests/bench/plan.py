"""How much is measured, and the progress that shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import track


@dataclass(frozen=True, slots=True)
class Plan:
    """The size of a run. `messages` are those of one kind in one round; `seconds` that
    one rate is kept up, by messages a second."""

    full: bool = False
    repeats: int = 5
    calls: int = 300
    messages: int = 20
    seconds: dict[int, float] = field(default_factory=lambda: {1: 4, 10: 3, 50: 2})
    sizes: tuple[int, ...] = (3, 30, 100)
    thoughts: int = 300
    waves: int = 2
    console: Console = field(default_factory=lambda: Console(stderr=True))

    def rounds(self, what: str) -> Iterator[int]:
        """The numbers of the rounds, with a line that shows how far it is."""
        return self.steps(self.repeats, what)

    def few(self, what: str) -> Iterator[int]:
        """Fewer rounds, of what takes long."""
        return self.steps(max(3, self.repeats // 2), what)

    def steps(self, count: int, what: str) -> Iterator[int]:
        """So many steps."""
        if not self.console.is_terminal:
            self.console.print(f"  {what}")
            yield from range(count)
            return
        steps = range(count)
        yield from track(steps, what, console=self.console, transient=True)


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
    )
