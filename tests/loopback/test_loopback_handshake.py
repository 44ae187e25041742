"""Sessions are started as Discord lets them: counted, judged, refused with its close
codes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import discord
import pytest

from app.loopback import Account, LoopbackDiscord, StartLimit

pytestmark = pytest.mark.asyncio

INTENTS = 1 << 9 | 1 << 15


class Wire:
    """A websocket client that says exactly what a test wants."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.ws = ws

    async def send(self, op: int, data: object) -> None:
        await self.ws.send_str(json.dumps({"op": op, "d": data}))

    async def identify(self, bot: Account, **changes: object) -> None:
        await self.send(
            2, {"token": bot.token, "intents": INTENTS, "properties": {}} | changes
        )

    async def frame(self, op: int) -> dict[str, Any]:
        """The next frame of an opcode."""
        while True:
            frame: dict[str, Any] = json.loads(await self.ws.receive_str(timeout=5))
            if frame["op"] == op:
                return frame

    async def close_code(self) -> int | None:
        """Read until the server closes."""
        while not self.ws.closed:
            await self.ws.receive(timeout=5)
        return self.ws.close_code


@asynccontextmanager
async def wire(
    loopback: LoopbackDiscord, query: str = "v=10&encoding=json"
) -> AsyncIterator[Wire]:
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(f"{loopback.gateway_url}?{query}") as ws,
    ):
        yield Wire(ws)


async def start_limit(loopback: LoopbackDiscord, bot: Account) -> Any:
    """What GET /gateway/bot says."""
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bot {bot.token}"}) as http,
        http.get(f"{loopback.api_url}/gateway/bot") as answer,
    ):
        return (await answer.json()).get("session_start_limit", answer.status)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"token": "nobody's"}, 4004),
        ({"shard": [1, 1]}, 4010),
        ({"shard": "first"}, 4010),
        ({"intents": 1 << 30}, 4013),
        ({"intents": None}, 4013),
        ({"intents": 1 << 15 | 1 << 8}, 4014),
        ({"properties": {"os": "x" * 5000}}, 4002),
    ],
)
async def test_refused_identify(
    loopback: LoopbackDiscord, changes: dict[str, Any], code: int
) -> None:
    """An IDENTIFY that makes no sense ends the connection with the code that says why,
    and counts as no start."""
    bot = loopback.add_bot("elena")
    loopback.faults.disallow_intents(bot, 1 << 8)
    async with wire(loopback) as client:
        await client.identify(bot, **changes)
        assert await client.close_code() == code
    assert (await start_limit(loopback, bot))["remaining"] == 1000


@pytest.mark.parametrize(
    ("query", "frames", "code"),
    [
        ("v=10", ["no json"], 4002),
        ("v=10", ['{"op": 5, "d": null}'], 4001),
        ("v=10", ['{"op": 3, "d": {}}'], 4003),
        ("v=5", [], 4012),
        ("v=10", ['{"op": 1, "d": null}'] * 121, 4008),
    ],
)
async def test_refused_frames(
    loopback: LoopbackDiscord, query: str, frames: list[str], code: int
) -> None:
    """Frames that make no sense, a version that is not served and a flood end the
    connection with their codes."""
    async with wire(loopback, query) as client:
        for frame in frames:
            await client.ws.send_str(frame)
        assert await client.close_code() == code


async def test_second_identify(loopback: LoopbackDiscord) -> None:
    """A connection identifies once."""
    bot = loopback.add_bot("elena")
    async with wire(loopback) as client:
        await client.identify(bot)
        await client.identify(bot)
        assert await client.close_code() == 4005


async def test_frame_with_no_id(loopback: LoopbackDiscord) -> None:
    """A frame whose ids are none ends the connection, not the server's handler."""
    bot = loopback.add_bot("elena")
    async with wire(loopback) as client:
        await client.identify(bot)
        await client.send(8, {"guild_id": "here", "query": "", "limit": 0})
        assert await client.close_code() == 4002


async def test_resume_from_the_future(loopback: LoopbackDiscord) -> None:
    """A RESUME with a number that was never sent is refused."""
    bot = loopback.add_bot("elena")
    async with wire(loopback) as first:
        await first.identify(bot)
        session = (await first.frame(0))["d"]["session_id"]
        async with wire(loopback) as second:
            await second.send(
                6, {"token": bot.token, "session_id": session, "seq": 10_000}
            )
            assert await second.close_code() == 4007


async def test_starts_are_counted(loopback: LoopbackDiscord) -> None:
    """Each session counts, and the answer of the gateway's address says how many are
    left."""
    bot = loopback.add_bot("elena")
    async with wire(loopback) as client:
        await client.identify(bot)
        await client.frame(0)
    limit = await start_limit(loopback, bot)
    assert limit.pop("reset_after") > 86_000_000
    assert limit == {"total": 1000, "remaining": 999, "max_concurrency": 1}


