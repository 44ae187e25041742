"""The state of the loopback Discord: accounts, guilds, channels, messages. No sockets;
no clock but the snowflakes'."""

from __future__ import annotations

import base64
import random
from bisect import bisect_left, bisect_right
from collections import defaultdict
from dataclasses import dataclass, field
from enum import IntEnum

from app.loopback.channels import Channel, ChannelType, ForumTag
from app.loopback.errors import Json
from app.loopback.guilds import Account, Guild, Member, Role
from app.loopback.permissions import (
    EVERYONE_PERMISSIONS,
    EVERYTHING,
    LEFT_IN_TIMEOUT,
    NOTHING,
    Overwrite,
    Permission,
    PermissionHolder,
    apply_overwrites,
    with_implied,
)
from app.loopback.snowflake import SnowflakeSource

__all__ = [
    "Account",
    "Channel",
    "ChannelType",
    "ForumTag",
    "Guild",
    "Member",
    "Message",
    "MessageType",
    "Overwrite",
    "Permission",
    "Role",
    "World",
    "history_page",
]

_BASE64_URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"


class MessageType(IntEnum):
    """The message types that the loopback server writes; people write the first two
    themselves."""

    DEFAULT = 0
    REPLY = 19
    MEMBER_JOINED = 7
    THREAD_CREATED = 18
    THREAD_STARTER = 21


@dataclass(slots=True, eq=False)
class Message:
    """A message as it stands now. `reactions` maps an emoji to its reactors in order;
    `rest_cache` is encoded JSON.

    `extra` holds further fields of its JSON, which win; `dropped` names those that are
    left out.
    """

    id: int
    channel: Channel
    author: Account
    content: str
    type: int
    nonce: str | None = None
    reply_to: int | None = None
    webhook_id: int | None = None
    mentioned: tuple[int, ...] = ()
    mentioned_roles: tuple[int, ...] = ()
    mention_everyone: bool = False
    embeds: list[object] = field(default_factory=list)
    attachments: list[Json] = field(default_factory=list)
    flags: int = 0
    application_id: int | None = None
    webhook_avatar: str | None = None
    extra: Json = field(default_factory=dict)
    dropped: frozenset[str] = frozenset()
    edited_at: str | None = None
    reactions: dict[str, dict[int, None]] = field(default_factory=dict)
    rest_cache: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class AccountSketch:
    """An account before it has an id; see Account."""

    name: str
    is_bot: bool
    token: str | None = None
    moderator: bool = False
    administrator: bool = False
    username: str | None = None
    global_name: str | None = None


