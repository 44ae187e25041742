"""What discord.py computes from the guild's payload is what the loopback server
enforces, whatever the rights are."""

from __future__ import annotations

import time
from typing import Any

import discord
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from app.loopback import (
    Account,
    ApiError,
    Channel,
    ChannelType,
    LoopbackDiscord,
    Permission,
    Role,
)
from app.loopback.guild_payloads import guild_create
from app.loopback.permissions import EVERYTHING

MANY = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)

# The flags on which the server decides, drawn more often than the others so that they
# meet.
DECISIVE = (
    Permission.VIEW_CHANNEL,
    Permission.SEND_MESSAGES,
    Permission.SEND_MESSAGES_IN_THREADS,
    Permission.READ_MESSAGE_HISTORY,
    Permission.ADD_REACTIONS,
    Permission.CONNECT,
    Permission.MANAGE_THREADS,
    Permission.MENTION_EVERYONE,
)
KINDS = (
    ChannelType.TEXT,
    ChannelType.ANNOUNCEMENT,
    ChannelType.FORUM,
    ChannelType.VOICE,
    ChannelType.STAGE,
)
VOICE_FLAGS = Permission(discord.Permissions.voice().value)


def union(flags: list[Permission]) -> Permission:
    """The flags as one number."""
    total = Permission(0)
    for flag in flags:
        total |= flag
    return total


decisive = some.lists(some.sampled_from(DECISIVE), max_size=6).map(union)
rights = decisive | some.lists(some.sampled_from(list(Permission)), max_size=8).map(
    union
)
# An administrator may do everything; drawn freely, most examples would have one.
role_rights = some.tuples(rights, some.integers(0, 9)).map(
    lambda drawn: (
        drawn[0] | Permission.ADMINISTRATOR
        if drawn[1] == 0
        else drawn[0] & ~Permission.ADMINISTRATOR
    )
)


class Scene:
    """A guild with a bot, three roles of which it has some, and a channel of a drawn
    kind with drawn overwrites."""

    def __init__(self, draw: Any) -> None:
        self.loopback = LoopbackDiscord()
        self.guild = self.loopback.add_guild("Home")
        self.channel = self.loopback.add_channel(
            "place", self.guild, draw(some.sampled_from(KINDS))
        )
        self.bot = self.loopback.add_bot("elena", permissions=draw(role_rights))
        self.loopback.change_role(
            self.loopback.everyone_role(), permissions=draw(role_rights)
        )
        roles = [
            self.loopback.add_role(f"role {i}", permissions=draw(role_rights))
            for i in range(3)
        ]
        for role in roles:
            if draw(some.booleans()):
                self.loopback.give_role(self.bot, role)
        if draw(some.integers(0, 9)) == 0:
            self.guild.owner_id = self.bot.id
        if draw(some.integers(0, 4)) == 0:
            self.loopback.time_out(self.bot, 60.0)
        targets: list[Account | Role] = [
            self.loopback.everyone_role(),
            self.bot,
            *self._managed(),
            *roles,
        ]
        for target in targets:
            if not draw(some.booleans()):
                continue
            deny = draw(rights)
            self.loopback.set_overwrite(
                self.channel, target, allow=draw(rights) & ~deny, deny=deny
            )

    def _managed(self) -> list[Role]:
        role = self.guild.managed_role(self.bot)
        return [] if role is None else [role]

    def as_discord_py_sees_it(self) -> discord.Guild:
        """The guild as the unmodified library builds it from GUILD_CREATE."""
        client = discord.Client(intents=discord.Intents.default())
        state: Any = client._connection
        shape: Any = guild_create(
            self.loopback._core.world, self.guild, self.bot, all_members=False
        )
        state.user = discord.ClientUser(state=state, data=shape["members"][0]["user"])
        return discord.Guild(data=shape, state=state)


@MANY
@given(some.data())
def test_both_compute_the_same(data: Any) -> None:
    """Every flag that means something in the channel is the same on both sides; a
    hidden channel is hidden on both."""
    scene = Scene(data.draw)
    theirs = scene.as_discord_py_sees_it()
    place = theirs.get_channel(scene.channel.id)
    assert place is not None
    computed = Permission(place.permissions_for(theirs.me).value)
    ours = scene.loopback.permissions(scene.bot, scene.channel)
    assert bool(computed & Permission.VIEW_CHANNEL) == bool(
        ours & Permission.VIEW_CHANNEL
    )
    if not ours & Permission.VIEW_CHANNEL:
        assert place.name == "___hidden___"
        return
    meaningful = Permission(discord.Permissions.all().value)
    if scene.channel.is_voice and not ours & Permission.CONNECT:
        meaningful = Permission.CONNECT | Permission.SPEAK
    elif not scene.channel.is_voice:
        meaningful &= ~VOICE_FLAGS
    assert ours & meaningful == computed & meaningful


