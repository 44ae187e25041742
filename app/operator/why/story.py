"""The journal of one message as a story: one plain sentence, what differed between the
bots, and what became of it for each. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.domain.model import JournalLine
from app.operator.why.fates import (
    Fate,
    FateKind,
    fate_of,
    of_the_stream,
    passed_over,
    trouble_of_model,
)
from app.operator.why.themes import Theme, edge, themes_of, told

STREAM = "stream"
NOTABLE = 0.3
"""Bits by which two bids must differ in something for it to be told."""
BID = frozenset({"bid", "opened", "complete"})
SPOKE = frozenset({FateKind.SPOKE, FateKind.ON_ITS_WAY})


@dataclass(frozen=True)
class BidRecord:
    """What one bot bid, in bits, and what about."""

    bot: str
    bits: float
    themes: Mapping[Theme, float]


@dataclass(frozen=True)
class Story:
    """A message as it went."""

    sentence: str
    differences: tuple[str, ...]
    """What differed between the bids, a line for each theme."""
    fates: Mapping[str, str]
    """By bot."""
    answered_by: tuple[str, ...]


def tell(
    lines: Sequence[JournalLine], names: Mapping[str, str], author: str = ""
) -> Story:
    """`names` are what bots are called; the lines may come in any order."""
    ordered = sorted(lines, key=lambda line: line.at_ms)
    by_bot: dict[str, list[JournalLine]] = defaultdict(list)
    for line in ordered:
        by_bot[line.bot].append(line)
    stream = by_bot.pop(STREAM, [])
    ends = {bot: end for bot, of in by_bot.items() if (end := fate_of(of)) is not None}
    bids = [
        bid for bot, of in by_bot.items() if (bid := _last_bid(bot, of)) is not None
    ]
    passed = passed_over(ordered)
    teller = _Teller(names, author, ends, passed)
    spoke = [bot for bot, end in ends.items() if end.kind in SPOKE]
    if spoke:
        sentence = "; ".join(teller.of_speaker(bot, by_bot[bot], bids) for bot in spoke)
    else:
        passes = any(line.verdict == "passed" for line in ordered)
        sentence = teller.of_silence(of_the_stream(stream), passes)
    return Story(
        sentence=f"{sentence}.{teller.of_models(by_bot)}",
        differences=tuple(teller.differences(bids)),
        fates={bot: teller.fate(bot, bool(spoke)) for bot in ends},
        answered_by=tuple(bot for bot in spoke if ends[bot].kind is FateKind.SPOKE),
    )


def _last_bid(bot: str, lines: Sequence[JournalLine]) -> BidRecord | None:
    """The last bid of a bot; None: it made none that can be read."""
    for line in reversed(lines):
        if line.step == "admit" and line.verdict in BID:
            try:
                bits = float(line.numbers.get("bid", ""))
            except ValueError:
                return None
            return BidRecord(bot, bits, themes_of(line.numbers.get("parts")))
    return None


@dataclass(frozen=True)
class _Teller:
    names: Mapping[str, str]
    author: str
    ends: Mapping[str, Fate]
    passed: Mapping[str, str]

    def name(self, bot: str) -> str:
        """What the bot is called."""
        return self.names.get(bot, bot)

    def fate(self, bot: str, answered: bool) -> str:
        """What became of the message for a bot, after its name."""
        end = self.ends[bot]
        if end.kind is not FateKind.OUTBID:
            return end.words
        return self.passed.get(bot, "bid less" if answered else "bid")

    def of_speaker(
        self, bot: str, lines: Sequence[JournalLine], bids: Sequence[BidRecord]
    ) -> str:
        """Why this one spoke, and the others did not."""
        own = next((bid for bid in bids if bid.bot == bot), None)
        end = self.ends[bot]
        # Without a bid nobody was outbid: it was asked, or a poll came upon it.
        if own is None:
            asked = [line for line in lines if line.verdict == "direct"]
            reason = f": {asked[-1].reason}" if asked and asked[-1].reason else ""
            return f"{self.name(bot)} {end.words}{reason}"
        rivals = sorted((one for one in bids if one.bot != bot), key=lambda b: -b.bits)
        granted = any(line.verdict == "granted" for line in lines)
        won = "won" if granted else "answered when it could"
        won = won if end.words == "answered" else end.words
        return "; ".join(
            [
                f"{self.name(bot)} {won}: {self._strength_of(own, rivals)}",
                *(self._of_rival(rival, own) for rival in rivals[:3]),
                *([f"{len(rivals) - 3} more bid less"] if len(rivals) > 3 else []),
            ]
        )

    def _strength_of(self, own: BidRecord, rivals: Sequence[BidRecord]) -> str:
        best = edge(own.themes, rivals[0].themes) if rivals else None
        if best is None:
            best = edge(own.themes, {})
        strength = "" if best is None else told(best, own.themes[best], self.author)
        if not rivals:
            return (
                f"nobody else bid, and it {strength}" if strength else "nobody else bid"
            )
        if own.bits != rivals[0].bits or rivals[0].bot in self.passed:
            return f"it {strength}" if strength else "it bid most"
        return "the bids were equal, and the lot fell on it"

    def _of_rival(self, rival: BidRecord, winner: BidRecord) -> str:
        best = edge(rival.themes, winner.themes)
        less = "bid as much" if rival.bits == winner.bits else "bid less"
        why = self.passed.get(rival.bot, less)
        if best is not None:
            strength = told(best, rival.themes[best], self.author)
            return f"{self.name(rival.bot)} {strength} but {why}"
        return f"{self.name(rival.bot)} {why}"

    def of_silence(self, stream: str, passes: bool) -> str:
        """Why nobody answered. `passes`: somebody heard it and made no bid."""
        told_of = [
            f"{self.name(bot)} {self.passed.get(bot) or end.words}"
            for bot, end in self.ends.items()
            if end.kind is not FateKind.OUTBID or bot in self.passed
        ]
        if told_of:
            return f"Nobody answered: {'; '.join(told_of)}"
        if stream:
            return f"Nobody answered: {stream}"
        bidders = [self.name(bot) for bot in self.ends]
        if bidders:
            return f"Nobody has answered yet: {', '.join(bidders)} bid"
        if passes:
            return "Nobody wanted to answer"
        return "Nobody answered, and no reason is kept"

    def of_models(self, by_bot: Mapping[str, Sequence[JournalLine]]) -> str:
        """A sentence for each bot whose model failed, with its remedy: what it said
        then is not what it would have said."""
        told_of = []
        for bot, lines in by_bot.items():
            trouble = next(filter(None, map(trouble_of_model, reversed(lines))), "")
            if trouble:
                told_of.append(f" The model of {self.name(bot)} failed: {trouble}.")
        return "".join(told_of)

    def differences(self, bids: Sequence[BidRecord]) -> list[str]:
        """A line for each theme in which the bids differ, the widest first."""
        if len(bids) < 2:
            return []
        spread = {}
        for theme in {theme for bid in bids for theme in bid.themes}:
            values = [bid.themes.get(theme, 0.0) for bid in bids]
            spread[theme] = max(values) - min(values)
        lines = [f"bid: {self._table_row({bid.bot: bid.bits for bid in bids})}"]
        for theme in sorted(spread, key=lambda one: (-spread[one], one.name)):
            if spread[theme] >= NOTABLE:
                row = {bid.bot: bid.themes.get(theme, 0.0) for bid in bids}
                lines.append(f"{theme.name}: {self._table_row(row)}")
        return lines

    def _table_row(self, values: Mapping[str, float]) -> str:
        best_first = sorted(values, key=lambda bot: (-values[bot], bot))
        return ", ".join(f"{self.name(bot)} {values[bot]:+.1f}" for bot in best_first)
