"""From discord.py's objects to events. Nothing here raises on what Discord sends: what
is malformed becomes None."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import discord
import structlog
from pydantic import ValidationError

from app.content.names import ids_in
from app.content.parts import parts_of
from app.domain.model import MAX_CONTENT, AuthorKind, Event

log = structlog.get_logger(__name__)

_WRITTEN = frozenset({discord.MessageType.default, discord.MessageType.reply})
_NAME_LENGTH = 100
_NAMES_MOST = 30


def event_of(
    message: discord.Message, ours: Collection[str], proxies: Collection[str] = ()
) -> Event | None:
    """The event that a message is, or None for webhooks, system messages, servers that
    are not known (yet) and what cannot be understood. `ours`: user ids of our bots,
    here or elsewhere. `proxies`: ids of the applications whose webhooks speak for
    people."""
    by_webhook = message.webhook_id is not None
    proxied = by_webhook and str(message.application_id or "") in proxies
    if (by_webhook and not proxied) or message.type not in _WRITTEN:
        return None
    channel = message.channel
    is_dm = isinstance(channel, discord.DMChannel)
    if message.guild is None and not is_dm:
        return None
    # A forward has a reference too, and answers nobody.
    reference = message.reference if message.type is discord.MessageType.reply else None
    replied_to = reference.message_id if reference is not None else None
    thread = channel if isinstance(channel, discord.Thread) else None
    try:
        mentioned = ids_in(message.content)
        return Event(
            message_id=str(message.id),
            channel_id=str(channel.id),
            guild_id=str(message.guild.id) if message.guild is not None else None,
            author_id=str(message.author.id),
            author_name=message.author.display_name[:_NAME_LENGTH],
            author_kind=AuthorKind.HUMAN if proxied else kind_of(message.author, ours),
            content=message.content[:MAX_CONTENT],
            reply_to=str(replied_to) if replied_to else None,
            reply_to_author=_replied_author(message, reference, mentioned),
            mentions=tuple(str(user.id) for user in message.mentions),
            role_mentions=tuple(map(str, message.raw_role_mentions)),
            is_dm=is_dm,
            parent_id=str(thread.parent_id) if thread is not None else None,
            channel_name=str(getattr(channel, "name", "") or "")[:_NAME_LENGTH],
            thread_owner=str(thread.owner_id) if thread is not None else None,
            names=dict(_names_of(message, mentioned[:_NAMES_MOST])),
            parts=parts_of(message),
            proxied=proxied,
            member_since_ms=_member_since_ms(message),
        )
    except (ValidationError, AttributeError, TypeError) as error:
        # The error's text quotes the message, which must not reach a log.
        log.warning(
            "a message could not be understood",
            message=str(message.id),
            error=type(error).__name__,
        )
        return None


def _member_since_ms(message: discord.Message) -> int:
    joined = getattr(message.author, "joined_at", None)
    return max(0, int(joined.timestamp() * 1000)) if joined is not None else 0


def _replied_author(
    message: discord.Message,
    reference: discord.MessageReference | None,
    mentioned: Collection[str],
) -> str | None:
    """Whose message a reply answers. Discord may leave that message out; whom the reply
    pings is then its author."""
    if reference is None:
        return None
    if isinstance(reference.resolved, discord.Message):
        return str(reference.resolved.author.id)
    pinged = _pinged_by_reply(message, mentioned)
    # Of several nobody can tell whose message it was.
    return pinged[0] if len(pinged) == 1 else None


def _pinged_by_reply(message: discord.Message, mentioned: Collection[str]) -> list[str]:
    """Who is pinged though the text mentions somebody else or nobody: the reply does
    it."""
    replied = message.reference.resolved if message.reference is not None else None
    author = replied.author.id if isinstance(replied, discord.Message) else None
    return [
        str(user.id)
        for user in message.mentions
        if user.id == author or str(user.id) not in mentioned
    ]


def _names_of(
    message: discord.Message, mentioned: Collection[str]
) -> Iterator[tuple[str, str]]:
    """What the people, roles and channels are called whose ids the text mentions."""
    guild = message.guild
    people = {str(user.id): user.display_name for user in message.mentions}
    for one in mentioned:
        name = people.get(one)
        if name is None and guild is not None:
            place = guild.get_role(int(one)) or guild.get_channel_or_thread(int(one))
            name = place.name if place is not None else None
        if name:
            yield one, name[:_NAME_LENGTH]


def kind_of(author: discord.abc.User, ours: Collection[str]) -> AuthorKind:
    """Who an author is."""
    if str(author.id) in ours:
        return AuthorKind.OURS
    return AuthorKind.FOREIGN if author.bot else AuthorKind.HUMAN


def reaction_event(
    payload: discord.RawReactionActionEvent,
    known: Event | None,
    ours: Collection[str],
    count: int,
) -> Event | None:
    """The event that a burst of `count` reactions is; `known` is the message reacted
    to, if this process heard it."""
    if known is not None:
        return known.model_copy(
            update={"kind": "reaction", "reactions": count, "earlier": ()}
        )
    author = payload.message_author_id
    if author is None:
        return None
    return Event(
        kind="reaction",
        message_id=str(payload.message_id),
        channel_id=str(payload.channel_id),
        guild_id=str(payload.guild_id) if payload.guild_id is not None else None,
        author_id=str(author),
        author_name="somebody",
        author_kind=AuthorKind.OURS if str(author) in ours else AuthorKind.HUMAN,
        is_dm=payload.guild_id is None,
        reactions=count,
    )


def may_moderate(
    user: discord.abc.User | discord.Member | None, channel: object
) -> bool:
    """Whether this person may give the bots orders here: they may manage messages,
    and everybody in his own DM."""
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
