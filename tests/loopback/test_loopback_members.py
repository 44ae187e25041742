"""Names, roles and rights of members, as unmodified discord.py clients see them and as
REST enforces them."""

from __future__ import annotations

import io
from typing import Any

import discord
import pytest

from app.loopback import LoopbackDiscord, Permission

pytestmark = pytest.mark.asyncio


async def test_three_names(loopback: LoopbackDiscord, connect: Any) -> None:
    """Username, display name and nickname are three things, in messages and for the bot
    itself."""
    channel = loopback.add_channel("general")
    bot = loopback.add_bot("elena", username="elena_bot_4711")
    sam = loopback.add_user("Sam", username="night_owl", global_name="Sam (she/her)")
    plain = loopback.add_user("ben", global_name=None)
    loopback.set_nick(bot, None, "Captain Coral")
    loopback.set_nick(sam, None, "Samira")
    client = await connect(bot)
    me = client.guilds[0].me
    assert (client.user.name, me.nick, me.display_name) == (
        "elena_bot_4711",
        "Captain Coral",
        "Captain Coral",
    )
    loopback.post(sam, channel, "hello")
    author = (await client.hears("message")).author
    assert (author.name, author.global_name, author.nick) == (
        "night_owl",
        "Sam (she/her)",
        "Samira",
    )
    loopback.post(plain, channel, "hello")
    assert (await client.hears("message", 2)).author.display_name == "ben"


async def test_own_update_needs_no_intent(
    loopback: LoopbackDiscord, connect: Any
) -> None:
    """Without the members intent a bot hears of its own nickname, roles and time-out,
    and of nobody else's."""
    loopback.add_channel("general")
    elena, marcus = loopback.add_bot("elena"), loopback.add_bot("marcus")
    anna = loopback.add_user("anna")
    intents = discord.Intents.default()
    intents.members = True
    own, all_members = await connect(elena), await connect(marcus, intents)
    role = loopback.add_role("Regulars")
    loopback.set_nick(anna, None, "Annie")
    loopback.set_nick(elena, None, "Captain Coral")
    loopback.give_role(elena, role)
    loopback.time_out(elena, 60.0)
    await own.hears("member_update", 3)
    await all_members.hears("member_update", 4)
    assert {after.id for _, after in own.events["member_update"]} == {elena.id}
    assert own.guilds[0].me.display_name == "Captain Coral"
    assert own.guilds[0].me.is_timed_out()
    assert role.id in {one.id for one in own.guilds[0].me.roles}
    assert all_members.guilds[0].get_member(anna.id).nick == "Annie"


async def test_managed_role(loopback: LoopbackDiscord, connect: Any) -> None:
    """Each bot brings a managed role that says whose it is; a mention of it is in
    `role_mentions`."""
    channel = loopback.add_channel("general")
    elena, marcus = loopback.add_bot("elena"), loopback.add_bot("marcus")
    client = await connect(elena)
    own = client.guilds[0].self_role
    assert (own.id, own.managed, own.tags.bot_id) == (
        loopback.managed_role(elena).id,
        True,
        elena.id,
    )
    other = loopback.managed_role(marcus)
    post = loopback.post(
        loopback.add_user("anna"), channel, f"{own.mention} and {other.mention}"
    )
    heard = await client.hears("message")
    assert heard.raw_role_mentions == [own.id, other.id]
    assert [role.id for role in heard.role_mentions] == [own.id, other.id]
    assert loopback.find_post(post.message_id).pinged == (own.id, other.id)


async def test_roles_come_and_go(loopback: LoopbackDiscord, connect: Any) -> None:
    """Roles that are made, changed and deleted are heard; members lose a deleted
    role."""
    loopback.add_channel("general")
    bot = loopback.add_bot("elena")
    client = await connect(bot)
    role = loopback.add_role("Regulars", permissions=Permission.PIN_MESSAGES)
    assert (await client.hears("guild_role_create")).permissions.pin_messages
    loopback.give_role(bot, role)
    await client.hears("member_update")
    loopback.change_role(role, name="Friends", permissions=Permission.MANAGE_THREADS)
    _, changed = await client.hears("guild_role_update")
    assert (changed.name, changed.permissions.manage_threads) == ("Friends", True)
    loopback.delete_role(role)
    assert (await client.hears("guild_role_delete")).id == role.id
    fetched = await client.guilds[0].fetch_member(bot.id)
    assert [one.id for one in fetched.roles if not one.is_default()] == [
        loopback.managed_role(bot).id
    ]


async def test_who_may_mention_roles(loopback: LoopbackDiscord, rest: Any) -> None:
    """Without MENTION_EVERYONE a bot mentions only roles that all may mention, and
    never everyone."""
    channel = loopback.add_channel("general")
    bot = loopback.add_bot("elena")
    closed, free = (
        loopback.add_role("Closed"),
        loopback.add_role("Free", mentionable=True),
    )
    text = f"@everyone {closed.mention} {free.mention}"
    place = (await rest(bot)).get_partial_messageable(channel.id)
    await place.send(text)
    loopback.deny(channel, loopback.everyone_role(), Permission.MENTION_EVERYONE)
    await place.send(text)
    assert [post.pinged for post in loopback.posts] == [
        (closed.id, free.id, "everyone"),
        (free.id,),
    ]


