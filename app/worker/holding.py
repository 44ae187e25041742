"""Asking for money before a model is called."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable

from app.domain.verdicts import Reserve

AGAIN_S = 0.1
"""Between two looks whether others' calls have ended."""


def request() -> str:
    """A fresh request id: one for each call of the store, kept through its retries."""
    return uuid.uuid4().hex


def when_free(
    ask: Callable[[], tuple[Reserve, str]], seconds: float
) -> tuple[Reserve, str]:
    """The answer to `ask`, repeated while others' calls might pass a cap together with
    this one, at most for so long."""
    until = time.monotonic() + seconds
    verdict, reason = ask()
    while verdict is Reserve.WAIT and time.monotonic() < until:
        # With jitter: else all who wait for one cap would ask again at the same moment.
        time.sleep(AGAIN_S * (0.5 + random.random()))
        verdict, reason = ask()
    return verdict, reason
