"""Python runs this as it starts, where this folder is on its path: each round trip to
Redis is written down where redis-py writes to its sockets, as the process's number and the
commands. Any version of the project's code uses redis-py, so none needs a word of this."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

import redis.asyncio.connection
import redis.connection

FILE = os.environ.get("PYTHONTRIPS", "")


COMMAND = re.compile(rb"\*\d+\r\n\$\d+\r\n(\w+)\r\n")
"""As it begins on the wire."""


def note(packed: bytes | str | Sequence[bytes]) -> None:
    """One short line, which other processes do not come into."""
    whole = packed if isinstance(packed, bytes) else b"".join(map(as_bytes, packed))
    words = b" ".join(COMMAND.findall(whole)).decode()
    with open(FILE, "a", encoding="utf-8") as lines:
        lines.write(f"{os.getpid()} {words}\n")


def as_bytes(part: bytes | str) -> bytes:
    """A part of what is sent."""
    return part.encode() if isinstance(part, str) else part


def is_brokers() -> bool:
    """Whether Celery's broker client asks: a hint is no part of a turn's own work."""
    frame = sys._getframe(1)
    while frame is not None:
        if str(frame.f_globals.get("__name__", "")).startswith("kombu."):
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False


def noted(send: Callable[..., Any]) -> Callable[..., Any]:
    """The same, written down."""

    @wraps(send)
    def noting(connection: Any, packed: Any, *more: Any, **named: Any) -> Any:
        if not is_brokers():
            note(packed)
        return send(connection, packed, *more, **named)

    return noting


if FILE:
    for kind in (redis.connection, redis.asyncio.connection):
        shared = kind.AbstractConnection
        shared.send_packed_command = noted(shared.send_packed_command)
