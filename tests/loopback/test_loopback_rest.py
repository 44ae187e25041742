"""REST as a worker uses it: history, nonces, refusals, mentions that ping, rate
limits."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import discord
import pytest

from app.loopback import LoopbackDiscord

pytestmark = pytest.mark.asyncio


async def test_bad_token(loopback: LoopbackDiscord) -> None:
    """A token that no bot has ends in LoginFailure."""
    async with discord.Client(intents=discord.Intents.none()) as client:
        with pytest.raises(discord.LoginFailure):
            await client.login("not.a.token")


async def test_bad_token_at_the_gateway(loopback: LoopbackDiscord, rest: Any) -> None:
    """A gateway connection with a bad token is closed with 4004."""
    client = await rest(loopback.add_bot("elena"))
    client.http.token = "not.a.token"
    with pytest.raises(discord.ConnectionClosed) as closed:
        await client.connect(reconnect=False)
    assert closed.value.code == 4004


async def test_history_pages(loopback: LoopbackDiscord, rest: Any) -> None:
    """before, after, around and limit page through history in Discord's order, also
    past one page of 100."""
    channel = loopback.add_channel("general")
    anna = loopback.add_user("anna")
    ids = [loopback.post(anna, channel, f"message {i}").message_id for i in range(250)]
    client = await rest(loopback.add_bot("elena"))
    place = client.get_partial_messageable(channel.id)

    async def page(**query: Any) -> list[int]:
        return [message.id async for message in place.history(**query)]

    def at(index: int) -> discord.Object:
        return discord.Object(ids[index])

    assert await page(limit=3) == [ids[249], ids[248], ids[247]]
    assert await page(limit=2, before=at(100)) == [ids[99], ids[98]]
    assert await page(limit=2, after=at(100)) == [ids[101], ids[102]]
    assert await page(limit=None, after=at(99)) == ids[100:]
    assert await page(limit=None) == ids[::-1]
    assert await page(limit=5, around=at(100)) == [
        ids[i] for i in (102, 101, 100, 99, 98)
    ]
    raw = await client.http.logs_from(channel.id, 2, after=ids[100])
    assert [int(message["id"]) for message in raw] == [ids[102], ids[101]]
    loopback.delete(ids[101])
    assert await page(limit=2, after=at(100)) == [ids[102], ids[103]]


async def test_history_follows_changes(loopback: LoopbackDiscord, rest: Any) -> None:
    """History shows edits, reactions and the deletion of a quoted message, also when it
    was read before."""
    channel = loopback.add_channel("general")
    anna = loopback.add_user("anna")
    first = loopback.post(anna, channel, "first")
    loopback.post(anna, channel, "second", reply_to=first)
    client = await rest(loopback.add_bot("elena"))
    place = client.get_partial_messageable(channel.id)

    async def latest() -> Any:
        (message,) = [message async for message in place.history(limit=1)]
        return message

    assert (await latest()).reference.resolved.content == "first"
    loopback.edit(first, "changed")
    assert (await latest()).reference.resolved.content == "changed"
    loopback.delete(first)
    assert isinstance(
        (await latest()).reference.resolved, discord.DeletedReferencedMessage
    )


async def test_nonce_within_the_window(loopback: LoopbackDiscord, connect: Any) -> None:
    """A repeated nonce returns the earlier message; only the author's gateway event
    carries it, history never."""
    channel = loopback.add_channel("general")
    client, other = (
        await connect(loopback.add_bot("elena")),
        await connect(loopback.add_bot("marcus")),
    )
    place = client.get_channel(channel.id)
    sent = [await place.send("once", nonce="n-1") for _ in range(3)]
    assert len({message.id for message in sent}) == 1
    assert len(loopback.posts) == 1
    assert loopback.posts[0].nonce == "n-1"
    assert (await client.hears("message")).nonce == "n-1"
    assert (await other.hears("message")).nonce is None
    assert [message.nonce async for message in place.history(limit=1)] == [None]
    theirs = await other.get_channel(channel.id).send("mine", nonce="n-1")
    assert theirs.id != sent[0].id


async def test_nonce_after_the_window(loopback: LoopbackDiscord, rest: Any) -> None:
    """Past the window the same nonce creates a new message."""
    channel = loopback.add_channel("general")
    client = await rest(loopback.add_bot("elena"))
    place = client.get_partial_messageable(channel.id)
    first = await place.send("once", nonce="n-1")
    loopback.nonce_window = 0.0
    second = await place.send("once", nonce="n-1")
    assert first.id != second.id


async def test_nonce_of_a_deleted_message(loopback: LoopbackDiscord, rest: Any) -> None:
    """A repeated nonce whose message was deleted is answered with 404, code 10008."""
    channel = loopback.add_channel("general")
    client = await rest(loopback.add_bot("elena"))
    place = client.get_partial_messageable(channel.id)
    first = await place.send("once", nonce="n-1")
    loopback.delete(first.id)
    with pytest.raises(discord.NotFound) as missing:
        await place.send("once", nonce="n-1")
    assert missing.value.code == 10008


async def test_unknown_channel_and_message(
    loopback: LoopbackDiscord, rest: Any
) -> None:
    """What does not exist is 404 with Discord's code."""
    channel = loopback.add_channel("general")
    post = loopback.post(loopback.add_user("anna"), channel, "gone soon")
    loopback.delete(post)
    client = await rest(loopback.add_bot("elena"))
    with pytest.raises(discord.NotFound) as missing:
        await client.get_partial_messageable(123).send("hello?")
    assert missing.value.code == 10003
    with pytest.raises(discord.NotFound) as missing:
        await client.get_partial_messageable(channel.id).fetch_message(post.message_id)
    assert missing.value.code == 10008
    assert (await client.fetch_channel(channel.id)).last_message_id == post.message_id


