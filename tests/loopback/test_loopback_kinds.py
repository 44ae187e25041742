"""Every kind of message reaches unmodified clients whole; what Discord refuses is
refused with its code."""

from __future__ import annotations

from typing import Any

import discord
import pytest

from app.loopback import LoopbackDiscord, kinds
from tests.loopback.clients import Client, hears

pytestmark = pytest.mark.asyncio

KINDS: dict[str, dict[str, Any]] = {
    "picture": kinds.picture("a.png"),
    "text file": kinds.text_file(),
    "voice": kinds.voice_message(),
    "sticker": kinds.stickers("Wave"),
    "poll": kinds.poll("Tea or coffee?", ["Tea", "Coffee"]),
    "embed": kinds.embeds(kinds.link_embed("https://example.org", "A page")),
    "button": kinds.button("Press"),
    "join": {"type": 7},
}


@pytest.mark.parametrize("kind", KINDS)
async def test_kind(client: Client, loopback: LoopbackDiscord, kind: str) -> None:
    """What a message holds is heard, and read again by REST."""
    general, anna = loopback.add_channel("side"), loopback.add_user("kim")
    post = loopback.post(anna, general, "", extra=KINDS[kind])
    heard = await hears(client, "message")
    read = await client.read(general.id, post.message_id)
    fields = KINDS[kind]
    for message in (heard, read):
        assert message.attachments == tuple(
            a["filename"] for a in fields.get("attachments", ())
        )
        assert message.stickers == tuple(
            s["name"] for s in fields.get("sticker_items", ())
        )
        assert message.embeds == len(fields.get("embeds", ()))
        assert message.flags == fields.get("flags", 0)
        assert message.kind == fields.get("type", 0)
    assert loopback.find_post(post.message_id).message_type == fields.get("type", 0)


async def test_forward(client: Client, loopback: LoopbackDiscord) -> None:
    """A forward has no text of its own and points to what it forwards."""
    channel, anna = loopback.add_channel("side"), loopback.add_user("kim")
    original = loopback.post(anna, channel, "Can an octopus live on land?")
    loopback.forward(anna, channel, original)
    heard = await hears(client, "message", 2)
    assert (heard.content, heard.reply_to, heard.flags) == (
        "",
        original.message_id,
        1 << 14,
    )


async def test_thread_without_message(
    client: Client, loopback: LoopbackDiscord
) -> None:
    """A thread that hangs on no message is told of in its parent channel (18), under
    the thread's name."""
    channel, anna = loopback.add_channel("side"), loopback.add_user("kim")
    thread = loopback.open_thread(anna, channel, "mics")
    heard = await hears(client, "message")
    assert (heard.kind, heard.channel_id, heard.content) == (18, channel.id, "mics")
    assert await client.history(thread.id) == []


async def test_thread_on_message(client: Client, loopback: LoopbackDiscord) -> None:
    """A thread that hangs on a message begins with a message without words that points
    there (21)."""
    channel, anna = loopback.add_channel("side"), loopback.add_user("kim")
    post = loopback.post(anna, channel, "Which microphone for a rainy harbour?")
    thread = loopback.open_thread(anna, channel, "mics", post)
    starter = await hears(client, "message", 2)
    assert (starter.kind, starter.channel_id, starter.content) == (21, thread.id, "")
    assert (starter.reply_to, starter.mentions) == (post.message_id, ())
    assert await hears(client, "edit") == (post.message_id, post.content, 0)
    read = (await client.history(thread.id))[0]
    assert (read.id, read.reply_to) == (starter.id, post.message_id)
    assert loopback.replies_to(post) == []


async def test_command_answers(client: Client, loopback: LoopbackDiscord) -> None:
    """Answers of applications to commands have their types and come by the
    application's webhook."""
    channel, anna, dyno = (
        loopback.add_channel("side"),
        loopback.add_user("kim"),
        loopback.add_bot("dyno"),
    )
    loopback.run_command(anna, dyno, channel, "rank", "You are first.")
    loopback.run_command(anna, dyno, channel, "Report", "Thank you.", menu=True)
    first, second = await hears(client, "message"), await hears(client, "message", 2)
    assert (first.kind, second.kind) == (20, 23)
    assert first.webhook_id == second.webhook_id == dyno.id


async def test_webhook(client: Client, loopback: LoopbackDiscord) -> None:
    """A webhook speaks under any name; one application's posts of a channel come by one
    webhook."""
    channel = loopback.add_channel("side")
    posts = [
        loopback.say_webhook(channel, name, "hello", 466378653216014359)
        for name in ("Lyra", "Ash")
    ]
    heard = [await hears(client, "message", i) for i in (1, 2)]
    assert [post.author_name for post in posts] == ["Lyra", "Ash"]
    assert heard[0].webhook_id == heard[1].webhook_id == heard[0].author_id


async def test_link_preview(client: Client, loopback: LoopbackDiscord) -> None:
    """A link's preview comes as an update of a message that nobody edited."""
    channel, anna = loopback.add_channel("side"), loopback.add_user("kim")
    post = loopback.post(anna, channel, "https://example.org")
    loopback.preview_links(post, kinds.link_embed("https://example.org", "A page"))
    assert await hears(client, "edit") == (post.message_id, post.content, 1)
    assert (await client.read(channel.id, post.message_id)).embeds == 1
    assert not loopback.find_post(post.message_id).edited


