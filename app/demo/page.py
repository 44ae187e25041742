"""The demo's page: the loopback Discord drawn as a channel, live, with a box to talk;
all of it from this server.

A page of another site must not be able to speak or read here: `Host` and `Origin` must
be this server on loopback. Nor must another user of this machine: the printed address
carries a token, which becomes a cookie.
"""

from __future__ import annotations

import contextlib
import hmac
import re
from collections.abc import Awaitable, Callable
from importlib import resources
from urllib.parse import urlsplit

from aiohttp import web

from app.demo.live import Live
from app.demo.scene import Json
from app.domain.addresses import LOOPBACK_HOSTS
from app.loopback import Account, ApiError

HEARTBEAT = 15.0
MAX_TEXT = 2_000
FILES = {
    "/": ("index.html", "text/html"),
    "/static/style.css": ("style.css", "text/css"),
    "/static/page.js": ("page.js", "text/javascript"),
    "/static/draw.js": ("draw.js", "text/javascript"),
    "/static/decisions.js": ("decisions.js", "text/javascript"),
}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Page:
    """The routes of the page; hand `routes()` to `LoopbackDiscord.add_routes` before it
    starts. `token`: who opens `/?token=...` may see and speak, and nobody else; empty:
    everybody on this machine may."""

    def __init__(self, live: Live, token: str) -> None:
        self._live = live
        self._scene = live.scene
        self._token = token

    def page_routes(self) -> list[web.RouteDef]:
        """The files, the live stream, and what a person may do: say, react."""
        return [
            *(
                web.get(path, _local_only(self._known_only(_file_handler(name, kind))))
                for path, (name, kind) in FILES.items()
            ),
            web.get("/page/events", _local_only(self._known_only(self._stream_events))),
            web.post(
                "/page/say",
                _local_only(_same_origin(self._known_only(self._handle_say))),
            ),
            web.post(
                "/page/react",
                _local_only(_same_origin(self._known_only(self._handle_react))),
            ),
            web.post(
                "/page/typing",
                _local_only(_same_origin(self._known_only(self._handle_typing))),
            ),
        ]

    def _known_only(self, handler: Handler) -> Handler:
        """Refuse a browser that has not opened the printed address."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            # Browsers share cookies between the ports of a host: each demo's has a name
            # of its own.
            name = f"the-stream-page-{request.url.port}"
            if not self._token or self._is_token(request.cookies.get(name, "")):
                return await handler(request)
            if request.path != "/" or not self._is_token(
                request.query.get("token", "")
            ):
                raise web.HTTPForbidden(
                    text="open the address that the demo printed, with its token",
                    headers=HEADERS,
                )
            response = await handler(request)
            response.set_cookie(name, self._token, httponly=True, samesite="Strict")
            return response

        return guarded

    def _is_token(self, text: str) -> bool:
        # Bytes, since compare_digest raises on a text that is not ASCII.
        return hmac.compare_digest(text.encode(errors="replace"), self._token.encode())

    async def _stream_events(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events: a snapshot, then what happens."""
        response = web.StreamResponse(
            headers={**HEADERS, "Content-Type": "text/event-stream"}
        )
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):  # the reader closed the page
            async for text in self._live.read(HEARTBEAT):
                await response.write(
                    f"data: {text}\n\n".encode() if text else b": still here\n\n"
                )
        return response

    async def _handle_say(self, request: web.Request) -> web.Response:
        form = await _read_form(request)
        person, channel = self._person_of(form), self._channel_of(form)
        text = str(form.get("text", "")).strip()[:MAX_TEXT]
        if not text:
            raise _bad_request("there is nothing to say")
        reply_to = (
            None if form.get("reply_to") is None else _snowflake_field(form, "reply_to")
        )
        post = self._scene.server.post(
            person, channel, self._with_mentions(text), reply_to
        )
        return web.json_response({"id": str(post.message_id)}, headers=HEADERS)

    async def _handle_react(self, request: web.Request) -> web.Response:
        form = await _read_form(request)
        server, person = self._scene.server, self._person_of(form)
        act = server.unreact if form.get("removed") else server.react
        act(person, _snowflake_field(form, "message"), str(form.get("emoji", "")))
        return web.json_response({}, headers=HEADERS)

    async def _handle_typing(self, request: web.Request) -> web.Response:
        form = await _read_form(request)
        self._scene.server.typing(self._person_of(form), self._channel_of(form))
        return web.json_response({}, headers=HEADERS)

    def _person_of(self, form: Json) -> Account:
        person = self._scene.person(form.get("person"))
        if person is None:
            raise _bad_request("no such person")
        return person

    def _channel_of(self, form: Json) -> int:
        """A channel on the page; a direct message only to a bot of this person's
        own."""
        channel = _snowflake_field(form, "channel")
        own = {
            dm.id
            for person, _, dm in self._scene.direct_channels()
            if str(person.id) == form.get("person")
        }
        if channel not in own and channel not in {
            one.id for one in self._scene.channels
        }:
            raise _bad_request("no such channel")
        return channel

    def _with_mentions(self, text: str) -> str:
        """`@Elena`, as people type it, becomes a mention, as Discord's client sends
        it."""
        for account in (*self._scene.bots, *self._scene.people):
            text = re.sub(
                rf"(?<!\w)@{re.escape(account.name)}\b",
                account.mention,
                text,
                flags=re.IGNORECASE,
            )
        return text


def _file_handler(name: str, kind: str) -> Handler:
    body = resources.files("app.demo").joinpath("static", name).read_bytes()

    async def handler(_: web.Request) -> web.Response:
        return web.Response(
            body=body, content_type=kind, charset="utf-8", headers=HEADERS
        )

    return handler


def _local_only(handler: Handler) -> Handler:
    """Refuse a request that names another host: a foreign site's name may point at this
    machine (DNS rebinding)."""

    async def guarded(request: web.Request) -> web.StreamResponse:
        if urlsplit(f"//{request.host}").hostname not in LOOPBACK_HOSTS:
            raise web.HTTPForbidden(text="only on loopback", headers=HEADERS)
        try:
            return await handler(request)
        except ApiError as error:
            raise _bad_request(error.message) from None

    return guarded


def _same_origin(handler: Handler) -> Handler:
    """Refuse what another site's page sends in the user's name."""

    async def guarded(request: web.Request) -> web.StreamResponse:
        if (
            request.headers.get("Origin") != f"http://{request.host}"
            or request.content_type != "application/json"
        ):
            raise web.HTTPForbidden(text="only from this page", headers=HEADERS)
        return await handler(request)

    return guarded


async def _read_form(request: web.Request) -> Json:
    try:
        form = await request.json()
    except ValueError:
        form = None
    if not isinstance(form, dict):
        raise _bad_request("no JSON object")
    return form


def _snowflake_field(form: Json, name: str) -> int:
    value = form.get(name)
    if not isinstance(value, str) or not re.fullmatch("[0-9]{1,20}", value, re.ASCII):
        raise _bad_request(f"{name} is no id")
    return int(value)


def _bad_request(reason: str) -> web.HTTPBadRequest:
    return web.HTTPBadRequest(text=reason, headers=HEADERS)
