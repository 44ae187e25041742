"""Kinds of channels: forums, voice and stage text, categories, threads, as discord.py
and REST see them."""

from __future__ import annotations

from typing import Any

import discord
import pytest

from app.loopback import ChannelType, LoopbackDiscord, Permission

pytestmark = pytest.mark.asyncio


async def test_forum_post(loopback: LoopbackDiscord, connect: Any) -> None:
    """A forum post is a thread with title and tags whose first message has the thread's
    own id; bots answer in it."""
    forum = loopback.add_channel(
        "help", kind=ChannelType.FORUM, tags=("Solved", "Open")
    )
    bot, anna = loopback.add_bot("elena"), loopback.add_user("anna")
    client = await connect(bot)
    post = loopback.open_post(
        anna, forum, "A question", "How deep is the sea?", tags=forum.available_tags[1:]
    )
    thread = await client.hears("thread_create")
    assert (thread.id, thread.name, thread.parent_id) == (
        post.message_id,
        "A question",
        forum.id,
    )
    assert [tag.name for tag in thread.applied_tags] == ["Open"]
    first = await client.hears("message")
    assert (first.id, first.channel.id) == (thread.id, thread.id)
    assert isinstance(thread.parent, discord.ForumChannel)
    assert [tag.name for tag in thread.parent.available_tags] == ["Solved", "Open"]
    await first.reply("Very.")
    assert [one.content async for one in thread.history(oldest_first=True)] == [
        "How deep is the sea?",
        "Very.",
    ]
    with pytest.raises(discord.HTTPException) as refused:
        await client.get_partial_messageable(forum.id).send("not here")
    assert (refused.value.status, refused.value.code) == (400, 50008)


@pytest.mark.parametrize("kind", [ChannelType.FORUM, ChannelType.MEDIA])
async def test_bot_opens_a_post(
    loopback: LoopbackDiscord, connect: Any, kind: ChannelType
) -> None:
    """A bot opens a post with a first message, unless it may not send in the forum."""
    channel = loopback.add_channel("help", kind=kind)
    bot = loopback.add_bot("elena")
    client = await connect(bot)
    forum = client.get_channel(channel.id)
    assert isinstance(forum, discord.ForumChannel)
    opened = await forum.create_thread(name="Hello", content="I am new")
    assert opened.thread.id == opened.message.id
    loopback.deny(channel, bot, Permission.SEND_MESSAGES)
    with pytest.raises(discord.Forbidden) as refused:
        await forum.create_thread(name="Again", content="I am still new")
    assert refused.value.code == 50013
    await opened.thread.send("but I may answer")


async def test_threads_have_their_own_right_to_send(
    loopback: LoopbackDiscord, connect: Any
) -> None:
    """In threads SEND_MESSAGES_IN_THREADS counts, not SEND_MESSAGES."""
    channel = loopback.add_channel("general")
    bot, anna = loopback.add_bot("elena"), loopback.add_user("anna")
    thread = loopback.open_thread(anna, channel, "fish")
    client = await connect(bot)
    place = client.get_channel(channel.id).get_thread(thread.id)
    loopback.deny(channel, bot, Permission.SEND_MESSAGES)
    await place.send("still here")
    loopback.deny(channel, bot, Permission.SEND_MESSAGES_IN_THREADS)
    with pytest.raises(discord.Forbidden) as refused:
        await place.send("not any more")
    assert refused.value.code == 50013
    assert not place.permissions_for(place.guild.me).send_messages_in_threads


@pytest.mark.parametrize("kind", [ChannelType.VOICE, ChannelType.STAGE])
async def test_voice_text_needs_connect(
    loopback: LoopbackDiscord, connect: Any, kind: ChannelType
) -> None:
    """The text of voice and stage channels is read and written with CONNECT; without it
    REST answers 50001."""
    channel = loopback.add_channel("lounge", kind=kind)
    bot, anna = loopback.add_bot("elena"), loopback.add_user("anna")
    client = await connect(bot)
    loopback.post(anna, channel, "can you read this?")
    message = await client.hears("message")
    await message.reply("I can")
    await client.hears("message", 2)
    loopback.deny(channel, bot, Permission.CONNECT)
    for attempt in (
        message.channel.send("and now?"),
        message.channel.fetch_message(message.id),
    ):
        with pytest.raises(discord.Forbidden) as refused:
            await attempt
        assert refused.value.code == 50001
    loopback.post(anna, channel, "unheard")
    loopback.permit(channel, bot, Permission.CONNECT)
    loopback.post(anna, channel, "heard")
    await client.hears("message", 3)
    assert client.texts == ["can you read this?", "I can", "heard"]