async def test_denied_sending(loopback: LoopbackDiscord, connect: Any) -> None:
    """A bot that is denied SEND_MESSAGES hears the channel, knows that it may not
    write, and gets 403, code 50013."""
    channel = loopback.add_channel("news")
    bot, anna = loopback.add_bot("elena"), loopback.add_user("anna")
    loopback.deny(channel, bot, Permission.SEND_MESSAGES)
    client = await connect(bot)
    place = client.get_channel(channel.id)
    assert not place.permissions_for(place.guild.me).send_messages
    loopback.post(anna, channel, "read this")
    assert (await client.hears("message")).content == "read this"
    for attempt in (place.send("may I?"), place.typing()):
        with pytest.raises(discord.Forbidden) as refused:
            await attempt
        assert refused.value.code == 50013
    loopback.permit(channel, bot, Permission.SEND_MESSAGES)
    await client.hears("guild_channel_update")
    assert place.permissions_for(place.guild.me).send_messages
    await place.send("thanks")


async def test_no_history(loopback: LoopbackDiscord, connect: Any) -> None:
    """Without READ_MESSAGE_HISTORY history is an empty list, a reply is 403 160002, and
    a plain message passes."""
    channel = loopback.add_channel("general")
    bot, anna = loopback.add_bot("elena"), loopback.add_user("anna")
    loopback.deny(channel, loopback.everyone_role(), Permission.READ_MESSAGE_HISTORY)
    loopback.deny(channel, loopback.managed_role(bot), Permission.READ_MESSAGE_HISTORY)
    client = await connect(bot)
    loopback.post(anna, channel, "hello")
    message = await client.hears("message")
    assert [one async for one in message.channel.history()] == []
    with pytest.raises(discord.Forbidden) as refused:
        await message.reply("hello")
    assert refused.value.code == 160002
    await message.channel.send("hello")


async def test_denied_reactions(loopback: LoopbackDiscord, connect: Any) -> None:
    """Without ADD_REACTIONS a new emoji is 403, code 50013; one that is there can be
    joined."""
    channel = loopback.add_channel("general")
    bot, anna = loopback.add_bot("elena"), loopback.add_user("anna")
    loopback.deny(channel, bot, Permission.ADD_REACTIONS)
    client = await connect(bot)
    post = loopback.post(anna, channel, "look")
    message = await client.hears("message")
    with pytest.raises(discord.Forbidden) as refused:
        await message.add_reaction("🔥")
    assert refused.value.code == 50013
    loopback.react(anna, post, "🔥")
    await message.add_reaction("🔥")
    assert [reaction.user_id for reaction in loopback.reactions] == [anna.id, bot.id]


async def test_time_out(loopback: LoopbackDiscord, connect: Any) -> None:
    """A bot in a time-out reads and hears but neither writes nor reacts, until it
    ends."""
    channel = loopback.add_channel("general")
    bot, anna = loopback.add_bot("elena"), loopback.add_user("anna")
    client = await connect(bot)
    loopback.time_out(bot, 60.0)
    await client.hears("member_update")
    post = loopback.post(anna, channel, "hush")
    loopback.react(anna, post, "🔥")
    message = await client.hears("message")
    granted = message.channel.permissions_for(message.guild.me)
    assert (
        granted.view_channel,
        granted.read_message_history,
        granted.send_messages,
    ) == (
        True,
        True,
        False,
    )
    for attempt in (
        message.reply("sorry"),
        message.add_reaction("🔥"),
        message.channel.typing(),
    ):
        with pytest.raises(discord.Forbidden) as refused:
            await attempt
        assert refused.value.code == 50013
    assert [one.id async for one in message.channel.history()] == [post.message_id]
    loopback.time_out(bot, None)
    await message.reply("sorry")


async def test_a_bot_changes_names_and_rights(
    loopback: LoopbackDiscord, connect: Any
) -> None:
    """With the rights for it, a bot gives itself a nickname and writes overwrites;
    without them it is refused."""
    channel = loopback.add_channel("general")
    bot, anna = loopback.add_bot("elena"), loopback.add_user("anna")
    client = await connect(bot)
    me = client.guilds[0].me
    await me.edit(nick="Captain Coral")
    await client.hears("member_update")
    assert client.guilds[0].me.nick == "Captain Coral"
    place = client.get_channel(channel.id)
    silence = discord.PermissionOverwrite(send_messages=False)
    person = await client.guilds[0].fetch_member(anna.id)
    with pytest.raises(discord.Forbidden) as refused:
        await place.set_permissions(person, overwrite=silence)
    assert refused.value.code == 50013
    loopback.set_overwrite(channel, bot, allow=Permission.MANAGE_ROLES)
    await place.set_permissions(person, overwrite=silence)
    assert not loopback.permissions(anna, channel) & Permission.SEND_MESSAGES
    await place.set_permissions(person, overwrite=None)
    assert loopback.permissions(anna, channel) & Permission.SEND_MESSAGES


@pytest.mark.parametrize(
    ("lacking", "content"),
    [
        (Permission.ATTACH_FILES, {"file": True}),
        (Permission.EMBED_LINKS, {"embed": True}),
    ],
)
async def test_files_and_embeds_have_their_rights(
    loopback: LoopbackDiscord, rest: Any, lacking: Permission, content: dict[str, bool]
) -> None:
    """A file needs ATTACH_FILES and an embed EMBED_LINKS; a plain text needs
    neither."""
    channel = loopback.add_channel("general")
    bot = loopback.add_bot("elena")
    loopback.deny(channel, bot, lacking)
    place = (await rest(bot)).get_partial_messageable(channel.id)
    made: dict[str, Any] = {
        "file": discord.File(io.BytesIO(b"text"), "notes.txt"),
        "embed": discord.Embed(title="x"),
    }
    with pytest.raises(discord.Forbidden) as refused:
        await place.send("look", **{name: made[name] for name in content})
    assert refused.value.code == 50013
    await place.send("just words")
