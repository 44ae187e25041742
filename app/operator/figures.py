"""What the journals of many messages add up to, over time: for charts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from app.domain.model import JournalLine, snowflake_ms
from app.operator.why.rows import Stand, rows_of

BUCKETS = 12
BUCKET_MS = 300_000
"""Five minutes: an hour in all."""


@dataclass(frozen=True)
class Measured:
    """One message of a person. `answered_ms`: from its writing to the first answer in
    Discord; `wanted`: bots that wanted to speak; `calls`: of a model."""

    at_ms: int
    answered_ms: int | None
    asked: int
    wanted: int
    answers: int
    calls: int
    micro_usd: int


@dataclass(frozen=True)
class Bucket:
    """Some minutes; `from_ms` is Unix ms, None where nothing was measured."""

    from_ms: int
    messages: int
    answered: int
    latency_ms: float | None
    calls_per_message: float | None
    prevented: int
    """Messages that more bots wanted to answer than did."""
    usd: float


@dataclass(frozen=True)
class Figures:
    """The last hour, and its sums."""

    buckets: tuple[Bucket, ...]
    messages: int
    answered: int
    latency_ms: float | None
    calls_per_message: float | None
    prevented: int
    pile_ons: int
    """Messages that spoke to nobody and were answered by more than one."""
    usd: float


def measure_message(message: str, lines: Sequence[JournalLine]) -> Measured:
    """What its journal, by Discord's clock, tells of one message."""
    rows, at_ms = rows_of(lines), snowflake_ms(message)
    delivered = [line.at_ms for line in lines if line.verdict == "delivered"]
    drafts = [line for line in lines if line.step == "commit"]
    return Measured(
        at_ms=at_ms,
        # How far the clocks are apart is measured, to some milliseconds.
        answered_ms=max(0, min(delivered) - at_ms) if delivered else None,
        asked=sum(row.asked for row in rows),
        wanted=sum(row.bid is not None or row.asked for row in rows),
        answers=sum(row.stand is Stand.SPOKE for row in rows),
        calls=len(drafts),
        micro_usd=sum(_micro_usd(line) for line in drafts),
    )


def add_up(measured: Iterable[Measured], now_ms: int) -> Figures:
    """The last hour in buckets, by Discord's clock. Messages that are older are left
    out."""
    # Buckets end by the clock: otherwise every bar would move with every look.
    end = now_ms - now_ms % BUCKET_MS + BUCKET_MS
    start = end - BUCKETS * BUCKET_MS
    recent = [one for one in measured if one.at_ms >= start]
    buckets = [
        _bucket(at, [one for one in recent if at <= one.at_ms < at + BUCKET_MS])
        for at in range(start, end, BUCKET_MS)
    ]
    total = _bucket(start, recent)
    return Figures(
        buckets=tuple(buckets),
        messages=total.messages,
        answered=total.answered,
        latency_ms=total.latency_ms,
        calls_per_message=total.calls_per_message,
        prevented=total.prevented,
        # Who names two bots wants two answers.
        pile_ons=sum(not one.asked and one.answers > 1 for one in recent),
        usd=total.usd,
    )


def _bucket(from_ms: int, measured: Sequence[Measured]) -> Bucket:
    waits = [one.answered_ms for one in measured if one.answered_ms is not None]
    calls = sum(one.calls for one in measured)
    return Bucket(
        from_ms=from_ms,
        messages=len(measured),
        answered=len(waits),
        # None, not 0: "nobody answered" must not be drawn as "at once".
        latency_ms=median(waits) if waits else None,
        calls_per_message=calls / len(measured) if measured else None,
        prevented=sum(_is_prevented(one) for one in measured),
        usd=sum(one.micro_usd for one in measured) / 1_000_000,
    )


def _is_prevented(one: Measured) -> bool:
    return not one.asked and one.wanted > 1 and one.answers <= 1


def _micro_usd(line: JournalLine) -> int:
    value = line.numbers.get("micro_usd", 0)
    # Only numbers: what stands in Redis may be anything.
    return int(value) if isinstance(value, int | float) else 0
