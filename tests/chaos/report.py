"""What a run showed, as a table for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.chaos.run import Seen, Struck
from tests.sim.checker import Checker

AFTER_S = 2.0
"""What was said until so long after the end of a strike belongs to it."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """What one kind of strike did to those who asked a bot meanwhile."""

    kind: str
    times: int
    asked: int
    """Questions to a bot from the beginning of a strike until shortly after its end."""
    waits: Sequence[float]
    """Seconds from the end, or from the question if that came later, until the answer,
    of each that was not answered before the end. Sorted."""

    def share(self, part: float) -> float:
        """The wait that so large a part did not exceed; 0 where nobody waited."""
        if not self.waits:
            return 0.0
        return self.waits[min(len(self.waits) - 1, int(part * len(self.waits)))]


@dataclass(frozen=True, slots=True)
class Slow:
    """A question that waited long for its answer, whatever befell meanwhile."""

    seconds: float
    bot: str
    message: str


def slowest(seen: Seen, most: int = 3, least_s: float = 20.0) -> list[Slow]:
    """The longest waits of at least so many seconds."""
    checker = Checker(seen.evidence)
    at = {one.id: one.at for one in seen.evidence.messages}
    found = [
        Slow(answered - at[message], bot, message)
        for message, said in seen.evidence.said.items()
        for bot in said.asks
        if (answered := checker.answered_at(bot, message)) is not None
    ]
    long = [one for one in found if one.seconds >= least_s]
    return sorted(long, key=lambda one: -one.seconds)[:most]


def recoveries(*runs: Seen) -> list[Recovery]:
    """By kind, in the order in which the kinds first struck; of all runs together."""
    struck = [(seen, one) for seen in runs for one in seen.struck]
    kinds = list(dict.fromkeys(one.kind for _, one in struck))
    return [
        _recovery(kind, [pair for pair in struck if pair[1].kind == kind])
        for kind in kinds
    ]


def _recovery(kind: str, strikes: Sequence[tuple[Seen, Struck]]) -> Recovery:
    found = [wait for seen, one in strikes for wait in _waits(seen, one)]
    waits = sorted(wait for wait in found if wait > 0)
    return Recovery(kind, len(strikes), len(found), waits)


def _waits(seen: Seen, one: Struck) -> Iterator[float]:
    """Of each question of that time: the wait after the end; 0: it was answered
    before."""
    evidence = seen.evidence
    checker = Checker(evidence)
    shown = {post.id: post for post in evidence.messages}
    for message, said in evidence.said.items():
        at = shown[message].at
        if not one.begun <= at <= one.ended + AFTER_S:
            continue
        for bot in said.asks:
            answered = checker.answered_at(bot, message)
            if answered is not None:
                yield max(0.0, answered - max(at, one.ended))


def table(*runs: Seen) -> str:
    """One row for each kind, of all runs together, in Markdown."""
    lines = [
        "| what went wrong | times | asked | still waiting at its end | p50, s | p99, s |",
        "| --- | --: | --: | --: | --: | --: |",
    ]
    lines += [
        f"| {one.kind} | {one.times} | {one.asked} | {len(one.waits)} "
        f"| {one.share(0.5):.1f} | {one.share(0.99):.1f} |"
        for one in recoveries(*runs)
    ]
    missing = {kind: why for seen in runs for kind, why in seen.missing.items()}
    lines += [f"| {kind} | left out: {why} | | | | |" for kind, why in missing.items()]
    return "\n".join(lines)


COUNTED = {
    "lost": "nothing direct lost",
    "doubled": "no duplicate",
    "piled on": "no pile-on",
    "out of order": "order",
    "too soon": "cooldown",
    "in quiet time": "quiet time",
    "overtaken": "fairness",
    "while muted": "mute",
}
"""Column and promise."""


def verdict_table(runs: Mapping[int, Seen]) -> str:
    """One row for each seed, in Markdown: what was played, and how often each promise
    was broken."""
    names = (
        *("seed", "messages", "questions", "posts", "strikes", "mutes"),
        *COUNTED,
        *("others", "processes that ended"),
    )
    lines = [f"| {' | '.join(names)} |", "| --: " * len(names) + "|"]
    for seed, seen in runs.items():
        cells = (seed, *_played(seen), *_broken(seen), len(seen.ended))
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def _played(seen: Seen) -> tuple[int, ...]:
    evidence = seen.evidence
    return (
        len(evidence.said),
        sum(len(said.asks) for said in evidence.said.values()),
        sum(1 for one in evidence.messages if one.bot),
        len(seen.struck),
        len(evidence.silences),
    )


def _broken(seen: Seen) -> Iterator[int]:
    counts = Counter(one.promise for one in Checker(seen.evidence).broken())
    for promise in COUNTED.values():
        yield counts.pop(promise, 0)
    yield counts.total()
