"""What work costs as its input grows: a ratio within one run, which says the same on a
busy machine as on an idle one."""

from __future__ import annotations

import time
from collections.abc import Callable

REPEATS = 5
LINEAR = 24
"""The most that an input of eight times the size may cost: linear work costs 8 times as
much, quadratic work 64 times."""


def growth(work: Callable[[int], object], small: int, large: int) -> float:
    """How many times the processor time of `work(small)` that of `work(large)` is: for
    linear work `large / small`, for quadratic work its square. Each is the best of
    five, of sizes that differ a little, so that no cache answers."""
    work(small)  # what is loaded at first use is no part of it
    return _best(work, large) / _best(work, small)


def _best(work: Callable[[int], object], size: int) -> float:
    times = []
    for place in range(REPEATS):
        began = time.thread_time()
        work(size - 1 - place)
        times.append(time.thread_time() - began)
    return min(times)
