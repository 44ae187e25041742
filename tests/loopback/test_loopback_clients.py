"""Two unmodified client libraries, discord.py and hikari, do and hear the same
things."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.loopback import Account, Channel, LoopbackDiscord
from tests.loopback.clients import Client, hears

pytestmark = pytest.mark.asyncio


async def test_ready(client: Client) -> None:
    """A client knows its own name and the server's channels."""
    assert client.my_id()
    assert client.channel_names() == {"general"}


async def test_login(client: Client, general: Channel) -> None:
    """What clients ask at login is answered: the application, the user, and collections
    that are empty."""
    assert await client.who_am_i() == (client.my_id(), client.my_id())
    assert general.guild_id is not None
    assert await client.collections(general.guild_id) == [0, 0, 0]


async def test_hears_and_reads(
    client: Client, loopback: LoopbackDiscord, general: Channel, anna: Account
) -> None:
    """What is heard, read alone and read in history is one and the same message."""
    post = loopback.post(anna, general, f"good morning, <@{client.my_id()}>")
    heard = await hears(client, "message")
    assert (heard.id, heard.author_id, heard.content) == (
        post.message_id,
        anna.id,
        post.content,
    )
    assert heard.guild_id == post.guild_id
    assert heard.mentions == (client.my_id(),)
    read = await client.read(general.id, post.message_id)
    assert replace(read, guild_id=heard.guild_id) == heard
    assert [message.id for message in await client.history(general.id)] == [
        post.message_id
    ]


async def test_says_and_replies(
    client: Client, loopback: LoopbackDiscord, general: Channel, anna: Account
) -> None:
    """A client's own messages and replies are carried out and heard."""
    question = loopback.post(anna, general, "who is there?")
    said = await client.say(general.id, "me", question.message_id)
    heard = await hears(client, "message", 2)
    assert (heard.id, heard.kind, heard.reply_to) == (said.id, 19, question.message_id)
    assert [post.content for post in loopback.replies_to(question)] == ["me"]


async def test_edits_and_deletes(
    client: Client, loopback: LoopbackDiscord, general: Channel
) -> None:
    """An edit and a deletion are carried out and heard."""
    said = await client.say(general.id, "helo")
    await client.edit(general.id, said.id, "hello")
    assert await hears(client, "edit") == (said.id, "hello", 0)
    await client.delete(general.id, said.id)
    assert await hears(client, "delete") == said.id
    assert loopback.messages_in(general) == []


async def test_reacts_and_types(
    client: Client, loopback: LoopbackDiscord, general: Channel, anna: Account
) -> None:
    """Reactions and typing go both ways."""
    post = loopback.post(anna, general, "look")
    await client.react(general.id, post.message_id, "🔥")
    assert await hears(client, "reaction") == (post.message_id, client.my_id(), "🔥")
    await client.type_in(general.id)
    loopback.typing(anna, general)
    await hears(client, "typing", 2)
    assert (general.id, anna.id) in client.heard["typing"]


async def test_direct_message(
    client: Client, loopback: LoopbackDiscord, anna: Account
) -> None:
    """A direct message has no server, and can be answered."""
    bot = next(
        account for account in loopback.connected() if account.id == client.my_id()
    )
    post = loopback.dm(anna, bot, "just between us")
    heard = await hears(client, "message")
    assert (heard.id, heard.guild_id) == (post.message_id, None)
    await client.say(post.channel_id, "of course", heard.id)
    assert [p.content for p in loopback.messages_in(post.channel_id)] == [
        "just between us",
        "of course",
    ]


async def test_thread(
    client: Client, loopback: LoopbackDiscord, general: Channel, anna: Account
) -> None:
    """A thread is heard of, and what is said in it."""
    thread = loopback.open_thread(anna, general, "side")
    assert await hears(client, "thread") == thread.id
    loopback.post(anna, thread, "in here")
    texts: list[str] = []
    while "in here" not in texts:
        texts.append((await hears(client, "message", len(texts) + 1)).content)


async def test_refused(client: Client, general: Channel) -> None:
    """A refusal reaches the client's user with its status and code."""
    assert await client.refusal(general.id, "x" * 2001) == (400, 50035)
    assert await client.refusal(42, "hello") == (404, 10003)
