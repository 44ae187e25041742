"""What a program in this process asks of Redis, one round trip after another, counted
where redis-py writes to its sockets."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
import redis.asyncio.connection
import redis.connection

from app.store import scripts

SETTING_UP = frozenset({"HELLO", "AUTH", "SELECT", "CLIENT", "SCRIPT", "PING"})
"""What a connection, or a new server, asks once."""


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, ...]]]:
    """The round trips made meanwhile, each with what goes in it: names of scripts and
    of commands."""
    found: list[tuple[str, ...]] = []
    names = {
        hashlib.sha1(
            scripts.source(name).encode(), usedforsecurity=False
        ).hexdigest(): name
        for name in scripts.CONTRACTS
    }

    def note(packed: bytes | str | Sequence[bytes]) -> None:
        whole = packed if isinstance(packed, bytes) else b"".join(map(_bytes, packed))
        trip = tuple(_name(one, names) for one in _commands(whole))
        if not SETTING_UP.issuperset(trip):
            found.append(trip)

    blocking = redis.connection.AbstractConnection
    awaiting = redis.asyncio.connection.AbstractConnection
    send, send_async = blocking.send_packed_command, awaiting.send_packed_command

    def sent(self: Any, command: Any, check_health: bool = True) -> None:
        note(command)
        send(self, command, check_health)

    async def sent_async(self: Any, command: Any, check_health: bool = True) -> None:
        note(command)
        await send_async(self, command, check_health)

    with monkeypatch.context() as patched:
        patched.setattr(blocking, "send_packed_command", sent)
        patched.setattr(awaiting, "send_packed_command", sent_async)
        yield found


def _bytes(part: bytes | str) -> bytes:
    return part.encode() if isinstance(part, str) else part


def _commands(packed: bytes) -> Iterator[list[str]]:
    """Commands as they stand on the wire: `*2`, `$3`, `GET`, `$1`, `k`."""
    at = 0

    def line() -> int:
        nonlocal at
        end = packed.index(b"\r\n", at)
        number = int(packed[at + 1 : end])
        at = end + 2
        return number

    while at < len(packed):
        parts = []
        for _ in range(line()):
            length = line()
            parts.append(packed[at : at + length].decode("utf-8", "replace"))
            at += length + 2
        yield parts


def _name(command: Sequence[str], names: dict[str, str]) -> str:
    if command[0] == "EVALSHA":
        return names.get(command[1], "EVALSHA")
    return command[0]
