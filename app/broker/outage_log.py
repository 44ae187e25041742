"""What a process says of a broker that is away or refuses: a line when it begins, one a
minute while it lasts, a line when it is over. Celery's own parts write a trace for each
try, a worker's some ten times a second.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)

AGAIN_S = 60.0
"""Seconds between two lines of one outage."""


class OutageLog:
    """The lines of one outage after another."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._changing = threading.Lock()
        self._tries = 0
        self._began = self._next = 0.0

    def note(self, error: BaseException) -> int:
        """A try that failed. Returns how many did since the outage began."""
        with self._changing:
            now = self._clock()
            self._tries += 1
            if self._tries == 1:
                self._began = self._next = now
            if now >= self._next:
                self._next = now + AGAIN_S
                # Not its text: that may hold the broker's address, or what was sent.
                self._say("the broker is away or refuses", reason=reason_of(error))
            return self._tries

    def end(self) -> None:
        """It was reached, and does what it is asked for."""
        with self._changing:
            if self._tries:
                self._say("the broker is back")
            self._tries = 0

    def _say(self, event: str, **more: str) -> None:
        lasted = round(self._clock() - self._began)
        log.warning(event, tries=self._tries, lasted_s=lasted, **more)


def reason_of(error: BaseException) -> str:
    """An error's kind, and the code that a server's answer begins with."""
    # kombu hides what it met behind an error of its own.
    inner = error.__cause__ or error
    word = str(inner).partition(" ")[0]
    name = type(inner).__name__
    return f"{name} {word}" if word.isalpha() and word.isupper() else name


broker_outage = OutageLog()
"""This process's own."""
