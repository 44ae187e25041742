"""The page's server: login, the live stream, questions, and what the full login may do."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from aiohttp import web

from app.domain.addresses import LOOPBACK_HOSTS
from app.domain.errors import (
    ConfigurationError,
    PortInUse,
    StreamError,
    UnknownMessage,
)
from app.domain.settings import Settings
from app.web.access import SESSION_S, AccessRole, BrowserSession, Doorkeeper
from app.web.actions import Actions
from app.web.feed import Feed
from app.web.guard import (
    SESSION,
    Guard,
    Handler,
    add_headers,
    check_form,
    cookie_name,
)
from app.web.room import Json

FILES = {
    "style.css": "text/css",
    "icon.svg": "image/svg+xml",
    "page.js": "text/javascript",
    "state.js": "text/javascript",
    "draw.js": "text/javascript",
    "talk.js": "text/javascript",
    "decisions.js": "text/javascript",
    "mutes.js": "text/javascript",
    "rooms.js": "text/javascript",
    "charts.js": "text/javascript",
    "box.js": "text/javascript",
}
MOST_BODY = 64_000

Question = Callable[[Mapping[str, str], bool], object]
"""Is asked with the request's values, and whether private talks may be shown; answers
what JSON can hold."""
Deed = Callable[[Json], object]
"""Gets a form."""


@dataclass(frozen=True)
class Site:
    """What one server is made of. `extra`: told to every page when it opens; `routes`:
    that callers add to the page, guarded as the others are."""

    settings: Settings
    doorkeeper: Doorkeeper
    feed: Feed
    actions: Actions
    extra: Json
    routes: tuple[web.RouteDef, ...] = ()


def build_application(site: Site) -> web.Application:
    """Everything, behind the guard."""
    guard = Guard(site.doorkeeper, site.settings.page_hosts)
    application = web.Application(
        middlewares=[guard.middleware()], client_max_size=MOST_BODY
    )
    application.on_response_prepare.append(add_headers)
    application.add_routes([*_Pages(site).routes(), *_Api(site).routes(), *site.routes])
    return application


async def start_server(
    application: web.Application, address: str, port: int
) -> tuple[web.AppRunner, int]:
    """Listen; the runner to clean up, and the port. Raises PortInUse."""
    # No access log: the keys of links would stand in it. Streams stay open for hours,
    # so a stop does not wait for them.
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, address, port).start()
    except OSError as error:
        await runner.cleanup()
        raise PortInUse(
            f"STREAM_PAGE_PORT: cannot listen on port {port} of {address} "
            f"({error.strerror}); choose another, or 0 for no page."
        ) from None
    return runner, int(runner.addresses[0][1])


class _Pages:
    """The page itself, its files, and the way in and out."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._doorkeeper = site.doorkeeper
        self._page, self._login = _static("index.html"), _static("login.html")

    def routes(self) -> Iterable[web.RouteDef]:
        """Of this part."""
        yield web.get("/", self._index)
        yield web.get("/login", self._open_link)
        yield web.post("/login", self._log_in)
        yield web.post("/logout", self._log_out)
        for name, kind in FILES.items():
            yield web.get(f"/static/{name}", _File(name, kind).answer)

    async def _index(self, request: web.Request) -> web.Response:
        if request.get(SESSION) is None:
            return self._show_login("", 401)
        return _html(self._page)

    async def _open_link(self, request: web.Request) -> web.Response:
        key = request.query.get("key", "")
        if not key:
            return self._show_login("", 200)
        if self._doorkeeper.is_open or not self._doorkeeper.use_link_key(key):
            return self._show_login(
                "This link was used, or is too old. `the-stream page --link` prints "
                "another.",
                401,
            )
        # No redirect: a browser that came from elsewhere would not send the cookie yet.
        response = _html(_static("welcome.html"))
        self._let_in(request, response, AccessRole.FULL)
        return response

    async def _log_in(self, request: web.Request) -> web.StreamResponse:
        password = (await request.post()).get("password", "")
        # During the wait a right one is refused as well, or guessing on would cost
        # nothing. No await between look and count: guesses may come all at once.
        wait = self._doorkeeper.throttle.wait_s
        if wait:
            response = self._show_login("Too many wrong passwords. Wait a little.", 429)
            response.headers["Retry-After"] = str(int(wait) + 1)
            return response
        self._doorkeeper.throttle.count_try()
        # scrypt takes its time, and the loop has open pages to serve.
        role = await asyncio.to_thread(self._doorkeeper.role_of, str(password))
        if role is None:
            return self._show_login("This is not the password.", 401)
        self._doorkeeper.throttle.excuse_try()
        answer = web.Response(status=303, headers={"Location": "/"})
        self._let_in(request, answer, role)
        return answer

    async def _log_out(self, request: web.Request) -> web.Response:
        session = request[SESSION]
        self._doorkeeper.close_session(session)
        response = web.json_response({})
        response.del_cookie(cookie_name(request), path="/")
        return response

    def _let_in(
        self, request: web.Request, response: web.Response, role: AccessRole
    ) -> None:
        response.set_cookie(
            cookie_name(request),
            self._doorkeeper.open_session(role),
            max_age=SESSION_S,
            httponly=True,
            samesite="Strict",
            # Beyond this machine a password may travel by https alone.
            secure=request.url.host not in LOOPBACK_HOSTS,
        )

    def _show_login(self, why: str, status: int) -> web.Response:
        text = self._login.replace("<!--why-->", why)
        return web.Response(text=text, status=status, content_type="text/html")


