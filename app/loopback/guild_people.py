"""What owners and moderators do on the loopback Discord: guilds, members, roles,
channels, threads."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TypedDict, TypeVar, Unpack, cast

from app.loopback import errors
from app.loopback.channels import Channel, ChannelType, ForumTag
from app.loopback.core import Core
from app.loopback.guilds import Account, Guild, Role
from app.loopback.permissions import NOTHING, SPEAKING_PERMISSIONS, Permission
from app.loopback.state import AccountSketch

T = TypeVar("T")

ChannelRef = Channel | int


class AccountOptions(TypedDict, total=False):
    """What else an account may have.

    username: the unique handle; default: the name. global_name: the display name, or
    None; default: the name for people, None for bots, as at Discord. administrator: may
    do everything. guilds: those that it joins; default: all, also the later ones.
    """

    username: str
    global_name: str | None
    administrator: bool
    guilds: Sequence[Guild]


class BotOptions(AccountOptions, total=False):
    """What else a bot may have.

    moderator: may manage messages.
    permissions: what its managed role grants; with none of them it has no such role.
    """

    moderator: bool
    permissions: Permission


class ChannelOptions(TypedDict, total=False):
    """What else a channel may have: its category, its topic and, for a forum, the names
    of its tags."""

    category: Channel
    topic: str
    tags: Sequence[str]


class GuildPeople:
    """The actions on guilds, members, roles, channels and threads; see People."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._homeless: set[int] = set()

    def add_guild(
        self,
        name: str,
        *,
        owner: Account | None = None,
        members: Sequence[Account] | None = None,
    ) -> Guild:
        """A new server. Its members: those given, or every account but those that were
        made with `guilds`."""

        def step() -> Guild:
            everybody = [
                a
                for a in self._core.world.accounts.values()
                if a.id not in self._homeless
            ]
            return self._core.service.guilds.add_guild(
                name, everybody if members is None else members, owner
            )

        return self._call_loop(step)

    def add_channel(
        self,
        name: str,
        guild: Guild | None = None,
        kind: ChannelType = ChannelType.TEXT,
        **options: Unpack[ChannelOptions],
    ) -> Channel:
        """A new channel, in the first guild if none is given (made when there is
        none)."""

        def step() -> Channel:
            home = (
                guild
                or next(iter(self._core.world.guilds.values()), None)
                or self.add_guild("Loopback")
            )
            channels = self._core.service.channels
            channel = channels.add_channel(home, kind, name, options.get("category"))
            for tag in options.get("tags", ()):
                channels.add_tag(channel, tag)
            if "topic" in options:
                channel.topic = options["topic"]
                channels.changed(channel)
            return channel

        return self._call_loop(step)

    def add_bot(
        self, name: str, token: str | None = None, **options: Unpack[BotOptions]
    ) -> Account:
        """A new bot; its token is in `Account.token`. It brings its managed role into
        each guild."""
        return self._add_account(name, True, token, options)

    def add_user(
        self, name: str, moderator: bool = False, **options: Unpack[AccountOptions]
    ) -> Account:
        """A new person; a moderator may manage messages."""
        everything = cast("BotOptions", {**options, "moderator": moderator})
        return self._add_account(name, False, None, everything)

    def join(self, account: Account, guild: Guild) -> None:
        """Let an account join a guild; a connected bot hears GUILD_CREATE."""
        self._call_loop(lambda: self._core.service.guilds.join(guild, account))

    def kick(self, account: Account, guild: Guild | None = None) -> None:
        """Remove an account from a guild; a bot hears GUILD_DELETE, and its commands are
        gone."""

        def step() -> None:
            place = self._guild_or_first(guild)
            self._core.service.guilds.kick(place, account)
            self._core.interactions.forget(account, place)

        self._call_loop(step)

    def set_unavailable(
        self, guild: Guild | None = None, unavailable: bool = True
    ) -> None:
        """Begin an outage of a guild (nothing of it is heard any more) or end it
        (GUILD_CREATE comes)."""
        self._call_loop(
            lambda: self._core.service.guilds.set_unavailable(
                self._guild_or_first(guild), unavailable
            )
        )

    def set_nick(self, account: Account, guild: Guild | None, nick: str | None) -> None:
        """Give a member a nickname in one guild (the first when None); None takes it
        away."""
        self._call_loop(
            lambda: self._core.service.guilds.set_nick(
                self._guild_or_first(guild), account, nick
            )
        )

    def time_out(
        self, account: Account, seconds: float | None, guild: Guild | None = None
    ) -> None:
        """Silence a member for so many seconds; None ends it."""
        until = None if seconds is None else time.time() + seconds
        self._call_loop(
            lambda: self._core.service.guilds.time_out(
                self._guild_or_first(guild), account, until
            )
        )

    def add_role(
        self,
        name: str,
        guild: Guild | None = None,
        *,
        permissions: Permission = NOTHING,
        mentionable: bool = False,
    ) -> Role:
        """Make a role that nobody has yet."""
        guilds = self._core.service.guilds
        return self._call_loop(
            lambda: guilds.add_role(
                self._guild_or_first(guild), name, permissions, mentionable=mentionable
            )
        )

    def change_role(
        self,
        role: Role,
        guild: Guild | None = None,
        *,
        permissions: Permission | None = None,
        name: str | None = None,
    ) -> None:
        """Give a role other permissions or another name."""
        self._call_loop(
            lambda: self._core.service.guilds.change_role(
                self._guild_or_first(guild), role, permissions, name
            )
        )

    def delete_role(self, role: Role, guild: Guild | None = None) -> None:
        """Delete a role."""
        self._call_loop(
            lambda: self._core.service.guilds.delete_role(
                self._guild_or_first(guild), role
            )
        )

    def give_role(
        self, account: Account, role: Role, guild: Guild | None = None
    ) -> None:
        """Give a member a role."""
        self._call_loop(
            lambda: self._core.service.guilds.set_role(
                self._guild_or_first(guild), account, role, True
            )
        )

    def take_role(
        self, account: Account, role: Role, guild: Guild | None = None
    ) -> None:
        """Take a role from a member."""
        self._call_loop(
            lambda: self._core.service.guilds.set_role(
                self._guild_or_first(guild), account, role, False
            )
        )

    def managed_role(self, bot: Account, guild: Guild | None = None) -> Role:
        """The role that a bot brought along; ApiError 10011 when it has none."""

        def step() -> Role:
            role = self._guild_or_first(guild).managed_role(bot)
            if role is None:
                raise errors.unknown_role()
            return role

        return self._call_loop(step)

    def everyone_role(self, guild: Guild | None = None) -> Role:
        """The role that all members have."""

        def step() -> Role:
            home = self._guild_or_first(guild)
            return home.roles[home.id]

        return self._call_loop(step)

    def set_overwrite(
        self,
        channel: ChannelRef,
        target: Account | Role,
        *,
        allow: Permission = NOTHING,
        deny: Permission = NOTHING,
    ) -> None:
        """Write a channel's overwrite for a member or role; without allow and deny it
        is removed."""
        channels = self._core.service.channels
        self._call_loop(
            lambda: channels.set_overwrite(
                self._channel_of(channel), target, allow, deny
            )
        )

    def deny(
        self, channel: ChannelRef, target: Account | Role, permissions: Permission
    ) -> None:
        """Deny a member or role these permissions in a channel, besides what is denied
        there already."""
        channels = self._core.service.channels
        self._call_loop(
            lambda: channels.deny(
                self._channel_of(channel), target, permissions, lifted=False
            )
        )

    def permit(
        self, channel: ChannelRef, target: Account | Role, permissions: Permission
    ) -> None:
        """Lift such a denial."""
        channels = self._core.service.channels
        self._call_loop(
            lambda: channels.deny(
                self._channel_of(channel), target, permissions, lifted=True
            )
        )

    def hide(self, channel: ChannelRef, bot: Account) -> None:
        """Take a bot's access to a channel away: REST answers 403 and no more events
        come."""
        self.deny(channel, bot, Permission.VIEW_CHANNEL)

    def show(self, channel: ChannelRef, bot: Account) -> None:
        """Give the access back."""
        self.permit(channel, bot, Permission.VIEW_CHANNEL)

    def permissions(self, account: Account, channel: ChannelRef) -> Permission:
        """What an account may do in a guild's channel, as the server enforces it."""
        return self._call_loop(
            lambda: self._core.world.permissions(account, self._channel_of(channel))
        )

    def set_topic(self, channel: ChannelRef, topic: str | None) -> None:
        """Give a channel another topic."""

        def step() -> None:
            item = self._channel_of(channel)
            item.topic = topic
            self._core.service.channels.changed(item)

        self._call_loop(step)

    def rename(self, channel: ChannelRef, name: str) -> None:
        """Give a channel, thread or forum post another name."""

        def step() -> None:
            item = self._channel_of(channel)
            item.name = name
            self._core.service.channels.changed(item)

        self._call_loop(step)

    def delete_channel(self, channel: ChannelRef) -> None:
        """Delete a channel with its threads, or one thread."""
        self._call_loop(
            lambda: self._core.service.channels.delete(self._channel_of(channel))
        )

    def add_tag(
        self, forum: ChannelRef, name: str, *, moderated: bool = False
    ) -> ForumTag:
        """Give a forum one more tag."""
        return self._call_loop(
            lambda: self._core.service.channels.add_tag(
                self._channel_of(forum), name, moderated=moderated
            )
        )

    def open_private_thread(
        self, owner: Account, channel: ChannelRef, name: str, members: Sequence[Account]
    ) -> Channel:
        """Open a private thread with these members."""
        channels = self._core.service.channels
        return self._call_loop(
            lambda: channels.open_private_thread(
                owner, self._channel_of(channel), name, members
            )
        )

    def archive(self, thread: ChannelRef, *, archived: bool = True) -> None:
        """Archive a thread or bring it back."""
        self._call_loop(
            lambda: self._core.service.channels.set_state(
                self._channel_of(thread), archived=archived
            )
        )

    def lock(self, thread: ChannelRef, *, locked: bool = True) -> None:
        """Lock a thread or unlock it."""
        self._call_loop(
            lambda: self._core.service.channels.set_state(
                self._channel_of(thread), locked=locked
            )
        )

    def join_thread(self, account: Account, thread: ChannelRef) -> None:
        """Make an account a member of a thread."""
        self._call_loop(
            lambda: self._core.service.channels.join(self._channel_of(thread), account)
        )

    def leave_thread(self, account: Account, thread: ChannelRef) -> None:
        """Take an account out of a thread."""
        self._call_loop(
            lambda: self._core.service.channels.leave(self._channel_of(thread), account)
        )

    def _call_loop(self, function: Callable[[], T]) -> T:
        return self._core.caller.call(function)

    def _add_account(
        self, name: str, is_bot: bool, token: str | None, options: BotOptions
    ) -> Account:
        def step() -> Account:
            world, guilds = self._core.world, self._core.service.guilds
            account = world.add_account(
                AccountSketch(
                    name=name,
                    is_bot=is_bot,
                    token=token,
                    moderator=options.get("moderator", False),
                    administrator=options.get("administrator", False),
                    username=options.get("username"),
                    global_name=options.get("global_name", None if is_bot else name),
                )
            )
            if is_bot:
                # Before it joins: that is when a bot's managed role is made.
                guilds.invite(account, options.get("permissions", SPEAKING_PERMISSIONS))
            # An account that chose its servers does not join later ones.
            if "guilds" in options:
                self._homeless.add(account.id)
            for guild in options.get("guilds", list(world.guilds.values())):
                guilds.join(guild, account)
            return account

        return self._call_loop(step)

    def _guild_or_first(self, guild: Guild | None) -> Guild:
        if guild is not None:
            return guild
        first = next(iter(self._core.world.guilds.values()), None)
        if first is None:
            raise errors.unknown_guild()
        return first

    def _channel_of(self, ref: ChannelRef) -> Channel:
        if isinstance(ref, Channel):
            return ref
        channel = self._core.world.channels.get(ref)
        if channel is None:
            raise errors.unknown_channel()
        return channel