class World:
    """All accounts, guilds, channels and messages, with the indexes that keep each
    event's work constant."""

    def __init__(self, snowflakes: SnowflakeSource, rng: random.Random) -> None:
        self.snowflakes = snowflakes
        self._rng = rng
        self.accounts: dict[int, Account] = {}
        self.bots_by_token: dict[str, Account] = {}
        self.guilds: dict[int, Guild] = {}
        self.channels: dict[int, Channel] = {}
        self.messages: dict[int, Message] = {}
        self.replies: defaultdict[int, list[int]] = defaultdict(list)
        self._dms: dict[frozenset[int], Channel] = {}
        self._webhooks: dict[tuple[int, int], int] = {}
        self._webhook_owners: dict[tuple[int, int | None], Account] = {}
        # Bots whose application lacks the message content intent: they read others'
        # messages without content.
        self.without_content: set[int] = set()
        self._views: dict[tuple[int, int], bool] = {}

    def add_account(self, sketch: AccountSketch) -> Account:
        """Create an account; a bot without a token gets one in Discord's shape (id,
        time and secret parts)."""
        account_id = self.snowflakes.next()
        token = sketch.token
        if sketch.is_bot and token is None:
            token = self._new_token(account_id)
        account = Account(
            id=account_id,
            name=sketch.name,
            is_bot=sketch.is_bot,
            token=token,
            moderator=sketch.moderator,
            administrator=sketch.administrator,
            username=sketch.username or sketch.name,
            global_name=sketch.global_name,
        )
        if token is not None:
            if token in self.bots_by_token:
                raise ValueError(f"another bot has the token of {sketch.name}")
            self.bots_by_token[token] = account
        self.accounts[account_id] = account
        return account

    def add_guild(self, name: str) -> Guild:
        """A guild with its three first roles and no members."""
        fresh = self.snowflakes.next
        guild = Guild(
            fresh(),
            name,
            owner_id=fresh(),
            moderator_role_id=fresh(),
            administrator_role_id=fresh(),
        )
        everyone = Role(guild.id, "@everyone", EVERYONE_PERMISSIONS, position=0)
        moderators = EVERYONE_PERMISSIONS | Permission.MANAGE_MESSAGES
        moderator = Role(
            guild.moderator_role_id, "Moderator", moderators, 1, mentionable=True
        )
        administrators = Permission.ADMINISTRATOR
        administrator = Role(
            guild.administrator_role_id,
            "Administrator",
            administrators,
            2,
            mentionable=True,
        )
        guild.roles = {role.id: role for role in (everyone, moderator, administrator)}
        self.guilds[guild.id] = guild
        return guild

    def add_role(
        self,
        guild: Guild,
        name: str,
        permissions: Permission = NOTHING,
        bot_id: int | None = None,
    ) -> Role:
        """A role above all others."""
        role = Role(
            self.snowflakes.next(),
            name,
            permissions,
            position=len(guild.roles),
            bot_id=bot_id,
        )
        guild.roles[role.id] = role
        return role

    def add_member(self, guild: Guild, account: Account) -> Member:
        """Let an account join, with the roles that its flags call for."""
        member = Member(account, self.snowflakes.next())
        if account.moderator:
            member.role_ids.append(guild.moderator_role_id)
        if account.administrator:
            member.role_ids.append(guild.administrator_role_id)
        guild.members[account.id] = member
        self.forget_views()
        return member

    def add_channel(
        self, guild: Guild, channel_type: ChannelType, name: str
    ) -> Channel:
        """A channel at the end of the guild's list."""
        position = len(self.guild_channels(guild))
        channel = Channel(
            self.snowflakes.next(),
            name,
            channel_type,
            guild_id=guild.id,
            position=position,
        )
        self.channels[channel.id] = channel
        return channel

    def add_thread(
        self, owner: Account, parent: Channel, name: str, thread_id: int | None
    ) -> Channel:
        """Create a thread; one that hangs on a message has that message's id, as at
        Discord."""
        announcing = parent.type is ChannelType.ANNOUNCEMENT
        thread = Channel(
            thread_id if thread_id is not None else self.snowflakes.next(),
            name,
            ChannelType.ANNOUNCEMENT_THREAD
            if announcing
            else ChannelType.PUBLIC_THREAD,
            guild_id=parent.guild_id,
            parent_id=parent.id,
            owner_id=owner.id,
        )
        self.channels[thread.id] = thread
        return thread

    def open_dm(self, one: Account, other: Account) -> Channel:
        """The DM channel of two accounts, created when it is first asked for."""
        pair = frozenset((one.id, other.id))
        channel = self._dms.get(pair)
        if channel is None:
            channel = Channel(
                self.snowflakes.next(), "", ChannelType.DM, recipient_ids=pair
            )
            self._dms[pair] = self.channels[channel.id] = channel
        return channel

    def webhook_id(self, channel: Channel, author: Account) -> int:
        """The webhook that speaks under this author's name in this channel."""
        key = (channel.id, author.id)
        if key not in self._webhooks:
            self._webhooks[key] = self.snowflakes.next()
        return self._webhooks[key]

    def webhook_owner(self, channel: Channel, application_id: int | None) -> Account:
        """Who posts by a webhook in no account's name: the same for one channel and
        application."""
        key = (channel.id, application_id)
        if key not in self._webhook_owners:
            self._webhook_owners[key] = Account(
                self.snowflakes.next(), "webhook", is_bot=True
            )
        return self._webhook_owners[key]

    def guild_channels(self, guild: Guild) -> list[Channel]:
        """All channels of a guild but its threads."""
        return [
            c
            for c in self.channels.values()
            if c.guild_id == guild.id and not c.is_thread
        ]

    def guild_threads(self, guild: Guild) -> list[Channel]:
        """The active threads of a guild."""
        return [
            c
            for c in self.channels.values()
            if c.guild_id == guild.id and c.is_thread and not c.archived
        ]

    def archived_threads(self, parent: Channel) -> list[Channel]:
        """The archived public threads of a channel, the latest archived first."""
        threads = [
            c
            for c in self.channels.values()
            if c.parent_id == parent.id and c.is_thread and c.archived
        ]
        public = [c for c in threads if c.type is not ChannelType.PRIVATE_THREAD]
        return sorted(
            public, key=lambda thread: thread.archived_at or 0.0, reverse=True
        )

    def guild_of(self, channel: Channel) -> Guild | None:
        """The guild of a channel; None for a DM channel."""
        return None if channel.guild_id is None else self.guilds[channel.guild_id]

    def permissions(self, account: Account, channel: Channel) -> Permission:
        """What an account may do in a guild's channel, by Discord's algorithm. A thread
        asks its parent's overwrites."""
        guild = self.guilds[channel.guild_id or 0]
        base = guild.permissions(account.id)
        # Overwrites neither let strangers in nor bind owners and administrators.
        if base in (NOTHING, EVERYTHING):
            return base
        member = guild.members[account.id]
        place = self.channels[channel.parent_id or 0] if channel.is_thread else channel
        holder = PermissionHolder(account.id, guild.id, member.role_ids)
        granted = apply_overwrites(base, holder, place.overwrites.values())
        if member.timed_out:
            granted &= LEFT_IN_TIMEOUT
        return with_implied(
            granted, in_thread=channel.is_thread, in_voice=place.is_voice
        )

    def can_see(self, account_id: int, channel: Channel) -> bool:
        """Does the account see that this channel exists, and what it is called?"""
        seen = self._views.get((account_id, channel.id))
        if seen is None:
            seen = self._views[account_id, channel.id] = self._can_see(
                account_id, channel
            )
        return seen

    def can_read(self, account_id: int, channel: Channel) -> bool:
        """May the account read what is said there? The text of a voice channel needs
        CONNECT too."""
        if not self.can_see(account_id, channel) or not channel.is_voice:
            return self.can_see(account_id, channel)
        return bool(
            self.permissions(self.accounts[account_id], channel) & Permission.CONNECT
        )

    def forget_views(self) -> None:
        """Roles, overwrites or members have changed: compute again who sees what."""
        self._views.clear()

    def _can_see(self, account_id: int, channel: Channel) -> bool:
        if channel.type is ChannelType.DM:
            return account_id in channel.recipient_ids
        granted = self.permissions(self.accounts[account_id], channel)
        if (
            channel.type is ChannelType.PRIVATE_THREAD
            and account_id not in channel.member_ids
        ):
            return bool(
                granted & Permission.VIEW_CHANNEL
                and granted & Permission.MANAGE_THREADS
            )
        if (
            channel.type is ChannelType.CATEGORY
            and not granted & Permission.VIEW_CHANNEL
        ):
            inside = [c for c in self.channels.values() if c.parent_id == channel.id]
            return any(self.can_see(account_id, one) for one in inside)
        return bool(granted & Permission.VIEW_CHANNEL)

    def store(self, message: Message) -> None:
        channel = message.channel
        self.messages[message.id] = message
        channel.message_ids.append(message.id)
        channel.last_message_id = message.id
        # A post's first message, which has the post's id, is not counted.
        channel.message_count += message.id != channel.id
        if message.reply_to is not None:
            self.replies[message.reply_to].append(message.id)

    def remove(self, message: Message) -> None:
        """Delete a message. The channel keeps it as `last_message_id`, as at
        Discord."""
        del self.messages[message.id]
        ids = message.channel.message_ids
        del ids[bisect_left(ids, message.id)]
        self.forget_encoded(message)

    def forget_encoded(self, message: Message) -> None:
        """Forget the encoded forms of a changed message: its own, and those of the
        replies that quote it."""
        message.rest_cache = None
        for reply_id in self.replies.get(message.id, ()):
            reply = self.messages.get(reply_id)
            if reply is not None:
                reply.rest_cache = None

    def _new_token(self, account_id: int) -> str:
        head = base64.urlsafe_b64encode(str(account_id).encode()).decode().rstrip("=")
        middle, tail = (
            "".join(self._rng.choices(_BASE64_URL, k=length)) for length in (6, 38)
        )
        return f"{head}.{middle}.{tail}"


def history_page(
    ids: list[int],
    *,
    before: int | None = None,
    after: int | None = None,
    around: int | None = None,
    limit: int = 50,
) -> list[int]:
    """One page of message ids, newest first. Of `after` it is the oldest `limit` ids
    past it; all as Discord pages."""
    if around is not None:
        middle = bisect_left(ids, around)
        start = max(0, middle - limit // 2)
        page = ids[start : start + limit]
    elif after is not None:
        start = bisect_right(ids, after)
        page = ids[start : start + limit]
    else:
        end = len(ids) if before is None else bisect_left(ids, before)
        page = ids[max(0, end - limit) : end]
    return page[::-1]
