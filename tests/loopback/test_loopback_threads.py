"""Threads that are archived, locked, private, joined and deleted."""

from __future__ import annotations

from typing import Any

import discord
import pytest

from app.loopback import LoopbackDiscord, Permission

pytestmark = pytest.mark.asyncio


async def test_writing_revives_an_archived_thread(
    loopback: LoopbackDiscord, connect: Any
) -> None:
    """In an archived thread only a new message passes, and brings it back; edits and
    reactions are 400, code 50083."""
    channel = loopback.add_channel("general")
    bot, anna = loopback.add_bot("elena"), loopback.add_user("anna")
    thread = loopback.open_thread(anna, channel, "fish")
    client = await connect(bot)
    loopback.post(anna, thread, "hello")
    message = await client.hears("message")
    own = await message.channel.send("mine")
    loopback.archive(thread)
    _, archived = await client.hears("thread_update")
    assert archived.archived
    for attempt in (own.edit(content="changed"), message.add_reaction("🔥")):
        with pytest.raises(discord.HTTPException) as refused:
            await attempt
        assert (refused.value.status, refused.value.code) == (400, 50083)
    await message.channel.send("back again")
    assert not (await client.fetch_channel(thread.id)).archived


async def test_locked_threads(loopback: LoopbackDiscord, connect: Any) -> None:
    """A locked thread refuses with 50013, a locked and archived one with 50083; who
    manages threads writes in both."""
    channel = loopback.add_channel("general")
    bot, anna = loopback.add_bot("elena"), loopback.add_user("anna")
    thread = loopback.open_thread(anna, channel, "fish")
    client = await connect(bot)
    place = client.get_channel(channel.id).get_thread(thread.id)
    loopback.lock(thread)
    _, locked = await client.hears("thread_update")
    assert locked.locked
    with pytest.raises(discord.Forbidden) as refused:
        await place.send("may I?")
    assert refused.value.code == 50013
    loopback.archive(thread)
    with pytest.raises(discord.HTTPException) as archived:
        await place.send("may I?")
    assert (archived.value.status, archived.value.code) == (400, 50083)
    loopback.set_overwrite(channel, bot, allow=Permission.MANAGE_THREADS)
    await place.send("I manage threads")
    assert (thread.archived, thread.locked) == (False, True)


async def test_private_threads(loopback: LoopbackDiscord, connect: Any) -> None:
    """A private thread exists for its members alone; a bot that is added hears of it,
    one that leaves no longer."""
    channel = loopback.add_channel("general")
    bot, anna = loopback.add_bot("elena"), loopback.add_user("anna")
    client = await connect(bot)
    thread = loopback.open_private_thread(anna, channel, "secret", [anna])
    loopback.post(anna, thread, "unheard")
    with pytest.raises(discord.Forbidden) as refused:
        await client.fetch_channel(thread.id)
    assert refused.value.code == 50001
    loopback.join_thread(bot, thread)
    joined = await client.hears("thread_join")
    assert (joined.id, joined.is_private()) == (thread.id, True)
    loopback.post(anna, thread, "heard")
    assert (await client.hears("message")).content == "heard"
    loopback.leave_thread(bot, thread)
    loopback.post(anna, thread, "unheard again")
    loopback.post(anna, channel, "the end")
    await client.hears("message", 2)
    assert client.texts == ["heard", "the end"]


async def test_joining_by_rest(loopback: LoopbackDiscord, connect: Any) -> None:
    """A bot joins and leaves threads; its membership is listed with the active
    threads."""
    channel = loopback.add_channel("general")
    bot, anna = loopback.add_bot("elena"), loopback.add_user("anna")
    thread = loopback.open_thread(anna, channel, "fish")
    client = await connect(bot)
    place = client.get_channel(channel.id).get_thread(thread.id)
    assert place.me is None
    await place.join()
    assert {member.id for member in await place.fetch_members()} == {anna.id, bot.id}
    (listed,) = await client.guilds[0].active_threads()
    assert listed.me is not None
    await place.leave()
    assert {member.id for member in await place.fetch_members()} == {anna.id}
    loopback.archive(thread)
    assert await client.guilds[0].active_threads() == []


async def test_deleted_threads(loopback: LoopbackDiscord, connect: Any) -> None:
    """A deleted thread is heard of and gone; a deleted channel takes its threads
    along."""
    channel = loopback.add_channel("general")
    bot, anna = loopback.add_bot("elena"), loopback.add_user("anna")
    first, second = (
        loopback.open_thread(anna, channel, "fish"),
        loopback.open_thread(anna, channel, "whales"),
    )
    client = await connect(bot)
    loopback.delete_channel(first)
    assert (await client.hears("raw_thread_delete")).thread_id == first.id
    loopback.delete_channel(channel)
    assert (await client.hears("guild_channel_delete")).id == channel.id
    for gone in (first, second, channel):
        with pytest.raises(discord.NotFound) as missing:
            await client.get_partial_messageable(gone.id).send("hello?")
        assert missing.value.code == 10003


async def test_archived_threads_are_listed(
    loopback: LoopbackDiscord, connect: Any
) -> None:
    """Archived threads are found by REST, the latest first, unless the bot may not read
    history."""
    channel = loopback.add_channel("general")
    bot, anna = loopback.add_bot("elena"), loopback.add_user("anna")
    client = await connect(bot)
    threads = [
        loopback.open_thread(anna, channel, name)
        for name in ("fish", "whales", "crabs")
    ]
    for thread in threads[:2]:
        loopback.archive(thread)
    place = client.get_channel(channel.id)
    assert [thread.name async for thread in place.archived_threads()] == [
        "whales",
        "fish",
    ]
    loopback.deny(channel, bot, Permission.READ_MESSAGE_HISTORY)
    with pytest.raises(discord.Forbidden) as refused:
        [thread async for thread in place.archived_threads()]
    assert refused.value.code == 50013


async def test_a_bot_closes_its_own_thread(
    loopback: LoopbackDiscord, connect: Any
) -> None:
    """The owner of a thread may archive it; locking needs MANAGE_THREADS."""
    channel = loopback.add_channel("general")
    bot = loopback.add_bot("elena")
    client = await connect(bot)
    own = await client.get_channel(channel.id).create_thread(
        name="mine", type=discord.ChannelType.public_thread
    )
    with pytest.raises(discord.Forbidden) as refused:
        await own.edit(locked=True)
    assert refused.value.code == 50013
    assert (await own.edit(archived=True)).archived
    assert not (await own.edit(archived=False)).archived
    loopback.set_overwrite(channel, bot, allow=Permission.MANAGE_THREADS)
    assert (await own.edit(locked=True)).locked