@MANY
@given(some.data())
def test_what_is_computed_is_enforced(data: Any) -> None:
    """The server lets a bot write, read history and react exactly where discord.py says
    that it may."""
    scene = Scene(data.draw)
    theirs = scene.as_discord_py_sees_it()
    place = theirs.get_channel(scene.channel.id)
    assert place is not None
    computed = place.permissions_for(theirs.me)
    access = scene.loopback._core.service.access
    reads = computed.view_channel and (computed.connect or not scene.channel.is_voice)
    assert scene.loopback._core.world.can_read(scene.bot.id, scene.channel) == reads
    if scene.channel.is_forum:
        return
    sends = allowed(access.check_sending, scene.bot, scene.channel)
    assert sends == (reads and computed.send_messages)
    if reads:
        assert (
            access.may_read_history(scene.bot, scene.channel)
            == computed.read_message_history
        )


@MANY
@given(some.data())
def test_threads_follow_their_parent(data: Any) -> None:
    """In a thread or post discord.py's answer, computed from the parent, is what the
    server enforces."""
    scene = Scene(data.draw)
    anna = scene.loopback.add_user("anna")
    if scene.channel.is_voice:
        return
    thread = scene.loopback.open_thread(anna, scene.channel, "aside")
    theirs = scene.as_discord_py_sees_it()
    place = theirs.get_thread(thread.id)
    seen = scene.loopback._core.world.can_see(scene.bot.id, thread)
    assert (place is not None) == seen
    if place is not None:
        computed = place.permissions_for(theirs.me)
        access = scene.loopback._core.service.access
        assert (
            allowed(access.check_sending, scene.bot, thread)
            == computed.send_messages_in_threads
        )
        assert (
            access.may_read_history(scene.bot, thread) == computed.read_message_history
        )


def allowed(check: Any, bot: Account, channel: Channel) -> bool:
    """Does the check pass?"""
    try:
        check(bot, channel)
    except ApiError:
        return False
    return True


@pytest.mark.parametrize(
    ("allowing", "denying", "granted"),
    [
        ("member", "role", True),
        ("role", "member", False),
        ("role", "other role", True),
        ("role", "everyone", True),
        ("everyone", "role", False),
        ("everyone", "member", False),
        ("member", "everyone", True),
    ],
)
def test_whose_overwrite_wins(allowing: str, denying: str, granted: bool) -> None:
    """The member's overwrite wins over the roles', and theirs over that of everyone;
    among roles to allow wins."""
    loopback = LoopbackDiscord()
    channel, bot = loopback.add_channel("place"), loopback.add_bot("elena")
    one, two = loopback.add_role("one"), loopback.add_role("two")
    for role in (one, two):
        loopback.give_role(bot, role)
    targets: dict[str, Account | Role] = {
        "member": bot,
        "role": one,
        "other role": two,
        "everyone": loopback.everyone_role(),
    }
    loopback.set_overwrite(channel, targets[denying], deny=Permission.SEND_MESSAGES)
    loopback.set_overwrite(channel, targets[allowing], allow=Permission.SEND_MESSAGES)
    assert (
        bool(loopback.permissions(bot, channel) & Permission.SEND_MESSAGES) == granted
    )


def test_every_flag_is_known() -> None:
    """The table of flags has all that discord.py knows, under the same numbers."""
    assert (
        EVERYTHING & discord.Permissions.all().value == discord.Permissions.all().value
    )


@pytest.mark.parametrize("who", ["owner", "administrator"])
def test_no_overwrite_binds_who_may_everything(who: str) -> None:
    """The owner and administrators are bound by no overwrite and no time-out."""
    loopback = LoopbackDiscord()
    bot = loopback.add_bot("elena", administrator=who == "administrator")
    guild = loopback.add_guild("Home", owner=bot if who == "owner" else None)
    channel = loopback.add_channel("place", guild)
    loopback.set_overwrite(channel, bot, deny=EVERYTHING)
    loopback.time_out(bot, 60.0)
    assert guild.members[bot.id].timed_out_until is not None
    assert loopback.permissions(bot, channel) == EVERYTHING


def test_a_time_out_ends_by_itself() -> None:
    """When its time is over, a time-out binds nobody any more."""
    loopback = LoopbackDiscord()
    channel, bot = loopback.add_channel("place"), loopback.add_bot("elena")
    loopback.time_out(bot, 60.0)
    assert not loopback.permissions(bot, channel) & Permission.SEND_MESSAGES
    loopback._core.service.guilds.time_out(
        loopback._core.world.guilds[channel.guild_id or 0], bot, time.time() - 1
    )
    assert loopback.permissions(bot, channel) & Permission.SEND_MESSAGES
