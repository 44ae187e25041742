"""Rate limit buckets as Discord shows them: so many requests in a window, per bot,
route and channel or server."""

from __future__ import annotations

import time
from dataclasses import dataclass
from zlib import crc32

CREATE_MESSAGE_BUCKET = "POST /channels/{channel_id}/messages"
OTHER_ROUTES = (50, 1.0)
"""Requests and seconds of each bucket but the one of messages, while there is a rate
limit."""

UNLIMITED = (10_000, 1.0)
"""What the headers say while nothing is limited."""


@dataclass(frozen=True, slots=True)
class RateVerdict:
    """May the request pass? With the headers that the answer carries. `retry_after` in
    seconds."""

    allowed: bool
    retry_after: float
    headers: dict[str, str]


class RateLimiter:
    """Fixed windows: the first request opens one of `period` seconds, in which `limit`
    requests pass.

    rate_limit: limit and period of the buckets of messages; None lets everything pass.
    """

    def __init__(self, rate_limit: tuple[int, float] | None) -> None:
        self.rate_limit = rate_limit
        self._windows: dict[tuple[int, str, str], tuple[float, int]] = {}
        self._names: dict[str, str] = {}

    def check(self, bot_id: int, route: str, major: str) -> RateVerdict:
        """Count a request of a route (method and path template) and of the channel or
        server in its path."""
        if self.rate_limit is None:
            return RateVerdict(
                True, 0.0, self._limit_headers(route, UNLIMITED[0], 1, UNLIMITED[1])
            )
        limit, period = (
            self.rate_limit if route == CREATE_MESSAGE_BUCKET else OTHER_ROUTES
        )
        now = time.monotonic()
        key = (bot_id, route, major)
        opened, used = self._windows.get(key, (now, 0))
        if now - opened >= period:
            opened, used = now, 0
        allowed = used < limit
        used += allowed
        self._windows[key] = (opened, used)
        left = opened + period - now
        headers = self._limit_headers(route, limit, used, left)
        if not allowed:
            headers |= {
                "Via": "1.1 loopback",
                "Retry-After": f"{left:.3f}",
                "X-RateLimit-Scope": "user",
            }
        return RateVerdict(allowed, left, headers)

    def _limit_headers(
        self, route: str, limit: int, used: int, left: float
    ) -> dict[str, str]:
        name = self._names.get(route)
        if name is None:
            # Not hash(), which gives a text another number in each process.
            name = self._names[route] = f"loopback-{crc32(route.encode()):08x}"
        return {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(limit - used),
            "X-RateLimit-Reset": f"{time.time() + left:.3f}",
            "X-RateLimit-Reset-After": f"{left:.3f}",
            "X-RateLimit-Bucket": name,
        }
