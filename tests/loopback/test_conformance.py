"""One list of what a Discord does; two unmodified clients, discord.py and hikari, both
find it so."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from app.loopback import Account, Channel, LoopbackDiscord, kinds
from app.loopback.channels import ChannelType
from app.loopback.permissions import Permission
from tests.loopback.clients import Client, Heard, hears

pytestmark = pytest.mark.asyncio


@dataclass(frozen=True)
class Town:
    """What a case works with: the server, a started client, its bot, a person and a
    channel."""

    discord: LoopbackDiscord
    client: Client
    bot: Account
    anna: Account
    general: Channel

    @property
    def guild_id(self) -> int:
        """The one server's id."""
        assert self.general.guild_id is not None
        return self.general.guild_id

    def post(self, text: str, **options: Any) -> Any:
        """Anna says something in the channel."""
        return self.discord.post(self.anna, self.general, text, **options)


Check = Callable[[Town], Awaitable[None]]
CASES: dict[str, Check] = {}


def case(name: str) -> Callable[[Check], Check]:
    """Put a check into the list."""

    def keep(check: Check) -> Check:
        CASES[name] = check
        return check

    return keep


async def heard_all(town: Town, texts: list[str]) -> None:
    """The client has heard exactly these texts, in this order."""
    for number in range(len(texts)):
        await hears(town.client, "message", number + 1)
    assert [message.content for message in town.client.heard["message"]] == texts


@case("logs in and knows itself and the server's channels")
async def _login(town: Town) -> None:
    assert town.client.my_id() == town.bot.id
    assert "general" in town.client.channel_names()


@case("the server's roles: each bot has a managed role of its own")
async def _roles(town: Town) -> None:
    assert town.client.managed_roles().get(town.bot.id) == town.bot.name


@case("nicknames, also when they change")
async def _nick(town: Town) -> None:
    town.discord.set_nick(town.bot, None, "Captain Coral")
    town.post("now")
    await hears(town.client, "message")
    assert town.client.nickname(town.guild_id, town.bot.id) == "Captain Coral"


@case("a channel that is made while the client runs")
async def _channel(town: Town) -> None:
    side = town.discord.add_channel("side")
    town.discord.post(town.anna, side, "in here")
    assert (await hears(town.client, "message")).channel_id == side.id
    assert "side" in town.client.channel_names()


@case("hears a message, and reads the same one again")
async def _hear(town: Town) -> None:
    post = town.post(f"good morning, <@{town.bot.id}>")
    heard = await hears(town.client, "message")
    read = await town.client.read(town.general.id, post.message_id)
    assert replace(read, guild_id=heard.guild_id) == heard
    assert heard.mentions == (town.bot.id,)


@case("a mention of the bot's managed role")
async def _role_mention(town: Town) -> None:
    role = town.discord.managed_role(town.bot)
    town.post(f"{role.mention} good morning")
    heard = await hears(town.client, "message")
    assert (heard.role_mentions, heard.mentions) == ((role.id,), ())


@case("a reply, with the message it replies to")
async def _reply(town: Town) -> None:
    first = town.post("who is there?")
    town.post("nobody", reply_to=first)
    heard = await hears(town.client, "message", 2)
    assert (heard.kind, heard.reply_to, heard.quotes) == (
        19,
        first.message_id,
        first.message_id,
    )


@case("a reply whose message is left out, null or deleted")
async def _bare_reply(town: Town) -> None:
    first = town.post("who is there?")
    await hears(town.client, "message")
    town.post("one", reply_to=first, drop=["referenced_message"])
    town.post("two", reply_to=first, extra={"referenced_message": None})
    town.discord.delete(first)
    for number in (2, 3):
        heard = await hears(town.client, "message", number)
        assert heard.reply_to == first.message_id
    newest = (await town.client.history(town.general.id))[0]
    assert (newest.reply_to, newest.quotes) == (first.message_id, None)


@case("sends, replies and hears its own words")
async def _send(town: Town) -> None:
    question = town.post("who is there?")
    said = await town.client.say(town.general.id, "me", question.message_id)
    assert (said.author_id, said.kind, said.reply_to) == (
        town.bot.id,
        19,
        question.message_id,
    )
    assert town.discord.find_post(said.id).content == "me"
    assert (await hears(town.client, "message", 2)).id == said.id


@case("a reply to a message that is gone is refused")
async def _reply_to_nothing(town: Town) -> None:
    gone = town.post("soon gone")
    town.discord.delete(gone)
    assert await town.client.refusal(town.general.id, "you said?", gone.message_id) == (
        400,
        50035,
    )


@case("edits and deletes its own message; both are heard")
async def _change(town: Town) -> None:
    said = await town.client.say(town.general.id, "helo")
    await town.client.edit(town.general.id, said.id, "hello")
    assert (await hears(town.client, "edit"))[:2] == (said.id, "hello")
    await town.client.delete(town.general.id, said.id)
    assert await hears(town.client, "delete") == said.id
    assert await town.client.history(town.general.id) == []


