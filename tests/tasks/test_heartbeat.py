"""A worker's sign of life in a real Valkey."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest

from app.domain.errors import StoreUnavailable
from app.store import heartbeats, keys
from app.store.calls import Call
from app.store.door import Store
from app.worker.heartbeat import WorkerHeartbeat

T = TypeVar("T")
NAMES = [keys.heartbeat("worker", "direct@host")]


def test_a_worker_tells_its_queues_until_it_ends(
    store: Store, wait_until: Callable[..., None]
) -> None:
    """Again and again, and nothing any more after it has ended in good order."""
    sign = WorkerHeartbeat(store, "direct@host", ["direct", "delivery"])
    wait_until(lambda: store.run(heartbeats.read(NAMES)))
    (told,) = store.run(heartbeats.read(NAMES))
    assert told.facts["queues"] == ["delivery", "direct"]
    sign.stop()
    assert store.run(heartbeats.read(NAMES)) == ()


class Shaky(Store):
    """Away for the first two calls."""

    failures = 2

    def run(self, call: Call[T]) -> T:
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable
        return super().run(call)


def test_a_redis_that_is_away_ends_no_sign(
    redis_url: str, wait_until: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told again once Redis is back."""
    monkeypatch.setattr(heartbeats, "EVERY", 0.02)
    store = Shaky(redis_url)
    sign = WorkerHeartbeat(store, "direct@host", ["direct"])
    wait_until(lambda: not store.failures and store.run(heartbeats.read(NAMES)))
    monkeypatch.setattr(heartbeats, "EVERY", 5.0)
    sign.stop()
    store.close()
