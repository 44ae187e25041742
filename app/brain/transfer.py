"""What one call of a model does over HTTP: whether its request was sent, and how much of
the answer is read. It is known of each client that is built on httpx."""

from __future__ import annotations

import asyncio
import re
import zlib
from asyncio import CancelledError
from collections.abc import AsyncIterator, Awaitable
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from langchain_core.language_models.chat_models import BaseChatModel

T = TypeVar("T")

MOST_PARSED = 512 * 1024
"""Weight of what a client parses at once: an answer, or one line of a streamed one."""
MOST_STREAMED = 8 * 1024 * 1024
"""Weight of all lines of a streamed answer: each token comes with up to 300 bytes."""
MOST_BEFORE = 128 * 1024
"""Weight of what comes before an answer's body: its head, and any number of heads that
say "go on", which clients skip without end."""
READ_WEIGHT = 64
"""What is read at once before the body weighs at least as many bytes."""
MOST_REFUSED = 64 * 1024
"""Bytes of a refusal that are read; the rest is left."""
REFUSED_S = 2.0
"""In which they come, or are not waited for."""
MOST_KEPT = 4 * 1024
"""Bytes of an answer that are kept to see whether it is an error: those are short."""
BRACKET_WEIGHT = 25
"""A bracket weighs as many bytes. Clients build objects for it, slowly, and no other
call goes on meanwhile: four megabytes of `{},` took 55 s."""
PIECE_WEIGHT = 256
LINE_WEIGHT = 100
"""Each piece weighs at least as many bytes, and each line so many more: both take time
however little they hold."""

_CLIENTS = ("root_async_client", "async_client", "_async_client")
"""Where LangChain's models keep the clients of their providers."""
_STREAMED = re.compile(rb'"stream": ?true')
"""In a request. A prompt cannot hold it: quotes in its text are escaped."""


class AnswerTooLargeError(Exception):
    """More came than an answer holds."""


class RedirectedError(Exception):
    """The server sends calls to another address, as no API does."""


class BodyDecodingError(Exception):
    """The body is not packed as it says, or as nobody asked for."""


@dataclass
class Transfer:
    """One call. `watched`: its client tells of it. `sent`: some of its request went
    out, and not only to a proxy."""

    watched: bool
    sent: bool = False
    answer: bytes = b""
    """The beginning of what came with a status of success."""
    given_up: bool = False
    _connection: Any = None
    _before: int | None = None
    """Weight of what came before the body; None: that is not awaited."""

    def give_up(self) -> None:
        """From here on nothing is sent that was not sent before."""
        self.given_up = True

    def hear(self, size: int) -> None:
        """Hear that so many bytes were read from the connection."""
        if self._before is None:
            return
        self._before += max(size, READ_WEIGHT)
        if self._before > MOST_BEFORE:
            raise AnswerTooLargeError

    def keep(self, part: bytes) -> None:
        """Hear of a part of the answer."""
        self.answer += part[: MOST_KEPT - len(self.answer)]

    @property
    def unsent(self) -> bool:
        """Whether no model can have heard of the call."""
        return self.watched and not self.sent

    async def follow(self, call: Awaitable[T]) -> T:
        """Make the call, and note here what becomes of it."""
        _current.set(self)
        try:
            return await call
        except CancelledError:
            # httpcore leaves a connection open whose handshake is not over.
            if self.unsent and self._connection is not None:
                await self._connection.aclose()
            raise

    async def note(self, event: str, info: dict[str, Any]) -> None:
        """Hear of one step, as httpcore's extension `trace` tells it."""
        made = info.get("return_value")
        if event == "connection.connect_tcp.complete":
            self._connection = made
        if hasattr(made, "start_tls"):
            _listen(made)
        if event.endswith(".receive_response_headers.started"):
            self._before = 0
        elif event.endswith(".receive_response_headers.complete"):
            self._before = None
        started = event.endswith(".send_request_headers.started")
        if started and info["request"].method != b"CONNECT":
            # In this order: who gives up marks it first, and then looks what was sent.
            self.sent = True
            if self.given_up:
                raise CancelledError


_current: ContextVar[Transfer] = ContextVar("transfer")


