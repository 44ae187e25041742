"""How long a test waits before it gives up. A limit says that something hangs, never
how fast it is."""

from __future__ import annotations

import os

MOST = 8.0


def patience(seconds: float) -> float:
    """So many seconds of an idle machine. A busy one gets more, by how many processes
    wait for each of its processors."""
    waiting = os.getloadavg()[0] / (os.cpu_count() or 1)
    return seconds * min(max(1.0, waiting), MOST)
