"""What a message holds besides its text, as fields of Discord's message object.

Each function returns fields for `post(..., extra=...)`; several are joined with `|`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import IntFlag
from zlib import crc32

from app.loopback.defaults import MESSAGE_CONTENT
from app.loopback.errors import Json
from app.loopback.state import Account, Channel, Message

CDN = "https://cdn.discordapp.com/attachments/1/1/"
MEDIA_PROXY = "https://media.discordapp.net/attachments/1/1/"

REPLY = 0
FORWARD = 1
"""Types of a message reference."""

CHAT_COMMAND = 20
CONTEXT_MENU_COMMAND = 23
"""Message types of the answers to commands."""

_SNAPSHOT_FIELDS = (*MESSAGE_CONTENT, "sticker_items")


class MessageFlag(IntFlag):
    """The message flags that the loopback server sets."""

    HAS_THREAD = 1 << 5
    VOICE_MESSAGE = 1 << 13
    HAS_SNAPSHOT = 1 << 14


def attachment(
    name: str, content_type: str, size: int = 1, url: str | None = None
) -> Json:
    """One attached file of `size` bytes, which lies at Discord's own address unless
    `url` says another."""
    return {
        "id": str(crc32(name.encode())),
        "filename": name,
        "size": size,
        "url": url or CDN + name,
        "proxy_url": url or MEDIA_PROXY + name,
        "content_type": content_type,
    }


def picture(name: str = "a.png", size: int = 1, url: str | None = None) -> Json:
    """A message with one picture of 2 by 2 pixels."""
    return {
        "attachments": [
            attachment(name, "image/png", size, url) | {"width": 2, "height": 2}
        ]
    }


def text_file(name: str = "message.txt", size: int = 1, url: str | None = None) -> Json:
    """A message with a text file; Discord's clients make a long paste one of this
    name."""
    return {"attachments": [attachment(name, "text/plain; charset=utf-8", size, url)]}


def voice_message(seconds: float = 2.5) -> Json:
    """A recorded voice message."""
    recording = attachment("voice-message.ogg", "audio/ogg")
    return {
        "flags": int(MessageFlag.VOICE_MESSAGE),
        "attachments": [recording | {"duration_secs": seconds, "waveform": "AA=="}],
    }


def stickers(*names: str) -> Json:
    """A message with stickers (PNG)."""
    return {
        "sticker_items": [
            {"id": str(i), "name": name, "format_type": 1}
            for i, name in enumerate(names, 1)
        ]
    }


def poll(question: str, answers: Sequence[str]) -> Json:
    """A poll that is open for another day."""
    expiry = datetime.now(UTC) + timedelta(days=1)
    return {
        "poll": {
            "question": {"text": question},
            "answers": [
                {"answer_id": i, "poll_media": {"text": text}}
                for i, text in enumerate(answers, 1)
            ],
            "expiry": expiry.isoformat(timespec="milliseconds"),
            "allow_multiselect": False,
            "layout_type": 1,
            "results": {"answer_counts": [], "is_finalized": False},
        }
    }


def link_embed(url: str, title: str, description: str = "") -> Json:
    """The preview of a link, as one embed."""
    return {"type": "link", "url": url, "title": title, "description": description}


def embeds(*items: Json) -> Json:
    """A message with these embeds."""
    return {"embeds": list(items)}


def button(label: str) -> Json:
    """A message with one row of one button."""
    pressed = {"type": 2, "id": 2, "style": 1, "label": label, "custom_id": label}
    return {"components": [{"type": 1, "id": 1, "components": [pressed]}]}


def snapshot(shape: Json) -> Json:
    """What a forward keeps of a message, from the message's own JSON: neither author
    nor ids."""
    return {
        "message": {name: shape[name] for name in _SNAPSHOT_FIELDS if name in shape}
    }


def forward(original: Message, shape: Json) -> Json:
    """A forward of a message whose JSON is `shape`."""
    reference: Json = {
        "type": FORWARD,
        "channel_id": str(original.channel.id),
        "message_id": str(original.id),
    }
    if original.channel.guild_id is not None:
        reference["guild_id"] = str(original.channel.guild_id)
    return {
        "flags": int(MessageFlag.HAS_SNAPSHOT),
        "message_reference": reference,
        "message_snapshots": [snapshot(shape)],
    }


def command_answer(
    user: Json, application: Account, name: str, kind: int, interaction_id: int
) -> Json:
    """The answer of an application to a person's command; it comes by a webhook with
    the application's id."""
    interaction: Json = {"id": str(interaction_id), "type": 2, "user": user}
    return {
        "type": kind,
        "application_id": str(application.id),
        "webhook_id": str(application.id),
        "interaction_metadata": interaction | {"authorizing_integration_owners": {}},
        "interaction": interaction | {"name": name},
    }


def thread_created(thread: Channel) -> Json:
    """Points from the parent channel to a thread that hangs on no message."""
    reference = {
        "type": REPLY,
        "channel_id": str(thread.id),
        "guild_id": str(thread.guild_id),
    }
    return {"message_reference": reference}
