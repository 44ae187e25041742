"""Each single HTTP attempt of a post, also those that discord.py repeats by itself,
seen through aiohttp's tracing.

`trace_config` goes into every client. A request made inside `carry` is asked about
before it leaves, is cut off at the request timeout, and its success is known as soon as
Discord's answer is in: discord.py returns only when a used-up rate-limit bucket resets,
seconds later.
"""

from __future__ import annotations

import asyncio
import contextvars
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import SimpleNamespace

import aiohttp

from app.delivery.address import Address
from app.domain.errors import StreamError
from app.runtime import killpoints


class ServerFailed(StreamError):
    """Discord answered with a server error; raised so that discord.py does not sleep
    and repeat: the outbox does."""


class Unreadable(StreamError):
    """Discord accepted a post but its answer names no message."""


@dataclass(slots=True)
class Sending:
    """One post on its way. `ask` raises to stop an attempt, else numbers it and says how
    many seconds old the permission is; `limited` hears of each 429."""

    ask: Callable[[], Awaitable[tuple[int, float]]]
    limited: Callable[[], Awaitable[None]]
    timeout: float
    accepted: asyncio.Future[str]
    """The message id; empty for a reaction."""
    deadline: asyncio.Timeout = field(default_factory=lambda: asyncio.timeout(None))
    attempted: bool = False
    """An attempt was allowed, and what came of it is not yet told."""
    tries: int = 0
    status: int = 0

    async def begin(self) -> None:
        """Before the request leaves. The clock starts before the question: a
        reading back waits from its answer."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self.timeout
        self.deadline.reschedule(until)
        self.tries, age = await self.ask()
        until -= age
        self.deadline.reschedule(until)
        self.attempted = True
        killpoints.reached("post_before")
        # A process that was stopped here must not post when its permission is old.
        if loop.time() >= until:
            raise TimeoutError

    async def answered(self, status: int) -> None:
        """The answer's head is in."""
        self.status = status
        if status == 429:
            # discord.py repeats by itself, and the next attempt starts its own clock.
            self.deadline.reschedule(None)
            self.attempted = False
            await self.limited()
        elif status >= 500:
            raise ServerFailed(f"HTTP {status}")
        elif status == 204:
            # The answer to a reaction: no body will follow.
            self._accept_message("")

    def read(self, body: bytes) -> None:
        """The answer's body is in."""
        if self.status in {200, 201} and not self.accepted.done():
            try:
                self._accept_message(str(int(json.loads(body)["id"])))
            except (ValueError, TypeError, KeyError):
                raise Unreadable from None

    def _accept_message(self, message_id: str) -> None:
        # discord.py may now sleep until its bucket resets: the post has not failed.
        self.deadline.reschedule(None)
        if not self.accepted.done():
            self.accepted.set_result(message_id)


_sending: contextvars.ContextVar[Sending | None] = contextvars.ContextVar(
    "sending", default=None
)


async def _on_start(
    _: aiohttp.ClientSession, __: SimpleNamespace, ___: aiohttp.TraceRequestStartParams
) -> None:
    if sending := _sending.get():
        await sending.begin()


async def _on_headers(
    _: aiohttp.ClientSession,
    __: SimpleNamespace,
    ___: aiohttp.TraceRequestHeadersSentParams,
) -> None:
    if _sending.get():
        killpoints.reached(
            "post_ready"
        )  # the last check is behind, nothing has left yet


async def _on_sent(
    _: aiohttp.ClientSession,
    __: SimpleNamespace,
    ___: aiohttp.TraceRequestChunkSentParams,
) -> None:
    if _sending.get():
        killpoints.reached("post_sent")


async def _on_end(
    _: aiohttp.ClientSession, __: SimpleNamespace, params: aiohttp.TraceRequestEndParams
) -> None:
    if sending := _sending.get():
        await sending.answered(params.response.status)


async def _on_body(
    _: aiohttp.ClientSession,
    __: SimpleNamespace,
    params: aiohttp.TraceResponseChunkReceivedParams,
) -> None:
    if sending := _sending.get():
        sending.read(params.chunk)


def trace_config(address: Address) -> aiohttp.TraceConfig:
    """What a client needs for `carry` to see its requests, and to fall silent with all
    others of this address."""
    # The address is asked first: an attempt that cannot leave must not be counted.
    trace = address.trace(waits=False)
    trace.on_request_start.append(_on_start)
    trace.on_request_headers_sent.append(_on_headers)
    trace.on_request_chunk_sent.append(_on_sent)
    trace.on_request_end.append(_on_end)
    trace.on_response_chunk_received.append(_on_body)
    return trace


async def _run_post(sending: Sending, post: Callable[[], Awaitable[object]]) -> None:
    _sending.set(sending)
    async with sending.deadline:
        await post()


# The loop refers to its tasks weakly: one that nobody holds may vanish half-way.
_finishing: set[asyncio.Task[None]] = set()


def _retrieve_exception(task: asyncio.Task[None]) -> None:
    _finishing.discard(task)
    if not task.cancelled():
        task.exception()  # What happens after Discord accepted is of no consequence.


async def carry_post(
    sending: Sending, post: Callable[[], Awaitable[object]]
) -> str | BaseException:
    """Send: the message id as soon as Discord accepted it, or why it did not. Any error
    is a value here: each must be weighed for whether the post may have arrived."""
    task = asyncio.create_task(_run_post(sending, post))
    _finishing.add(task)
    task.add_done_callback(_retrieve_exception)
    waiting: set[asyncio.Future[str] | asyncio.Task[None]] = {task, sending.accepted}
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    if sending.accepted.done():
        return sending.accepted.result()
    # It ended without an error and without an id: it may well have arrived.
    return task.exception() or Unreadable()
