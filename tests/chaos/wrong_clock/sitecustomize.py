"""Loaded by a Python process whose clock libfaketime makes wrong, before anything else.

CPython 3.11 sleeps until a monotonic moment (`clock_nanosleep`). libfaketime 0.9.10, told
to leave that clock alone, passes a moment that the kernel refuses: each `time.sleep` ended
with "Invalid argument". A wait for nothing takes a span and is left alone.
"""

import select
import time
from typing import Any


def _sleep(seconds: Any) -> None:
    select.select((), (), (), seconds)


time.sleep = _sleep
