"""The state of the loopback Discord: accounts, guilds, channels, messages. No sockets; no clock but the snowflakes'."""

from __future__ import annotations

import base64
import random
from bisect import bisect_left, bisect_right
from collections import defaultdict
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag

from app.playground.loopback.errors import Json
from app.playground.loopback.snowflake import SnowflakeSource

_BASE64_URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"


class ChannelType(IntEnum):
    """Discord's channel types, as far as the loopback server has them."""

    TEXT = 0
    DM = 1
    PUBLIC_THREAD = 11


class MessageType(IntEnum):
    """The two message types that people write themselves; every other type is a system message."""

    DEFAULT = 0
    REPLY = 19


class Permission(IntFlag):
    """The permission bits that the loopback server grants or checks."""

    ADMINISTRATOR = 1 << 3
    ADD_REACTIONS = 1 << 6
    VIEW_CHANNEL = 1 << 10
    SEND_MESSAGES = 1 << 11
    MANAGE_MESSAGES = 1 << 13
    EMBED_LINKS = 1 << 14
    ATTACH_FILES = 1 << 15
    READ_MESSAGE_HISTORY = 1 << 16
    MENTION_EVERYONE = 1 << 17
    USE_EXTERNAL_EMOJIS = 1 << 18
    CREATE_PUBLIC_THREADS = 1 << 35
    SEND_MESSAGES_IN_THREADS = 1 << 38


# What a new Discord server grants @everyone; pinging everyone is part of it, so that a careless bot is seen doing so.
EVERYONE_PERMISSIONS = (
    Permission.ADD_REACTIONS
    | Permission.VIEW_CHANNEL
    | Permission.SEND_MESSAGES
    | Permission.EMBED_LINKS
    | Permission.ATTACH_FILES
    | Permission.READ_MESSAGE_HISTORY
    | Permission.MENTION_EVERYONE
    | Permission.USE_EXTERNAL_EMOJIS
    | Permission.CREATE_PUBLIC_THREADS
    | Permission.SEND_MESSAGES_IN_THREADS
)


@dataclass(frozen=True, slots=True, eq=False)
class Account:
    """A bot or a person. `token` is None for a person."""

    id: int
    name: str
    is_bot: bool
    token: str | None = field(default=None, repr=False)
    moderator: bool = False
    administrator: bool = False

    @property
    def mention(self) -> str:
        """The text that mentions this account."""
        return f"<@{self.id}>"


@dataclass(frozen=True, slots=True, eq=False)
class Guild:
    """A server. Every account is a member; the role of @everyone has the guild's own id, as at Discord."""

    id: int
    name: str
    owner_id: int
    moderator_role_id: int
    administrator_role_id: int


@dataclass(slots=True, eq=False)
class Channel:
    """A text channel, a public thread (`parent_id`, `owner_id`) or a DM channel (`recipient_ids`)."""

    id: int
    name: str
    type: ChannelType
    guild_id: int | None = None
    parent_id: int | None = None
    owner_id: int | None = None
    recipient_ids: frozenset[int] = frozenset()
    position: int = 0
    last_message_id: int | None = None
    message_count: int = 0
    hidden_from: set[int] = field(default_factory=set)
    message_ids: list[int] = field(default_factory=list, repr=False)

    @property
    def mention(self) -> str:
        """The text that links to this channel."""
        return f"<#{self.id}>"


