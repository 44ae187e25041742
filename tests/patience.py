"""How long a test waits before it gives up. A limit says that something hangs, never
how fast it is."""

from __future__ import annotations

import os
import time

MOST = 8.0
SHORTEST, LONGEST = 0.01, 0.05
"""Seconds between two looks at what is waited for."""


def patience(seconds: float) -> float:
    """So many seconds of an idle machine. A busy one gets more, by how many processes
    wait for each of its processors."""
    waiting = os.getloadavg()[0] / (os.cpu_count() or 1)
    return seconds * min(max(1.0, waiting), MOST)


def pause(began: float, shortest: float = SHORTEST) -> None:
    """Sleep until the next look at what is waited for since then (monotonic): a look
    costs processor time, and who has waited for a second sees no difference."""
    waited = time.monotonic() - began
    time.sleep(min(LONGEST, max(shortest, waited / 20)))
