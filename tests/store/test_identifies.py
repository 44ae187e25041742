"""The count of sessions with Discord, in a real Valkey."""

from __future__ import annotations

from app.domain import terms
from app.store import identifies, keys
from app.store.door import Store


def test_sessions_of_the_last_day_are_known_by_time(store: Store) -> None:
    """Each session counts once, whatever is repeated; each bot has its own count; it
    expires after a day."""
    assert store.run(identifies.times("elena")) == ()
    for request, at_ms in (
        ("a", 1_000_000),
        ("b", 1_000_000),
        ("b", 1_000_000),
        ("c", 2_500_000),
    ):
        store.run(identifies.note("elena", request, at_ms))
    assert store.run(identifies.times("elena")) == (1_000.0, 1_000.0, 2_500.0)
    assert store.run(identifies.times("aria")) == ()
    assert 0 < store.client.pttl(keys.identifies("elena")) <= terms.DAY


def test_sessions_older_than_a_day_are_forgotten(store: Store) -> None:
    """The key holds a day and no more, however long a bot lives."""
    day = terms.DAY
    for number in range(10):
        store.run(
            identifies.note("elena", str(number), 1_800_000_000_000 + number * day // 4)
        )
    assert len(store.run(identifies.times("elena"))) == 4