@dataclass(slots=True, eq=False)
class Message:
    """A message as it stands now. `reactions` maps an emoji to its reactors in order; `rest_cache` is encoded JSON.

    `extra` holds further fields of its JSON, which win; `dropped` names those that are left out.
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


class World:
    """All accounts, guilds, channels and messages, with the indexes that keep each event's work constant."""

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
        # Bots whose application lacks the message content intent: they read others' messages without content.
        self.without_content: set[int] = set()

    def add_account(
        self, name: str, *, is_bot: bool, token: str | None = None, moderator: bool = False, administrator: bool = False
    ) -> Account:
        """Create an account; a bot without a token gets one in Discord's shape (id, time and secret parts)."""
        account_id = self.snowflakes.next()
        if is_bot and token is None:
            token = self._new_token(account_id)
        account = Account(account_id, name, is_bot, token, moderator, administrator)
        if token is not None:
            if token in self.bots_by_token:
                raise ValueError(f"another bot has the token of {name}")
            self.bots_by_token[token] = account
        self.accounts[account_id] = account
        return account

    def add_guild(self, name: str) -> Guild:
        fresh = self.snowflakes.next
        guild = Guild(fresh(), name, owner_id=fresh(), moderator_role_id=fresh(), administrator_role_id=fresh())
        self.guilds[guild.id] = guild
        return guild

    def add_channel(self, name: str, guild: Guild) -> Channel:
        channel = Channel(
            self.snowflakes.next(), name, ChannelType.TEXT, guild_id=guild.id, position=len(self.guild_channels(guild))
        )
        self.channels[channel.id] = channel
        return channel

    def add_thread(self, owner: Account, parent: Channel, name: str, thread_id: int | None) -> Channel:
        """Create a public thread; one that hangs on a message has that message's id, as at Discord."""
        thread = Channel(
            thread_id if thread_id is not None else self.snowflakes.next(),
            name,
            ChannelType.PUBLIC_THREAD,
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
            channel = Channel(self.snowflakes.next(), "", ChannelType.DM, recipient_ids=pair)
            self._dms[pair] = self.channels[channel.id] = channel
        return channel

    def webhook_id(self, channel: Channel, author: Account) -> int:
        """The webhook that speaks under this author's name in this channel."""
        key = (channel.id, author.id)
        if key not in self._webhooks:
            self._webhooks[key] = self.snowflakes.next()
        return self._webhooks[key]

    def webhook_owner(self, channel: Channel, application_id: int | None) -> Account:
        """Who posts by a webhook in no account's name: the same for one channel and application."""
        key = (channel.id, application_id)
        if key not in self._webhook_owners:
            self._webhook_owners[key] = Account(self.snowflakes.next(), "webhook", is_bot=True)
        return self._webhook_owners[key]

    def guild_channels(self, guild: Guild) -> list[Channel]:
        return [c for c in self.channels.values() if c.guild_id == guild.id and c.type is ChannelType.TEXT]

    def guild_threads(self, guild: Guild) -> list[Channel]:
        return [c for c in self.channels.values() if c.guild_id == guild.id and c.type is ChannelType.PUBLIC_THREAD]

    def default_guild(self) -> Guild:
        """The first guild, created when there is none yet."""
        return next(iter(self.guilds.values()), None) or self.add_guild("Loopback")

    def can_see(self, account_id: int, channel: Channel) -> bool:
        """May this account read the channel? A thread is seen by those who see its parent."""
        if channel.type is ChannelType.DM:
            return account_id in channel.recipient_ids
        if account_id in channel.hidden_from:
            return False
        return channel.parent_id is None or account_id not in self.channels[channel.parent_id].hidden_from

    def permissions(self, account: Account) -> Permission:
        permissions = EVERYONE_PERMISSIONS
        if account.moderator:
            permissions |= Permission.MANAGE_MESSAGES
        if account.administrator:
            permissions |= Permission.ADMINISTRATOR
        return permissions

    def store(self, message: Message) -> None:
        channel = message.channel
        self.messages[message.id] = message
        channel.message_ids.append(message.id)
        channel.last_message_id = message.id
        channel.message_count += 1
        if message.reply_to is not None:
            self.replies[message.reply_to].append(message.id)

    def remove(self, message: Message) -> None:
        """Delete a message. The channel keeps it as `last_message_id`, as at Discord."""
        del self.messages[message.id]
        ids = message.channel.message_ids
        del ids[bisect_left(ids, message.id)]
        self.touch(message)

    def touch(self, message: Message) -> None:
        """Forget the encoded forms of a changed message: its own, and those of the replies that quote it."""
        message.rest_cache = None
        for reply_id in self.replies.get(message.id, ()):
            reply = self.messages.get(reply_id)
            if reply is not None:
                reply.rest_cache = None

    def _new_token(self, account_id: int) -> str:
        head = base64.urlsafe_b64encode(str(account_id).encode()).decode().rstrip("=")
        middle, tail = ("".join(self._rng.choices(_BASE64_URL, k=length)) for length in (6, 38))
        return f"{head}.{middle}.{tail}"


def history_page(
    ids: list[int], *, before: int | None = None, after: int | None = None, around: int | None = None, limit: int = 50
) -> list[int]:
    """One page of message ids, newest first. Of `after` it is the oldest `limit` ids past it; all as Discord pages."""
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