async def test_starts_are_spent() -> None:
    """A bot without a start left loses its token: its sessions end, and REST knows it
    no more."""
    loopback = LoopbackDiscord(starts=StartLimit(total=2))
    bot = loopback.add_bot("elena")
    await loopback.start()
    try:
        async with (
            wire(loopback) as first,
            wire(loopback) as second,
            wire(loopback) as third,
        ):
            for client in (first, second):
                await client.identify(bot)
                await client.frame(0)
            await third.identify(bot)
            assert [await client.close_code() for client in (first, second, third)] == [
                4004
            ] * 3
        assert await start_limit(loopback, bot) == 401
        assert loopback.identifies(bot) == 3
    finally:
        await loopback.stop()


async def test_hasty_identify() -> None:
    """Two IDENTIFYs of one bucket within the interval: the second gets op 9; other
    buckets do not wait."""
    loopback = LoopbackDiscord(starts=StartLimit(max_concurrency=2, interval=60.0))
    bot = loopback.add_bot("elena")
    await loopback.start()
    try:
        async with (
            wire(loopback) as first,
            wire(loopback) as second,
            wire(loopback) as third,
        ):
            await first.identify(bot, shard=[0, 3])
            await first.frame(0)
            await second.identify(bot, shard=[1, 3])
            await second.frame(0)
            await third.identify(bot, shard=[2, 3])
            assert (await third.frame(9))["d"] is False
        assert (await start_limit(loopback, bot))["remaining"] == 998
    finally:
        await loopback.stop()


async def test_injected_refusals(loopback: LoopbackDiscord) -> None:
    """A test may refuse the next IDENTIFYs with op 9 or a close code, before or after
    READY."""
    bot = loopback.add_bot("elena")
    loopback.faults.refuse_identify(bot)
    async with wire(loopback) as client:
        await client.identify(bot)
        assert (await client.frame(9))["d"] is False
    loopback.faults.close_next_identify(bot, 4011)
    async with wire(loopback) as client:
        await client.identify(bot)
        assert await client.close_code() == 4011
    loopback.faults.close_next_identify(bot, 4000, after_ready=True)
    async with wire(loopback) as client:
        await client.identify(bot)
        assert (await client.frame(0))["t"] == "READY"
        assert await client.close_code() == 4000
    assert (await start_limit(loopback, bot))["remaining"] == 999
    assert loopback.identifies(bot) == 3


async def test_lost_intent(
    loopback: LoopbackDiscord, connect: Callable[..., Awaitable[Any]], rest: Any
) -> None:
    """An application that loses the message content intent loses its session, and REST
    hides what others say."""
    channel, bot, anna = (
        loopback.add_channel("general"),
        loopback.add_bot("elena"),
        loopback.add_user("anna"),
    )
    post = loopback.post(anna, channel, "secret")
    async with wire(loopback) as client:
        await client.identify(bot)
        await client.frame(0)
        loopback.faults.disallow_intents(
            bot, discord.Intents(message_content=True).value
        )
        assert await client.close_code() == 4014
    where = (await rest(bot)).get_partial_messageable(channel.id)
    assert (await where.fetch_message(post.message_id)).content == ""
    assert [message.content async for message in where.history()] == [""]
    loopback.faults.allow_intents(bot)
    assert (await where.fetch_message(post.message_id)).content == "secret"


async def test_reset_token(loopback: LoopbackDiscord) -> None:
    """A token that is reset ends its bot's sessions alone."""
    elena, marcus = loopback.add_bot("elena"), loopback.add_bot("marcus")
    async with wire(loopback) as first, wire(loopback) as second:
        for client, bot in ((first, elena), (second, marcus)):
            await client.identify(bot)
            await client.frame(0)
        loopback.faults.reset_token(elena)
        assert await first.close_code() == 4004
        assert loopback.connected() == [marcus]


async def test_missing_heartbeats() -> None:
    """A client that sends no heartbeats loses its session; one that sends them keeps
    it."""
    loopback = LoopbackDiscord(heartbeat_interval=0.5)
    silent, lively = loopback.add_bot("elena"), loopback.add_bot("marcus")
    await loopback.start()
    try:
        async with wire(loopback) as first, wire(loopback) as second:
            assert (await first.frame(10))["d"] == {"heartbeat_interval": 500}
            await first.identify(silent)
            await second.identify(lively)
            beating = asyncio.create_task(_beat(second))
            assert await first.close_code() == 4009
            assert loopback.connected() == [lively]
            beating.cancel()
    finally:
        await loopback.stop()


async def _beat(client: Wire) -> None:
    """Send a heartbeat after each answer to one; the answers set the pace."""
    while True:
        await client.send(1, None)
        await client.frame(11)


async def test_frame_of_no_json(loopback: LoopbackDiscord) -> None:
    """A test may send a client what no client can parse; the connection goes on."""
    bot = loopback.add_bot("elena")
    async with wire(loopback) as client:
        await client.identify(bot)
        await client.frame(0)
        loopback.faults.send_frame(bot, b"<html>")
        assert await client.ws.receive_str(timeout=5) == "<html>"
        await client.send(1, None)
        await client.frame(11)
