"""Pools of connections to the server that an address means: named in it, or by
Sentinels. redis-py does all of it; nothing here decides which server is the primary."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

import redis
import redis.asyncio
import redis.asyncio.sentinel
import redis.sentinel
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.retry import Retry

from app.domain.addresses import (
    Credentials,
    RedisAddress,
    parse_address,
)

POOL = 64
# Three retries are four tries; terms.BOUNDS counts on that for redis_timeout.
RETRIES = 3


T = TypeVar("T")


class FrontList(list[T]):
    """Sentinels; who answered last is asked first.

    redis-py lets the one that answered and the first change places, by numbers from
    before the question. Other threads and tasks do so too meanwhile: one Sentinel then
    stood in the list twice, and another never again. Here who is put in the first
    place goes there, and the rest moves on by one.
    """

    def __init__(self, members: Iterable[T]) -> None:
        super().__init__(members)
        self._moving = threading.Lock()

    def __iter__(self) -> Iterator[T]:
        # Each is asked once, even if another is moved to the front meanwhile.
        return iter(self[:])

    def __setitem__(self, index: Any, member: Any) -> None:
        # The second half of redis-py's swap: the move below has done it already.
        if index != 0:
            return
        # Two threads with one answer would both remove it, and the second would fail.
        with self._moving:
            self.remove(member)
            self.insert(0, member)


class BlockingSentinelPool(
    redis.sentinel.SentinelConnectionPool, redis.BlockingConnectionPool
):
    """Connections to the primary that Sentinels name; who finds all in use waits."""

    def disconnect(self, inuse_connections: bool = True) -> None:
        """Close the idle connections; or all, and those to the Sentinels."""
        super().disconnect(inuse_connections)
        if inuse_connections:
            for sentinel in self.sentinel_manager.sentinels:
                sentinel.close()


class AsyncBlockingSentinelPool(
    redis.asyncio.sentinel.SentinelConnectionPool, redis.asyncio.BlockingConnectionPool
):
    """The same for asyncio."""

    async def disconnect(self, inuse_connections: bool = True) -> None:
        """Close the idle connections; or all, and those to the Sentinels."""
        await super().disconnect(inuse_connections)
        if inuse_connections:
            for sentinel in self.sentinel_manager.sentinels:
                await sentinel.aclose()


def pool(
    url: str, timeout: float, credentials: Credentials
) -> redis.BlockingConnectionPool:
    """Connections for threads."""
    address = parse_address(url)
    options = _connection_options(address, timeout, credentials) | {
        "retry": Retry(_retry_backoff(), RETRIES)
    }
    if not address.by_sentinel:
        return redis.BlockingConnectionPool.from_url(url, **options)
    return BlockingSentinelPool(  # type: ignore[no-untyped-call]
        address.service, sentinels(address, timeout, credentials), **options
    )


def async_pool(
    url: str, timeout: float, credentials: Credentials
) -> redis.asyncio.BlockingConnectionPool:
    """Connections for asyncio."""
    address = parse_address(url)
    options = _connection_options(address, timeout, credentials) | {
        "retry": redis.asyncio.retry.Retry(_retry_backoff(), RETRIES)
    }
    if not address.by_sentinel:
        return redis.asyncio.BlockingConnectionPool.from_url(url, **options)
    asked = redis.asyncio.sentinel.Sentinel(  # type: ignore[no-untyped-call]
        address.hosts,
        sentinel_kwargs=credentials.at_sentinels(timeout, address.encrypted)
        | {"retry": redis.asyncio.retry.Retry(NoBackoff(), 0)},
    )
    asked.sentinels = FrontList(asked.sentinels)
    return AsyncBlockingSentinelPool(  # type: ignore[no-untyped-call]
        address.service, asked, **options
    )


def sentinels(
    address: RedisAddress, timeout: float, credentials: Credentials
) -> redis.sentinel.Sentinel:
    """The Sentinels of an address, who know the primary. Each is asked once: the next
    one is the better retry."""
    options = credentials.at_sentinels(timeout, address.encrypted)
    asked = redis.sentinel.Sentinel(  # type: ignore[no-untyped-call]
        address.hosts, sentinel_kwargs=options | {"retry": Retry(NoBackoff(), 0)}
    )
    asked.sentinels = FrontList(asked.sentinels)
    return asked


def _connection_options(
    address: RedisAddress, timeout: float, credentials: Credentials
) -> dict[str, Any]:
    """Arguments of the connections to the server. Where Sentinels name it, the address
    itself holds nothing that `from_url` would read."""
    options: dict[str, Any] = {
        "decode_responses": True,
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "max_connections": POOL,
        # The longest wait for a connection of the pool, not for an answer.
        "timeout": timeout,
    }
    if address.encrypted:
        options |= credentials.tls()
    if address.by_sentinel:
        options |= {
            "ssl": address.encrypted,
            "db": address.database,
            "username": address.username,
            "password": address.password,
        }
    return options


def _retry_backoff() -> ExponentialWithJitterBackoff:
    # Jitter: processes that lost the server together must not return together.
    return ExponentialWithJitterBackoff(cap=0.5, base=0.02)
