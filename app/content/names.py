"""Names for Discord's ids in a text: people, roles, channels, emoji, commands, times."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

_ID = re.compile(
    r"<(?:(?P<sign>@[!&]?|#)(?P<id>\d{1,20})"
    r"|a?:(?P<emoji>\w{1,64}):\d{1,20}"
    r"|/(?P<command>[^:<>\n]{1,100}):\d{1,20}"
    r"|t:(?P<time>-?\d{1,13})(?::[tTdDfFR])?"
    r"|id:(?P<place>\w{1,32}))>"
)
_UNKNOWN = {"@": "somebody", "@!": "somebody", "@&": "a role", "#": "a channel"}


def ids_in(text: str) -> tuple[str, ...]:
    """The ids of people, roles and channels that a text mentions, each once."""
    return tuple(dict.fromkeys(match["id"] for match in _ID.finditer(text) if match["id"]))


def legible(text: str, names: Mapping[str, str]) -> str:
    """The text as a person sees it. `names`: by id; an id without one is `@somebody`, `@a role` or `#a channel`."""
    return _ID.sub(lambda match: _shown(match, names), text)


def _shown(match: re.Match[str], names: Mapping[str, str]) -> str:
    if match["id"]:
        sign = match["sign"]
        name = " ".join(names.get(match["id"], "").split()) or _UNKNOWN[sign]
        return ("#" if sign == "#" else "@") + name
    if match["emoji"]:
        return f":{match['emoji']}:"
    if match["command"]:
        return f"/{match['command']}"
    return _date(match["time"]) if match["time"] else f"#{match['place']}"


def _date(seconds: str) -> str:
    try:
        return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError, OSError):
        return "a time"
