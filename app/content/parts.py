"""The parts of a message besides its text, described: files, pictures, stickers, polls,
forwards, previews, buttons.

What Discord sends here was written by strangers: each part is cut short, and a part
that cannot be understood is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import discord

from app.content.plain import UNPARSABLE
from app.domain.model import MessagePart, PartKind

MOST_PARTS = 12
"""Parts that are kept of one message: Discord itself allows ten files, and a few kinds
come together."""
NAME_LENGTH = 100
WORDS_LENGTH = 600
"""Characters that are kept of a forward's words, a poll or a preview."""

_MASKED = re.compile(r"\[([^\[\]]{1,200})\]\(https?://[^()\s]{1,500}\)")
"""A link behind words: the words are what a person sees."""

T = TypeVar("T")
Holder = discord.Message | discord.MessageSnapshot


def parts_of(message: discord.Message) -> tuple[MessagePart, ...]:
    """The parts of a message in the order in which a client shows them."""
    found = [
        *_held_parts(message),
        *_describe_each([message.poll] if message.poll is not None else [], _poll_part),
        *_forwarded_parts(message.message_snapshots),
    ]
    return tuple(found[:MOST_PARTS])


def _held_parts(holder: Holder) -> Iterator[MessagePart]:
    """What a message and the copy of one in a forward hold alike."""
    yield from _describe_each(holder.attachments, _file_part)
    yield from _describe_each(holder.stickers, _sticker_part)
    yield from _describe_each(holder.embeds, _preview_part)
    if holder.components:
        yield MessagePart(kind=PartKind.COMPONENTS)


def _describe_each(
    things: Iterable[T], describe: Callable[[T], MessagePart]
) -> Iterator[MessagePart]:
    for thing in things:
        try:
            yield describe(thing)
        except UNPARSABLE:
            continue  # a shape that is newer than this program, or made up


def _file_part(file: discord.Attachment) -> MessagePart:
    # A parameter may follow, such as the charset of a text.
    media_type = (file.content_type or "").partition(";")[0].strip().lower()
    return MessagePart(
        kind=PartKind.VOICE if file.is_voice_message() else _kind_of(media_type),
        text=_shortened(file.title or file.filename, NAME_LENGTH),
        url=file.url[:1_000],
        media_type=media_type[:100],
        size=max(0, file.size),
    )


def _kind_of(media_type: str) -> PartKind:
    """What a file says that it is. The code that opens it checks again."""
    family = media_type.partition("/")[0]
    if media_type in {"application/json", "application/xml", "application/yaml"}:
        return PartKind.TEXT_FILE
    known = {
        "image": PartKind.PICTURE,
        "video": PartKind.VIDEO,
        "audio": PartKind.SOUND,
        "text": PartKind.TEXT_FILE,
    }
    return known.get(family, PartKind.FILE)


def _sticker_part(sticker: discord.StickerItem) -> MessagePart:
    return MessagePart(
        kind=PartKind.STICKER, text=_shortened(sticker.name, NAME_LENGTH)
    )


def _preview_part(embed: discord.Embed) -> MessagePart:
    words = [
        embed.title,
        embed.description,
        *(f"{field.name}: {field.value}" for field in embed.fields[:3]),
    ]
    text = _MASKED.sub(r"\1", " / ".join(word for word in words if word))
    return MessagePart(kind=PartKind.EMBED, text=_shortened(text))


def _poll_part(poll: discord.Poll) -> MessagePart:
    question = (
        poll.question if isinstance(poll.question, str) else poll.question.text or ""
    )
    answers = [answer.text for answer in poll.answers if answer.text]
    return MessagePart(
        kind=PartKind.POLL,
        text=_shortened(f"{question} ({', '.join(answers)})" if answers else question),
    )


def _forwarded_parts(
    snapshots: Iterable[discord.MessageSnapshot],
) -> Iterator[MessagePart]:
    """The words of the messages that were forwarded, each with what it held. Discord
    nests no forward in a forward."""
    for snapshot in snapshots:
        yield from _describe_each([snapshot], _forward_part)
        yield from _held_parts(snapshot)


def _forward_part(snapshot: discord.MessageSnapshot) -> MessagePart:
    return MessagePart(kind=PartKind.FORWARD, text=_shortened(snapshot.content))


def _shortened(text: str, most: int = WORDS_LENGTH) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= most else plain[: most - 1] + "…"
