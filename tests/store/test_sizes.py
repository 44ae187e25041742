"""What a message takes in Redis. docs/operations.md holds the figures."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.model import Bid, Classified, Event, Signal
from app.domain.settings import Settings
from app.rules.policy import shipped_policy
from app.store import admission
from app.store.door import Store
from app.store.limits import Limits

BOTS = ("aria", "dotty", "elena")
BASE = 1_400_000_000_000_000_000
SETTINGS = Settings(_env_file=None)  # type: ignore[call-arg]
PARTS = {
    term.name: 0.1 + place / 100 for place, term in enumerate(shipped_policy().terms)
}
TEXT = "How do tides work, and why are there two of them a day? " * 2


def _admit(store: Store, number: int, signal: Signal) -> None:
    """Three bots hear a message of 112 characters by one person."""
    said = Event(
        message_id=str(BASE + (number << 22)),
        channel_id="55",
        guild_id="7",
        author_id="901",
        author_name="Ann",
        content=TEXT,
    )
    bid = (
        Bid(score=1.5, above_threshold=True, parts=PARTS)
        if signal is Signal.WATCHED
        else None
    )
    for bot in BOTS:
        addressed = (bot,) if signal is Signal.DIRECT else ()
        c = admission.Candidate(
            bot,
            said,
            Classified(signal=signal, reason="because", addressed=addressed),
            bid,
            expected=3,
        )
        store.run(admission.admit(c, f"{bot}{number}", Limits.of(SETTINGS), SETTINGS))


def _bytes(store: Store) -> int:
    client: Any = store.client
    return sum(client.memory_usage(key) or 0 for key in client.scan_iter(count=1_000))


@pytest.mark.parametrize(
    ("what", "signal", "first", "most"),
    [
        ("unasked, three bots bid", Signal.WATCHED, 0, 4_500),
        ("ambient", Signal.AMBIENT, 0, 1_800),
        ("direct", Signal.DIRECT, 0, 3_500),
        ("refused", Signal.DIRECT, 61, 2_600),
        ("far beyond the limit", Signal.DIRECT, 125, 10),
    ],
)
def test_bytes_of_a_message(
    store: Store, what: str, signal: Signal, first: int, most: int
) -> None:
    """All keys that three bots' copies of a message leave, in bytes. `first`: messages
    that the person sent before."""
    for number in range(first):
        _admit(store, number, signal)
    before = _bytes(store)
    for number in range(first, first + 50):
        _admit(store, number, signal)
    taken = (_bytes(store) - before) / 50
    print(f"{what}: {taken:.0f} bytes a message for {len(BOTS)} bots")
    assert taken <= most
