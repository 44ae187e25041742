"""What a terminal shows of a running `up`: a lamp for each process and each bot, and a
line whenever a bot's changes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

from rich.console import Console
from rich.live import Live
from rich.text import Text

from app.domain.errors import StreamError
from app.domain.settings import Settings
from app.host.supervisor import Child, Say, State, Supervisor
from app.operator.lamps import Lamp, Light, lamps_of, lights_of_processes
from app.operator.status import Status, read_status

EVERY = 3.0
"""Seconds between two looks, at least."""
SHARE = 20
"""A look that takes long is followed by a pause of so many times as long."""
DOTS = {
    State.RUNNING: ("●", "green"),
    State.STARTING: ("●", "yellow"),
    State.WAITING: ("○", "red"),
    State.REFUSED: ("✗", "red"),
    State.STOPPING: ("●", "yellow"),
    State.ENDED: ("○", "dim"),
}
LIGHTS = {
    Light.WELL: ("●", "green"),
    Light.HELD: ("●", "yellow"),
    Light.BAD: ("✗", "red"),
}


class StatusWatch:
    """Looks at `status` again and again, in a thread of its own, and says what changed.

    `lamps` and `processes` are what it saw last; both are empty until it saw something.
    """

    def __init__(
        self,
        settings: Settings,
        bots: Sequence[str],
        say: Say,
        read: Callable[[Settings], Status] = read_status,
    ) -> None:
        self.lamps: tuple[Lamp, ...] = ()
        self.processes: Mapping[str, bool] = {}
        self._settings = settings
        self._bots = bots
        self._say = say
        self._read = read
        self._told: dict[str, str] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(
            target=self._look_on, name="status of up", daemon=True
        )

    def __enter__(self) -> StatusWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        # Not longer: it may wait for a Redis that is away.
        self._thread.join(1.0)

    def look(self) -> None:
        """Look once, and say what changed."""
        try:
            found = self._read(self._settings)
        except StreamError:
            # Redis starts, or is away: its own lamp and the gateway's lines tell.
            self.lamps, self.processes = (), {}
            return
        self.lamps = lamps_of(found, self._bots)
        self.processes = lights_of_processes(found)
        for lamp in self.lamps:
            self._tell(lamp)

    def _look_on(self) -> None:
        pause = EVERY
        while not self._stopped.wait(pause):
            begun = time.monotonic()
            self.look()
            pause = max(EVERY, SHARE * (time.monotonic() - begun))

    def _tell(self, lamp: Lamp) -> None:
        before = self._told.get(lamp.name)
        # While it starts nobody is connected: no news.
        if before is None and lamp.light is Light.BAD:
            return
        self._told[lamp.name] = lamp.words
        if lamp.words != before:
            self._say("up", f"{lamp.name}: {lamp.words}")


def status_line(
    console: Console, supervisor: Supervisor, watch: StatusWatch
) -> AbstractContextManager[object]:
    """On a terminal, a line that always tells how everything is; elsewhere nothing."""
    if not console.is_terminal:
        return nullcontext()
    begun = time.monotonic()

    def line() -> Text:
        return lamp_line(supervisor.children, watch, time.monotonic() - begun)

    return Live(
        get_renderable=line, console=console, refresh_per_second=2, transient=True
    )


def lamp_line(children: Sequence[Child], watch: StatusWatch, seconds: float) -> Text:
    """The lamps, for an `up` that has run for so long. A process that runs and does not
    do its work is yellow."""
    minutes, rest = divmod(int(seconds), 60)
    text = Text(f" up {minutes // 60}:{minutes % 60:02}:{rest:02}", style="bold")
    for child in children:
        text.append("  ").append_text(_process_lamp(child, watch.processes))
    for lamp in watch.lamps:
        words = "" if lamp.light is Light.WELL else f" {lamp.words}"
        text.append("  ").append_text(
            Text.assemble(LIGHTS[lamp.light], f" {lamp.name}{words}")
        )
    return text.append("   Ctrl-C stops", style="dim")


def _process_lamp(child: Child, processes: Mapping[str, bool]) -> Text:
    dot = DOTS[child.state]
    if child.state is State.RUNNING and not processes.get(child.spec.name, True):
        dot = DOTS[State.STARTING]
    again = f" ({child.restarts} restarts)" if child.restarts else ""
    return Text.assemble(dot, f" {child.spec.name}{again}")