async def test_hidden_channel(loopback: LoopbackDiscord, connect: Any) -> None:
    """A hidden channel gives 403, code 50001, and no events; shown again, it works."""
    channel, open_channel = loopback.add_channel("secret"), loopback.add_channel("open")
    bot, anna = loopback.add_bot("elena"), loopback.add_user("anna")
    loopback.hide(channel, bot)
    client = await connect(bot)
    place = client.get_channel(channel.id)
    assert not place.permissions_for(place.guild.me).view_channel
    loopback.post(anna, channel, "unheard")
    loopback.post(anna, open_channel, "heard")
    await client.hears("message")
    assert client.texts == ["heard"]
    for attempt in (
        place.send("hi"),
        place.fetch_message(1),
        client.fetch_channel(channel.id),
    ):
        with pytest.raises(discord.Forbidden) as refused:
            await attempt
        assert refused.value.code == 50001
    loopback.show(channel, bot)
    await client.hears("guild_channel_update")
    assert place.permissions_for(place.guild.me).view_channel
    loopback.post(anna, channel, "welcome")
    assert (await client.hears("message", 2)).content == "welcome"


@pytest.mark.parametrize(
    ("text", "code"), [("", 50006), ("  ", 50006), ("x" * 2001, 50035)]
)
async def test_refused_content(
    loopback: LoopbackDiscord, rest: Any, text: str, code: int
) -> None:
    """An empty text and one over 2,000 characters are refused with 400; 2,000 pass."""
    channel = loopback.add_channel("general")
    client = await rest(loopback.add_bot("elena"))
    place = client.get_partial_messageable(channel.id)
    with pytest.raises(discord.HTTPException) as refused:
        await place.send(text)
    assert (refused.value.status, refused.value.code) == (400, code)
    assert len((await place.send("x" * 2000)).content) == 2000


async def test_reply_to_a_deleted_message(loopback: LoopbackDiscord, rest: Any) -> None:
    """It is refused with 50035, or becomes a plain message with
    fail_if_not_exists=False."""
    channel = loopback.add_channel("general")
    post = loopback.post(loopback.add_user("anna"), channel, "gone soon")
    loopback.delete(post)
    client = await rest(loopback.add_bot("elena"))
    place = client.get_partial_messageable(channel.id)
    strict = discord.MessageReference(message_id=post.message_id, channel_id=channel.id)
    with pytest.raises(discord.HTTPException) as refused:
        await place.send("re", reference=strict)
    assert (refused.value.status, refused.value.code) == (400, 50035)
    lenient = discord.MessageReference(
        message_id=post.message_id, channel_id=channel.id, fail_if_not_exists=False
    )
    sent = await place.send("re", reference=lenient)
    assert sent.type is discord.MessageType.default
    assert loopback.posts[-1].reply_to is None


