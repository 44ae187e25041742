"""What an older commit and today's code cost, asked in turns in one run: figures of both
beside a floor, and their table. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.bench.cells import cell, goal_text
from tests.bench.figures import Row, Spread, spread_of


@dataclass(frozen=True, slots=True)
class Change:
    """One figure of both codes, and of a floor, round by round. The goal is for
    today's."""

    name: str
    unit: str
    before: tuple[float, ...]
    today: tuple[float, ...]
    floor: tuple[float, ...] = ()
    floor_name: str = ""
    goal: float | None = None
    least: bool = False
    note: str = ""

    def row(self, ours: tuple[float, ...]) -> Row:
        """One of the codes beside the floor."""
        return Row(
            "",
            self.name,
            self.unit,
            ours,
            self.floor,
            self.floor_name,
            self.goal,
            self.least,
        )

    @property
    def ratios(self) -> list[float]:
        """Today's over the older one's, round by round."""
        return Row("", self.name, self.unit, self.today, self.before).ratios


@dataclass(slots=True)
class Changes:
    """Everything that such a run found out. `older` and `today` name the commits."""

    commit: str
    older: str
    today: str
    machine: dict[str, Any] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def floors(self) -> Iterable[tuple[str, Spread]]:
        """What should have held still."""
        for one in self.changes:
            # A p99 of some ten messages is their slowest: it never holds still.
            if len(one.floor) > 1 and "p99" not in one.name:
                yield f"{one.floor_name} ({one.name})", spread_of(one.floor)


def read_changes(data: dict[str, Any]) -> Changes:
    """The run that was written as plain data."""
    return Changes(
        **{**data, "changes": [_read_change(one) for one in data["changes"]]}
    )


def _read_change(data: dict[str, Any]) -> Change:
    lists = {name: tuple(data[name]) for name in ("before", "today", "floor")}
    return Change(**{**data, **lists})


def section_of(found: Changes) -> list[str]:
    """The page's lines."""
    loaded = bool(found.machine["loaded"])
    return [
        "## Before and after",
        "",
        "`the-stream up` of an older commit beside today's, both up at once on one loopback Discord and asked in turns; each with the",
        "packages of its own lock file, both with the same characters and settings. A ratio is taken round by round.",
        "",
        f"- before: {found.older}",
        f"- today: {found.today}",
        "",
        "```",
        f"make bench BEFORE={found.commit}",
        "```",
        "",
        f"**{found.machine['line']}**",
        "",
        f"{found.machine['when']}, {found.machine['what']}.",
        "",
        *(f"- {one}" for one in found.skipped),
        *([""] if found.skipped else []),
        "| | before | today | today : before | floor | | before : floor | today : floor | goal | |",
        "|---|--:|--:|--:|---|--:|--:|--:|---|---|",
        *(_line(one, loaded) for one in found.changes),
        "",
    ]


def _line(one: Change, loaded: bool) -> str:
    then, now = one.row(one.before), one.row(one.today)
    cells = [
        one.name,
        cell(one.before, one.unit),
        cell(one.today, one.unit),
        cell(one.ratios, "x"),
        one.floor_name,
        cell(one.floor, one.unit),
        cell(then.ratios, "x"),
        cell(now.ratios, "x"),
        goal_text(now, loaded),
        one.note,
    ]
    return f"| {' | '.join(cells)} |"


class Admissions(NamedTuple):
    """What a server did to admit one message: microseconds in scripts, and calls."""

    us: float
    calls: int


def admissions_of(
    logged: Sequence[tuple[bytes | str, int]], message: str
) -> Admissions:
    """From a server's log of commands, oldest first. The first script that has the
    message among its keys admits it, whatever its name was in that code."""
    took: defaultdict[str, list[int]] = defaultdict(list)
    for command, us in logged:
        text = (
            command.decode(errors="replace") if isinstance(command, bytes) else command
        )
        word, digest, count, *rest = [*text.split(" "), "", "0"]
        if word.upper() == "EVALSHA" and message in " ".join(rest[: int(count)]):
            took[digest].append(us)
    admitted = next(iter(took.values()), [])
    return Admissions(float(sum(admitted)), len(admitted))