async def test_bulk_deletion(client: Client, loopback: LoopbackDiscord) -> None:
    """Messages that are deleted together are told of in one event."""
    channel, anna = loopback.add_channel("side"), loopback.add_user("kim")
    posts = [loopback.post(anna, channel, text) for text in ("a", "b", "c")]
    loopback.delete_bulk(posts[:2])
    assert await hears(client, "bulk delete") == {post.message_id for post in posts[:2]}
    assert [post.content for post in loopback.messages_in(channel)] == ["c"]


async def test_fields_left_out(loopback: LoopbackDiscord, connect: Any) -> None:
    """Fields can be left out of an event; REST keeps those that its schema requires."""
    channel, anna, bot = (
        loopback.add_channel("side"),
        loopback.add_user("kim"),
        loopback.add_bot("elena"),
    )
    client = await connect(bot)
    first = loopback.post(bot, channel, "yes?")
    post = loopback.post(
        anna, channel, "hello", first, drop=["referenced_message", "member"]
    )
    await client.hears("message", 2)
    heard = client.events["message"][1]
    assert heard.reference.resolved is None
    assert isinstance(heard.author, discord.User)
    read = await heard.channel.fetch_message(post.message_id)
    assert [user.id for user in read.mentions] == [bot.id]


async def test_raw_events(loopback: LoopbackDiscord, connect: Any) -> None:
    """A raw event reaches the bots that may see its channel, or one bot alone."""
    channel = loopback.add_channel("side")
    elena, marcus = loopback.add_bot("elena"), loopback.add_bot("marcus")
    hearing, deaf = await connect(elena), await connect(marcus)
    loopback.hide(channel, marcus)
    deleted = {
        "id": "5",
        "channel_id": str(channel.id),
        "guild_id": str(channel.guild_id),
    }
    loopback.emit("MESSAGE_DELETE", deleted)
    loopback.faults.emit_raw(marcus, "MESSAGE_DELETE", deleted | {"id": "6"})
    assert (await hearing.hears("raw_message_delete")).message_id == 5
    assert (await deaf.hears("raw_message_delete")).message_id == 6
    assert len(hearing.events["raw_message_delete"]) == 1


async def test_without_message_content(loopback: LoopbackDiscord, connect: Any) -> None:
    """Without the intent a bot sees what others say to it alone, also of what a message
    quotes."""
    channel, anna, bot = (
        loopback.add_channel("side"),
        loopback.add_user("kim"),
        loopback.add_bot("elena"),
    )
    client = await connect(bot, discord.Intents.default())
    loopback.post(
        anna, channel, "secret", extra=kinds.picture() | kinds.poll("Tea?", ["Yes"])
    )
    hidden = await client.hears("message")
    assert (hidden.content, hidden.attachments, hidden.poll) == ("", [], None)
    loopback.post(anna, channel, f"{bot.mention} what do you say?", hidden.id)
    asked = await client.hears("message", 2)
    assert asked.content.endswith("what do you say?")
    assert asked.reference.resolved.content == ""
    loopback.dm(anna, bot, "between us")
    assert (await client.hears("message", 3)).content == "between us"


async def test_automatic_moderation(loopback: LoopbackDiscord, rest: Any) -> None:
    """A bot's message with a blocked phrase is refused with 200000, a title with
    200001."""
    channel, bot = loopback.add_channel("side"), loopback.add_bot("elena")
    where = (await rest(bot)).get_partial_messageable(channel.id)
    loopback.automod("free nitro")
    with pytest.raises(discord.HTTPException) as refused:
        await where.send("Get FREE Nitro now")
    assert (refused.value.status, refused.value.code) == (400, 200000)
    loopback.automod_off("free nitro")
    await where.send("Get FREE Nitro now")


async def test_blocked_bot(loopback: LoopbackDiscord, rest: Any) -> None:
    """Who blocks a bot gets neither its direct messages (50007) nor its reactions
    (90001)."""
    channel, anna, bot = (
        loopback.add_channel("side"),
        loopback.add_user("kim"),
        loopback.add_bot("elena"),
    )
    post = loopback.post(anna, channel, "leave me alone")
    loopback.block(anna, bot)
    client = await rest(bot)
    assert (
        await _code(
            client.get_partial_messageable(loopback.dm_channel(anna, bot).id).send(
                "hello"
            )
        )
        == 50007
    )
    message = client.get_partial_messageable(channel.id).get_partial_message(
        post.message_id
    )
    assert await _code(message.add_reaction("🔥")) == 90001
    loopback.unblock(anna, bot)
    await message.add_reaction("🔥")


async def test_too_many_reactions(loopback: LoopbackDiscord, rest: Any) -> None:
    """A message bears twenty different emoji; a bot may still join one of them."""
    channel, anna, bot = (
        loopback.add_channel("side"),
        loopback.add_user("kim"),
        loopback.add_bot("elena"),
    )
    post = loopback.post(anna, channel, "look")
    for index in range(20):
        loopback.react(anna, post, chr(0x1F600 + index))
    message = (
        (await rest(bot))
        .get_partial_messageable(channel.id)
        .get_partial_message(post.message_id)
    )
    assert await _code(message.add_reaction("🔥")) == 30010
    await message.add_reaction(chr(0x1F600))


async def _code(request: Any) -> int:
    with pytest.raises(discord.HTTPException) as refused:
        await request
    return refused.value.code