async def test_who_is_pinged(loopback: LoopbackDiscord, rest: Any) -> None:
    """`pinged` and the message's mentions hold exactly those whom allowed_mentions lets
    through."""
    channel = loopback.add_channel("general")
    anna, ben = loopback.add_user("anna"), loopback.add_user("ben")
    question = loopback.post(anna, channel, "who?")
    client = await rest(loopback.add_bot("elena"))
    place = client.get_partial_messageable(channel.id)
    reference = discord.MessageReference(
        message_id=question.message_id, channel_id=channel.id
    )
    text = f"@everyone {anna.mention} and {ben.mention}"

    async def send(
        allowed: discord.AllowedMentions | None, **options: Any
    ) -> tuple[Any, list[int]]:
        message = await place.send(text, allowed_mentions=allowed, **options)
        return loopback.find_post(message.id).pinged, [
            user.id for user in message.mentions
        ]

    everybody = [anna.id, ben.id]
    assert await send(None) == ((*everybody, "everyone"), everybody)
    assert await send(discord.AllowedMentions.none()) == ((), [])
    some = discord.AllowedMentions(
        everyone=False, users=[discord.Object(ben.id)], roles=False
    )
    assert await send(some) == ((ben.id,), [ben.id])
    author = discord.AllowedMentions(
        everyone=False, users=False, roles=False, replied_user=True
    )
    assert await send(author, reference=reference) == ((anna.id,), [anna.id])
    assert await send(discord.AllowedMentions.none(), reference=reference) == ((), [])


async def test_rate_limit(
    loopback: LoopbackDiscord, rest: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A bucket that two clients of one bot exhaust answers 429, which discord.py waits
    out by itself."""
    loopback.rate_limit = (2, 0.4)
    channel = loopback.add_channel("general")
    bot = loopback.add_bot("elena")
    places = [(await rest(bot)).get_partial_messageable(channel.id) for _ in range(2)]
    started = time.monotonic()
    await asyncio.gather(*(place.send(f"{i}") for place in places for i in range(3)))
    assert len(loopback.posts) == 6
    assert time.monotonic() - started >= 0.8
    assert "responded with 429" in caplog.text
    assert loopback.requests["POST", "/channels/{channel_id}/messages"] > 6


async def test_rate_limit_is_per_bot_and_channel(
    loopback: LoopbackDiscord, rest: Any
) -> None:
    """Another channel or another bot has its own bucket."""
    loopback.rate_limit = (2, 60.0)
    one, two = loopback.add_channel("one"), loopback.add_channel("two")
    elena, marcus = (
        await rest(loopback.add_bot("elena")),
        await rest(loopback.add_bot("marcus")),
    )
    for client, channel in ((elena, one), (elena, two), (marcus, one)):
        await asyncio.wait_for(
            client.get_partial_messageable(channel.id).send("hi"), 2.0
        )
    assert len(loopback.posts) == 3


async def test_other_reads(loopback: LoopbackDiscord, rest: Any) -> None:
    """The bot's guilds, a guild's channels, a member and the application can be
    read."""
    channel = loopback.add_channel("general")
    anna = loopback.add_user("anna", moderator=True)
    client = await rest(loopback.add_bot("elena"))
    (listed,) = [guild async for guild in client.fetch_guilds()]
    guild = await client.fetch_guild(listed.id)
    assert [c.id for c in await guild.fetch_channels()] == [channel.id]
    member = await guild.fetch_member(anna.id)
    assert member.guild_permissions.manage_messages
    assert (await client.application_info()).name == "elena"
    assert (await client.fetch_channel(channel.id)).guild.id == guild.id
