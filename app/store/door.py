"""Connections to Redis, and the calls that go through them.

A `Call` is a value: a script or a command with its keys, its arguments and the parser
of its reply. The functions of this room build calls; `Store.run` (threads) and
`AsyncStore.run` (asyncio) carry them out. So each protocol is written once.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from typing import Any, Generic, TypeVar, cast

import redis
import redis.asyncio
from redis.backoff import ExponentialWithJitterBackoff
from redis.retry import Retry

from app.domain.errors import StoreMoved
from app.store.outages import outages

T_co = TypeVar("T_co", covariant=True)
Reply = Any
Argument = str | int | float

POOL = 64
RETRIES = 3


@dataclass(frozen=True, slots=True)
class Call(Generic[T_co]):
    """One round trip: a Lua script of `store/lua` (`script`) or, where that is empty,
    the command in `args`."""

    script: str
    keys: tuple[str, ...]
    args: tuple[Argument, ...]
    parse: Callable[[Reply], T_co]


def command(*args: Argument, parse: Callable[[Reply], T_co]) -> Call[T_co]:
    """A plain Redis command as a call."""
    return Call("", (), args, parse)


@functools.cache
def source(script: str) -> str:
    """The text of `store/lua/<script>.lua`, its `--#include` lines replaced by the
    files they name."""
    folder = resources.files("app.store") / "lua"
    lines: list[str] = []
    for line in (folder / f"{script}.lua").read_text(encoding="utf-8").splitlines():
        if line.startswith("--#include "):
            lines.append(
                (folder / f"{line.split()[1]}.lua").read_text(encoding="utf-8")
            )
        else:
            lines.append(line)
    return "\n".join(lines)


class Store:
    """Redis for threads. Safe to share; blocks at most `timeout` seconds a try."""

    def __init__(self, url: str, timeout: float = 5.0) -> None:
        pool = redis.BlockingConnectionPool.from_url(
            url,
            decode_responses=True,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            max_connections=POOL,
            timeout=timeout,
            retry=Retry(ExponentialWithJitterBackoff(cap=0.5, base=0.02), RETRIES),
        )
        self.client: redis.Redis = redis.Redis(connection_pool=pool)
        self._scripts: dict[str, Callable[..., Reply]] = {}

    def run(self, call: Call[T_co]) -> T_co:
        """Carry out one call, or raise StoreUnavailable. Scripts are idempotent by
        request id, so a retry after a lost answer is harmless; and Redis refuses a
        script before its first write or not at all, so nothing is half done."""
        try:
            with outages():
                return call.parse(self._reply(call))
        except StoreMoved:
            self.client.connection_pool.disconnect(inuse_connections=False)
            raise

    def _reply(self, call: Call[T_co]) -> Reply:
        if not call.script:
            return self.client.execute_command(*call.args)  # type: ignore[no-untyped-call]
        script = self._scripts.get(call.script)
        if script is None:
            script = self._scripts[call.script] = cast(
                "Callable[..., Reply]", self.client.register_script(source(call.script))
            )
        return script(keys=call.keys, args=call.args)

    def close(self) -> None:
        """Close every connection."""
        self.client.close()
        self.client.connection_pool.disconnect()


class AsyncStore:
    """Redis for asyncio; the same calls, the same verdicts."""

    def __init__(self, url: str, timeout: float = 5.0) -> None:
        pool = redis.asyncio.BlockingConnectionPool.from_url(
            url,
            decode_responses=True,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            max_connections=POOL,
            timeout=timeout,
            retry=redis.asyncio.retry.Retry(
                ExponentialWithJitterBackoff(cap=0.5, base=0.02), RETRIES
            ),
        )
        self.client = redis.asyncio.Redis(connection_pool=pool)
        self._scripts: dict[str, Callable[..., Any]] = {}

    async def run(self, call: Call[T_co]) -> T_co:
        """Carry out one call, or raise StoreUnavailable. Scripts are idempotent by
        request id, so a retry after a lost answer is harmless; and Redis refuses a
        script before its first write or not at all, so nothing is half done."""
        try:
            with outages():
                return call.parse(await self._reply(call))
        except StoreMoved:
            await self.client.connection_pool.disconnect(inuse_connections=False)
            raise

    async def _reply(self, call: Call[T_co]) -> Reply:
        if not call.script:
            return await self.client.execute_command(*call.args)  # type: ignore[no-untyped-call]
        script = self._scripts.get(call.script)
        if script is None:
            script = self._scripts[call.script] = cast(
                "Callable[..., Any]", self.client.register_script(source(call.script))
            )
        return await script(keys=call.keys, args=call.args)

    async def close(self) -> None:
        """Close every connection."""
        await self.client.aclose()
        await self.client.connection_pool.disconnect()
