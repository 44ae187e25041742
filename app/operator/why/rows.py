"""The journal of one message as a table: for each bot what it bid and how it stands, in
one word that a legend explains. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.domain.model import JournalLine
from app.operator.why.fates import Fate, FateKind, fate_of, passed_over
from app.operator.why.story import BID, STREAM


class Stand(StrEnum):
    """How a bot stands to a message. `docs/control-room.md` explains each."""

    SPOKE = "spoke"
    WRITES = "writes"
    """It has the floor, or its answer is on its way."""
    WAITS = "waits"
    COOLING = "cooling"
    YIELDS = "yields"
    """It wanted to speak, and another did."""
    SILENT = "silent"
    PASSES = "passes"
    """It did not want to speak."""


_OF_KIND: Mapping[FateKind, Stand] = {
    FateKind.SPOKE: Stand.SPOKE,
    FateKind.ON_ITS_WAY: Stand.WRITES,
    FateKind.SILENT: Stand.SILENT,
    FateKind.OUTBID: Stand.YIELDS,
    FateKind.WAITS: Stand.WAITS,
}
PASSED = Fate(FateKind.SILENT, "did not want to speak")
WORKING = frozenset({("elect", "granted"), ("plan", "reply"), ("plan", "react")})


@dataclass(frozen=True)
class BotRow:
    """One bot. `bid`: bits above the threshold, None where it made none; `words` follow
    its name; `asked`: the message speaks to it."""

    bot: str
    bid: float | None
    stand: Stand
    words: str
    asked: bool = False


def rows_of(lines: Sequence[JournalLine]) -> list[BotRow]:
    """A row for each bot of which the journal tells, those that spoke first, then by
    their bids."""
    ordered = sorted(lines, key=lambda line: line.at_ms)
    by_bot: dict[str, list[JournalLine]] = defaultdict(list)
    for line in ordered:
        by_bot[line.bot].append(line)
    by_bot.pop(STREAM, None)
    passed = passed_over(ordered)
    rows = [_row(bot, own, passed.get(bot, "")) for bot, own in by_bot.items()]
    first = (Stand.SPOKE, Stand.WRITES, Stand.WAITS)
    return sorted(rows, key=lambda one: (one.stand not in first, -_bits(one), one.bot))


def _bits(row: BotRow) -> float:
    return row.bid if row.bid is not None else -1e9


def _row(bot: str, lines: Sequence[JournalLine], passed: str) -> BotRow:
    end = fate_of(lines) or PASSED
    bid = _bid(lines)
    stand, words = _OF_KIND[end.kind], end.words
    if end.kind is FateKind.OUTBID:
        words = passed or "bid, and left it to another"
        stand = Stand.COOLING if "cooling" in words else Stand.YIELDS
        if bid is None:
            stand, words = Stand.PASSES, PASSED.words
    elif end is PASSED:
        stand = Stand.PASSES
    elif (lines[-1].step, lines[-1].verdict) in WORKING:
        stand, words = Stand.WRITES, "is writing"
    elif end.kind is FateKind.WAITS and "cooling" in words:
        stand = Stand.COOLING
    asked = any(line.verdict == "direct" for line in lines)
    return BotRow(bot, bid, stand, words, asked)


def _bid(lines: Sequence[JournalLine]) -> float | None:
    for line in reversed(lines):
        if line.step == "admit" and line.verdict in BID:
            try:
                return float(line.numbers.get("bid", ""))
            except ValueError:
                return None
    return None
