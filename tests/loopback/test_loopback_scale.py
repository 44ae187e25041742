"""Many bots, other threads, live streams, extra routes and the compressed gateway."""

from __future__ import annotations

import asyncio
import json
import threading
import time
import zlib
from typing import Any

import aiohttp
import discord
import pytest
from aiohttp import web

from app.loopback import Deletion, LoopbackDiscord, LoopbackThread, Post, Reaction


@pytest.mark.asyncio
async def test_hundred_bots(loopback: LoopbackDiscord, connect: Any) -> None:
    """A hundred bots connect and each hears a message."""
    channel = loopback.add_channel("general")
    bots = [loopback.add_bot(f"bot{i}") for i in range(100)]
    anna = loopback.add_user("anna")
    clients = await asyncio.gather(*(connect(bot) for bot in bots))
    assert len(loopback.connected()) == 100
    loopback.post(anna, channel, "hello all")
    await asyncio.gather(*(client.hears("message") for client in clients))
    assert all(client.texts == ["hello all"] for client in clients)


@pytest.mark.asyncio
async def test_posting_work_is_flat(loopback: LoopbackDiscord) -> None:
    """Posting costs this thread as much work with an empty history as with one eight
    times as long."""
    channel = loopback.add_channel("general")
    anna = loopback.add_user("anna")

    def cost() -> float:
        started = time.thread_time()
        for _ in range(200):
            loopback.post(anna, channel, "chatter")
        return time.thread_time() - started

    first = min(cost() for _ in range(3))
    for _ in range(20):
        cost()
    assert min(cost() for _ in range(3)) < 4 * first


@pytest.mark.asyncio
async def test_snowflakes(loopback: LoopbackDiscord) -> None:
    """Ids grow strictly and carry the present time."""
    channel = loopback.add_channel("general")
    anna = loopback.add_user("anna")
    ids = [loopback.post(anna, channel, "x").message_id for _ in range(500)]
    assert ids == sorted(set(ids))
    assert abs(discord.utils.snowflake_time(ids[-1]).timestamp() - time.time()) < 60


@pytest.mark.asyncio
async def test_subscription(loopback: LoopbackDiscord) -> None:
    """A live stream gives each record in order and ends when it is closed."""
    channel = loopback.add_channel("general")
    anna = loopback.add_user("anna")
    with loopback.subscribe() as stream:
        post = loopback.post(anna, channel, "watch")
        loopback.react(anna, post, "👀")
        loopback.delete(post)
        kinds = [type(await anext(stream)) for _ in range(3)]
        assert kinds == [Post, Reaction, Deletion]
    assert [record async for record in stream] == []


@pytest.mark.asyncio
async def test_slow_subscriber(loopback: LoopbackDiscord) -> None:
    """A reader that stands still loses the oldest records, counted, and holds up
    nobody."""
    channel = loopback.add_channel("general")
    anna = loopback.add_user("anna")
    with loopback.subscribe(limit=2) as stream:
        for i in range(5):
            loopback.post(anna, channel, str(i))
        first = await anext(stream)
        assert isinstance(first, Post)
        assert (first.content, stream.dropped) == ("3", 3)


@pytest.mark.asyncio
async def test_wait_for_times_out(loopback: LoopbackDiscord) -> None:
    """Waiting for what never comes ends with TimeoutError."""
    with pytest.raises(TimeoutError):
        await loopback.wait_for(lambda: loopback.posts, 0.05)


@pytest.mark.asyncio
async def test_extra_routes() -> None:
    """A page can be served from the same server."""
    server = LoopbackDiscord()

    async def page(_: web.Request) -> web.Response:
        return web.Response(text="hello")

    server.add_routes([web.get("/demo", page)])
    await server.start()
    try:
        address = server.api_url.removesuffix("/api/v10") + "/demo"
        async with aiohttp.ClientSession() as session, session.get(address) as response:
            assert await response.text() == "hello"
    finally:
        await server.stop()


@pytest.mark.asyncio
async def test_port_in_use(loopback: LoopbackDiscord) -> None:
    """A port that is taken raises OSError."""
    with pytest.raises(OSError, match="address already in use"):
        await LoopbackDiscord().start(port=loopback.port)


@pytest.mark.asyncio
async def test_zlib_stream() -> None:
    """With `compress`, a client that asks for zlib-stream gets one zlib context for all
    frames."""
    server = LoopbackDiscord(compress=True)
    bot = server.add_bot("elena")
    server.add_channel("general")
    await server.start()
    inflate = zlib.decompressobj()
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(
                server.gateway_url + "?v=10&encoding=json&compress=zlib-stream"
            ) as ws,
        ):
            hello = json.loads(inflate.decompress(await ws.receive_bytes()))
            await ws.send_json(
                {"op": 2, "d": {"token": bot.token, "intents": 1, "properties": {}}}
            )
            ready = json.loads(inflate.decompress(await ws.receive_bytes()))
            guild = json.loads(inflate.decompress(await ws.receive_bytes()))
    finally:
        await server.stop()
    assert hello["op"] == 10
    assert (ready["t"], guild["t"]) == ("READY", "GUILD_CREATE")


def test_thread_facade() -> None:
    """A synchronous program acts, asks and waits from its own threads while clients run
    elsewhere."""
    with LoopbackThread(LoopbackDiscord(rate_limit=None)) as loopback:
        channel = loopback.add_channel("general")
        bot, anna = loopback.add_bot("elena"), loopback.add_user("anna")
        assert loopback.api_url.startswith("http://127.0.0.1:")
        assert loopback.gateway_url.startswith("ws://127.0.0.1:")

        def talk() -> None:
            for i in range(50):
                loopback.post(anna, channel, str(i))

        threads = [threading.Thread(target=talk) for _ in range(4)]
        for thread in threads:
            thread.start()
        loopback.wait_for(lambda: len(loopback.posts) == 200, 10.0)
        for thread in threads:
            thread.join()

        async def answer() -> None:
            place = f"{loopback.api_url}/channels/{channel.id}/messages"
            headers = {"Authorization": f"Bot {bot.token}"}
            async with aiohttp.ClientSession(headers=headers) as session:
                body = {
                    "content": "hi",
                    "message_reference": {"message_id": loopback.posts[0].message_id},
                }
                (await session.post(place, json=body)).raise_for_status()

        worker = threading.Thread(target=lambda: asyncio.run(answer()))
        worker.start()
        (reply,) = loopback.wait_for(
            lambda: loopback.replies_to(loopback.posts[0]), 10.0
        )
        worker.join()
        assert (reply.content, reply.author_id) == ("hi", bot.id)
        assert loopback.posts_by_bots() == [reply]
        with pytest.raises(TimeoutError):
            loopback.wait_for(lambda: len(loopback.posts) == 1000, 0.05)
