"""Log files of `up`: what each of its processes writes, kept in the data folder, and
read back in the order of time.

A line is a UTC time and a text. An indented text goes on with the line before it: the
traceback of an exception.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from heapq import merge
from pathlib import Path
from typing import IO, NamedTuple

FOLDER = "logs"
"""In the data folder."""
MOST_BYTES = 4 * 1024**2
"""Bytes after which a file is moved aside."""
MOVED_ASIDE = 3
"""Files of a process beside the one that it writes now."""
LONGEST = 8 * 1024
"""Characters of a line that are kept."""
OWN_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S* +")
"""With which our own lines begin; the time of arrival stands in its place."""


class LogEntry(NamedTuple):
    """One kept line. `at` is UTC in ISO 8601, which sorts by time."""

    at: str
    process: str
    text: str


class KeptLogs:
    """Writes the files; from any thread."""

    def __init__(self, folder: Path, most_bytes: int = MOST_BYTES) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._files: dict[str, IO[str]] = {}
        self._failing = False

    def write(self, process: str, line: str) -> str:
        """Keep one line. Returns why it could not be kept, once for each trouble, else
        an empty text: the writer must go on when the disk is full."""
        with self._lock:
            try:
                self._append(process, line[:LONGEST])
            except OSError as error:
                self._forget(process)
                first, self._failing = not self._failing, True
                reason = error.strerror or type(error).__name__
                return f"logs are not kept: {reason}" if first else ""
            self._failing = False
            return ""

    def close(self) -> None:
        """Close the files."""
        with self._lock:
            for process in list(self._files):
                self._forget(process)

    def _append(self, process: str, line: str) -> None:
        file = self._files.get(process) or self._open(process)
        if file.tell() >= self._most_bytes:
            file.close()
            self._move_aside(process)
            file = self._open(process)
        file.write(f"{time_text(datetime.now(UTC))} {OWN_TIME.sub('', line, 1)}\n")
        file.flush()

    def _open(self, process: str) -> IO[str]:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        path = file_of(self._folder, process)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        file = os.fdopen(descriptor, "a", encoding="utf-8", errors="replace")
        self._files[process] = file
        return file

    def _move_aside(self, process: str) -> None:
        for number in range(MOVED_ASIDE, 0, -1):
            older = file_of(self._folder, process, number)
            newer = file_of(self._folder, process, number - 1)
            if newer.exists():
                newer.replace(older)

    def _forget(self, process: str) -> None:
        file = self._files.pop(process, None)
        if file is None:
            return
        try:
            file.close()
        except OSError:
            # What it still held does not fit on the disk either.
            return


def file_of(folder: Path, process: str, number: int = 0) -> Path:
    """Where a process's lines are: the newest in number 0."""
    return folder / (f"{process}.log.{number}" if number else f"{process}.log")


def time_text(moment: datetime) -> str:
    """A time as it stands before a line."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass
class _Position:
    """How far a process's files were read."""

    inode: int = 0
    offset: int = 0


@dataclass
class LogReader:
    """Reads what was written since it last looked, the oldest first; at the first look
    all that is kept.

    `bot`: only what is told of it; `process`: only what this one told; `since`: only
    what came at or after this time, as `time_text` writes it.
    """

    folder: Path
    bot: str = ""
    process: str = ""
    since: str = ""
    _positions: dict[str, _Position] = field(default_factory=dict)

    def processes(self) -> list[str]:
        """Whose lines are kept."""
        return sorted(file.name.removesuffix(".log") for file in self._newest_files())

    def entries(self) -> Iterator[LogEntry]:
        """The lines of all processes since the last look."""
        names = [self.process] if self.process else self.processes()
        return merge(*map(self._wanted_of, names), key=lambda entry: entry.at)

    def _newest_files(self) -> Iterator[Path]:
        return self.folder.glob("*.log")

    def _wanted_of(self, process: str) -> Iterator[LogEntry]:
        mentions = re.compile(
            # As the console's lines, JSON lines and `up` name a bot.
            rf"""(?:\bbot=['"]?|"bot": "|^){re.escape(self.bot)}(?![\w-])"""
        )
        wanted = False
        for line in self._lines_of(process):
            at, _, text = line.partition(" ")
            if not text.startswith(" ") or not text.strip():
                wanted = not self.bot or bool(mentions.search(text))
            if wanted and at >= self.since:
                yield LogEntry(at, process, text)

    def _lines_of(self, process: str) -> Iterator[str]:
        place = self._positions.setdefault(process, _Position())
        for stream in _opened(self.folder, process, place.inode):
            with stream:
                inode = os.fstat(stream.fileno()).st_ino
                stream.seek(place.offset if inode == place.inode else 0)
                place.inode, place.offset = inode, stream.tell()
                for raw in stream:
                    # The rest of this line is still to be written.
                    if not raw.endswith(b"\n"):
                        break
                    place.offset += len(raw)
                    yield raw.decode(errors="replace").rstrip("\n")


def _opened(folder: Path, process: str, inode: int) -> list[IO[bytes]]:
    """The files from the one with this inode on, the oldest first; all where it is not
    there any more. Opened at once: a file that is moved aside meanwhile is read all the
    same."""
    found: list[IO[bytes]] = []
    for number in range(MOVED_ASIDE + 1):
        try:
            stream = file_of(folder, process, number).open("rb")
        except OSError:
            continue
        found.insert(0, stream)
        if os.fstat(stream.fileno()).st_ino == inode:
            break
    return found
