"""Faults: what they do to unmodified clients, and what survives them."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import aiohttp
import discord
import pytest

from app.loopback import LoopbackDiscord

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize("fault", ["send_op7", "drop_sockets"])
async def test_resume_loses_nothing(
    loopback: LoopbackDiscord, connect: Any, fault: str
) -> None:
    """After op 7 or a cut socket the client resumes and hears all that was said
    meanwhile, once and in order."""
    channel = loopback.add_channel("general")
    bot, anna = loopback.add_bot("elena"), loopback.add_user("anna")
    client = await connect(bot)
    loopback.post(anna, channel, "0")
    await client.hears("message")
    getattr(loopback.faults, fault)(bot)
    for i in range(1, 60):
        loopback.post(anna, channel, str(i))
        await asyncio.sleep(0)
    await client.hears("resumed")
    loopback.post(anna, channel, "60")
    await client.hears("message", 61)
    assert client.texts == [str(i) for i in range(61)]


async def test_op9_loses_what_was_said(loopback: LoopbackDiscord, connect: Any) -> None:
    """After op 9 the client identifies anew; what was said meanwhile never reaches it,
    but history has it."""
    channel = loopback.add_channel("general")
    bot, anna = loopback.add_bot("elena"), loopback.add_user("anna")
    client = await connect(bot)
    loopback.faults.send_op9(bot)
    loopback.post(anna, channel, "unheard")
    await client.hears("ready", 2, within=15.0)
    loopback.post(anna, channel, "heard")
    await client.hears("message")
    assert client.texts == ["heard"]
    assert [m.content async for m in client.get_channel(channel.id).history()] == [
        "heard",
        "unheard",
    ]


async def test_a_withheld_event_is_missing_without_a_gap(
    loopback: LoopbackDiscord, connect: Any
) -> None:
    """One bot is never told of a message, on a connection that goes on, nor when it
    resumes; the other bot and REST are."""
    channel = loopback.add_channel("general")
    elena, aria, anna = (
        loopback.add_bot("elena"),
        loopback.add_bot("aria"),
        loopback.add_user("anna"),
    )
    deaf, other = await connect(elena), await connect(aria)
    loopback.faults.withhold_next(elena)
    message = loopback.post(anna, channel, "unheard")
    loopback.react(anna, message, "\N{WAVING HAND SIGN}")
    loopback.post(anna, channel, "heard")
    loopback.faults.drop_sockets(elena)
    await deaf.hears("resumed")
    loopback.post(anna, channel, "heard too")
    await deaf.hears("message", 2)
    await other.hears("message", 3)
    assert deaf.texts == ["heard", "heard too"]
    assert other.texts == ["unheard", "heard", "heard too"]
    assert [m.content async for m in deaf.get_channel(channel.id).history()] == [
        "heard too",
        "heard",
        "unheard",
    ]


async def test_resumable_op9(loopback: LoopbackDiscord, connect: Any) -> None:
    """op 9 that says the session can be resumed loses nothing."""
    channel = loopback.add_channel("general")
    bot, anna = loopback.add_bot("elena"), loopback.add_user("anna")
    client = await connect(bot)
    loopback.faults.send_op9(bot, resumable=True)
    loopback.post(anna, channel, "heard")
    await client.hears("resumed")
    await client.hears("message")
    assert client.texts == ["heard"]


async def test_server_comes_back(loopback: LoopbackDiscord, connect: Any) -> None:
    """When the whole server stops and starts again on its port, clients come back to
    their sessions."""
    channel = loopback.add_channel("general")
    anna = loopback.add_user("anna")
    client = await connect(loopback.add_bot("elena"))
    port = loopback.port
    await loopback.stop()
    loopback.post(anna, channel, "while down")
    await loopback.start(port=port)
    assert (await client.hears("message")).content == "while down"


async def test_lost_answers(loopback: LoopbackDiscord, rest: Any) -> None:
    """With lost answers a sender does not know whether it posted; sending again with
    the nonce posts once."""
    channel = loopback.add_channel("general")
    place = (await rest(loopback.add_bot("elena"))).get_partial_messageable(channel.id)
    loopback.faults.lost_answer_rate = 0.5
    attempts = 0
    for i in range(20):
        while True:
            attempts += 1
            try:
                await place.send(f"{i}", nonce=f"n-{i}")
            except aiohttp.ClientError:
                continue
            break
    assert attempts > 20
    assert [post.content for post in loopback.posts] == [str(i) for i in range(20)]


async def test_lose_next(loopback: LoopbackDiscord, rest: Any) -> None:
    """`lose_next` carries exactly the chosen request out and cuts its answer."""
    channel = loopback.add_channel("general")
    place = (await rest(loopback.add_bot("elena"))).get_partial_messageable(channel.id)
    loopback.faults.lose_next("POST", "/messages$")
    with pytest.raises(aiohttp.ClientError):
        await place.send("there", nonce="n")
    assert (await place.send("there", nonce="n")).id == loopback.posts[0].message_id


async def test_errors_by_chance(loopback: LoopbackDiscord, rest: Any) -> None:
    """A share of POSTs fails without being carried out; reads are not touched."""
    channel = loopback.add_channel("general")
    place = (await rest(loopback.add_bot("elena"))).get_partial_messageable(channel.id)
    loopback.faults.error_rate = 1.0
    loopback.faults.error_statuses = (503,)
    with pytest.raises(discord.DiscordServerError):
        await place.send("no")
    assert [message async for message in place.history()] == []
    loopback.faults.error_rate = 0.0
    await place.send("yes")
    assert [post.content for post in loopback.posts] == ["yes"]


async def test_fail_next(loopback: LoopbackDiscord, rest: Any) -> None:
    """`fail_next` answers just so many matching requests with the given status and
    body."""
    channel, other = loopback.add_channel("general"), loopback.add_channel("other")
    client = await rest(loopback.add_bot("elena"))
    place = client.get_partial_messageable(channel.id)
    loopback.faults.fail_next(
        "POST",
        f"/channels/{channel.id}/messages",
        413,
        {"code": 40005, "message": "Too large"},
        2,
    )
    await client.get_partial_messageable(other.id).send("not meant")
    for _ in range(2):
        with pytest.raises(discord.HTTPException) as refused:
            await place.send("meant")
        assert (refused.value.status, refused.value.code) == (413, 40005)
    await place.send("meant")
    assert [post.content for post in loopback.posts] == ["not meant", "meant"]


async def test_hold_posts(loopback: LoopbackDiscord, rest: Any) -> None:
    """Held posts wait before they are carried out and go when they are let go."""
    channel = loopback.add_channel("general")
    place = (await rest(loopback.add_bot("elena"))).get_partial_messageable(channel.id)
    hold = loopback.faults.hold_posts
    hold.set()
    sending = asyncio.create_task(place.send("patience"))
    await loopback.wait_for(lambda: hold.waiting == 1, 5.0)
    assert loopback.posts == []
    hold.clear()
    assert (await sending).content == "patience"


async def test_delay(loopback: LoopbackDiscord, rest: Any) -> None:
    """A delayed answer comes late although the message is there at once."""
    channel = loopback.add_channel("general")
    place = (await rest(loopback.add_bot("elena"))).get_partial_messageable(channel.id)
    loopback.faults.delay = 0.3
    started = time.monotonic()
    sending = asyncio.create_task(place.send("slow"))
    await loopback.wait_for(lambda: loopback.posts, 5.0)
    assert not sending.done()
    await sending
    assert time.monotonic() - started >= 0.3


async def test_faults_repeat_with_the_seed() -> None:
    """The same seed gives the same faults."""
    drawn = []
    for _ in range(2):
        server = LoopbackDiscord(seed=7)
        server.faults.error_rate = 0.5
        drawn.append([server.faults.draw_error() for _ in range(50)])
    assert drawn[0] == drawn[1]
    assert None in drawn[0]
