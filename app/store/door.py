"""Connections to Redis, and the calls that go through them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from typing import Any, TypeVar

import redis
import redis.asyncio
from redis.exceptions import NoScriptError

from app.domain.addresses import Credentials
from app.domain.errors import StoreMoved
from app.store import connecting, scripts
from app.store.calls import Argument, Call, Reply
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

    def check_may_load(self, call: Call[Any]) -> None:
        """Carry out a script's call as on a server that does not know it. StoreForbidden:
        this login may not."""
        with outages():
            self._load_and_call(call)

    def run_all(self, calls: Sequence[Call[Any]]) -> list[Any]:
        """Carry out calls one after another in one round trip, or raise
        StoreUnavailable. Other programs' calls may come between; where one fails, the
        others may be done. A server that meets a script for the first time carries it
        out last."""
        if len(calls) == 1:
            return [self.run(calls[0])]
        try:
            with outages():
                replies = self._replies(calls)
        except StoreMoved:
            self.client.connection_pool.disconnect(inuse_connections=False)
            raise
        return [call.parse(reply) for call, reply in zip(calls, replies, strict=True)]

    def _replies(self, calls: Sequence[Call[Any]]) -> list[Reply]:
        pipeline = self.client.pipeline(transaction=False)
        for call in calls:
            pipeline.execute_command(*_words(call))  # type: ignore[no-untyped-call]
        found = pipeline.execute(raise_on_error=False)
        return [
            self._reply(call) if isinstance(reply, NoScriptError) else _checked(reply)
            for call, reply in zip(calls, found, strict=True)
        ]

    def _reply(self, call: Call[T]) -> Reply:
        try:
            return self.client.execute_command(*_words(call))  # type: ignore[no-untyped-call]
        except NoScriptError:
            return self._load_and_call(call)

    def _load_and_call(self, call: Call[T]) -> Reply:
        # As one transaction: no SCRIPT FLUSH comes between the two.
        pipeline = self.client.pipeline(transaction=True)
        pipeline.script_load(scripts.source(call.script))
        pipeline.execute_command(*_words(call))  # type: ignore[no-untyped-call]
        return _checked(pipeline.execute(raise_on_error=False)[-1])

    def close(self) -> None:
        """Close every connection."""
        self.client.close()
        # redis-py's client leaves a pool open that it was given.
        self.client.connection_pool.disconnect()


@cache
def _digest(lua: str) -> str:
    """The name by which the server knows a script."""
    return hashlib.sha1(lua.encode(), usedforsecurity=False).hexdigest()


def _words(call: Call[Any]) -> tuple[Argument, ...]:
    """A call as the server takes it, if it knows the script."""
    if not call.script:
        return call.args
    head = ("EVALSHA", _digest(scripts.source(call.script)), len(call.keys))
    return (*head, *call.keys, *call.args)


def _checked(reply: Reply) -> Reply:
    if isinstance(reply, Exception):
        raise reply
    return reply


class AsyncStore:
    """Redis for asyncio; the same calls, the same verdicts."""

    def __init__(
        self, url: str, timeout: float = 5.0, credentials: Credentials = UNPROVEN
    ) -> None:
        pool = connecting.async_pool(url, timeout, credentials)
        self.client = redis.asyncio.Redis(connection_pool=pool)

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

    async def run_all(self, calls: Sequence[Call[Any]]) -> list[Any]:
        """As `Store.run_all`."""
        try:
            with outages():
                replies = await self._replies(calls)
        except StoreMoved:
            await self.client.connection_pool.disconnect(inuse_connections=False)
            raise
        return [call.parse(reply) for call, reply in zip(calls, replies, strict=True)]

    async def _replies(self, calls: Sequence[Call[Any]]) -> list[Reply]:
        pipeline = self.client.pipeline(transaction=False)
        for call in calls:
            pipeline.execute_command(*_words(call))
        found = await pipeline.execute(raise_on_error=False)
        return [
            await self._reply(call)
            if isinstance(reply, NoScriptError)
            else _checked(reply)
            for call, reply in zip(calls, found, strict=True)
        ]

    async def _reply(self, call: Call[T]) -> Reply:
        try:
            return await self.client.execute_command(*_words(call))  # type: ignore[no-untyped-call]
        except NoScriptError:
            return await self._load_and_call(call)

    async def _load_and_call(self, call: Call[T]) -> Reply:
        pipeline = self.client.pipeline(transaction=True)
        pipeline.script_load(scripts.source(call.script))
        pipeline.execute_command(*_words(call))
        return _checked((await pipeline.execute(raise_on_error=False))[-1])

    async def close(self) -> None:
        """Close every connection."""
        await self.client.aclose()
        await self.client.connection_pool.disconnect()
