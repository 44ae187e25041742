"""Looks for secrets in every place where one could leak: Redis, logs, Flower, command
lines."""

from __future__ import annotations

import base64
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote, quote_plus

import redis

FLOWER_PAGES = (
    "/", "/workers", "/workers?json=1", "/tasks", "/broker", "/metrics", "/api/workers?refresh=1", "/api/workers?status=1",
    "/api/tasks", "/api/task/types", "/api/queues/length",
)  # fmt: skip


def forms(secret: str) -> set[bytes]:
    """The secret as it is, URL-encoded, in hexadecimal and in base64, there wherever it
    begins in a longer text."""
    raw = secret.encode()
    found = {
        raw,
        quote(secret, safe="").encode(),
        quote_plus(secret).encode(),
        raw.hex().encode(),
    }
    for offset in range(3):
        text = base64.b64encode(b"\0" * offset + raw)
        # The first and the last characters also hold bits of what stands around.
        inner = text[{0: 0, 1: 2, 2: 3}[offset] : len(text) // 4 * 4 - 4]
        found |= {inner, inner.translate(bytes.maketrans(b"+/", b"-_"))}
    return found


def redis_texts(url: str) -> Iterator[tuple[str, bytes]]:
    """(place, content) of every key of one database, its name included."""
    with redis.Redis.from_url(url) as client:
        for key in client.scan_iter("*", count=1000):
            kind = client.type(key).decode()
            place = (
                f"redis {url.rsplit('/', 1)[1]} {kind} {key.decode(errors='replace')}"
            )
            values: object = {
                "none": lambda: None,  # expired a moment ago
                "string": lambda key=key: client.get(key),
                "list": lambda key=key: client.lrange(key, 0, -1),
                "hash": lambda key=key: client.hgetall(key),
                "set": lambda key=key: client.smembers(key),
                "zset": lambda key=key: client.zrange(key, 0, -1),
                "stream": lambda key=key: client.xrange(key),
            }[kind]()
            yield place, key + b" " + _flat(values)


def _flat(value: object) -> bytes:
    if isinstance(value, bytes):
        return value + b"\n"
    if isinstance(value, Mapping):
        return b"".join(_flat(part) for pair in value.items() for part in pair)
    return (
        b"".join(_flat(part) for part in value)
        if isinstance(value, list | tuple | set)
        else b""
    )


def decoded(text: bytes) -> bytes:
    """A text and, where it holds a Celery message, the message's body out of its
    base64."""
    bodies = [part.split(b'"', 1)[0] for part in text.split(b'"body": "')[1:]]
    return text + b"".join(
        base64.b64decode(body + b"==", validate=False) for body in bodies
    )


def log_texts(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every log below a folder."""
    for file in sorted(folder.rglob("*.log")):
        yield f"log {file.name}", file.read_bytes()


def argument_texts() -> Iterator[tuple[str, bytes]]:
    """Command lines of all processes, as `ps` shows them to everybody (Linux)."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield f"arguments of {file.parent.name}", file.read_bytes()
        except OSError:
            continue


def flower_texts(
    address: str, user: str, password: str, workers: tuple[str, ...]
) -> Iterator[tuple[str, bytes]]:
    """Flower's pages and API, as somebody with its password sees them."""
    login = base64.b64encode(f"{user}:{password}".encode()).decode()
    tasks = _fetch(f"{address}/api/tasks", login)
    details = [
        f"/task/{part.split(chr(34), 1)[0]}"
        for part in tasks.decode().split('"uuid": "')[1:]
    ]
    for page in (
        *FLOWER_PAGES,
        *(f"/worker/{worker}" for worker in workers),
        *details[:200],
    ):
        yield f"flower {page}", _fetch(address + page, login)


def _fetch(address: str, login: str) -> bytes:
    """A page, which must be there: an error page holds no secret, and says nothing."""
    request = urllib.request.Request(  # noqa: S310
        address, headers={"Authorization": f"Basic {login}"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        return bytes(answer.read())


def leaks(secrets: Mapping[str, str], texts: Iterator[tuple[str, bytes]]) -> list[str]:
    """`name of the secret in place` for each secret found."""
    known = {name: forms(secret) for name, secret in secrets.items()}
    return [
        f"{name} in {place}"
        for place, text in texts
        for name, spellings in known.items()
        if any(spelling in decoded(text) for spelling in spellings)
    ]
