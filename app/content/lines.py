"""One message of a channel's history as a line of a transcript."""

from __future__ import annotations

from collections.abc import Collection

import discord

from app.content.parts import parts_of
from app.domain.model import MAX_CONTENT, AuthorKind, ChatLine


def chat_line(
    message: discord.Message, ours: Collection[str], proxies: Collection[str] = ()
) -> ChatLine:
    """The line that a message is. `ours`: user ids of our bots; `proxies`: applications
    whose webhooks speak for people. The message that starts a thread has no text of its
    own: it stands for the one on which the thread was started."""
    message = _meant_message(message)
    reference = message.reference.message_id if message.reference else None
    kind = _author_kind(message, ours, proxies)
    return ChatLine(
        message_id=str(message.id),
        author_id=str(message.author.id),
        author_name=message.author.display_name,
        author_kind=kind,
        content=message.content[:MAX_CONTENT],
        reply_to=str(reference) if reference else None,
        parts=parts_of(message),
        names={str(user.id): user.display_name for user in message.mentions},
        # A webhook is a person only where a proxy speaks for one.
        proxied=kind is AuthorKind.HUMAN and message.webhook_id is not None,
    )


def _meant_message(message: discord.Message) -> discord.Message:
    if (
        message.type is not discord.MessageType.thread_starter_message
        or message.reference is None
    ):
        return message
    started = message.reference.resolved
    # A starter that was deleted is not there: the empty line is what is left.
    return started if isinstance(started, discord.Message) else message


def _author_kind(
    message: discord.Message, ours: Collection[str], proxies: Collection[str]
) -> AuthorKind:
    # Ours first: to Discord they are bots like any others.
    if str(message.author.id) in ours:
        return AuthorKind.OURS
    if message.webhook_id is not None and str(message.application_id or "") in proxies:
        return AuthorKind.HUMAN
    foreign = message.author.bot or message.webhook_id is not None
    return AuthorKind.FOREIGN if foreign else AuthorKind.HUMAN
