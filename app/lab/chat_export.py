"""DiscordChatExporter's JSON, read message by message: an export may be larger than the
memory of the machine.

An export is one object of `guild` (`id`), `channel` (`id`, `name`, `type`,
`categoryId`) and `messages`, the oldest message first. Of a message these count: `id`,
`type`, `timestamp`, `content`, `author` (`name`, `nickname`, `isBot`), `mentions` and
`reference.messageId`. Everything else is skipped.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from app.domain.errors import ConfigurationError
from app.lab.chatlog import NOWHERE_KNOWN, LogLine, Whereabouts

CHUNK = 64 * 1024
"""Bytes that are read at once."""
LARGEST = 16 * 1024**2
"""Characters of one value. A message is thousands of times smaller."""
SPOKEN = frozenset({"Default", "Reply"})
"""Types of messages that people write; others tell of joins, pins and calls."""
BEGINS = re.compile(
    r"\ufeff?\s*\{\s*\"(?:(?:guild|channel|dateRange)\"\s*:\s*\{|messages\"\s*:\s*\[)"
)
IS_HTML = re.compile(r"\ufeff?\s*<(?:!doctype|html)", re.IGNORECASE)

Seen = Callable[[int], object]
"""Gets how many bytes were read."""


def is_export(file: Path) -> bool:
    """Whether a file is such an export. Raises ConfigurationError for one that was
    exported as HTML, which nobody can read back."""
    with file.open("rb") as stream:
        head = stream.read(CHUNK).decode("utf-8", "replace")
    if IS_HTML.match(head):
        raise ConfigurationError(
            f"{file}: is HTML; export the channel again as JSON (--format Json)"
        )
    return BEGINS.match(head) is not None


def read_export(file: Path, seen: Seen = lambda _: None) -> Iterator[LogLine]:
    """Its messages that have a text, in their order. Raises ConfigurationError of one
    line for a file that is cut off, is no export, or is not in the order of time."""
    with file.open("rb") as stream:
        reader = _Reader(stream, file, seen)
        channel, latest = file.stem, 0.0
        place = NOWHERE_KNOWN
        for name, value in reader.fields():
            if name == "guild" and isinstance(value, dict):
                place = place._replace(guild=str(value.get("id") or "") or None)
            elif name == "channel" and isinstance(value, dict):
                channel = str(value.get("name") or channel)
                place = _channel_of(value, place)
            elif name == "message":
                line = reader.understood(value, channel, place)
                if line is None:
                    continue
                if line.at < latest:
                    raise ConfigurationError(
                        f"{file}: message {line.id} is older than the one before it; export the oldest first"
                    )
                latest = line.at
                yield line


class _Reader:
    """The values of one file, one after the other."""

    def __init__(self, stream: IO[bytes], file: Path, seen: Seen) -> None:
        self._stream = stream
        self._file = file
        self._seen = seen
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._json = json.JSONDecoder()
        self._text = ""
        self._at = 0
        self._messages = 0

    def fields(self) -> Iterator[tuple[str, object]]:
        """The fields of the export, and each of its messages as `message`."""
        self._take("{")
        while True:
            name = self._value()
            self._take(":")
            if name == "messages":
                yield from self._elements()
            else:
                yield str(name), self._value()
            if self._next() != ",":
                self._take("}")
                return
            self._take(",")

    def understood(
        self, raw: object, channel: str, place: Whereabouts
    ) -> LogLine | None:
        """A message; None: nobody wrote a text. Raises ConfigurationError."""
        try:
            return _line_of(raw, channel, place)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise ConfigurationError(
                f"{self._file}: message {self._messages} is none of DiscordChatExporter's (id, type, timestamp, content, author)"
            ) from None

    def _elements(self) -> Iterator[tuple[str, object]]:
        self._take("[")
        while self._next() != "]":
            self._messages += 1
            yield "message", self._value()
            if self._next() == ",":
                self._take(",")
        self._take("]")

    def _value(self) -> object:
        self._next()
        while True:
            try:
                value, end = self._json.raw_decode(self._text, self._at)
            except ValueError:
                end = len(self._text)
                if end - self._at > LARGEST or not self._fill():
                    raise self._broken() from None
                continue
            except RecursionError:
                raise self._broken() from None
            # A number at the end of what was read may go on.
            if end < len(self._text) or not self._fill():
                self._at = end
                return value

    def _next(self) -> str:
        """The next character that is no blank; it stays."""
        while True:
            while self._at < len(self._text) and self._text[self._at].isspace():
                self._at += 1
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._fill():
                raise self._broken()

    def _take(self, character: str) -> None:
        if self._next() != character:
            raise self._broken()
        self._at += 1

    def _fill(self) -> bool:
        raw = self._stream.read(CHUNK)
        if not raw:
            return False
        self._text = self._text[self._at :] + self._decoder.decode(raw)
        self._at = 0
        self._seen(len(raw))
        return True

    def _broken(self) -> ConfigurationError:
        return ConfigurationError(
            f"{self._file}: is cut off, or no valid JSON, after {self._messages} messages; export it again"
        )


def _line_of(raw: Any, channel: str, place: Whereabouts) -> LogLine | None:
    text = str(raw["content"]).strip()
    if raw.get("type", "Default") not in SPOKEN or not text:
        return None
    author: Mapping[str, Any] = raw["author"]
    reference = raw.get("reference") or {}
    return LogLine(
        id=str(raw["id"]),
        channel=channel,
        author=_name_of(author),
        by_bot=bool(author.get("isBot")),
        at=datetime.fromisoformat(str(raw["timestamp"])).timestamp(),
        text=text,
        mentions=tuple(_name_of(one) for one in raw.get("mentions") or ()),
        reply_to=str(reference.get("messageId") or "") or None,
        place=place,
    )


def _channel_of(raw: Mapping[str, Any], place: Whereabouts) -> Whereabouts:
    """Of a thread the exporter names the channel as its category."""
    parent = str(raw.get("categoryId") or "") or None
    is_thread = "Thread" in str(raw.get("type") or "")
    return place._replace(
        channel=str(raw.get("id") or ""), parent=parent if is_thread else None
    )


def _name_of(person: Mapping[str, Any]) -> str:
    return str(person.get("nickname") or person["name"])
