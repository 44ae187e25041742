"""The pump repeats lost hints, patiently."""

from __future__ import annotations

import time

from app import keys
from app.keys import Lane
from app.model import Context
from app.store import lanes
from app.store.door import Store

LANE = Lane("elena")


def test_a_hint_that_was_just_sent_is_not_repeated(store: Store) -> None:
    """A lane that became due a moment ago was hinted by whoever made it due."""
    store.run(lanes.wake(LANE, Context.TRIGGER))
    assert store.run(lanes.overdue(patience_ms=1_000)).lanes == ()


def test_wakes_faster_than_the_patience_do_not_starve_the_pump(store: Store) -> None:
    """A lane whose hint was lost is hinted again though triggers keep coming."""
    store.run(lanes.wake(LANE, Context.TRIGGER))
    deadline = time.monotonic() + 5
    found = False
    while not found and time.monotonic() < deadline:
        store.run(lanes.wake(LANE, Context.POLL))
        found = bool(store.run(lanes.overdue(patience_ms=100)).lanes)
    assert found


def test_repeated_hints_come_ever_more_slowly(store: Store) -> None:
    """A backlog at the workers breeds no hints: each repetition doubles the patience."""
    store.run(lanes.wake(LANE, Context.TRIGGER))
    now = int(time.time() * 1000)
    store.client.zadd(keys.WAKES_DUE, {str(LANE): now - 500_000})
    store.client.hset(keys.wake(LANE), "hinted", now - 400_000)
    assert store.run(lanes.overdue(patience_ms=60_000)).lanes
    store.client.hset(keys.wake(LANE), "hinted", now - 90_000)
    assert store.run(lanes.overdue(patience_ms=60_000)).lanes == ()


def test_a_lane_whose_lock_is_held_is_left_alone(store: Store) -> None:
    """Its cycle's finish will see the new trigger."""
    store.run(lanes.wake(LANE, Context.TRIGGER))
    store.client.hset(keys.wake(LANE), "hinted", 0)
    store.client.set(keys.lock(LANE), "somebody", px=10_000)
    assert store.run(lanes.overdue(patience_ms=100)).lanes == ()
