"""The lane's lock: ours even when an answer was lost, renewed through broken
connections, and honest about its loss."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from app.domain.errors import StoreUnavailable
from app.domain.lane import Lane
from app.store import keys
from app.store.door import Store
from app.store.lock import LaneLock

LANE = Lane("elena", "55")
Wait = Callable[..., None]


@contextmanager
def locked(
    store: Store, lease: int = 1, on_renew: Callable[[], None] = lambda: None
) -> Iterator[LaneLock]:
    """A lock that is taken and renewed every third of a second."""
    lock = LaneLock(store, LANE, lease, on_renew)
    assert lock.take()
    try:
        yield lock
    finally:
        lock.stop()


def test_another_holder_is_refused_at_once(store: Store) -> None:
    """Of two workers one gets the lane; the other is told without waiting."""
    with locked(store):
        assert not LaneLock(store, LANE, 1).take()


def test_a_set_whose_answer_was_lost_is_recognised(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client repeats a SET whose answer was lost and is told no: the value says
    that the lock is ours."""
    lock = LaneLock(store, LANE, 1)
    real = store.client.set

    def twice(*args: Any, **more: Any) -> Any:
        assert real(*args, **more)
        return real(*args, **more)

    monkeypatch.setattr(store.client, "set", twice)
    assert lock.take()
    lock.stop()


def test_it_outlives_its_lease_while_it_is_renewed(
    store: Store, wait_until: Wait
) -> None:
    """A cycle longer than the lease keeps its lane."""
    renewed = threading.Event()
    with locked(store, on_renew=renewed.set):
        store.client.pexpire(keys.lock(LANE), 500)
        assert renewed.wait(5)
        assert store.client.pttl(keys.lock(LANE)) > 500


def test_renewal_survives_broken_connections(store: Store, wait_until: Wait) -> None:
    """Every connection is cut while the lock is held: the next renewal opens a new
    one."""
    times: list[int] = []
    with locked(store, on_renew=lambda: times.append(1)) as lock:
        wait_until(lambda: times, what="a renewal")
        store.client.execute_command(
            "CLIENT", "KILL", "TYPE", "NORMAL", "SKIPME", "yes"
        )
        seen = len(times)
        wait_until(lambda: len(times) > seen, what="a renewal after the cut")
        assert store.client.get(keys.lock(LANE)) == lock.id


def test_a_failing_floor_renewal_does_not_end_the_locks(
    store: Store, wait_until: Wait
) -> None:
    """What is renewed along with the lock may meet an unreachable Redis; the thread
    goes on."""
    times: list[int] = []

    def fails() -> None:
        times.append(1)
        raise StoreUnavailable

    with locked(store, on_renew=fails):
        wait_until(lambda: len(times) >= 2, what="a second try")


@pytest.mark.parametrize("taken_by", ["", "another"])
def test_a_lost_lock_is_renewed_no_more(
    store: Store, wait_until: Wait, taken_by: str
) -> None:
    """The key is deleted or taken by another: the thread ends at the next renewal, and
    the new holder is left alone."""
    with locked(store) as lock:
        thread = lock._lock_renewal_thread
        store.client.delete(keys.lock(LANE))
        if taken_by:
            store.client.set(keys.lock(LANE), taken_by, px=60_000)
        wait_until(lambda: not thread.is_alive(), what="the end of the renewal")
        assert store.client.get(keys.lock(LANE)) == (taken_by or None)


def test_nothing_is_renewed_after_stop(store: Store, wait_until: Wait) -> None:
    """A stopped lock expires by itself; its thread has ended."""
    with locked(store) as lock:
        thread = lock._lock_renewal_thread
        assert thread is not None
    assert not thread.is_alive()
    store.client.pexpire(keys.lock(LANE), 50)
    wait_until(lambda: not store.client.exists(keys.lock(LANE)), what="the expiry")
