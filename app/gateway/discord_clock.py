"""Discord's clock, as far as its REST answers tell: each bears the second at which it was
written."""

from __future__ import annotations

import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from types import SimpleNamespace

import aiohttp

PRECISION = 1.0
"""Seconds that two samples may differ though no clock has moved: the header counts whole
seconds."""
QUICK = 1.0
"""Seconds within which an answer came, so that it tells the time."""


def steady() -> float:
    """Seconds since this machine was started, those that it slept included: nobody can
    set this clock."""
    boottime = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(boottime)


class DiscordClock:
    """Seconds since 1970 by Discord's clock."""

    def __init__(self, steady: Callable[[], float] = steady) -> None:
        self._steady = steady
        self._ahead: float | None = None
        """Of the steady clock, in seconds."""
        self._by_chance = True
        """The sample came too slowly to be relied on."""

    def now(self) -> float | None:
        """What Discord's clock shows; None: it has not been seen yet."""
        return None if self._ahead is None else self._steady() + self._ahead

    def note(self, date: str, sent: float, received: float) -> None:
        """Take a sample: the `Date` of an answer, and when the steady clock showed that
        it was asked for and had come."""
        try:
            theirs = parsedate_to_datetime(date).timestamp()
        except ValueError:
            return
        slow = received - sent > QUICK
        # The header leaves out the fraction of the second.
        ahead = theirs + 0.5 - (sent + received) / 2
        if self._ahead is None or (self._by_chance and not slow):
            self._ahead, self._by_chance = ahead, slow
        elif not slow and abs(ahead - self._ahead) > PRECISION:
            self._ahead = ahead

    def watch(self, trace: aiohttp.TraceConfig) -> None:
        """Take a sample of each answer that this trace sees."""

        async def sent(
            _: aiohttp.ClientSession,
            context: SimpleNamespace,
            __: aiohttp.TraceRequestStartParams,
        ) -> None:
            # The trace may have held the request up: this is called last.
            context.sent = self._steady()

        async def received(
            _: aiohttp.ClientSession,
            context: SimpleNamespace,
            params: aiohttp.TraceRequestEndParams,
        ) -> None:
            date = params.response.headers.get("Date", "")
            self.note(date, context.sent, self._steady())

        trace.on_request_start.append(sent)
        trace.on_request_end.append(received)
