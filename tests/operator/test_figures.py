"""What journals add up to, and how each bot stands to a message: pure."""

from __future__ import annotations

import time

import pytest

from app.domain.model import DISCORD_EPOCH_MS, JournalLine
from app.operator.figures import BUCKETS, add_up, measure_message
from app.operator.why.rows import rows_of

NOW_MS = int(time.time() * 1000)


def snowflake(seconds_ago: float) -> str:
    """An id of a message that was written so long ago."""
    return str(int(NOW_MS - seconds_ago * 1000 - DISCORD_EPOCH_MS) << 22)


def line(
    bot: str, step: str, verdict: str, after: int = 0, **numbers: float
) -> JournalLine:
    """A line of the journal, some ms from now."""
    return JournalLine(
        at_ms=NOW_MS + after, bot=bot, step=step, verdict=verdict, numbers={**numbers}
    )


BIDS = (
    line("ada", "admit", "opened", 0, bid=3.0),
    line("bob", "admit", "complete", 1, bid=2.0),
)
WON = (*BIDS, line("ada", "elect", "granted", 2))
SPOKE = (
    *WON,
    line("ada", "commit", "committed", 3, micro_usd=2_000_000),
    line("ada", "deliver", "delivered", 500),
)


@pytest.mark.parametrize(
    ("lines", "stands"),
    [
        (BIDS, {"ada": "yields", "bob": "yields"}),
        (WON, {"ada": "writes", "bob": "yields"}),
        ((*WON, line("ada", "plan", "reply", 3)), {"ada": "writes", "bob": "yields"}),
        (SPOKE[:4], {"ada": "writes", "bob": "yields"}),
        (SPOKE, {"ada": "spoke", "bob": "yields"}),
        ((line("ada", "admit", "passed", score=-2.0),), {"ada": "passes"}),
        ((line("ada", "admit", "complete"),), {"ada": "passes"}),
        ((line("ada", "admit", "direct"),), {"ada": "waits"}),
        ((line("ada", "claim", "cooled"),), {"ada": "cooling"}),
        ((line("ada", "admit", "muted"),), {"ada": "silent"}),
        ((line("stream", "elect", "left"),), {}),
        ((line("ada", "new_step", "new_verdict"),), {"ada": "passes"}),
    ],
)  # fmt: skip
def test_each_bot_stands_in_one_word(
    lines: tuple[JournalLine, ...], stands: dict[str, str]
) -> None:
    """From its last decision; the stream itself has no row."""
    assert {row.bot: str(row.stand) for row in rows_of(lines)} == stands


def test_a_better_bid_that_was_cooling_down_is_told_as_such() -> None:
    """The election notes whom it passed over."""
    passed = JournalLine(
        at_ms=NOW_MS + 2,
        bot="bob",
        step="elect",
        verdict="granted",
        numbers={"yielded": "ada (cooled)"},
    )
    stands = {row.bot: str(row.stand) for row in rows_of((*BIDS, passed))}
    assert stands == {"ada": "cooling", "bob": "writes"}


def test_an_hour_adds_up() -> None:
    """One answer where two wanted to speak is a pile-on prevented; two answers are one;
    what is older than an hour is left out."""
    both = (*SPOKE, line("bob", "deliver", "delivered", 700))
    measured = [
        measure_message(snowflake(1), SPOKE),
        measure_message(snowflake(2), both),
        measure_message(snowflake(3), (line("ada", "admit", "direct"),)),
        measure_message(snowflake(7200), SPOKE),
    ]
    figures = add_up(measured, NOW_MS)
    assert len(figures.buckets) == BUCKETS
    assert (figures.messages, figures.answered) == (3, 2)
    assert (figures.prevented, figures.pile_ons) == (1, 1)
    assert figures.calls_per_message == pytest.approx(2 / 3)
    assert figures.usd == pytest.approx(4.0)
    assert figures.latency_ms == pytest.approx(2000, abs=1)
    assert sum(bucket.messages for bucket in figures.buckets) == 3


def test_nothing_adds_up_to_nothing() -> None:
    """No division by it."""
    figures = add_up([], NOW_MS)
    assert (figures.latency_ms, figures.calls_per_message, figures.usd) == (
        None,
        None,
        0,
    )
