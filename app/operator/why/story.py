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
from app.operator.why.themes import Theme, describe_strength, edge, themes_of

STREAM = "stream"
RIVALS = 3
"""How many rivals, or others of one fate, a sentence names; the rest are counted."""
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
    ends: dict[str, Fate] = {}
    bids: list[BidRecord] = []
    for bot, own_lines in by_bot.items():
        if (end := fate_of(own_lines)) is not None:
            ends[bot] = end
        if (bid := _last_bid(bot, own_lines)) is not None:
            bids.append(bid)
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


def _comparison(bits: float, of_winner: float) -> str:
    """How a bid stood to the winner's, where the journal names no other reason."""
    if bits == of_winner:
        return "bid as much"
    return "bid less" if bits < of_winner else "bid more and did not get to it"


def _clause_of(words: str, bots: Sequence[str]) -> str:
    """What became of the message for bots of one fate: told of the first of them."""
    first, *others = bots
    if not others:
        return f"{first} {words}"
    shown, more = others[:RIVALS], len(others) - RIVALS
    counted = f" and {more} more" if more > 0 else ""
    return f"{first} {words} (likewise {', '.join(shown)}{counted})"


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
            asked = [line.reason for line in lines if line.verdict == "direct"]
            reason = asked[-1] if asked else ""
            words = f"{self.name(bot)} {end.words}"
            return f"{words}: {reason}" if reason else words
        rivals = [bid for bid in bids if bid.bot != bot]
        rivals.sort(key=lambda bid: -bid.bits)
        outcome = end.words
        if outcome == "answered":
            granted = any(line.verdict == "granted" for line in lines)
            outcome = "won" if granted else "answered when it could"
        clauses = [f"{self.name(bot)} {outcome}: {self._strength_of(own, rivals)}"]
        for rival in rivals[:RIVALS]:
            clauses.append(self._of_rival(rival, own))
        if len(rivals) > RIVALS:
            clauses.append(f"{len(rivals) - RIVALS} more bid less")
        return "; ".join(clauses)

    def _strength_of(self, own: BidRecord, rivals: Sequence[BidRecord]) -> str:
        """In what a bid was strong: more than the best rival's, if there is one."""
        theme = edge(own.themes, rivals[0].themes) if rivals else None
        if theme is None:
            theme = edge(own.themes, {})
        strength = ""
        if theme is not None:
            strength = describe_strength(theme, own.themes[theme], self.author)
        if not rivals:
            alone = "nobody else bid"
            return f"{alone}, and it {strength}" if strength else alone
        best = rivals[0]
        if own.bits == best.bits and best.bot not in self.passed:
            return "the bids were equal, and the lot fell on it"
        if strength:
            return f"it {strength}"
        outbid = own.bits < best.bits
        return "it bid most of those that were free" if outbid else "it bid most"

    def _of_rival(self, rival: BidRecord, winner: BidRecord) -> str:
        """Why another did not speak, and in what its bid was the stronger one."""
        why = self.passed.get(rival.bot) or _comparison(rival.bits, winner.bits)
        name = self.name(rival.bot)
        theme = edge(rival.themes, winner.themes)
        if theme is None:
            return f"{name} {why}"
        strength = describe_strength(theme, rival.themes[theme], self.author)
        return f"{name} {strength} but {why}"

    def of_silence(self, stream: str, passes: bool) -> str:
        """Why nobody answered. `passes`: somebody heard it and made no bid."""
        alike: dict[str, list[str]] = {}
        for bot, end in self.ends.items():
            if end.kind is not FateKind.OUTBID or bot in self.passed:
                words = self.passed.get(bot) or end.words
                alike.setdefault(words, []).append(self.name(bot))
        if alike:
            clauses = [_clause_of(words, bots) for words, bots in alike.items()]
            return f"Nobody answered: {'; '.join(clauses)}"
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
        sentences = []
        for bot, lines in by_bot.items():
            troubles = [trouble_of_model(line) for line in lines]
            latest = next((one for one in reversed(troubles) if one), "")
            if latest:
                sentences.append(f" The model of {self.name(bot)} failed: {latest}.")
        return "".join(sentences)

    def differences(self, bids: Sequence[BidRecord]) -> list[str]:
        """A line for each theme in which the bids differ, the widest first."""
        if len(bids) < 2:
            return []
        values: dict[Theme, dict[str, float]] = {}
        spread: dict[Theme, float] = {}
        for theme in {theme for bid in bids for theme in bid.themes}:
            values[theme] = {bid.bot: bid.themes.get(theme, 0.0) for bid in bids}
            spread[theme] = max(values[theme].values()) - min(values[theme].values())
        total = {bid.bot: bid.bits for bid in bids}
        lines = [f"bid: {self._table_row(total)}"]
        for theme in sorted(spread, key=lambda one: (-spread[one], one.name)):
            if spread[theme] >= NOTABLE:
                lines.append(f"{theme.name}: {self._table_row(values[theme])}")
        return lines

    def _table_row(self, values: Mapping[str, float]) -> str:
        best_first = sorted(values, key=lambda bot: (-values[bot], bot))
        cells = [f"{self.name(bot)} {values[bot]:+.1f}" for bot in best_first]
        return ", ".join(cells)
