"""Names for Discord's ids in a text: people, roles, channels, emoji, commands,
times."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from app.domain.model import MessagePart

_ID = re.compile(
    r"<(?:(?P<sign>@[!&]?|#)(?P<id>\d{1,20})"
    r"|a?:(?P<emoji>\w{1,64}):\d{1,20}"
    r"|/(?P<command>[^:<>\n]{1,100}):\d{1,20}"
    r"|t:(?P<time>-?\d{1,13})(?::[tTdDfFR])?"
    r"|id:(?P<place>\w{1,32}))>"
)
PART_LENGTH = 1_000
"""Most characters of a part's text."""
_JUMP = re.compile(
    r"https://(?:\w+\.)?discord(?:app)?\.com/channels/(?:\d{1,20}|@me)/(?P<channel>\d{1,20})(?:/(?P<message>\d{1,20}))?"
)
"""The address of a channel or of a message in it."""
_UNKNOWN = {"@": "somebody", "@!": "somebody", "@&": "a role", "#": "a channel"}


def ids_in(text: str) -> tuple[str, ...]:
    """The ids of people, roles and channels that a text mentions, each once."""
    mentioned = [match["id"] for match in _ID.finditer(text) if match["id"]]
    linked = [match["channel"] for match in _JUMP.finditer(text)]
    return tuple(dict.fromkeys([*mentioned, *linked]))


def make_legible(text: str, names: Mapping[str, str]) -> str:
    """The text as a person sees it. `names`: by id; an id without one is `@somebody`,
    `@a role` or `#a channel`."""
    named = _ID.sub(lambda match: _shown_text(match, names), text)
    return _JUMP.sub(lambda match: _linked_text(match, names), named)


def _linked_text(match: re.Match[str], names: Mapping[str, str]) -> str:
    """As a client shows a link into Discord."""
    name = " ".join(names.get(match["channel"], "").split())
    channel = f"#{name}" if name else "a channel"
    return f"(a message in {channel})" if match["message"] else channel


def named_parts(
    parts: Sequence[MessagePart], names: Mapping[str, str]
) -> tuple[MessagePart, ...]:
    """Parts with names for the ids in what they say: polls, forwards and previews
    mention people, too."""
    return tuple(
        [
            part.model_copy(
                update={"text": make_legible(part.text, names)[:PART_LENGTH]}
            )
            for part in parts
        ]
    )


def _shown_text(match: re.Match[str], names: Mapping[str, str]) -> str:
    if match["id"]:
        sign = match["sign"]
        name = " ".join(names.get(match["id"], "").split()) or _UNKNOWN[sign]
        return ("#" if sign == "#" else "@") + name
    if match["emoji"]:
        return f":{match['emoji']}:"
    if match["command"]:
        return f"/{match['command']}"
    return _date_text(match["time"]) if match["time"] else f"#{match['place']}"


def _date_text(seconds: str) -> str:
    try:
        return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%d %H:%M UTC")
    # Thirteen digits reach beyond the years that datetime knows.
    except (ValueError, OverflowError, OSError):
        return "a time"
