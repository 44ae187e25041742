"""Guilds and channels that appear, change and vanish while bots are connected."""

from __future__ import annotations

from typing import Any

import discord
import pytest

from app.loopback import ChannelType, LoopbackDiscord, Permission

pytestmark = pytest.mark.asyncio


async def test_outage(loopback: LoopbackDiscord, connect: Any) -> None:
    """During an outage nothing of the guild is heard; when it ends the guild comes back
    with its channels."""
    channel = loopback.add_channel("general")
    bot, anna = loopback.add_bot("elena"), loopback.add_user("anna")
    client = await connect(bot)
    loopback.set_unavailable()
    assert (await client.hears("guild_unavailable")).id == channel.guild_id
    loopback.post(anna, channel, "unheard")
    loopback.set_unavailable(unavailable=False)
    await client.hears("guild_available")
    loopback.post(anna, channel, "heard")
    await client.hears("message")
    assert client.texts == ["heard"]


async def test_connecting_during_an_outage(
    loopback: LoopbackDiscord, connect: Any
) -> None:
    """A bot that connects meanwhile is ready without the guild's channels, and gets
    them later."""
    channel = loopback.add_channel("general")
    bot = loopback.add_bot("elena")
    loopback.set_unavailable()
    client = await connect(bot)
    assert client.get_channel(channel.id) is None
    loopback.set_unavailable(unavailable=False)
    await client.hears("guild_available")
    assert client.get_channel(channel.id).name == "general"


async def test_late_invitation_and_kick(
    loopback: LoopbackDiscord, connect: Any
) -> None:
    """A bot in no guild hears nothing; invited late it gets the guild, and kicked it
    loses it and all access."""
    channel = loopback.add_channel("general")
    bot, anna = loopback.add_bot("elena", guilds=()), loopback.add_user("anna")
    client = await connect(bot)
    assert list(client.guilds) == []
    loopback.post(anna, channel, "unheard")
    place = client.get_partial_messageable(channel.id)
    with pytest.raises(discord.Forbidden) as refused:
        await place.send("hello?")
    assert refused.value.code == 50001
    guild = loopback._core.world.guilds[channel.guild_id or 0]
    loopback.join(bot, guild)
    assert (await client.hears("guild_join")).self_role.tags.bot_id == bot.id
    loopback.post(anna, channel, "heard")
    assert (await client.hears("message")).content == "heard"
    loopback.kick(bot)
    assert (await client.hears("guild_remove")).id == guild.id
    with pytest.raises(discord.Forbidden):
        await place.send("still here?")
    with pytest.raises(discord.NotFound) as unknown:
        await client.fetch_guild(guild.id)
    assert unknown.value.code == 10004


async def test_channel_changes(loopback: LoopbackDiscord, connect: Any) -> None:
    """Topic, name and deletion of a channel are heard; a channel of a category begins
    with its overwrites."""
    category = loopback.add_channel("Talk", kind=ChannelType.CATEGORY)
    bot = loopback.add_bot("elena")
    loopback.deny(category, bot, Permission.SEND_MESSAGES)
    channel = loopback.add_channel(
        "news",
        kind=ChannelType.ANNOUNCEMENT,
        category=category,
        topic="All that is new",
    )
    client = await connect(bot)
    place = client.get_channel(channel.id)
    assert (place.topic, place.category.name, place.is_news()) == (
        "All that is new",
        "Talk",
        True,
    )
    assert not place.permissions_for(place.guild.me).send_messages
    loopback.set_topic(channel, "Old things")
    await client.hears("guild_channel_update")
    loopback.rename(channel, "olds")
    _, after = await client.hears("guild_channel_update", 2)
    assert (after.topic, after.name) == ("Old things", "olds")
    loopback.delete_channel(channel)
    assert (await client.hears("guild_channel_delete")).id == channel.id


async def test_hidden_channels_say_nothing_of_themselves(
    loopback: LoopbackDiscord, connect: Any
) -> None:
    """A channel that a bot may not view has neither name nor topic at the gateway and
    is missing from REST's list."""
    secret = loopback.add_channel("secret", topic="The surprise")
    bot, other = loopback.add_bot("elena"), loopback.add_bot("marcus")
    loopback.hide(secret, bot)
    client, seeing = await connect(bot), await connect(other)
    hidden = client.get_channel(secret.id)
    assert (hidden.name, hidden.topic) == ("___hidden___", None)
    assert await client.guilds[0].fetch_channels() == []
    assert seeing.get_channel(secret.id).name == "secret"
    loopback.set_topic(secret, "Still a surprise")
    _, seen = await seeing.hears("guild_channel_update")
    assert seen.topic == "Still a surprise"
    await client.hears("guild_channel_update")
    assert hidden.topic is None


async def test_access_by_a_role(loopback: LoopbackDiscord, connect: Any) -> None:
    """A role that opens a channel brings its name and its threads; taken away, both are
    gone."""
    channel = loopback.add_channel("club")
    bot, anna = loopback.add_bot("elena"), loopback.add_user("anna")
    key = loopback.add_role("Members")
    loopback.deny(channel, loopback.everyone_role(), Permission.VIEW_CHANNEL)
    loopback.set_overwrite(channel, key, allow=Permission.VIEW_CHANNEL)
    loopback.give_role(anna, key)
    thread = loopback.open_thread(anna, channel, "fish")
    client = await connect(bot)
    assert client.get_channel(channel.id).name == "___hidden___"
    assert client.guilds[0].get_thread(thread.id) is None
    loopback.give_role(bot, key)
    assert (await client.hears("thread_join")).id == thread.id
    assert client.get_channel(channel.id).name == "club"
    loopback.post(anna, channel, "welcome")
    await client.hears("message")
    loopback.take_role(bot, key)
    await client.hears("guild_channel_update", 2)
    assert client.get_channel(channel.id).name == "___hidden___"
    with pytest.raises(discord.Forbidden) as refused:
        await client.get_partial_messageable(channel.id).send("hello?")
    assert refused.value.code == 50001
