"""Redis's protocol without pool, locks and retries: those of the client library take as
long as the rest of a simulation, or of a machine that makes thousands of calls."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from redis.exceptions import NoScriptError, ResponseError

Command = tuple[str | int | float, ...]


class Connection:
    """One connection to a server at this address."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        self._socket = socket.create_connection((parts.hostname, parts.port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._replies = self._socket.makefile("rb")
        if parts.password:
            self.ask(("AUTH", parts.username or "default", parts.password))
        self.ask(("SELECT", parts.path.lstrip("/") or "0"))

    def ask(self, *commands: Command) -> Any:
        """The reply to the last of these commands."""
        return self.ask_all(commands)[-1]

    def ask_all(self, commands: Sequence[Command]) -> list[Any]:
        """The reply to each of these commands, in one round trip."""
        self._socket.sendall(b"".join(map(_packed, commands)))
        replies = [self._reply() for _ in commands]
        for reply in replies:
            if isinstance(reply, ResponseError):
                raise reply
        return replies

    def _reply(self) -> Any:
        line = self._replies.readline()
        kind, rest = line[:1], line[1:-2]
        match kind:
            case b"$":
                length = int(rest)
                return (
                    None if length < 0 else self._replies.read(length + 2)[:-2].decode()
                )
            case b":":
                return int(rest)
            case b"+":
                return rest.decode()
            case b"*":
                length = int(rest)
                return None if length < 0 else [self._reply() for _ in range(length)]
            case b"-":
                refused = rest.decode()
                unknown = refused.startswith("NOSCRIPT")
                return NoScriptError(refused) if unknown else ResponseError(refused)
        raise ConnectionError("the server is gone")

    def close(self) -> None:
        """End it."""
        self._replies.close()
        self._socket.close()


def _packed(command: Command) -> bytes:
    parts = [b"*%d\r\n" % len(command)]
    for one in command:
        text = (one if isinstance(one, str) else repr(one)).encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(text), text))
    return b"".join(parts)
