"""Connections to Redis, and the calls that go through them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import redis
import redis.asyncio

from app.domain.addresses import Credentials
from app.domain.errors import StoreMoved
from app.store import connecting, scripts
from app.store.calls import Call, Reply
from app.store.outages import outages

T = TypeVar("T")

UNPROVEN = Credentials()
"""For servers that ask for no certificate, and whose own the system knows."""


class Store:
    """Redis for threads. Safe to share; blocks at most `timeout` seconds a try."""

    def __init__(
        self, url: str, timeout: float = 5.0, credentials: Credentials = UNPROVEN
    ) -> None:
        pool = connecting.pool(url, timeout, credentials)
        self.client: redis.Redis = redis.Redis(connection_pool=pool)
        self._scripts: dict[str, Callable[..., Reply]] = {}

    def run(self, call: Call[T]) -> T:
        """Carry out one call, or raise StoreUnavailable. Scripts are idempotent by
        request id, so a retry after a lost answer is harmless; and Redis refuses a
        script before its first write or not at all, so nothing is half done."""
        try:
            with outages():
                return call.parse(self._reply(call))
        except StoreMoved:
            # The idle ones: those in use belong to others, who meet the same refusal.
            self.client.connection_pool.disconnect(inuse_connections=False)
            raise

    def _reply(self, call: Call[T]) -> Reply:
        if not call.script:
            return self.client.execute_command(*call.args)  # type: ignore[no-untyped-call]
        script = self._scripts.get(call.script)
        if script is None:
            script = self._scripts[call.script] = cast(
                "Callable[..., Reply]",
                self.client.register_script(scripts.source(call.script)),
            )
        return script(keys=call.keys, args=call.args)

    def close(self) -> None:
        """Close every connection."""
        self.client.close()
        # redis-py's client leaves a pool open that it was given.
        self.client.connection_pool.disconnect()


class AsyncStore:
    """Redis for asyncio; the same calls, the same verdicts."""

    def __init__(
        self, url: str, timeout: float = 5.0, credentials: Credentials = UNPROVEN
    ) -> None:
        pool = connecting.async_pool(url, timeout, credentials)
        self.client = redis.asyncio.Redis(connection_pool=pool)
        self._scripts: dict[str, Callable[..., Any]] = {}

    async def run(self, call: Call[T]) -> T:
        """Carry out one call, or raise StoreUnavailable. Scripts are idempotent by
        request id, so a retry after a lost answer is harmless; and Redis refuses a
        script before its first write or not at all, so nothing is half done."""
        try:
            with outages():
                return call.parse(await self._reply(call))
        except StoreMoved:
            await self.client.connection_pool.disconnect(inuse_connections=False)
            raise

    async def _reply(self, call: Call[T]) -> Reply:
        if not call.script:
            return await self.client.execute_command(*call.args)  # type: ignore[no-untyped-call]
        script = self._scripts.get(call.script)
        if script is None:
            script = self._scripts[call.script] = cast(
                "Callable[..., Any]",
                self.client.register_script(scripts.source(call.script)),
            )
        return await script(keys=call.keys, args=call.args)

    async def close(self) -> None:
        """Close every connection."""
        await self.client.aclose()
        await self.client.connection_pool.disconnect()
