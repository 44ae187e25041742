"""Recorded chat: one JSON object a line, read, cast and put on a timetable. Pure but
for `read_log`."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from app.domain.errors import ConfigurationError

LONGEST_GAP = 300.0
"""Seconds: a longer silence of the log is shortened to this."""
MINUTE = 60


class Whereabouts(NamedTuple):
    """Discord's ids of where something was said, as far as the record has them."""

    channel: str = ""
    parent: str | None = None
    """Of a thread: its channel."""
    guild: str | None = None


NOWHERE_KNOWN = Whereabouts()


@dataclass(frozen=True, slots=True)
class LogLine:
    """One recorded message. `at` is Unix seconds; `mentions` are authors whom the text
    names; `reply_to` is a message id."""

    id: str
    channel: str
    author: str
    by_bot: bool
    at: float
    text: str
    mentions: tuple[str, ...] = ()
    reply_to: str | None = None
    place: Whereabouts = NOWHERE_KNOWN
    whole: str = ""
    """The words of its thought, where earlier lines belong to it."""
    awaited: bool = False
    """Whether its author went on before it would have been answered."""


@dataclass(frozen=True, slots=True)
class Cue:
    """One message to be posted `after` seconds of log time from the start."""

    after: float
    line: LogLine


def read_log(files: Iterable[Path]) -> list[LogLine]:
    """All messages with text, oldest first. ConfigurationError for a line that is no
    message."""
    lines = [line for file in files for line in _read_file(file)]
    return sorted(lines, key=lambda line: line.at)


def _read_file(file: Path) -> list[LogLine]:
    found = []
    with file.open(
        encoding="utf-8", errors="replace"
    ) as stream:  # what is no text is no message either
        for number, text in enumerate(stream, 1):
            if not text.strip():
                continue
            try:
                line = _read_line(json.loads(text))
            except (ValueError, KeyError, TypeError):
                raise ConfigurationError(
                    f"{file}:{number}: no message (id, channel, author, ts, content)"
                ) from None
            if line.text:
                found.append(line)
    return _spread_minutes(found)


def _read_line(raw: object) -> LogLine:
    if not isinstance(raw, dict):
        raise TypeError("no object")
    mentions = raw.get("mentions") or ()
    if not isinstance(mentions, list | tuple):
        raise TypeError("mentions")
    return LogLine(
        id=str(raw["id"]),
        channel=str(raw["channel"]),
        author=str(raw["author"]),
        by_bot=bool(raw.get("author_is_bot")),
        at=datetime.fromisoformat(str(raw["ts"])).timestamp(),
        text=str(raw["content"]).strip(),
        mentions=tuple(str(name) for name in mentions),
        reply_to=str(raw["reply_to"]) if raw.get("reply_to") else None,
    )


def _spread_minutes(lines: list[LogLine]) -> list[LogLine]:
    """Logs with minute precision: the messages of one minute are spread evenly over
    it."""
    if any(line.at % MINUTE for line in lines):
        return lines
    total, seen = Counter(line.at for line in lines), Counter[float]()
    spread = []
    for line in lines:
        at = line.at + MINUTE * seen[line.at] / total[line.at]
        spread.append(replace(line, at=at))
        seen[line.at] += 1
    return spread


def make_timetable(
    lines: Sequence[LogLine], longest_gap: float = LONGEST_GAP
) -> list[Cue]:
    """When each message is posted, in seconds of log time; silences are shortened to
    `longest_gap`."""
    cues: list[Cue] = []
    now = 0.0
    for previous, line in zip([None, *lines], lines, strict=False):
        now += (
            0.0
            if previous is None
            else min(max(0.0, line.at - previous.at), longest_gap)
        )
        cues.append(Cue(now, line))
    return cues


def stand_ins(lines: Iterable[LogLine], count: int) -> list[str]:
    """The people whose parts bots play: the most active humans whom others name, then
    simply the most active."""
    spoken: Counter[str] = Counter()
    named: Counter[str] = Counter()
    for line in lines:
        if not line.by_bot:
            spoken[line.author] += 1
        named.update({name for name in line.mentions if name != line.author})
    ranked = sorted(spoken, key=lambda name: (named[name] == 0, -spoken[name], name))
    return ranked[:count]


def rewrite_names(line: LogLine, roles: Mapping[str, str]) -> str:
    """The text with each named person who is played by a bot called by that bot's name;
    `@` before a name stays."""
    text = line.text
    for person in line.mentions:
        if person in roles:
            text = re.sub(
                # A nick may hold a hyphen: "bob" is no part of "bob-2".
                rf"(?<![\w-]){re.escape(person)}(?![\w-])",
                roles[person],
                text,
                flags=re.IGNORECASE,
            )
    return text
