"""Lets somebody see every REST request and its answer, such as a validator of Discord's
own description."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Middleware

API_PREFIX = "/api/v10"
INJECTED = "X-Injected"
"""The header that marks an answer as a fault: it says what a test wants, not what
Discord would."""

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Exchange:
    """One REST request and its answer. `path` is below the API prefix; `request` is the
    JSON body, empty if there is none."""

    method: str
    path: str
    query: Mapping[str, str]
    request: bytes
    status: int
    content_type: str
    answer: bytes


Observer = Callable[[Exchange], None]
"""Called on the server's own thread after each answer that is not an injected fault."""


def observing_middleware(observer: Observer) -> Middleware:
    """A middleware that tells the observer of everything below the API prefix, refusals
    and unknown routes included."""

    @web.middleware
    async def observe(request: web.Request, handler: _Handler) -> web.StreamResponse:
        try:
            response = await handler(request)
        except web.HTTPException as refusal:
            await _tell_observer(observer, request, refusal)
            raise
        if isinstance(response, web.Response):
            await _tell_observer(observer, request, response)
        return response

    return observe


async def _tell_observer(
    observer: Observer, request: web.Request, response: web.Response
) -> None:
    if not request.path.startswith(API_PREFIX) or INJECTED in response.headers:
        return
    exchange = Exchange(
        method=request.method,
        path=request.path.removeprefix(API_PREFIX),
        query=dict(request.query),
        request=await _request_body(request),
        status=response.status,
        content_type=response.content_type,
        answer=_body_bytes(response.body),
    )
    observer(exchange)


async def _request_body(request: web.Request) -> bytes:
    """The JSON of a request; aiohttp keeps what the handler has read."""
    if request.content_type != "multipart/form-data":
        return await request.read()
    return str((await request.post()).get("payload_json", "{}")).encode()


def _body_bytes(body: object) -> bytes:
    return body if isinstance(body, bytes) else b""
