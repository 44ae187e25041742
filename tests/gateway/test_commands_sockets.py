"""Commands inside Discord, through discord.py's own interactions on the loopback: who
may ask what, and that nobody learns of what they may not see."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from app.domain.model import Event, JournalLine
from app.domain.settings import Settings
from app.gateway import interactions, run
from app.gateway.asking import Question
from app.gateway.run import Gateway
from app.loopback import Account, ApiError, Channel, Guild, Interaction
from app.loopback.permissions import Permission
from app.operator.inside import AWAY, NOTHING, InsideDesk
from app.store import heartbeats, journal, keys, mutes, roster
from app.store.door import Store
from app.store.heartbeats import Heartbeat, ProcessRole
from tests.gateway.conftest import Town
from tests.gateway.recording import until

pytestmark = pytest.mark.asyncio


@dataclass
class Room:
    """A town whose aria bears the commands, with an administrator and a moderator."""

    town: Town
    store: Store
    gateway: Gateway
    guild: Guild
    boss: Account
    mod: Account

    @property
    def aria(self) -> Account:
        """The first of the bots by name."""
        return self.town.bots["aria"]

    async def answered(self, use: Interaction) -> str:
        """What the person is told, for their eyes alone."""
        await until(lambda: use.content is not None, what=f"answer to {use.command}")
        assert use.ephemeral
        return use.content or ""

    async def slash(
        self,
        person: Account,
        verb: str,
        options: dict[str, str] | None = None,
        granted: bool = False,
    ) -> str:
        """Use `/stream <verb>` in #general."""
        use = await asyncio.to_thread(
            lambda: self.town.discord.use_command(
                person=person,
                bot=self.aria,
                channel=self.town.channel,
                command=f"stream {verb}",
                options=options,
                granted=granted,
            )
        )
        return await self.answered(use)

    async def menu(self, person: Account, message: int, granted: bool = False) -> str:
        """Use "Why?" on a message."""
        use = await asyncio.to_thread(
            lambda: self.town.discord.use_menu(
                person, self.aria, message, interactions.MENU, granted=granted
            )
        )
        return await self.answered(use)

    def decided(self, message: int, channel: Channel, *lines: JournalLine) -> str:
        """Let the journal hold a message of a channel with these lines."""
        event = Event(
            message_id=str(message),
            channel_id=str(channel.id),
            guild_id=str(self.guild.id),
            author_id="3",
            author_name="Tom",
            content="secret words",
        )
        name = keys.event(str(message))
        self.store.client.hset(name, "event", event.model_dump_json())
        self.store.client.expire(name, 60)
        for one in lines:
            call = journal.append(
                str(message), one.bot, one.step, one.verdict, one.reason, one.numbers
            )
            self.store.run(call)
        return str(message)


def line(bot: str, step: str, verdict: str, **numbers: str) -> JournalLine:
    """A line of the journal."""
    return JournalLine(
        at_ms=1, bot=bot, step=step, verdict=verdict, reason="", numbers=numbers
    )


WON = (
    line("aria", "admit", "bid", bid="2.5"),
    line("dotty", "admit", "bid", bid="1.5"),
    line("aria", "elect", "granted"),
    line("aria", "deliver", "delivered"),
)
SILENCE = (line("aria", "plan", "observe"),)


@pytest_asyncio.fixture
async def room(
    town: Town, store: Store, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Room]:
    """Commands are offered everywhere, by whoever comes first."""
    monkeypatch.setattr(run, "ROSTER_REFRESH", 0.05)
    boss = town.discord.add_user("Boss", administrator=True)
    mod = town.discord.add_user("Mod", moderator=True)
    desk = InsideDesk(Settings(redis_url=redis_url, discord_timeout=1.0))
    gateway = await town.start(commands_guilds="*", desk=desk)
    guild = town.discord.server._core.world.guilds[town.channel.guild_id or 0]
    aria = town.bots["aria"]
    await until(lambda: town.discord.commands(aria, guild), what="registered")
    for entry in town.ports.entries.values():
        names = (entry.bot, entry.bot.title())
        store.run(roster.enlist(entry.model_copy(update={"names": names})))
    yield Room(town, store, gateway, guild, boss, mod)


async def test_one_bot_bears_the_commands(room: Room) -> None:
    """By name the first; each command says for whom it is. Who was ready before it bore
    them until then."""
    discord = room.town.discord
    elena = room.town.bots["elena"]
    await until(lambda: not discord.commands(elena, room.guild), what="taken away")
    known = {one["name"]: one for one in discord.commands(room.aria, room.guild)}
    manage, moderate = Permission.MANAGE_GUILD, Permission.MANAGE_MESSAGES
    assert known["stream"]["default_member_permissions"] == str(int(manage))
    assert known["Why?"]["default_member_permissions"] == str(int(moderate))


