"""The pump repeats lost hints, patiently."""

from __future__ import annotations

import time

from app.domain.lane import Lane
from app.domain.model import Context
from app.store import keys, lanes
from app.store.door import Store

LANE = Lane("elena")


def test_a_hint_that_was_just_sent_is_not_repeated(store: Store) -> None:
    """A lane that became due a moment ago was hinted by whoever made it due."""
    store.run(lanes.wake(LANE, Context.TRIGGER))
    assert store.run(lanes.sweep(patience_ms=1_000)).lanes == ()


def test_wakes_faster_than_the_patience_do_not_starve_the_pump(store: Store) -> None:
    """A lane whose hint was lost is hinted again though triggers keep coming."""
    store.run(lanes.wake(LANE, Context.TRIGGER))
    deadline = time.monotonic() + 5
    found = False
    while not found and time.monotonic() < deadline:
        store.run(lanes.wake(LANE, Context.POLL))
        found = bool(store.run(lanes.sweep(patience_ms=100)).lanes)
    assert found


def test_a_direct_lane_without_its_wake_is_hinted_as_direct(store: Store) -> None:
    """Of a lane only the name is left, as where Redis evicts keys: the hint must reach
    the messages that wait in it, and not the bot's own lane."""
    direct = Lane("elena", "55")
    store.run(lanes.wake(direct, Context.DIRECT))
    store.client.delete(keys.wake(direct))
    assert store.run(lanes.sweep(0)).lanes == ((direct, Context.DIRECT),)


def repeats(store: Store, seconds: int) -> list[int]:
    """After how many seconds hints are repeated for a lane that no worker begins, with
    a patience of one second."""
    store.run(lanes.wake(LANE, Context.TRIGGER))
    at = []
    for second in range(1, seconds + 1):
        # A second goes by: both times move one into the past.
        store.client.hincrby(keys.wake(LANE), "hinted", -1_000)
        store.client.zincrby(keys.WAKES_DUE, -1_000, str(LANE))
        if store.run(lanes.sweep(patience_ms=1_000)).lanes:
            at.append(second)
            store.client.hset(keys.wake(LANE), "hinted", str(int(time.time() * 1000)))
    return at


def test_hints_lost_in_a_row_cost_a_second_each(store: Store) -> None:
    """A killed worker takes what it had fetched with it, and the repetition may meet
    the next one."""
    assert repeats(store, 3) == [1, 2, 3]


def test_a_backlog_breeds_no_hints(store: Store) -> None:
    """A lane that waits long for a worker is hinted ever more slowly, up to sixteen
    seconds apart."""
    assert repeats(store, 60) == [1, 2, 3, 5, 9, 17, 33, 49]


def test_a_lane_whose_lock_is_held_is_left_alone(store: Store) -> None:
    """Its cycle's finish will see the new trigger."""
    store.run(lanes.wake(LANE, Context.TRIGGER))
    store.client.hset(keys.wake(LANE), "hinted", "0")
    store.client.set(keys.lock(LANE), "somebody", px=10_000)
    assert store.run(lanes.sweep(patience_ms=100)).lanes == ()
