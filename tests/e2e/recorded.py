"""What each user of Redis really does: every command of every process, with the keys
and channels that it touches."""

from __future__ import annotations

import contextlib
import re
import secrets
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

import redis

from tests.patience import patience

LINE = re.compile(r"^[\d.]+ \[(\d+) ([^\]]*)\] (.*)$", re.DOTALL)
CLIENT = re.compile(r"^id=\d+ addr=(\S+) .* user=(\S+)", re.MULTILINE)
LOGIN = re.compile(r'"(?:AUTH|HELLO)"', re.IGNORECASE)
WORD = re.compile(r'"((?:[^"\\]|\\.)*)"')
WITH_PARTS = {"client", "script", "acl", "slowlog", "command", "object"}
CHANNELS = {
    "publish": 1,
    "subscribe": 9,
    "psubscribe": 9,
    "unsubscribe": 9,
    "punsubscribe": 9,
}
"""How many of a command's arguments are channels, at most."""


@dataclass
class Used:
    """What one user did."""

    commands: set[str] = field(default_factory=set)
    read: set[str] = field(default_factory=set)
    written: set[str] = field(default_factory=set)
    channels: set[str] = field(default_factory=set)


class Recorder(threading.Thread):
    """Listens to MONITOR. What a script calls is booked on whoever called the
    script."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self._client = redis.Redis.from_url(url, decode_responses=True)
        self._client.response_callbacks.clear()
        self._users: dict[str, str] = {}
        self._lines: list[tuple[str, str]] = []
        self.unknown: set[str] = set()
        """Commands of connections that had gone before anybody could ask whose they
        were."""
        self._connection = self._client.connection_pool.get_connection()
        self._connection.send_command("MONITOR")
        self._connection.read_response()
        self.start()

    def run(self) -> None:
        """Until the server closes the connection."""
        caller = ""
        with contextlib.suppress(redis.RedisError, OSError, ValueError):
            while True:
                found = LINE.match(str(self._connection.read_response()))
                if found is None:
                    continue
                if found[2] != "lua":
                    caller = self._user(found[2], found[3])
                self._lines.append((caller, found[3]))

    def _user(self, address: str, command: str) -> str:
        if address not in self._users:
            listed = str(self._client.execute_command("CLIENT LIST"))
            users = dict(CLIENT.findall(listed))
            self._users |= {
                other: user for other, user in users.items() if user != "default"
            }
            # A connection is another's after its login, with which it begins.
            if LOGIN.match(command):
                return users.get(address, "(unknown)")
            if address in users:
                self._users[address] = users[address]
        return self._users.get(address, "(unknown)")

    def saw(self, user: str, beginning: str) -> bool:
        """Whether a user named a key that begins so. Cheap: it asks the server for
        nothing."""
        return any(
            caller == user and f'"{beginning}' in command
            for caller, command in list(self._lines)
        )

    def used(self) -> dict[str, Used]:
        """By user, all that was done until now."""
        self._catch_up()
        done: dict[str, Used] = defaultdict(Used)
        for user, command in set(self._lines):
            words = WORD.findall(command)
            if user == "(unknown)":
                self.unknown.add(" ".join(words)[:60])
            else:
                self._book(done[user], words)
        return done

    def _catch_up(self) -> None:
        """Wait until the thread has read what the server has said so far."""
        mark = secrets.token_hex(8)
        self._client.execute_command("ECHO", mark)
        deadline = time.monotonic() + patience(30.0)
        while not any(mark in command for _, command in list(self._lines)):
            assert time.monotonic() < deadline, "MONITOR shows nothing any more"
            time.sleep(0.01)

    def _book(self, used: Used, words: Sequence[str]) -> None:
        name = words[0].lower()
        used.commands.add(f"{name}|{words[1].lower()}" if name in WITH_PARTS else name)
        if name in CHANNELS:
            used.channels.update(words[1 : 1 + CHANNELS[name]])
            return
        for key, flags in self._keys(words):
            if set(flags) & {"access"} or "RO" in flags:
                used.read.add(key)
            if set(flags) & {"update", "insert", "delete"}:
                used.written.add(key)

    def _keys(self, words: Sequence[str]) -> list[tuple[str, list[str]]]:
        try:
            return [
                (str(key), list(flags))
                for key, flags in self._client.execute_command(
                    "COMMAND GETKEYSANDFLAGS", *words
                )
            ]
        except redis.ResponseError:
            return []  # it has no keys


@dataclass
class Granted:
    """One user's line of the file."""

    commands: tuple[str, ...]
    read: tuple[str, ...]
    written: tuple[str, ...]
    channels: tuple[str, ...]

    @classmethod
    def of(cls, line: str) -> Granted:
        """From `user <name> ...`, as far as this file's lines go: commands one by one,
        patterns with their permissions."""
        words = line.replace("(", " ").replace(")", " ").split()[2:]
        keys = [
            (word.partition("~")[0] or "%RW", word.partition("~")[2])
            for word in words
            if re.match(r"(%[RW]+)?~", word)
        ]
        return cls(
            commands=tuple(word[1:] for word in words if word.startswith("+")),
            read=tuple(pattern for kind, pattern in keys if "R" in kind),
            written=tuple(pattern for kind, pattern in keys if "W" in kind),
            channels=tuple(word[1:] for word in words if word.startswith("&")),
        )


def unused(granted: Granted, used: Used) -> list[str]:
    """What the user may do and never did."""
    idle = [
        f"+{command}" for command in granted.commands if command not in used.commands
    ]
    for kind, patterns, keys in (
        ("%R~", granted.read, used.read),
        ("%W~", granted.written, used.written),
        ("&", granted.channels, used.channels),
    ):
        idle += [
            kind + pattern
            for pattern in patterns
            if not any(matches(pattern, key) for key in keys)
        ]
    return sorted(idle)


def matches(pattern: str, key: str) -> bool:
    """Redis's patterns, as far as the file uses them. Escapes in a key, as MONITOR
    writes them, are one character each."""
    return fnmatchcase(re.sub(r"\\x[0-9a-f]{2}|\\.", "?", key), pattern)