@case("several messages deleted at once")
async def _bulk(town: Town) -> None:
    posts = [town.post(str(number)) for number in range(3)]
    town.discord.delete_bulk(posts)
    assert await hears(town.client, "bulk delete") == {
        post.message_id for post in posts
    }


@case("a link's preview comes as an update")
async def _preview(town: Town) -> None:
    post = town.post("https://example.org")
    await hears(town.client, "message")
    town.discord.preview_links(post, kinds.link_embed("https://example.org", "A page"))
    changed = await hears(town.client, "edit")
    assert (changed[0], changed[2]) == (post.message_id, 1)


@case("reactions: its own and those of others")
async def _react(town: Town) -> None:
    post = town.post("a joke")
    await town.client.react(town.general.id, post.message_id, "🎉")
    town.discord.react(town.anna, post, "👍")
    found = [await hears(town.client, "reaction", number) for number in (1, 2)]
    assert found == [
        (post.message_id, town.bot.id, "🎉"),
        (post.message_id, town.anna.id, "👍"),
    ]


@case("typing")
async def _typing(town: Town) -> None:
    await town.client.type_in(town.general.id)
    town.discord.typing(town.anna, town.general)
    while (town.general.id, town.anna.id) not in town.client.heard["typing"]:
        await hears(town.client, "typing", len(town.client.heard["typing"]) + 1)


@case("history: whole, before and after, newest first")
async def _history(town: Town) -> None:
    posts = [town.post(str(number)).message_id for number in range(130)]
    read = town.client.history
    assert [message.id for message in await read(town.general.id)] == posts[::-1]
    assert [
        message.id for message in await read(town.general.id, before=posts[100])
    ] == posts[:100][::-1]
    assert [
        message.id for message in await read(town.general.id, after=posts[9])
    ] == posts[10:][::-1]


@case("direct messages")
async def _dm(town: Town) -> None:
    post = town.discord.dm(town.anna, town.bot, "just between us")
    heard = await hears(town.client, "message")
    assert (heard.id, heard.guild_id) == (post.message_id, None)
    await town.client.say(post.channel_id, "of course", heard.id)
    assert [one.content for one in town.discord.messages_in(post.channel_id)] == [
        "just between us",
        "of course",
    ]


@case("a thread on a message")
async def _thread(town: Town) -> None:
    thread = town.discord.open_thread(
        town.anna, town.general, "side", town.post("something")
    )
    assert await hears(town.client, "thread") == thread.id
    said = await town.client.say(thread.id, "here")
    assert said.channel_id == thread.id
    kinds_heard = [message.kind for message in await town.client.history(thread.id)]
    assert kinds_heard == [0, 21]


@case("a forum post: its first message has the thread's own id")
async def _forum(town: Town) -> None:
    forum = town.discord.add_channel("questions", kind=ChannelType.FORUM)
    post = town.discord.open_post(
        town.anna, forum, "Which tuning?", "title says it all"
    )
    assert await hears(town.client, "thread") == post.channel_id == post.message_id
    assert (await hears(town.client, "message")).id == post.message_id
    assert [message.id for message in await town.client.history(post.channel_id)] == [
        post.message_id
    ]
    assert (await town.client.refusal(forum.id, "not in here"))[0] == 400


@case("text in a voice channel")
async def _voice_channel(town: Town) -> None:
    voice = town.discord.add_channel("lounge", kind=ChannelType.VOICE)
    post = town.discord.post(town.anna, voice, "can you hear me?")
    assert (await hears(town.client, "message")).id == post.message_id
    assert (await town.client.say(voice.id, "loud and clear")).channel_id == voice.id


@case("attachment, sticker, poll, embed, button, voice message, member joined")
async def _kinds(town: Town) -> None:
    plans: list[tuple[dict[str, Any], Callable[[Heard], bool]]] = [
        (kinds.picture("a.png"), lambda message: message.attachments == ("a.png",)),
        (kinds.text_file(), lambda message: message.attachments == ("message.txt",)),
        (kinds.stickers("Wave"), lambda message: message.stickers == ("Wave",)),
        (
            kinds.poll("Tea or coffee?", ["Tea", "Coffee"]),
            lambda message: message.content == "",
        ),
        (
            kinds.embeds(kinds.link_embed("https://example.org", "A page")),
            lambda message: message.embeds == 1,
        ),
        (kinds.button("Press"), lambda message: message.content == ""),
        (kinds.voice_message(), lambda message: message.flags == 8192),
        ({"type": 7}, lambda message: message.kind == 7),
    ]
    for number, (extra, fits) in enumerate(plans, 1):
        town.post("", extra=extra)
        assert fits(await hears(town.client, "message", number)), extra
    assert len(await town.client.history(town.general.id)) == len(plans)


