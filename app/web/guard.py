"""What stands before every request: the host that it names, the session, where it comes
from, and the headers of each answer."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Collection
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Middleware

from app.domain.addresses import LOOPBACK_HOSTS
from app.web.access import AccessRole, BrowserSession, Doorkeeper

# The page shows what strangers write. If a text ever got into it as HTML, the browser
# itself would run no script of it and load nothing for it.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    # Not `no-referrer`: with that a browser hides the origin of the login's form.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}
FORM_HEADER = "X-Stream-Form"
SESSION = web.RequestKey("session", BrowserSession)
OPEN_PATHS = frozenset({"/", "/login", "/static/style.css", "/static/icon.svg"})
"""What a stranger gets: of `/` the login alone."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def cookie_name(request: web.Request) -> str:
    """Browsers share cookies between the ports of a host: each server's has a name of
    its own."""
    return f"the-stream-{request.url.port}"


class Guard:
    """The middleware. `hosts`: names by which this server may be called."""

    def __init__(self, doorkeeper: Doorkeeper, hosts: Collection[str]) -> None:
        self._doorkeeper = doorkeeper
        self._hosts = frozenset(hosts) | LOOPBACK_HOSTS

    def middleware(self) -> Middleware:
        """For `web.Application`."""

        @web.middleware
        async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
            self._check_host(request)
            # Also for the login: another site could log a visitor in as somebody else.
            if request.method not in {"GET", "HEAD"}:
                check_origin(request)
            session = self._doorkeeper.find_session(
                request.cookies.get(cookie_name(request), "")
            )
            if session is not None:
                request[SESSION] = session
            elif request.path not in OPEN_PATHS:
                raise web.HTTPUnauthorized(text="log in first")
            return await handler(request)

        return guarded

    def _check_host(self, request: web.Request) -> None:
        """A foreign site's name may point at this machine (DNS rebinding)."""
        try:
            host = urlsplit(f"//{request.host}").hostname
        except ValueError:
            host = None
        # For the browser such a site's scripts would be of one origin with this server.
        if host not in self._hosts:
            raise web.HTTPForbidden(text="this server has another name")


def check_origin(request: web.Request) -> None:
    """Refuse what another site's page sends in the user's name."""
    # One that is missing is refused as well: browsers send it with every POST.
    origin = request.headers.get("Origin", "")
    if urlsplit(origin).netloc != request.host:
        raise web.HTTPForbidden(text="only from this page")


def check_form(request: web.Request, session: BrowserSession) -> None:
    """Refuse a change by a reader, and one that this session's page did not send."""
    if session.role is not AccessRole.FULL:
        raise web.HTTPForbidden(text="this login may look, and change nothing")
    token = request.headers.get(FORM_HEADER, "")
    if not token.isascii() or not hmac.compare_digest(token, session.form_token):
        raise web.HTTPForbidden(text="the form has no valid token: load the page again")
    # A form of another site can send text, but no JSON without being asked first.
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text="JSON is wanted")


async def add_headers(_: web.Request, response: web.StreamResponse) -> None:
    """To every answer, errors included; a signal of `web.Application`."""
    response.headers.update(HEADERS)
