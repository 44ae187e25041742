"""Python runs this as it starts, where this folder is on its path: the process's number is
written down for each round trip that it makes to Redis, where redis-py writes to its
sockets. Any version of the project's code uses redis-py, so none needs a word of this."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import redis.asyncio.connection
import redis.connection

FILE = os.environ.get("PYTHONTRIPS", "")


def note() -> None:
    """One short line, which other processes do not come into."""
    with open(FILE, "a", encoding="utf-8") as lines:
        lines.write(f"{os.getpid()}\n")


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
    def noting(*arguments: Any, **named: Any) -> Any:
        if not is_brokers():
            note()
        return send(*arguments, **named)

    return noting


if FILE:
    for kind in (redis.connection, redis.asyncio.connection):
        shared = kind.AbstractConnection
        shared.send_packed_command = noted(shared.send_packed_command)
