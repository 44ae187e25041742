"""What unmodified discord.py clients hear of what is said and done."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import discord
import pytest

from app.loopback import LoopbackDiscord

pytestmark = pytest.mark.asyncio


async def test_login_and_ready(loopback: LoopbackDiscord, connect: Any) -> None:
    """A client becomes ready and knows its name, guild and channels."""
    channel = loopback.add_channel("general")
    bot = loopback.add_bot("elena")
    client = await connect(bot)
    assert client.user.id == bot.id
    assert client.user.name == "elena"
    assert client.user.bot
    assert client.get_channel(channel.id).name == "general"
    assert client.guilds[0].me.id == bot.id


async def test_three_clients_hear(loopback: LoopbackDiscord, connect: Any) -> None:
    """Every connected bot hears a message, with author, member, time and channel."""
    channel = loopback.add_channel("general")
    bots = [loopback.add_bot(name) for name in ("elena", "marcus", "gabriel")]
    anna = loopback.add_user("anna")
    clients = await asyncio.gather(*(connect(bot) for bot in bots))
    post = loopback.post(anna, channel, "good morning")
    for client in clients:
        message = await client.hears("message")
        assert (message.id, message.content) == (post.message_id, "good morning")
        assert (message.author.id, message.author.display_name) == (anna.id, "anna")
        assert isinstance(message.author, discord.Member)
        assert message.channel.id == channel.id
        assert message.nonce is None
        assert abs(message.created_at.timestamp() - time.time()) < 5


async def test_reply_and_mention(loopback: LoopbackDiscord, connect: Any) -> None:
    """A reply carries the message replied to; mentions of the text and of the reply are
    told apart by nothing else."""
    channel = loopback.add_channel("general")
    elena, marcus = loopback.add_bot("elena"), loopback.add_bot("marcus")
    anna = loopback.add_user("anna")
    client = await connect(elena)
    loopback.post(anna, channel, f"{elena.mention} are you there?")
    question = await client.hears("message")
    assert [user.id for user in question.mentions] == [elena.id]
    answer = await question.reply("yes")
    heard = await client.hears("message", 2)
    assert heard.id == answer.id
    assert heard.type is discord.MessageType.reply
    assert heard.reference.message_id == question.id
    assert heard.reference.resolved.content == question.content
    loopback.post(anna, channel, f"and you, {marcus.mention}?", reply_to=heard.id)
    both = await client.hears("message", 3)
    assert {user.id for user in both.mentions} == {elena.id, marcus.id}
    loopback.post(anna, channel, "quietly", reply_to=heard.id, ping_reply=False)
    quiet = await client.hears("message", 4)
    assert quiet.mentions == []
    assert quiet.reference.message_id == answer.id
    assert [post.content for post in loopback.replies_to(question.id)] == ["yes"]


async def test_direct_messages(loopback: LoopbackDiscord, connect: Any) -> None:
    """A direct message reaches its bot alone, in both directions; bots cannot write to
    bots."""
    loopback.add_channel("general")
    elena, marcus = loopback.add_bot("elena"), loopback.add_bot("marcus")
    anna = loopback.add_user("anna")
    client, other = await connect(elena), await connect(marcus)
    loopback.dm(anna, elena, "just between us")
    message = await client.hears("message")
    assert message.guild is None
    assert isinstance(message.channel, discord.DMChannel)
    await message.channel.send("of course")
    await client.hears("message", 2)
    opened = await (await client.fetch_user(anna.id)).create_dm()
    assert opened.id == message.channel.id
    assert opened.recipient.id == anna.id
    with pytest.raises(discord.Forbidden) as refused:
        await (await client.fetch_user(marcus.id)).send("psst")
    assert refused.value.code == 50007
    assert other.texts == []
    assert [post.content for post in loopback.messages_in(opened.id)] == [
        "just between us",
        "of course",
    ]


async def test_reactions(loopback: LoopbackDiscord, connect: Any) -> None:
    """Reactions of people and bots are heard, counted in history, recorded once, and
    can be taken back."""
    channel = loopback.add_channel("general")
    bot, anna = loopback.add_bot("elena"), loopback.add_user("anna")
    client = await connect(bot)
    post = loopback.post(anna, channel, "look")
    message = await client.hears("message")
    loopback.react(anna, post, "🔥")
    loopback.react(anna, post, "🔥")
    await message.add_reaction("🔥")
    await message.add_reaction("❤️")
    heard = await client.hears("raw_reaction_add", 3)
    assert (str(heard.emoji), heard.user_id, heard.message_author_id) == (
        "❤️",
        bot.id,
        anna.id,
    )
    assert client.events["raw_reaction_add"][0].member.id == anna.id
    fresh = await message.channel.fetch_message(post.message_id)
    assert [(str(r.emoji), r.count, r.me) for r in fresh.reactions] == [
        ("🔥", 2, True),
        ("❤️", 1, True),
    ]
    assert {user.id async for user in fresh.reactions[0].users()} == {anna.id, bot.id}
    await message.remove_reaction("❤️", client.user)
    loopback.unreact(anna, post, "🔥")
    await client.hears("raw_reaction_remove", 2)
    assert [(r.emoji, r.is_bot, r.removed) for r in loopback.reactions] == [
        ("🔥", False, False),
        ("🔥", True, False),
        ("❤️", True, False),
        ("❤️", True, True),
        ("🔥", False, True),
    ]


@pytest.mark.parametrize(
    "emoji", ["wave", ":wave:", "party:123456789012345678", "👍👍", "x"]
)
async def test_unknown_emoji(loopback: LoopbackDiscord, rest: Any, emoji: str) -> None:
    """A reaction that is not exactly one known emoji is refused with code 10014."""
    channel = loopback.add_channel("general")
    bot = loopback.add_bot("elena")
    post = loopback.post(loopback.add_user("anna"), channel, "look")
    client = await rest(bot)
    message = client.get_partial_messageable(channel.id).get_partial_message(
        post.message_id
    )
    with pytest.raises(discord.HTTPException) as refused:
        await message.add_reaction(emoji)
    assert (refused.value.status, refused.value.code) == (400, 10014)


@pytest.mark.parametrize("emoji", ["👍", "👍🏽", "❤", "👩‍🚀", "🇩🇪", "3️⃣", "✅", "☕"])
async def test_known_emoji(loopback: LoopbackDiscord, emoji: str) -> None:
    """One Unicode emoji is accepted, be it toned, joined, a flag or a keycap."""
    post = loopback.post(
        loopback.add_user("anna"), loopback.add_channel("general"), "look"
    )
    loopback.react(loopback.add_user("ben"), post, emoji)
    assert loopback.reactions[-1].emoji == emoji


async def test_typing(loopback: LoopbackDiscord, connect: Any) -> None:
    """Typing of people and bots is heard and recorded with its time."""
    channel = loopback.add_channel("general")
    elena, marcus = loopback.add_bot("elena"), loopback.add_bot("marcus")
    anna = loopback.add_user("anna")
    client, listener = await connect(elena), await connect(marcus)
    before = time.monotonic()
    async with client.get_channel(channel.id).typing():
        where, who, _ = await listener.hears("typing")
    assert (where.id, who.id) == (channel.id, elena.id)
    loopback.typing(anna, channel)
    assert (await listener.hears("typing", 2))[1].id == anna.id
    assert [typing.user_id for typing in loopback.typings] == [elena.id, anna.id]
    assert before <= loopback.typings[0].at <= time.monotonic()


async def test_threads(loopback: LoopbackDiscord, connect: Any) -> None:
    """A thread is announced with its owner, is a place to talk, and can be opened by a
    bot on a message."""
    channel = loopback.add_channel("general")
    bot, anna = loopback.add_bot("elena"), loopback.add_user("anna")
    client = await connect(bot)
    opened = loopback.open_thread(anna, channel, "side talk")
    thread = await client.hears("thread_create")
    assert (thread.id, thread.owner_id, thread.parent_id, thread.name) == (
        opened.id,
        anna.id,
        channel.id,
        "side talk",
    )
    loopback.post(anna, opened, "in here")
    message = await client.hears("message", 2)  # The first one tells of the thread.
    assert isinstance(message.channel, discord.Thread)
    assert message.channel.owner_id == anna.id
    loopback.post(anna, channel, "a topic")
    starter = await client.hears("message", 3)
    own = await starter.create_thread(name="about it")
    assert (own.id, own.owner_id) == (starter.id, bot.id)
    await own.send("thoughts")
    assert (await client.hears("message", 5)).channel.id == starter.id
    late = await connect(loopback.add_bot("marcus"))
    assert {t.id for t in late.guilds[0].threads} == {opened.id, own.id}


async def test_edit_and_delete(loopback: LoopbackDiscord, connect: Any) -> None:
    """Edits and deletions are heard; a bot may edit only its own, and delete others'
    only as a moderator."""
    channel = loopback.add_channel("general")
    elena, boss = loopback.add_bot("elena"), loopback.add_bot("boss", moderator=True)
    anna = loopback.add_user("anna")
    client, moderator = await connect(elena), await connect(boss)
    post = loopback.post(anna, channel, "fisrt")
    loopback.edit(post, "first", by=anna)
    edited = await client.hears("raw_message_edit")
    assert (edited.message_id, edited.message.content) == (post.message_id, "first")
    theirs = await client.hears("message")
    with pytest.raises(discord.Forbidden) as refused:
        await theirs.delete()
    assert refused.value.code == 50013
    own = await theirs.channel.send("draft")
    await own.edit(content="final")
    assert (await client.fetch_channel(channel.id)).last_message_id == own.id
    await (await moderator.hears("message")).delete()
    assert (await client.hears("raw_message_delete")).message_id == post.message_id
    assert loopback.find_post(post.message_id).deleted
    assert [(p.content, p.edited) for p in loopback.messages_in(channel)] == [
        ("final", True)
    ]


async def test_webhook_and_system_messages(
    loopback: LoopbackDiscord, connect: Any
) -> None:
    """Webhook and system messages are told apart by `webhook_id` and `is_system()`."""
    channel = loopback.add_channel("general")
    client = await connect(loopback.add_bot("elena"))
    anna = loopback.add_user("anna")
    loopback.post(anna, channel, "build passed", webhook=True)
    loopback.post(anna, channel, "", message_type=7)
    hook = await client.hears("message")
    assert hook.webhook_id == hook.author.id != anna.id
    assert hook.author.bot
    system = await client.hears("message", 2)
    assert system.is_system()
    assert system.type is discord.MessageType.new_member
    assert [post.webhook for post in loopback.posts] == [True, False]
    assert loopback.posts_by_bots() == []


async def test_moderator_permissions(loopback: LoopbackDiscord, connect: Any) -> None:
    """`permissions_for` grants manage_messages to a moderator, everything to an
    administrator, neither to others."""
    channel = loopback.add_channel("general")
    people = [
        loopback.add_user("mod", True),
        loopback.add_user("admin", administrator=True),
        loopback.add_user("anna"),
    ]
    client = await connect(loopback.add_bot("elena"))
    for person in people:
        loopback.post(person, channel, "stop")
    await client.hears("message", 3)
    granted = [m.channel.permissions_for(m.author) for m in client.events["message"]]
    assert [p.manage_messages for p in granted] == [True, True, False]
    assert [p.administrator for p in granted] == [False, True, False]


async def test_intents(loopback: LoopbackDiscord, connect: Any) -> None:
    """Without the content intent a text is empty unless it mentions the bot; without
    members, it knows only itself."""
    channel = loopback.add_channel("general")
    bot, anna = loopback.add_bot("elena"), loopback.add_user("anna")
    blind = await connect(bot, discord.Intents.default())
    with_members = discord.Intents.default()
    with_members.members = True
    knowing = await connect(loopback.add_bot("marcus"), with_members)
    loopback.post(anna, channel, "secret")
    loopback.post(anna, channel, f"hello {bot.mention}")
    await blind.hears("message", 2)
    assert blind.texts == ["", f"hello {bot.mention}"]
    assert blind.guilds[0].get_member(anna.id) is None
    assert knowing.guilds[0].get_member(anna.id) is not None
    ben = loopback.add_user("ben")
    assert (await knowing.hears("member_join")).id == ben.id


async def test_channel_added_while_running(
    loopback: LoopbackDiscord, connect: Any
) -> None:
    """A channel or guild made while bots are connected is announced and usable."""
    loopback.add_channel("general")
    client = await connect(loopback.add_bot("elena"))
    anna = loopback.add_user("anna")
    late = loopback.add_channel("late")
    assert (await client.hears("guild_channel_create")).id == late.id
    elsewhere = loopback.add_channel("far", loopback.add_guild("Elsewhere"))
    loopback.post(anna, elsewhere, "hello from afar")
    message = await client.hears("message")
    assert message.guild.name == "Elsewhere"