async def test_former_commands_are_taken_away(room: Room) -> None:
    """A bot that bore them before somebody else was chosen."""
    await room.town.stop()
    await room.town.start(
        commands_guilds="*", commands_bot="dotty", desk=_Parrot(), wait=True
    )
    discord, dotty = room.town.discord, room.town.bots["dotty"]
    await until(lambda: discord.commands(dotty, room.guild), what="dotty's")
    await until(lambda: not discord.commands(room.aria, room.guild), what="aria's")


async def test_a_bot_that_is_let_in_again_bears_them_again(room: Room) -> None:
    """At Discord a server's commands go with the bot that leaves it."""
    discord = room.town.discord
    discord.kick(room.aria)
    dotty = room.town.bots["dotty"]
    await until(lambda: discord.commands(dotty, room.guild), what="the next one's")
    assert not discord.commands(room.aria, room.guild)
    discord.join(room.aria, room.guild)
    await until(lambda: discord.commands(room.aria, room.guild), what="its own")


@pytest.mark.parametrize("status", [403, 503, None])
async def test_who_took_no_commands_is_asked_again(
    town: Town, monkeypatch: pytest.MonkeyPatch, status: int | None
) -> None:
    """The log asks for another invitation, and no event tells of one; nor of the end of
    Discord's trouble."""
    monkeypatch.setattr(run, "ROSTER_REFRESH", 0.05)
    monkeypatch.setattr(interactions, "AGAIN", 0.1)
    refused = {"message": "Missing Access", "code": 50001}
    if status is None:
        # aiohttp repeats the first one by itself.
        town.discord.faults.lose_next("PUT", "/commands$", 2)
    else:
        town.discord.faults.fail_next("PUT", "/commands$", status, refused)
    await town.start("aria", commands_guilds="*", desk=_Parrot())
    guild = town.discord.server._core.world.guilds[town.channel.guild_id or 0]
    writing = ("PUT", "/applications/{application_id}/guilds/{guild_id}/commands")
    tries = 3 if status is None else 2
    await until(lambda: town.discord.requests.get(writing) == tries, what="asked again")
    aria = town.bots["aria"]
    await until(lambda: town.discord.commands(aria, guild), what="registered")


class _Parrot:
    """A desk that tells what it was asked."""

    def answer(self, asked: Question) -> str:
        return f"{asked.verb} {asked.channel}"


async def test_status_tells_of_this_server(room: Room) -> None:
    """Bots and mutes here; not those of another server, nor another's channels."""
    since = {"connected": True, "since": 1.0}
    room.store.run(heartbeats.tell(Heartbeat(ProcessRole.GATEWAY, "aria", since)))
    room.store.run(mutes.mute("guild:77", "operator", 60_000))
    room.store.run(mutes.mute("channel:78", "operator", 60_000))
    room.store.run(mutes.mute("bot:elena", "operator", 60_000))
    told = await room.slash(room.boss, "status")
    assert "✓ aria: connected" in told
    assert "✗ dotty: not connected to Discord" in told
    assert "muted: bot:elena by operator, 1 min more" in told
    assert "77" not in told
    assert "78" not in told


@pytest.mark.parametrize(
    ("options", "scope"),
    [
        ({}, "channel:{channel}"),
        ({"where": "this server"}, "guild:{guild}"),
        ({"bot": "Elena"}, "bot:elena@channel:{channel}"),
    ],
)
async def test_who_manages_a_server_mutes_in_it(
    room: Room, options: dict[str, str], scope: str
) -> None:
    """The channel, the server, or one bot in the channel; it ends with their word, and
    the operator's mute does not."""
    where = scope.format(channel=room.town.channel.id, guild=room.guild.id)
    told = await room.slash(room.boss, "mute", {"for": "2h"} | options)
    assert told.startswith("Muted: ")
    assert "for 2h" in told
    held = room.store.run(mutes.read(keys.mute(where)))
    assert held is not None
    assert held.who == f"administrator {room.boss.id}"
    assert (held.left_ms or 0) > 3_600_000
    room.store.run(mutes.mute(where, "operator", 60_000))
    told = await room.slash(room.boss, "unmute", options)
    assert told.startswith("The operator's mute stays")
    assert room.store.run(mutes.read(keys.mute(where))) is None
    assert room.store.run(mutes.read(keys.mute_by_operator(where))) is not None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"for": "0s"}, "for: a duration is at least a second"),
        ({"for": "soon"}, "for: a duration is a number"),
        ({"bot": "zoe"}, "No character of this server is named so"),
        ({"bot": "aria", "where": "this server"}, "One character is muted in one"),
    ],
)
async def test_a_senseless_mute_is_refused(
    room: Room, options: dict[str, str], words: str
) -> None:
    """In one line, and nothing is muted."""
    assert words in await room.slash(room.boss, "mute", options)
    assert not room.store.client.keys("mute:*")


