"""A running loopback Discord and unmodified discord.py clients that keep what they
hear."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import discord
import pytest
import pytest_asyncio
import yarl

from app.loopback import Account, Channel, LoopbackDiscord
from tests.loopback.clients import Client, client_of
from tests.patience import patience

KEPT = (
    "message",
    "raw_message_delete",
    "raw_message_edit",
    "raw_reaction_add",
    "raw_reaction_remove",
    "typing",
    "thread_create",
    "guild_channel_create",
    "guild_channel_update",
    "guild_channel_delete",
    "guild_role_create",
    "guild_role_update",
    "guild_role_delete",
    "guild_join",
    "guild_remove",
    "guild_available",
    "guild_unavailable",
    "thread_update",
    "raw_thread_delete",
    "thread_join",
    "raw_thread_member_remove",
    "member_join",
    "member_update",
    "resumed",
    "ready",
)


class Ear(discord.Client):
    """discord.py as it is; `events` holds the arguments of each event by its name."""

    def __init__(self, intents: discord.Intents) -> None:
        super().__init__(intents=intents, guild_ready_timeout=0.05)
        self.events: defaultdict[str, list[Any]] = defaultdict(list)
        self._heard = asyncio.Event()
        for name in KEPT:
            setattr(self, f"on_{name}", self._keeper(name))

    def _keeper(self, name: str) -> Callable[..., Awaitable[None]]:
        async def keep(*arguments: Any) -> None:
            self.events[name].append(arguments[0] if len(arguments) == 1 else arguments)
            self._heard.set()

        return keep

    @property
    def texts(self) -> list[str]:
        """The contents of the messages heard so far."""
        return [message.content for message in self.events["message"]]

    async def hears(self, name: str, count: int = 1, within: float = 10.0) -> Any:
        """Wait for so many events of a name and return the last of them."""
        async with asyncio.timeout(patience(within)):
            while len(self.events[name]) < count:
                self._heard.clear()
                await self._heard.wait()
        return self.events[name][count - 1]


Connect = Callable[..., Awaitable[Ear]]


def reading_intents() -> discord.Intents:
    intents = discord.Intents.default()
    intents.message_content = True
    return intents


@pytest_asyncio.fixture
async def loopback(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LoopbackDiscord]:
    """A started server without a rate limit, to which all clients of the test go."""
    server = LoopbackDiscord(rate_limit=None)
    await server.start()
    monkeypatch.setattr(discord.http.Route, "BASE", server.api_url)
    monkeypatch.setattr(
        discord.gateway.DiscordWebSocket,
        "DEFAULT_GATEWAY",
        yarl.URL(server.gateway_url),
    )
    yield server
    await server.stop()


@pytest_asyncio.fixture
async def connect(loopback: LoopbackDiscord) -> AsyncIterator[Connect]:
    """`await connect(bot)` gives a client that is ready; all are closed after the
    test."""
    running: list[tuple[Ear, asyncio.Task[None]]] = []

    async def start(bot: Account, intents: discord.Intents | None = None) -> Ear:
        client = Ear(intents or reading_intents())
        assert bot.token is not None
        running.append((client, asyncio.create_task(client.start(bot.token))))
        await client.hears("ready")
        return client

    yield start
    for client, _ in running:
        await client.close()
    await asyncio.gather(*(task for _, task in running))


@pytest_asyncio.fixture
async def rest(loopback: LoopbackDiscord) -> AsyncIterator[Connect]:
    """`await rest(bot)` gives a client that is logged in but has no gateway connection,
    as a worker has it."""
    clients: list[Ear] = []

    async def login(bot: Account) -> Ear:
        client = Ear(reading_intents())
        assert bot.token is not None
        await client.login(bot.token)
        clients.append(client)
        return client

    yield login
    for client in clients:
        await client.close()


@pytest.fixture
def general(loopback: LoopbackDiscord) -> Channel:
    """The one channel of the server."""
    return loopback.add_channel("general")


@pytest.fixture
def anna(loopback: LoopbackDiscord) -> Account:
    """A person."""
    return loopback.add_user("anna")


@pytest_asyncio.fixture(params=["discord.py", "hikari"])
async def client(
    request: pytest.FixtureRequest,
    loopback: LoopbackDiscord,
    general: Channel,
    anna: Account,
) -> AsyncIterator[Client]:
    """A started client of each library; `general` and `anna` are there before it."""
    made = client_of(request.param, loopback, loopback.add_bot("elena"))
    await made.start()
    yield made
    await made.close()
