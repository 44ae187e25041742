"""The loopback Discord as an aiohttp server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from email.utils import formatdate
from typing import ClassVar, TypeVar

from aiohttp import web
from aiohttp.typedefs import Middleware

from app.loopback.core import Core, Options
from app.loopback.handshake import StartLimit
from app.loopback.journal import Subscription
from app.loopback.observing import API_PREFIX, Observer, observing_middleware
from app.loopback.people import People
from app.loopback.rest import RestFrame
from app.loopback.rest_channels import ChannelRoutes
from app.loopback.rest_commands import CommandRoutes
from app.loopback.rest_messages import MessageRoutes
from app.loopback.rest_rights import RightRoutes
from app.loopback.rest_threads import ThreadRoutes

T = TypeVar("T")

GATEWAY_PATH = "/gateway/"
_SHUTDOWN_TIMEOUT = 0.5
_MAX_BODY = 25 * 1024 * 1024


class LoopbackDiscord(People):
    """A Discord on this machine for unmodified discord.py clients: websocket gateway
    and REST v10.

    seed: of all chance (tokens, session ids, faults). nonce_window: seconds for which
    an enforced nonce is remembered. rate_limit: posts and seconds of each (bot,
    channel) bucket; None for no limit. clock: seconds since 1970 for new snowflakes.
    ahead: seconds by which this Discord's time, in snowflakes and in the `Date` of its
    answers, is ahead of this machine's.
    compress: honour `compress=zlib-stream` in the gateway URL, as Discord does. Off,
    text is sent, which discord.py accepts (hikari does not) and which costs a third of
    the work. starts: how many sessions a bot may start; past that its token is reset,
    as at Discord. heartbeat_interval: seconds between a client's heartbeats; a session
    that misses two ends (4009). observer: is told of each REST request and its answer.
    The class has one for servers that are given none.
    """

    observer: ClassVar[Observer | None] = None

    def __init__(
        self,
        seed: int = 0,
        nonce_window: float = 300.0,
        rate_limit: tuple[int, float] | None = (5, 5.0),
        *,
        clock: Callable[[], float] = time.time,
        ahead: float = 0.0,
        compress: bool = True,
        observer: Observer | None = None,
        starts: StartLimit | None = None,
        heartbeat_interval: float = 41.25,
    ) -> None:
        self._observer = observer or type(self).observer
        self._ahead = ahead
        super().__init__(
            Core(
                Options(
                    seed=seed,
                    nonce_window=nonce_window,
                    rate_limit=rate_limit,
                    clock=clock,
                    ahead=ahead,
                    compress=compress,
                    starts=starts or StartLimit(),
                    heartbeat_interval=heartbeat_interval,
                )
            )
        )
        self.extra_routes: list[web.RouteDef] = []
        self._runner: web.AppRunner | None = None
        self._address = ("", 0)

    @property
    def api_url(self) -> str:
        """Base of the REST API, for `discord.http.Route.BASE`."""
        return f"http://{self._host_and_port()}{API_PREFIX}"

    @property
    def gateway_url(self) -> str:
        """Address of the gateway, for
        `discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY`."""
        return f"ws://{self._host_and_port()}{GATEWAY_PATH}"

    @property
    def port(self) -> int:
        """The TCP port that is listened on; kept after `stop`, so that the server can
        come back on it."""
        return self._address[1]

    def add_routes(self, routes: Iterable[web.RouteDef]) -> None:
        """Serve further routes from the same server; call it before `start`."""
        self.extra_routes.extend(routes)

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen; port 0 takes a free one. OSError when the port is in use."""
        runner = web.AppRunner(
            self._build_application(),
            access_log=None,
            shutdown_timeout=_SHUTDOWN_TIMEOUT,
        )
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner = runner
        self._address = (host, int(runner.addresses[0][1]))
        self._core.hub.resume_url = self.gateway_url
        self._core.caller.attach()

    async def stop(self) -> None:
        """Close all connections and stop listening. The state stays, also the sessions;
        `start` may follow."""
        runner, self._runner = self._runner, None
        if runner is None:
            return
        # Before the cleanup, which waits for handlers: they end with their sockets.
        self._core.hub.close_all()
        self._core.journal.close_subscriptions()
        await runner.cleanup()
        self._core.caller.detach()

    async def wait_for(self, predicate: Callable[[], T], timeout: float) -> T:  # noqa: ASYNC109 - as asyncio.wait_for
        """Wait until the predicate is truthy and return its value. It is asked again
        after each record, request and change of a gateway session; TimeoutError after
        `timeout` seconds."""
        return await self._core.journal.wait_for(predicate, timeout)

    def subscribe(self, limit: int = 1000) -> Subscription:
        """A live stream of records for a reader on the server's event loop."""
        return self._core.journal.subscribe(limit)

    def _build_application(self) -> web.Application:
        core = self._core
        frame = RestFrame(core.service, core.faults, core.limiter)
        middlewares: tuple[Middleware, ...] = (
            () if self._observer is None else (observing_middleware(self._observer),)
        )
        app = web.Application(client_max_size=_MAX_BODY, middlewares=middlewares)
        if self._ahead:
            app.on_response_prepare.append(self._date)
        app.router.add_get(GATEWAY_PATH, core.hub.handle)
        app.add_routes(MessageRoutes(core.service, frame).route_table())
        app.add_routes(ChannelRoutes(core.service, frame, core.hub).route_table())
        app.add_routes(ThreadRoutes(core.service, frame).route_table())
        app.add_routes(RightRoutes(core.service, frame).route_table())
        app.add_routes(
            CommandRoutes(
                core.world, core.interactions, frame, core.journal
            ).route_table()
        )
        app.add_routes(self.extra_routes)
        return app

    async def _date(self, _: web.Request, answer: web.StreamResponse) -> None:
        answer.headers["Date"] = formatdate(time.time() + self._ahead, usegmt=True)

    def _host_and_port(self) -> str:
        host, port = self._address
        if not port:
            raise RuntimeError("the loopback Discord has not been started")
        return f"{host}:{port}"