def _listen(connection: Any) -> None:
    """Let each transfer hear what it reads from a connection of httpcore."""
    read = connection.read

    async def heard(*asked: Any, **options: Any) -> bytes:
        part: bytes = await read(*asked, **options)
        transfer = _current.get(None)
        if transfer is not None:
            transfer.hear(len(part))
        return part

    connection.read = heard


def watch(model: BaseChatModel) -> None:
    """Bound what is read for this model, and let its transfers know what was sent. A
    client that is not of httpx stays as it is."""
    client = _http_client(model)
    if client is not None:
        client.event_hooks = {"request": [_begin], "response": [_receive]}


def is_watched(model: BaseChatModel) -> bool:
    """Whether a transfer of this model knows what was sent."""
    client = _http_client(model)
    return client is not None and _begin in client.event_hooks["request"]


def _http_client(model: BaseChatModel) -> Any | None:
    for name in _CLIENTS:
        found = getattr(model, name, None)
        # A resource of the provider's client, that client, and httpx's.
        for _ in range(3):
            if hasattr(found, "event_hooks"):
                return found
            found = getattr(found, "_client", None)
    return None


async def _begin(request: Any) -> None:
    transfer = _current.get(None)
    if transfer is not None:
        request.extensions["trace"] = transfer.note
    # No more than `_Body` can unpack.
    request.headers["accept-encoding"] = "gzip"


async def _receive(response: Any) -> None:
    if 300 <= response.status_code < 400:
        raise RedirectedError
    packing = response.headers.pop("content-encoding", "identity").strip().lower()
    if packing not in {"identity", "gzip", "x-gzip"}:
        raise BodyDecodingError
    kind: Any = type(response.stream)
    response.stream = _body_class(kind)(
        response.stream,
        packed=packing != "identity",
        streamed=_STREAMED.search(response.request.content) is not None,
        refused=response.status_code >= 400,
    )


class _Body:
    """A body as it is read: unpacked and bounded."""

    def __init__(
        self, stream: Any, packed: bool, streamed: bool, refused: bool
    ) -> None:
        self._stream = stream
        self._unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16) if packed else None
        self._streamed = streamed
        self._refused = refused
        followed = _current.get(None)
        self._transfer = followed or Transfer(watched=True)
        self._whole = 0
        self._line = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._refused:
            async for part in self._refusal():
                yield part
            return
        async for raw in self._stream:
            part = self._unpacked(raw)
            # A packed nothing may go on for ever.
            self._weigh(part, len(raw))
            self._transfer.keep(part)
            yield part

    async def _refusal(self) -> AsyncIterator[bytes]:
        """What comes of it in a moment: its status has said what it is."""
        left, pieces = MOST_REFUSED, aiter(self._stream)
        until = asyncio.get_running_loop().time() + REFUSED_S
        while left > 0:
            try:
                async with asyncio.timeout_at(until):
                    raw = await anext(pieces)
            except (StopAsyncIteration, TimeoutError):
                return
            except Exception as error:
                if not _is_transports(error):
                    raise
                return
            part = self._unpacked(raw)
            yield part[:left]
            left -= max(len(raw), len(part), PIECE_WEIGHT)

    async def aclose(self) -> None:
        """Let go of the connection."""
        await self._stream.aclose()

    def _unpacked(self, raw: bytes) -> bytes:
        if self._unpacker is None:
            return raw
        try:
            return self._unpacker.decompress(raw, MOST_STREAMED + 1)
        except zlib.error as error:
            raise BodyDecodingError from error

    def _weigh(self, part: bytes, least: int) -> None:
        begin, *lines = part.split(b"\n") if self._streamed else [part]
        weights = [self._line + _weight(begin), *map(_weight, lines)]
        size = _weight(part) + LINE_WEIGHT * len(lines)
        self._whole += max(least, size, PIECE_WEIGHT)
        self._line = weights[-1]
        if max(weights) > MOST_PARSED or self._whole > MOST_STREAMED:
            raise AnswerTooLargeError


def _is_transports(error: Exception) -> bool:
    """Whether the connection failed. Each httpx has a class of its own for that."""
    return "TransportError" in {kind.__name__ for kind in type(error).__mro__}


def _weight(text: bytes) -> int:
    return len(text) + BRACKET_WEIGHT * (text.count(b"{") + text.count(b"["))


@cache
def _body_class(kind: Any) -> Any:
    """A body that is of this kind too: each httpx looks for its own."""
    return type("Body", (_Body, kind), {})
