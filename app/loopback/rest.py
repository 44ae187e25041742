"""The frame of the REST API: who calls, which fault befalls the call, and how results
and refusals are answered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import cast

from aiohttp import web

from app.loopback import edge, errors
from app.loopback.errors import ApiError, Json
from app.loopback.faults import Faults, Rule
from app.loopback.observing import API_PREFIX, INJECTED
from app.loopback.ratelimit import RateLimiter
from app.loopback.service import Service
from app.loopback.sessions import encode
from app.loopback.state import Account, Channel

CREATE_MESSAGE = "/channels/{channel_id}/messages"


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One authenticated request. `bot` is the caller."""

    request: web.Request
    bot: Account

    def id(self, name: str) -> int:
        """A snowflake from the path; 50035 when it is none."""
        return snowflake(name, self.request.match_info[name])

    def query_id(self, name: str) -> int | None:
        raw = self.request.query.get(name)
        return None if raw is None else snowflake(name, raw)

    async def body(self) -> Json:
        """The JSON object of the request; of a multipart request its `payload_json`."""
        try:
            if self.request.content_type == "multipart/form-data":
                form = await self.request.post()
                raw = json.loads(str(form.get("payload_json", "{}")))
            else:
                raw = json.loads(await self.request.text() or "{}")
        except json.JSONDecodeError:
            raise errors.invalid_json() from None
        if not isinstance(raw, dict):
            raise errors.invalid_json()
        return cast("Json", raw)


Handler = Callable[[ApiRequest], Awaitable[web.Response]]
Caller = Callable[[web.Request], Account]
"""Who calls; ApiError for nobody that is known."""


def snowflake(name: str, raw: object) -> int:
    text = str(raw)
    if not text.isdecimal():
        raise errors.invalid_form(
            name, "NUMBER_TYPE_COERCE", f'Value "{text}" is not snowflake.'
        )
    return int(text)


def json_response(payload: object, status: int = 200) -> web.Response:
    return raw_response(encode(payload), status)


def raw_response(body: bytes, status: int = 200) -> web.Response:
    """Discord's exact content type; discord.py reads the body as text when a charset is
    added to it."""
    return web.Response(body=body, status=status, content_type="application/json")


def no_content() -> web.Response:
    return web.Response(status=204)


class RestFrame:
    """Wraps handlers into routes below the API prefix."""

    def __init__(self, service: Service, faults: Faults, limiter: RateLimiter) -> None:
        self._service = service
        self._faults = faults
        self._limiter = limiter

    def route(
        self, method: str, path: str, handler: Handler, caller: Caller | None = None
    ) -> web.RouteDef:
        """A counted, authenticated route with faults; `path` is the template that
        `requests` counts under. Without `caller` a bot's token tells who calls."""

        async def serve(request: web.Request) -> web.Response:
            self._service.journal.requests[method, path] += 1
            self._service.journal.wake_waiting()
            below = request.path.removeprefix(API_PREFIX)
            rule = self._faults.take_rule(method, below)
            try:
                return await self._serve_call(
                    method,
                    path=path,
                    call=ApiRequest(request, (caller or self._caller_of)(request)),
                    handler=handler,
                    rule=rule,
                )
            except ApiError as error:
                return json_response(error.payload(), error.status)

        return web.route(method, API_PREFIX + path, serve)

    async def _serve_call(
        self,
        method: str,
        path: str,
        call: ApiRequest,
        handler: Handler,
        rule: Rule | None,
    ) -> web.Response:
        if rule is not None and rule.status is not None:
            return _fault_response(rule.status, rule.body, rule.headers)
        if method != "POST":
            response = await self._answer_limited(method, path, call, handler)
        else:
            response = await self._serve_post(path, call, handler)
        if rule is not None and rule.status is None:
            _cut_connection(call.request)
        return response

    async def _serve_post(
        self, path: str, call: ApiRequest, handler: Handler
    ) -> web.Response:
        status = self._faults.draw_error()
        if status is not None:
            return _fault_response(
                status, {"message": f"{status}: injected", "code": 0}, {}
            )
        if path == CREATE_MESSAGE:
            await self._faults.hold_posts.wait_while_held()
        response = await self._answer_limited("POST", path, call, handler)
        if self._faults.delay:
            await asyncio.sleep(self._faults.delay)
        if self._faults.draw_lost_answer():
            _cut_connection(call.request)
        return response

    async def _answer_limited(
        self, method: str, path: str, call: ApiRequest, handler: Handler
    ) -> web.Response:
        """Every answer of a route carries the state of its bucket, refusals too."""
        where = call.request.match_info
        major = where.get("channel_id") or where.get("guild_id") or ""
        verdict = self._limiter.check(call.bot.id, f"{method} {path}", major)
        if verdict.allowed:
            try:
                response = await handler(call)
            except ApiError as error:
                response = json_response(error.payload(), error.status)
        else:
            response = json_response(
                edge.limit_body(verdict.retry_after, is_global=False), 429
            )
        response.headers.update(verdict.headers)
        return response

    def _caller_of(self, request: web.Request) -> Account:
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        bot = self._service.world.bots_by_token.get(token) if kind == "Bot" else None
        if bot is None:
            raise errors.unauthorized_error()
        return bot

    def visible_channel(self, call: ApiRequest) -> Channel:
        """The channel of the path, if the caller may use it."""
        return self._service.channel(call.bot, call.id("channel_id"))


class Routes:
    """Handlers of some routes, on one service."""

    def __init__(self, service: Service, frame: RestFrame) -> None:
        self._service = service
        self._access = service.access
        self._frame = frame


def _fault_response(
    status: int, body: Json | str, headers: Mapping[str, str]
) -> web.Response:
    if isinstance(body, str):
        response = web.Response(text=body, status=status, content_type="text/html")
    else:
        response = json_response(body, status)
        # What the API itself answers has passed a proxy; the proxy's own pages have
        # not.
        response.headers["Via"] = "1.1 loopback"
    response.headers[INJECTED] = "1"
    response.headers.update(headers)
    return response


def _cut_connection(request: web.Request) -> None:
    transport = request.transport
    if transport is not None:
        transport.abort()
