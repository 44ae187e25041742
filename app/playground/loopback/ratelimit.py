"""Rate limit buckets as Discord shows them: so many posts in a window, per bot and channel."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verdict:
    """May the request pass? With the headers that every answer of a limited route carries."""

    allowed: bool
    retry_after: float
    headers: dict[str, str]


class RateLimiter:
    """Fixed windows: the first post opens one of `period` seconds, in which `limit` posts pass. None turns it off."""

    def __init__(self, rate_limit: tuple[int, float] | None) -> None:
        self.rate_limit = rate_limit
        self._windows: dict[tuple[int, int], tuple[float, int]] = {}

    def check(self, bot_id: int, channel_id: int) -> Verdict:
        if self.rate_limit is None:
            return Verdict(True, 0.0, {})
        limit, period = self.rate_limit
        now = time.monotonic()
        opened, used = self._windows.get((bot_id, channel_id), (now, 0))
        if now - opened >= period:
            opened, used = now, 0
        allowed = used < limit
        used += allowed
        self._windows[bot_id, channel_id] = (opened, used)
        left = opened + period - now
        headers = {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(limit - used),
            "X-RateLimit-Reset": f"{time.time() + left:.3f}",
            "X-RateLimit-Reset-After": f"{left:.3f}",
            "X-RateLimit-Bucket": "loopback-create-message",
        }
        if not allowed:
            headers |= {"Via": "1.1 loopback", "Retry-After": f"{left:.3f}", "X-RateLimit-Scope": "user"}
        return Verdict(allowed, left, headers)
