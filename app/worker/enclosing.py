"""What a bot opens of the files that came with a message: texts for every bot, pictures
for one whose model sees."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from app.brain.ports import Enclosed, Picture
from app.delivery.media import picture_type, plain_text
from app.delivery.rest import DiscordRest
from app.domain.model import MessagePart, PartKind

TEXT_BYTES = 64 * 1024
PICTURE_BYTES = 5 * 1024 * 1024
MOST_TEXTS = 2
MOST_PICTURES = 4


def enclosed(rest: DiscordRest, parts: Sequence[MessagePart], vision: bool) -> Enclosed:
    """Open what can be opened. What cannot is named with the reason; the answer goes on
    without it."""
    texts: list[tuple[str, str]] = []
    pictures: list[Picture] = []
    problems: list[str] = []
    for part in [part for part in parts if part.kind is PartKind.TEXT_FILE][
        :MOST_TEXTS
    ]:
        data, problem = _opened(rest, part, TEXT_BYTES)
        words = plain_text(data)
        if words.strip():
            texts.append((part.text, words))
        else:
            problems.append(f"{part.text}: {problem or 'it is no text'}")
    for part in [part for part in parts if vision and part.kind is PartKind.PICTURE][
        :MOST_PICTURES
    ]:
        data, problem = _opened(rest, part, PICTURE_BYTES)
        media_type = picture_type(data)
        if media_type:
            pictures.append(Picture(media_type, base64.b64encode(data).decode()))
        else:
            problems.append(
                f"{part.text}: {problem or 'it is no picture that a model could see'}"
            )
    return Enclosed(tuple(texts), tuple(pictures), tuple(problems))


def _opened(rest: DiscordRest, part: MessagePart, most: int) -> tuple[bytes, str]:
    # This only saves the request: `fetch` counts the bytes itself.
    if part.size > most:
        return b"", "it is too large"
    return rest.fetch(part.url, most) if part.url else (b"", "it has no address")
