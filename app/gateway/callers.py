"""Who called a bot lately, in whatever channels: those who called little are answered
first."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable

LATELY_S = 60.0
FEW = 3
"""Calls of a person within that time that go ahead of others."""
PEOPLE = 2_000


class Callers:
    """Counts calls of each person to each bot of this process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._calls: OrderedDict[tuple[str, str], deque[float]] = OrderedDict()
        """The latest times, at most FEW of each, the latest caller last."""

    def called_little(self, bot: str, person: str) -> bool:
        """Count one call; whether the person called the bot FEW times at most
        lately."""
        now, key = self._clock(), (bot, person)
        calls = self._calls.setdefault(key, deque(maxlen=FEW))
        little = len(calls) < FEW or now - calls[0] > LATELY_S
        calls.append(now)
        self._calls.move_to_end(key)
        if len(self._calls) > PEOPLE:
            self._calls.popitem(last=False)
        return little
