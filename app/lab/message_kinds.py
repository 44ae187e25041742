"""One message of each kind that people send: what a bot hears of it, and
docs/messages.md made of that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.brain.ports import Enclosed
from app.brain.prompt import Shown, asked, words_of_message
from app.content.words import first_thing
from app.domain.model import Event, InboxEntry, MessagePart, PartKind, Signal
from app.loopback import kinds

MESSAGE = "1000000000000000001"


@dataclass(frozen=True, slots=True)
class MessageKind:
    """A kind of message: its text and further fields of Discord's message object, and
    what is heard of them."""

    name: str
    fields: Mapping[str, object]
    parts: tuple[MessagePart, ...]
    text: str = ""
    enclosed: Enclosed = field(default_factory=Enclosed)
    """What is opened of its files where they can be fetched."""


def _file_part(
    kind: PartKind, name: str, media_type: str, size: int = 1
) -> MessagePart:
    return MessagePart(
        kind=kind, text=name, url=kinds.CDN + name, media_type=media_type, size=size
    )


def _with_attachment(name: str, media_type: str, size: int = 1) -> Mapping[str, object]:
    return {"attachments": [kinds.attachment(name, media_type, size)]}


_SNAPSHOT = {
    "type": 0,
    "content": "Can an octopus live on land?",
    "mentions": [],
    "mention_roles": [],
    "attachments": [],
    "embeds": [],
    "timestamp": "2026-01-01T00:00:00+00:00",
    "edited_timestamp": None,
    "flags": 0,
    "components": [],
}
_FORWARDED = {
    "flags": int(kinds.MessageFlag.HAS_SNAPSHOT),
    "message_reference": {"type": kinds.FORWARD, "channel_id": "1", "message_id": "2"},
    "message_snapshots": [{"message": _SNAPSHOT}],
}

KINDS: tuple[MessageKind, ...] = (
    MessageKind("text", {}, (), text="Good morning"),
    MessageKind(
        "picture",
        kinds.picture(),
        (_file_part(PartKind.PICTURE, "a.png", "image/png"),),
    ),
    MessageKind(
        "picture with words",
        kinds.picture(),
        (_file_part(PartKind.PICTURE, "a.png", "image/png"),),
        text="Look at this",
    ),
    MessageKind(
        "video",
        _with_attachment("a.mp4", "video/mp4"),
        (_file_part(PartKind.VIDEO, "a.mp4", "video/mp4"),),
    ),
    MessageKind(
        "sound",
        _with_attachment("a.mp3", "audio/mpeg"),
        (_file_part(PartKind.SOUND, "a.mp3", "audio/mpeg"),),
    ),
    MessageKind(
        "voice message",
        kinds.voice_message(),
        (_file_part(PartKind.VOICE, "voice-message.ogg", "audio/ogg"),),
    ),
    MessageKind(
        "long paste",
        kinds.text_file(),
        (_file_part(PartKind.TEXT_FILE, "message.txt", "text/plain"),),
        enclosed=Enclosed(texts=(("message.txt", "It was a long day at the reef."),)),
    ),
    MessageKind(
        "other file",
        _with_attachment("a.zip", "application/zip"),
        (_file_part(PartKind.FILE, "a.zip", "application/zip"),),
    ),
    MessageKind(
        "sticker",
        kinds.stickers("Wave"),
        (MessagePart(kind=PartKind.STICKER, text="Wave"),),
    ),
    MessageKind(
        "poll",
        kinds.poll("Tea or coffee?", ["Tea", "Coffee"]),
        (MessagePart(kind=PartKind.POLL, text="Tea or coffee? (Tea, Coffee)"),),
    ),
    MessageKind(
        "forward",
        _FORWARDED,
        (MessagePart(kind=PartKind.FORWARD, text="Can an octopus live on land?"),),
    ),
    MessageKind(
        "link with its preview",
        kinds.embeds(
            kinds.link_embed("https://example.org/", "Reefs", "How they grow")
        ),
        (MessagePart(kind=PartKind.EMBED, text="Reefs / How they grow"),),
        text="https://example.org/",
    ),
    MessageKind(
        "buttons", kinds.button("Press"), (MessagePart(kind=PartKind.COMPONENTS),)
    ),
)


def inbox_entry(kind: MessageKind) -> InboxEntry:
    """The kind as a bot finds it in its inbox."""
    event = Event(
        message_id=MESSAGE,
        channel_id="2",
        author_id="3",
        author_name="Kim",
        content=kind.text,
        parts=kind.parts,
        is_dm=True,
    )
    return InboxEntry(entry_id="0-1", event=event, signal=Signal.DIRECT)


def shown_to_model(kind: MessageKind) -> dict[str, object]:
    """What a model reads of it."""
    message = asked(inbox_entry(kind), Shown(enclosed=kind.enclosed), me="4", names=())
    return {name: value for name, value in message.items() if name != "from" and value}


def offline_answer(kind: MessageKind) -> str:
    """What the offline voice answers: words where there are any, else that it cannot
    make the thing out."""
    words = words_of_message(inbox_entry(kind).event, kind.enclosed)
    return (
        f"“{words}”" if words else f"that it cannot make out {first_thing(kind.parts)}"
    )


def table_rows() -> list[tuple[str, str, str]]:
    """The table of docs/messages.md."""
    return [
        (
            kind.name,
            ", ".join(
                f"{name}: `{value}`" for name, value in shown_to_model(kind).items()
            ),
            offline_answer(kind),
        )
        for kind in KINDS
    ]
