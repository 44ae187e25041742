"""A circuit breaker: whatever fails again and again is left alone for a while."""

from __future__ import annotations

import threading


class Breaker:
    """After `failures` in a row no call for `open_ms`, then one trial. Thread-safe; the
    time is passed in (Unix ms)."""

    def __init__(self, failures: int = 4, open_ms: int = 30_000) -> None:
        self._limit, self._open_ms = failures, open_ms
        self._failed = 0
        self._opened_ms: int | None = None
        self._lock = threading.Lock()

    def allows(self, now_ms: int) -> bool:
        """Whether a call may be made; when the open time has passed, to one caller
        only."""
        with self._lock:
            if self._opened_ms is None:
                return True
            if now_ms - self._opened_ms < self._open_ms:
                return False
            # If this trial never comes back, the next one follows after the same time.
            self._opened_ms = now_ms
            return True

    def succeeded(self) -> None:
        """A call came back."""
        with self._lock:
            self._failed, self._opened_ms = 0, None

    def failed(self, now_ms: int) -> None:
        """A call failed for good."""
        with self._lock:
            self._failed += 1
            if self._failed >= self._limit:
                self._opened_ms = now_ms