class _Api:
    """What the page's scripts ask."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def routes(self) -> Iterable[web.RouteDef]:
        """Of this part."""
        actions = self._site.actions
        yield web.get("/api/events", self._events)
        yield web.get("/api/why/{message}", self._asked(actions.explain))
        yield web.get("/api/search", self._asked(actions.search))
        yield web.get("/api/unanswered", self._asked(actions.find_unanswered))
        yield web.get("/api/costs", self._asked(actions.find_costs))
        yield web.post("/api/mute", self._done(actions.mute))
        yield web.post("/api/unmute", self._done(actions.unmute))
        yield web.post("/api/retry", self._done(actions.retry))

    def sees_direct(self, session: BrowserSession) -> bool:
        """Whether private talks are shown to it."""
        return self._site.settings.page_direct and session.role is AccessRole.FULL

    async def _events(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events: everything, then what changes."""
        session, feed = request[SESSION], self._site.feed
        if feed.is_full:
            raise web.HTTPServiceUnavailable(text="too many pages are open")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        extra = {
            **self._site.extra,
            "role": session.role,
            "form_token": session.form_token,
            "open": self._site.doorkeeper.is_open,
        }
        cookie = request.cookies.get(cookie_name(request), "")
        with contextlib.suppress(ConnectionError):  # the reader closed the page
            async for text in feed.read(self.sees_direct(session), extra):
                # A session that was closed or has expired reads no further.
                if self._site.doorkeeper.find_session(cookie) is None:
                    break
                await response.write(
                    f"data: {text}\n\n".encode() if text else b": still here\n\n"
                )
        return response

    def _asked(self, question: Question) -> Handler:
        async def answer(request: web.Request) -> web.Response:
            direct = self.sees_direct(request[SESSION])
            asked = {**request.query, **request.match_info}
            return await _carry_out(lambda: question(asked, direct))

        return answer

    def _done(self, deed: Deed) -> Handler:
        async def answer(request: web.Request) -> web.Response:
            # Before the body: an unauthorised request is not parsed.
            check_form(request, request[SESSION])
            form = await read_form(request)
            response = await _carry_out(lambda: deed(form))
            self._site.feed.nudge()
            return response

        return answer


@dataclass(frozen=True)
class _File:
    """One file of the page."""

    name: str
    kind: str

    async def answer(self, _: web.Request) -> web.Response:
        """The file."""
        return web.Response(text=_static(self.name), content_type=self.kind)


async def read_form(request: web.Request) -> Json:
    """The JSON object that a page sent. Raises HTTPBadRequest."""
    try:
        form = json.loads(await request.text())
    except ValueError:
        form = None
    if not isinstance(form, dict):
        raise web.HTTPBadRequest(text="no JSON object")
    return form


async def _carry_out(work: Callable[[], object]) -> web.Response:
    """On a thread; what our own errors say is for people to read."""
    try:
        return web.json_response(await asyncio.to_thread(work))
    except ConfigurationError as error:
        return web.json_response({"error": str(error)}, status=400)
    except UnknownMessage as error:
        return web.json_response({"error": str(error)}, status=404)
    except StreamError as error:
        return web.json_response({"error": str(error)}, status=503)


@cache
def _static(name: str) -> str:
    return resources.files("app.web").joinpath("static", name).read_text("utf-8")


def _html(text: str) -> web.Response:
    return web.Response(text=text, content_type="text/html")
