"""What a bot is and may do, as discord.py reads it from a strict Discord."""

from __future__ import annotations

import asyncio

import pytest

from app.gateway.places import Nicknames, SpeakReport
from app.gateway.presence import Presence
from app.loopback.channels import ChannelType
from app.loopback.permissions import Permission
from tests.gateway.conftest import Town
from tests.gateway.recording import settings, until


@pytest.mark.asyncio
async def test_a_bot_knows_its_names_and_its_role(town: Town) -> None:
    """Nickname and role are published with the roster, a change of the nickname at
    once."""
    elena = town.bots["elena"]
    await asyncio.to_thread(town.discord.set_nick, elena, None, "Captain Coral")
    await town.start("elena")
    entry = town.ports.entries["elena"]
    assert entry.names_in(str(town.channel.guild_id))[-1] == "Captain Coral"
    assert entry.roles == (str(town.discord.managed_role(elena).id),)
    await asyncio.to_thread(town.discord.set_nick, elena, None, None)
    await until(
        lambda: not town.ports.entries["elena"].nicknames, what="the nickname to go"
    )


SEND = Permission.SEND_MESSAGES
BARS = [
    (Permission.SEND_MESSAGES, ChannelType.TEXT, "it may not write in this channel"),
    (Permission.CONNECT, ChannelType.VOICE, ""),
    (Permission(0), ChannelType.TEXT, ""),
]


@pytest.mark.asyncio
@pytest.mark.parametrize(("denied", "kind", "why"), BARS)
async def test_where_a_bot_may_write(
    town: Town, denied: Permission, kind: ChannelType, why: str
) -> None:
    """The reason stands in the journal of whoever called it there. Where it may not
    connect it hears nothing at all."""
    channel = await asyncio.to_thread(
        lambda: town.discord.add_channel("other", kind=kind)
    )
    await asyncio.to_thread(town.discord.deny, channel, town.bots["elena"], denied)
    await town.start("elena")
    await asyncio.to_thread(town.discord.post, town.ann, channel, "elena, hello?")
    if denied is Permission.CONNECT:
        await asyncio.to_thread(
            town.discord.post, town.ann, town.channel, "elena, and here?"
        )
    await until(lambda: town.ports.of("elena") and (town.ports.barred or not why))
    assert all(
        candidate.event.channel_id == str(channel.id)
        for candidate in town.ports.of("elena")
    ) is (denied is not Permission.CONNECT)
    assert [reason for _, _, reason in town.ports.barred] == ([why] if why else [])


@pytest.mark.asyncio
async def test_a_bot_that_is_timed_out_does_not_write(town: Town) -> None:
    """A time-out counts in every channel of its server."""
    await asyncio.to_thread(town.discord.time_out, town.bots["elena"], 3_600.0)
    await town.start("elena")
    await town.say("elena, hello?")
    await until(lambda: town.ports.barred)
    assert town.ports.barred[0][2] == "it is timed out in this server"


def presence(
    bot: str, writable: tuple[str, ...] = (), known: tuple[str, ...] = ()
) -> Presence:
    """A presence in one server."""
    return Presence(
        bot,
        writable=frozenset(writable),
        names={"6": dict.fromkeys((*writable, *known), "name")},
    )


def test_a_channel_where_nobody_may_speak_is_told_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """An id that no bot sees, and one where none may write, are named at the start;
    what works is not."""
    report = SpeakReport(settings(speak_channels="1,2,3,*"))
    report.tell("elena", presence("11", ("1",), ("2",)), 2)
    assert "STREAM_SPEAK_CHANNELS" not in capsys.readouterr().out
    for _ in range(2):
        report.tell("aria", presence("12", (), ("2",)), 2)
    told = capsys.readouterr().out
    assert (
        told.count("STREAM_SPEAK_CHANNELS: 2: none of these bots may write there") == 1
    )
    assert (
        told.count(
            "STREAM_SPEAK_CHANNELS: 3: no bot of this process sees such a channel"
        )
        == 1
    )
    assert "STREAM_SPEAK_CHANNELS: 1" not in told


def test_nicknames_are_news_once() -> None:
    """Who has none and had none is no news; who lost one is."""
    names = Nicknames()
    for nickname in (None, "Kim", "Kim", None):
        names.nicknamed("6", "21", nickname)
        names.nicknamed("6", "22", "Mo")
    assert names.news() == {"6": ({"22": "Mo"}, ("21",))}
    assert names.news() == {}


CHANGES = ["channel", "role", "roles of the bot", "time-out"]


def take_and_give(town: Town, what: str) -> None:
    """Take a right from elena, and give it back at once."""
    elena, server = town.bots["elena"], town.discord
    if what == "channel":
        server.deny(town.channel, elena, Permission.SEND_MESSAGES)
        server.permit(town.channel, elena, Permission.SEND_MESSAGES)
    elif what == "role":
        role = server.everyone_role()
        server.change_role(role, permissions=role.permissions ^ SEND)
        server.change_role(role, permissions=role.permissions)
    elif what == "time-out":
        server.time_out(elena, 3_600.0)
        server.time_out(elena, None)
    else:
        role = server.add_role("writers", permissions=SEND)
        server.give_role(elena, role)
        server.take_role(elena, role)


@pytest.mark.asyncio
@pytest.mark.parametrize("what", CHANGES)
async def test_a_right_that_was_gone_for_a_moment(
    town: Town, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """What was changed there and back while a presence was being published is told
    with the next one: a refusal may have fallen in between."""
    await town.start("elena")
    publish, begun, goes_on = town.ports.publish, asyncio.Event(), asyncio.Event()
    touched: set[str] = set()

    async def slowly(bot: str, presence: Presence) -> None:
        begun.set()
        await goes_on.wait()
        touched.update(presence.touched)
        await publish(bot, presence)

    monkeypatch.setattr(town.ports, "publish", slowly)
    await asyncio.to_thread(town.discord.set_nick, town.bots["elena"], None, "Coral")
    await begun.wait()
    await asyncio.to_thread(take_and_give, town, what)
    await town.say("after the changes")
    await until(lambda: town.ports.texts("elena") == ["after the changes"])
    assert not touched
    goes_on.set()
    await until(lambda: str(town.channel.id) in touched, what="the change")
