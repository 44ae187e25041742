"""From discord.py's objects to events. Nothing here raises on what Discord sends: what is malformed becomes None."""

from __future__ import annotations

from collections.abc import Collection

import discord
import structlog
from pydantic import ValidationError

from app.model import MAX_CONTENT, AuthorKind, Event

log = structlog.get_logger(__name__)

Readable = discord.TextChannel | discord.VoiceChannel | discord.StageChannel | discord.Thread

_WRITTEN = frozenset({discord.MessageType.default, discord.MessageType.reply})
_NAME_LENGTH = 100


def event_of(message: discord.Message, ours: Collection[str]) -> Event | None:
    """The event that a message is, or None for webhooks, system messages and what cannot be understood.
    `ours`: user ids of our bots, here or elsewhere."""
    if message.webhook_id is not None or message.type not in _WRITTEN:
        return None
    reference = message.reference if message.type is discord.MessageType.reply else None
    target = reference.resolved if reference is not None else None
    replied = target.author if isinstance(target, discord.Message) else None
    channel = message.channel
    try:
        return Event(
            message_id=str(message.id),
            channel_id=str(channel.id),
            guild_id=str(message.guild.id) if message.guild is not None else None,
            author_id=str(message.author.id),
            author_name=message.author.display_name[:_NAME_LENGTH],
            author_kind=kind_of(message.author, ours),
            content=message.content[:MAX_CONTENT],
            reply_to=str(reference.message_id) if reference is not None and reference.message_id else None,
            reply_to_author=str(replied.id) if replied is not None else None,
            reply_pings=replied is not None and any(user.id == replied.id for user in message.mentions),
            mentions=tuple(str(user.id) for user in message.mentions),
            is_dm=message.guild is None,
            thread_owner=str(channel.owner_id) if isinstance(channel, discord.Thread) else None,
        )
    except (ValidationError, AttributeError, TypeError) as error:
        # The error's text quotes the message, which must not reach a log.
        log.warning("a message could not be understood", message=str(message.id), error=type(error).__name__)
        return None


def kind_of(author: discord.abc.User, ours: Collection[str]) -> AuthorKind:
    """Who an author is."""
    if str(author.id) in ours:
        return AuthorKind.OURS
    return AuthorKind.FOREIGN if author.bot else AuthorKind.HUMAN


def reaction_event(
    payload: discord.RawReactionActionEvent, known: Event | None, ours: Collection[str], count: int
) -> Event | None:
    """The event that a burst of `count` reactions is; `known` is the message reacted to, if this process heard it."""
    if known is not None:
        return known.model_copy(update={"kind": "reaction", "reactions": count})
    author = payload.message_author_id
    if author is None:
        return None
    return Event(
        kind="reaction", message_id=str(payload.message_id), channel_id=str(payload.channel_id),
        guild_id=str(payload.guild_id) if payload.guild_id is not None else None, author_id=str(author),
        author_name="somebody", author_kind=AuthorKind.OURS if str(author) in ours else AuthorKind.HUMAN,
        is_dm=payload.guild_id is None, reactions=count,
    )


def nonce_of(message: discord.Message) -> str | None:
    """The nonce that a message of ours was sent with; Discord repeats it to the sender alone."""
    return str(message.nonce) if message.nonce else None


def may_moderate(user: discord.abc.User | discord.Member | None, channel: object) -> bool:
    """Whether this person may give the bots orders here: whoever may manage messages, and everybody in his own DM."""
    if user is None or user.bot:
        return False
    if isinstance(channel, discord.DMChannel):
        return True
    if not isinstance(user, discord.Member):
        return False
    if isinstance(channel, discord.abc.GuildChannel | discord.Thread):
        try:
            return channel.permissions_for(user).manage_messages
        except discord.ClientException:
            pass  # a thread whose parent is not cached: the guild's permissions decide
    return user.guild_permissions.manage_messages


def readable(client: discord.Client) -> list[Readable]:
    """The channels and threads with messages that this client may read."""
    found: list[Readable] = []
    for guild in client.guilds:
        places: list[Readable] = [*guild.text_channels, *guild.voice_channels, *guild.stage_channels, *guild.threads]
        found += [place for place in places if may_read(place, guild.me)]
    return found


def may_read(place: Readable, me: discord.Member) -> bool:
    """Whether this member may read a channel and what was said in it before."""
    try:
        permissions = place.permissions_for(me)
    except discord.ClientException:
        return False
    return permissions.view_channel and permissions.read_message_history