@case("a forwarded message")
async def _forward(town: Town) -> None:
    original = town.post("Can an octopus live on land?")
    town.discord.forward(town.anna, town.general, original)
    heard = await hears(town.client, "message", 2)
    assert (heard.content, heard.reply_to, heard.flags) == (
        "",
        original.message_id,
        1 << 14,
    )


@case("a webhook's message, with the application behind it")
async def _webhook(town: Town) -> None:
    town.discord.say_webhook(town.general, "Juno", "good morning", 466378653216014359)
    heard = await hears(town.client, "message")
    assert heard.webhook_id is not None
    assert (await town.client.history(town.general.id))[
        0
    ].webhook_id == heard.webhook_id


@case("may not send: 403 50013")
async def _may_not_send(town: Town) -> None:
    town.discord.deny(town.general, town.bot, Permission.SEND_MESSAGES)
    assert await town.client.refusal(town.general.id, "hello") == (403, 50013)


@case("may not see: 403 50001")
async def _may_not_see(town: Town) -> None:
    town.discord.hide(town.general, town.bot)
    assert await town.client.refusal(town.general.id, "hello") == (403, 50001)


@case("may not read the history: an empty list, and a reply is 403 160002")
async def _no_history(town: Town) -> None:
    post = town.post("long ago")
    town.discord.deny(town.general, town.bot, Permission.READ_MESSAGE_HISTORY)
    assert await town.client.history(town.general.id) == []
    assert await town.client.refusal(town.general.id, "you said?", post.message_id) == (
        403,
        160002,
    )
    assert (await town.client.say(town.general.id, "a plain line")).kind == 0


@case("a blocked direct message: 403 50007")
async def _blocked(town: Town) -> None:
    post = town.discord.dm(town.anna, town.bot, "hello")
    town.discord.block(town.anna, town.bot)
    assert await town.client.refusal(post.channel_id, "hello") == (403, 50007)


@case("automatic moderation: 400 200000")
async def _automod(town: Town) -> None:
    town.discord.automod("mudskipper")
    assert await town.client.refusal(town.general.id, "a Mudskipper!") == (400, 200000)


@case("a locked thread: refused")
async def _locked(town: Town) -> None:
    thread = town.discord.open_thread(town.anna, town.general, "side")
    town.discord.lock(thread)
    town.discord.archive(thread)
    status, code = await town.client.refusal(thread.id, "hello")
    assert (status, code) in {(400, 50083), (403, 50013), (403, 50001)}


@case("too long 400 50035, empty 400 50006, unknown channel 404 10003")
async def _refused(town: Town) -> None:
    assert await town.client.refusal(town.general.id, "x" * 2001) == (400, 50035)
    assert await town.client.refusal(town.general.id, " ") == (400, 50006)
    assert await town.client.refusal(42, "hello") == (404, 10003)


@case("a socket that is cut is resumed, and nothing is lost")
async def _cut(town: Town) -> None:
    session = town.client.session_id()
    town.post("before")
    await hears(town.client, "message")
    town.discord.faults.drop_sockets(town.bot)
    town.post("meanwhile")
    await heard_all(town, ["before", "meanwhile"])
    assert town.client.session_id() == session


@case("op 7: reconnects and resumes, and nothing is lost")
async def _op7(town: Town) -> None:
    session = town.client.session_id()
    town.post("before")
    await hears(town.client, "message")
    town.discord.faults.send_op7(town.bot)
    town.post("meanwhile")
    await heard_all(town, ["before", "meanwhile"])
    assert town.client.session_id() == session


@case("op 9: identifies anew and hears what comes then")
async def _op9(town: Town) -> None:
    session = town.client.session_id()
    town.discord.faults.send_op9(town.bot)
    await town.discord.wait_for(lambda: town.bot not in town.discord.connected(), 10)
    await town.discord.wait_for(lambda: town.bot in town.discord.connected(), 20)
    town.post("after")
    await heard_all(town, ["after"])
    assert town.client.session_id() != session


@case("429: waits and sends once")
async def _rate_limit(town: Town) -> None:
    body = {
        "message": "You are being rate limited.",
        "retry_after": 0.2,
        "global": False,
    }
    town.discord.faults.fail_next("POST", r"/messages$", 429, body)
    said = await town.client.say(town.general.id, "patience")
    assert [post.message_id for post in town.discord.messages_in(town.general)] == [
        said.id
    ]


@case("a bucket of two in half a second: all five are sent")
async def _bucket(town: Town) -> None:
    town.discord.rate_limit = (2, 0.5)
    said = [await town.client.say(town.general.id, str(number)) for number in range(5)]
    assert [post.message_id for post in town.discord.messages_in(town.general)] == [
        one.id for one in said
    ]


@pytest.mark.parametrize("name", CASES)
async def test_conforms(
    client: Client,
    loopback: LoopbackDiscord,
    general: Channel,
    anna: Account,
    name: str,
) -> None:
    """What the name of the case says, for each of the two clients."""
    bot = next(
        account for account in loopback.connected() if account.id == client.my_id()
    )
    await CASES[name](Town(loopback, client, bot, anna, general))
