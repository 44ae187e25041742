"""Words for the parts of a message: for a prompt, for the offline voice, and what in
them was said by somebody."""

from __future__ import annotations

from collections.abc import Sequence

from app.domain.model import MessagePart, PartKind

_SPOKEN = frozenset({PartKind.POLL, PartKind.FORWARD})
_ARTICLES = {
    PartKind.SOUND: "a sound",
    PartKind.EMBED: "a link preview",
    PartKind.COMPONENTS: "a row of buttons",
}


def describe_parts(parts: Sequence[MessagePart]) -> str:
    """All parts in one line: `[picture: a.png] [sticker: Wave]`."""
    return " ".join(part.described for part in parts)


def words_of_parts(parts: Sequence[MessagePart]) -> str:
    """What the parts say in words: the question of a poll, the text of a forward. A
    file's name is no word of anybody."""
    return " ".join(part.text for part in parts if part.kind in _SPOKEN and part.text)


def first_thing(parts: Sequence[MessagePart]) -> str:
    """The first part as one speaks of it: `a picture`, `a voice message`; empty where
    there is none."""
    if not parts:
        return ""
    kind = parts[0].kind
    return _ARTICLES.get(kind, f"a {kind}")
