"""A Discord that ends sessions as soon as they begin, and a clock on which a day passes
within seconds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import WSMsgType, web

IDENTIFY, RESUME, INVALID_SESSION, HELLO = 2, 6, 9, 10
START = 1_800_000_000.0


class Clock:
    """Unix seconds that pass only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = START

    def time(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


class StormyDiscord:
    """Logs every bot in, and then does to each IDENTIFY what `fate` does. A RESUME is
    answered by an invalid session.

    `identifies` holds the clock's time of each. `remaining` is what GET /gateway/bot
    says, less what was used.
    """

    def __init__(
        self,
        clock: Clock,
        fate: Callable[[web.WebSocketResponse], Any],
        remaining: int = 1_000,
        *,
        greets: bool = True,
    ) -> None:
        """Unless it `greets`, the fate befalls each connection before HELLO."""
        self._greets = greets
        self._clock = clock
        self._fate = fate
        self.remaining = remaining
        self.identifies: list[float] = []
        self.logins = 0
        self.url = ""

    def table(self) -> list[web.RouteDef]:
        return [
            web.get("/api/v10/users/@me", self._me),
            web.get("/api/v10/oauth2/applications/@me", self._application),
            web.get("/api/v10/gateway/bot", self._bot),
            web.get("/gateway/", self._gateway),
        ]

    async def _me(self, _: web.Request) -> web.Response:
        self.logins += 1
        return _json(
            {
                "id": "7",
                "username": "elena",
                "discriminator": "0001",
                "avatar": None,
                "bot": True,
            }
        )

    async def _application(self, _: web.Request) -> web.Response:
        owner = {"id": "1", "username": "ann", "discriminator": "0", "avatar": None}
        return _json(
            {
                "id": "7",
                "name": "elena",
                "description": "",
                "icon": None,
                "rpc_origins": [],
                "bot_public": True,
                "bot_require_code_grant": False,
                "verify_key": "",
                "team": None,
                "summary": "",
                "flags": 0,
                "owner": owner,
            }
        )

    async def _bot(self, _: web.Request) -> web.Response:
        left = self.remaining - len(self.identifies)
        limit = {
            "total": 1_000,
            "remaining": left,
            "reset_after": 3_600_000,
            "max_concurrency": 1,
        }
        return _json({"url": self.url, "shards": 1, "session_start_limit": limit})

    async def _gateway(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(timeout=0.2)
        await socket.prepare(request)
        if not self._greets:
            await self._fate(socket)
            return socket
        await socket.send_json(
            {"op": HELLO, "d": {"heartbeat_interval": 41_250}, "s": None, "t": None}
        )
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                continue
            op = json.loads(message.data)["op"]
            if op == RESUME:
                await socket.send_json(
                    {"op": INVALID_SESSION, "d": False, "s": None, "t": None}
                )
            elif op == IDENTIFY:
                self.identifies.append(self._clock.now)
                await self._fate(socket)
        return socket

    def worst_day(self) -> int:
        """The most identifies within any twenty-four hours."""
        times = self.identifies
        return max(
            (sum(begin <= time < begin + 86_400 for time in times) for begin in times),
            default=0,
        )


@asynccontextmanager
async def serving(discord: StormyDiscord) -> AsyncIterator[tuple[str, str]]:
    """The addresses of its REST and of its gateway."""
    app = web.Application()
    app.add_routes(discord.table())
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port = runner.addresses[0][1]
        discord.url = f"ws://127.0.0.1:{port}/gateway/"
        yield f"http://127.0.0.1:{port}/api/v10", discord.url
    finally:
        await runner.cleanup()


async def invalid_session(socket: web.WebSocketResponse) -> None:
    """Op 9 after each identify."""
    await socket.send_json({"op": INVALID_SESSION, "d": False, "s": None, "t": None})


def closing(code: int) -> Callable[[web.WebSocketResponse], Any]:
    """Close with this code after each identify."""

    async def close(socket: web.WebSocketResponse) -> None:
        await socket.close(code=code)

    return close


async def crash(socket: web.WebSocketResponse) -> None:
    """A READY that no client can read: the client dies."""
    await socket.send_json({"op": 0, "d": {}, "s": 1, "t": "READY"})


def _json(body: object) -> web.Response:
    return web.Response(
        body=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
    )
