"""The loopback Discord on a thread of its own, for synchronous tests and programs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import TypeVar

from app.loopback.people import People
from app.loopback.server import LoopbackDiscord

T = TypeVar("T")

_START_TIMEOUT = 10.0
_GRACE = 5.0


class LoopbackThread(People):
    """Runs a loopback Discord on a background thread while the `with` block lasts.

    All actions and questions of the server are here too, safe from any thread.
    """

    def __init__(
        self,
        server: LoopbackDiscord | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.server = server or LoopbackDiscord()
        super().__init__(self.server._core)
        self._where = (host, port)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._run_loop, name="loopback-discord", daemon=True
        )

    @property
    def api_url(self) -> str:
        """Base of the REST API, for `discord.http.Route.BASE`."""
        return self.server.api_url

    @property
    def gateway_url(self) -> str:
        """Address of the gateway, for
        `discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY`."""
        return self.server.gateway_url

    @property
    def port(self) -> int:
        """The TCP port that is listened on."""
        return self.server.port

    def __enter__(self) -> LoopbackThread:
        self._thread.start()
        try:
            self._wait_for(self.server.start(*self._where), _START_TIMEOUT)
        except OSError:
            self._end_loop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._wait_for(self.server.stop(), _START_TIMEOUT)
        finally:
            self._end_loop()

    def wait_for(self, predicate: Callable[[], T], timeout: float) -> T:
        """Wait until the predicate, which runs on the server's thread, is truthy and
        return its value.

        TimeoutError after `timeout` seconds.
        """
        return self._wait_for(
            self.server.wait_for(predicate, timeout), timeout + _GRACE
        )

    def _wait_for(self, work: Coroutine[object, object, T], timeout: float) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout)

    def _run_loop(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_GRACE)
        self._loop.close()
