"""Results of seeds that were played, one a line: a simulated month is put together over
several sittings."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.sim.checker import Broken
from tests.sim.scenario import VERSION, Scenario
from tests.sim.simulation import Outcome


@dataclass(frozen=True, slots=True)
class Result:
    """What one seed came to. `version`: of the seeds; `commit`: of the program."""

    seed: int
    version: int
    commit: str
    hours: float
    """In which people spoke."""
    simulated_s: float
    took_s: float
    messages: int
    posts: int
    calls: int
    faults: int
    broken: tuple[str, ...] = ()

    @property
    def what(self) -> tuple[int, int, float]:
        """What is the same when it is played again."""
        return self.seed, self.version, self.hours


def result_of(
    one: Scenario,
    outcome: Outcome,
    broken: Sequence[Broken],
    took_s: float,
    commit: str = "",
) -> Result:
    """The line of a seed that was played."""
    said = len(outcome.evidence.said)
    return Result(
        seed=one.seed,
        version=VERSION,
        commit=commit,
        hours=one.hours,
        simulated_s=round(outcome.ended, 1),
        took_s=round(took_s, 1),
        messages=said,
        posts=len(outcome.evidence.messages) - said,
        calls=outcome.calls,
        faults=outcome.faults,
        broken=tuple(map(str, broken)),
    )


class Ledger:
    """The file of the results. A line that cannot be read is left out: a sitting may
    have ended while it was written."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, result: Result) -> None:
        """Append one result; what another sitting left of a line is ended first."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        text = self._path.read_text() if self._path.exists() else ""
        cut_off = "\n" if text and not text.endswith("\n") else ""
        with self._path.open("a") as file:
            file.write(f"{cut_off}{json.dumps(asdict(result))}\n")

    def latest(self) -> list[Result]:
        """Of each seed of this version the latest result, in the order of seeds."""
        found = {one.what: one for one in self._read() if one.version == VERSION}
        return [found[what] for what in sorted(found)]

    def has_kept(self, seed: int, hours: float) -> bool:
        """Whether a seed was played by this version and kept all promises. One that
        broke them is played again."""
        what = seed, VERSION, hours
        return any(one.what == what and not one.broken for one in self.latest())

    def _read(self) -> Iterator[Result]:
        if not self._path.exists():
            return
        for line in self._path.read_text().splitlines():
            try:
                values = json.loads(line)
                yield Result(**{**values, "broken": tuple(values["broken"])})
            except (ValueError, TypeError, KeyError):
                continue


def total_of(results: Sequence[Result]) -> str:
    """All of them in one line, for the page that tells of it."""
    simulated = sum(one.simulated_s for one in results)
    took = sum(one.took_s for one in results)
    commits = {one.commit for one in results if one.commit}
    return (
        f"{len(results)} seeds, {sum(bool(one.broken) for one in results)} of them broken; "
        f"{simulated / 3600:.1f} simulated hours in {took / 60:.1f} minutes "
        f"({simulated / 60 / max(took, 1e-9):.2f} hours a minute), "
        f"{sum(one.messages for one in results)} messages, "
        f"{sum(one.posts for one in results)} posts, "
        f"{sum(one.calls for one in results)} calls, "
        f"{sum(one.faults for one in results)} faults, "
        f"{len(commits)} commits of the program"
    )
