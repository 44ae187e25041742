"""Refusals of the whole address: while Discord or Cloudflare refuses this machine,
nothing of this process asks anything.

One `Address` a process sees every request of every client through aiohttp's tracing.
After a refusal all wait, then one request goes first; its answer decides for all.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from types import SimpleNamespace

import aiohttp
import structlog

from app.domain.errors import StreamError

log = structlog.get_logger(__name__)

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
"""Seconds, unless Discord asks for longer. Short at first: a proxy's page may also be
about one request alone."""
PROBE = 1.0
"""Seconds for which the first request after a pause goes alone."""


class AddressRefused(StreamError):
    """Discord refuses this address; nothing was sent."""

    def __init__(self, remaining_s: float) -> None:
        super().__init__("Discord refuses this address for now")
        self.remaining_s = remaining_s
        """Seconds until it may be asked again."""


class Address:
    """What is known of how Discord takes requests from here. Used on one loop; `clock`
    counts seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._until = 0.0
        self._refusals = 0
        self._probing = False

    @property
    def seconds_left(self) -> float:
        """Seconds until a request may go; 0: now."""
        return max(0.0, self._until - self._clock()) if self._refusals else 0.0

    def check_entry(self) -> None:
        """Before a request. Raises AddressRefused while all wait; the first one after
        that goes alone."""
        left = self.seconds_left
        if left > 0:
            raise AddressRefused(left)
        if self._refusals:
            # Others wait for this one's answer, but not for ever: it may never come.
            self._probing = True
            self._until = self._clock() + PROBE

    async def wait_and_enter(self) -> None:
        """As `enter`, waiting until a request may go."""
        while True:
            try:
                self.check_entry()
                return
            except AddressRefused as refused:
                await asyncio.sleep(refused.remaining_s)

    def note_answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """After each answer."""
        asked = _asked_pause(status, headers, body)
        if asked is None:
            self._note_accepted(status)
        else:
            self._note_refused(status, asked)

    def trace(self, waits: bool) -> aiohttp.TraceConfig:
        """What a client needs to take part. While all wait its requests wait too
        (`waits`) or fail with AddressRefused."""
        config = aiohttp.TraceConfig()

        async def begin(
            _: aiohttp.ClientSession,
            __: SimpleNamespace,
            ___: aiohttp.TraceRequestStartParams,
        ) -> None:
            if waits:
                await self.wait_and_enter()
            else:
                self.check_entry()

        async def end(
            _: aiohttp.ClientSession,
            context: SimpleNamespace,
            params: aiohttp.TraceRequestEndParams,
        ) -> None:
            context.answer = params.response

        async def body(
            _: aiohttp.ClientSession,
            context: SimpleNamespace,
            params: aiohttp.TraceResponseChunkReceivedParams,
        ) -> None:
            # Only the body tells Cloudflare's page from the JSON of Discord's API.
            self.note_answer(
                context.answer.status, context.answer.headers, params.chunk
            )

        config.on_request_start.append(begin)
        config.on_request_end.append(end)
        config.on_response_chunk_received.append(body)
        return config

    def _note_accepted(self, status: int) -> None:
        # A server error may be a proxy's own: it says nothing of the address.
        if self._refusals and status < 500:
            log.warning(
                "Discord takes requests from this address again",
                refusals=self._refusals,
            )
            self._refusals = 0

    def _note_refused(self, status: int, asked: float) -> None:
        now = self._clock()
        if self._refusals and not self._probing:
            self._until = max(
                self._until, now + asked
            )  # it was on its way before all began to wait
            return
        # Without a bound of the exponent the product would one day overflow a float.
        doubled = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(self._refusals, 20))
        pause = max(doubled, asked)
        if not self._refusals:
            log.warning(
                "Discord refuses this address, all channels wait",
                status=status,
                pause_s=round(pause, 1),
            )
        self._refusals += 1
        self._probing = False
        self._until = now + pause


def _asked_pause(status: int, headers: Mapping[str, str], body: bytes) -> float | None:
    """How long Discord asks to wait, 0.0 where it does not say; None: the answer is no
    refusal of the address."""
    if status not in {403, 429}:
        return None
    fields = _json_body(body)
    asked = seconds(headers.get("Retry-After"))
    # Not Discord's API: the proxy before it refuses the address as a whole.
    if fields is None:
        return asked
    everywhere = (
        fields.get("global") is True
        or headers.get("X-RateLimit-Global", "").lower() == "true"
    )
    if status == 429 and everywhere:
        return max(asked, seconds(str(fields.get("retry_after", ""))))
    return None


def _json_body(body: bytes) -> dict[str, object] | None:
    try:
        fields = json.loads(body)
    except ValueError:
        return None
    return fields if isinstance(fields, dict) else None


def seconds(text: str | None) -> float:
    """A wait as Discord writes it, in seconds; 0.0 for what is none."""
    try:
        # A day at most: `inf` is a float too and must not silence every bot for good.
        return min(max(0.0, float(text or 0)), 86_400.0)
    except ValueError:
        return 0.0
