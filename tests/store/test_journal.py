"""The journal says once what a bot decides again and again."""

from __future__ import annotations

from app.domain.model import JournalLine
from app.store import journal
from app.store.door import Store


def note(store: Store, bot: str, step: str, verdict: str, wait_ms: int = 0) -> None:
    """One line about message 1."""
    numbers = {"retry_in_ms": wait_ms}
    store.run(journal.merge("1", bot, step, verdict, "", numbers))


def counts(store: Store) -> list[tuple[str, str, int]]:
    """Bot, verdict and count of each line."""
    lines = store.run(journal.read("1"))
    return [(line.bot, line.verdict, line.times) for line in lines]


def test_a_bot_that_waits_writes_one_line_with_a_count(store: Store) -> None:
    """Two bots that ask in turns have one line each, with the first time, the latest
    one and the latest numbers."""
    for wait_ms in (300, 200, 100):
        note(store, "aria", "claim", "wait", wait_ms)
        note(store, "elena", "claim", "wait")
    assert counts(store) == [("aria", "wait", 3), ("elena", "wait", 3)]
    line: JournalLine = store.run(journal.read("1"))[0]
    assert line.at_ms <= line.last_ms
    assert line.numbers == {"retry_in_ms": 100}


def test_a_round_of_refusals_is_counted_line_by_line(store: Store) -> None:
    """A bot that plans, finds no budget and gives back has three lines however often it
    tries."""
    for _ in range(4):
        note(store, "aria", "plan", "reply")
        note(store, "aria", "reserve", "budget")
        note(store, "aria", "yield", "kept")
    assert counts(store) == [
        ("aria", "reply", 4),
        ("aria", "budget", 4),
        ("aria", "kept", 4),
    ]


def test_a_decision_in_between_begins_a_new_line(store: Store) -> None:
    """What came after a grant is not counted among what came before it, so that the
    last line of a bot is the last that it decided."""
    note(store, "aria", "claim", "wait")
    note(store, "aria", "elect", "granted")
    note(store, "aria", "claim", "wait")
    assert counts(store) == [
        ("aria", "wait", 1),
        ("aria", "granted", 1),
        ("aria", "wait", 1),
    ]


def test_what_happens_to_a_post_is_never_counted_together(store: Store) -> None:
    """Two deliveries are two lines: whoever looks for doubles must see both."""
    note(store, "aria", "deliver", "delivered")
    note(store, "aria", "deliver", "delivered")
    assert counts(store) == [("aria", "delivered", 1)] * 2
