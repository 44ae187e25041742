"""A gateway on a loopback Discord: real sockets, the unmodified discord.py, plain
ports."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import discord
import pytest
import pytest_asyncio
from pydantic import SecretStr

from app.delivery.address import Address
from app.gateway.asking import Desk
from app.gateway.run import Gateway, Hosted
from app.loopback import Account, Channel, LoopbackDiscord, LoopbackThread
from tests.gateway.recording import POLICY, RecordingPorts, settings, until


class Town:
    """A Discord server with a channel, people and three bots, and the gateways that run
    there."""

    def __init__(self, discord_server: LoopbackThread, ports: RecordingPorts) -> None:
        self.discord = discord_server
        self.ports = ports
        self.channel: Channel = discord_server.add_channel("general")
        self.ann = discord_server.add_user("Ann")
        self.bots: dict[str, Account] = {
            name: discord_server.add_bot(name) for name in ("elena", "aria", "dotty")
        }
        self.running: list[tuple[Gateway, asyncio.Task[None]]] = []

    async def start(
        self,
        *bots: str,
        wait: bool = True,
        desk: Desk | None = None,
        ahead: float = 0.0,
        **changes: object,
    ) -> Gateway:
        """Start a gateway process with these bots (all, if none is named) and wait
        until they are ready. It reads messages so many seconds later than it is."""
        names = bots or tuple(self.bots)
        hosted = [
            Hosted(name, SecretStr(self.bots[name].token or "")) for name in names
        ]
        where: dict[str, object] = {
            "discord_api_url": self.discord.api_url,
            "discord_gateway_url": self.discord.gateway_url,
        }
        config = settings(**{**where, **changes})
        gateway = Gateway(
            bots=hosted,
            ports=self.ports,
            settings=config,
            policy=POLICY,
            http_trace=Address().trace(waits=True),
            desk=desk,
            discord_clock=lambda: time.time() + ahead,
        )
        task = asyncio.create_task(gateway.run())
        self.running.append((gateway, task))
        if wait:
            await until(
                lambda: task.done() or gateway.ready == set(names), what="ready"
            )
            assert not task.done(), task.exception()
        return gateway

    async def stop(self) -> None:
        """Stop all gateways as SIGTERM would."""
        for gateway, _ in self.running:
            gateway.stop()
        await asyncio.gather(
            *(task for _, task in self.running), return_exceptions=True
        )
        self.running.clear()

    async def say(
        self, text: str, author: Account | None = None, **options: Any
    ) -> Any:
        """Somebody says something in the channel."""
        return await asyncio.to_thread(
            self.discord.post, author or self.ann, self.channel, text, **options
        )


@pytest.fixture
def loopback_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackThread]:
    """A running loopback Discord; discord.py's addresses are put back afterwards."""
    monkeypatch.setattr(discord.http.Route, "BASE", discord.http.Route.BASE)
    gateway = discord.gateway.DiscordWebSocket
    monkeypatch.setattr(gateway, "DEFAULT_GATEWAY", gateway.DEFAULT_GATEWAY)
    with LoopbackThread(LoopbackDiscord(rate_limit=None)) as server:
        yield server


Wait = Callable[..., Awaitable[None]]


@pytest_asyncio.fixture
async def town(loopback_thread: LoopbackThread) -> AsyncIterator[Town]:
    """A town without gateways; those that a test starts are stopped after it."""
    place = Town(loopback_thread, RecordingPorts())
    yield place
    place.ports.down = False
    await place.stop()