async def test_discord_s_permissions_are_not_trusted_alone(room: Room) -> None:
    """A server may open a command to everybody; this one is refused all the same."""
    for person in (room.town.ann, room.mod):
        told = await room.slash(person, "status", granted=True)
        assert (
            told
            == "You may not ask this: it takes the permission Manage Server in this server."
        )
    post = await room.town.say("hello")
    told = await room.menu(room.town.ann, post.message_id, granted=True)
    assert "Manage Messages" in told
    with pytest.raises(ApiError):
        await room.slash(room.town.ann, "status")


async def test_why_tells_of_speech_and_silence(room: Room) -> None:
    """From the menu of the message, for who moderates: the sentence and the bids."""
    spoken, silent = await room.town.say("hello"), await room.town.say("hm")
    room.decided(spoken.message_id, room.town.channel, *WON)
    room.decided(silent.message_id, room.town.channel, *SILENCE)
    told = await room.menu(room.mod, spoken.message_id)
    assert told.startswith("Aria won")
    assert "bid: Aria +2.5, Dotty +1.5" in told
    told = await room.menu(room.mod, silent.message_id)
    assert told.startswith("Nobody answered: Aria chose to keep silent")
    assert "secret" not in told


async def test_why_of_a_bot_s_own_post(room: Room) -> None:
    """Tells of the message that it answers."""
    asked, post = await room.town.say("hello"), await room.town.say("hi", room.aria)
    room.decided(asked.message_id, room.town.channel, *WON)
    cause = keys.cause(str(post.message_id))
    answer = keys.answer(str(asked.message_id))
    said = str(asked.message_id)
    room.store.client.hset(cause, mapping={"root": said, "answers": said})
    room.store.client.hset(answer, "aria", f"delivered:{post.message_id}")
    for name in (cause, answer):
        room.store.client.expire(name, 60)
    assert (await room.menu(room.mod, post.message_id)).startswith("Aria won")


async def test_why_by_link_id_and_as_the_last(room: Room) -> None:
    """For who manages the server; without a message it is the last of the channel."""
    post = await room.town.say("hello")
    room.decided(post.message_id, room.town.channel, *WON)
    place = f"{room.guild.id}/{room.town.channel.id}/{post.message_id}"
    link = f"https://discord.com/channels/{place}"
    for message in (link, str(post.message_id), None):
        options = {} if message is None else {"message": message}
        assert (await room.slash(room.boss, "why", options)).startswith("Aria won")
    assert await room.slash(room.boss, "why", {"message": "nonsense"}) == NOTHING


async def test_nobody_learns_of_a_channel_they_cannot_read(room: Room) -> None:
    """Not by its link, nor by its id under a link of a channel that they can read, nor
    of a direct message; all are told the same."""
    discord = room.town.discord
    manager = discord.add_user("Manager")
    role = discord.add_role("Managers", permissions=Permission.MANAGE_GUILD)
    discord.give_role(manager, role)
    hidden = discord.add_channel("staff")
    everyone = discord.everyone_role()
    discord.set_overwrite(hidden, everyone, deny=Permission.VIEW_CHANNEL)
    post = await asyncio.to_thread(discord.post, room.boss, hidden, "hello")
    private = await asyncio.to_thread(discord.dm, room.boss, room.aria, "hello")
    for one in (post, private):
        room.decided(one.message_id, hidden, *WON)
    links = [
        f"https://discord.com/channels/{room.guild.id}/{channel}/{message}"
        for message in (post.message_id, private.message_id)
        for channel in (hidden.id, room.town.channel.id, private.channel_id)
    ]
    for message in (*links, str(post.message_id), str(private.message_id)):
        assert await room.slash(manager, "why", {"message": message}) == NOTHING


async def test_costs_are_those_of_channels_one_can_read(room: Room) -> None:
    """Of this server alone."""
    assert (await room.slash(room.boss, "costs")).startswith("Nothing was spent")
    today = room.store.client.time()[0] // 86_400
    for channel in (room.town.channel.id, 78):
        name = keys.budget(f"channel:{channel}", today)
        room.store.client.hset(name, mapping={"tokens": 900, "micro_usd": 1_500_000})
        room.store.client.expire(name, 60)
    told = await room.slash(room.boss, "costs")
    assert f"<#{room.town.channel.id}>: $1.5000, 900 tokens" in told
    assert "together: $1.5000" in told


async def test_an_answer_without_redis_is_one_line(room: Room) -> None:
    """The interaction is answered, and says why there is no answer."""
    dead = InsideDesk(Settings(redis_url="redis://127.0.0.1:1/0", redis_timeout=0.2))
    room.gateway._counter._desk = dead  # type: ignore[union-attr]
    assert await room.slash(room.boss, "status") == AWAY


async def test_a_flood_of_questions_is_turned_away(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond so many that wait."""
    monkeypatch.setattr(interactions, "WAITING", 0)
    assert "Too many questions" in await room.slash(room.boss, "status")


async def test_commands_of_a_former_setting_are_answered(room: Room) -> None:
    """Discord still shows them: they say that they are switched off."""
    await room.town.stop()
    await room.town.start(desk=_Parrot())
    assert "switched off" in await room.slash(room.boss, "status")
