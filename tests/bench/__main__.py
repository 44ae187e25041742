"""`python -m tests.bench`: measure, print, write docs/benchmarks.md."""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path

from rich.console import Console

from app.demo.stage import run_to_end
from tests.bench import (
    admission,
    before,
    footprint,
    hearing,
    latency,
    processes,
    rates,
    scaling,
    stages,
    thoughts,
    turns,
)
from tests.bench.arena import Arena, arena
from tests.bench.changes import section_of
from tests.bench.figures import Results, read_results, spread_of
from tests.bench.machine import Watch, machine_told
from tests.bench.older import CannotStart
from tests.bench.page import page_of
from tests.bench.plan import Plan, plan_of
from tests.bench.plots import plot

PLOTS = {
    "rates": ("messages a second", "ms from POST to answer"),
    "flat": ("bots in one gateway", "ms from POST to answer"),
}
FIGURES = "benchmarks.json"
Measure = Callable[[Results, Plan, Arena], Awaitable[None]]
LIVE: dict[str, Measure] = {
    # Alone: what else runs would share pages with it.
    "memory": footprint.measure,
    "latency": latency.measure_alone,
    "stages": stages.measure,
    "rates": rates.measure,
    "processes": processes.measure,
    "thoughts": thoughts.measure,
    "chatter": latency.measure_amid_chatter,
    "hearing": hearing.measure,
    "scaling": scaling.measure,
}
"""What needs the whole system, in this order."""
SMALL: dict[str, Callable[[Results, Plan, Path], None]] = {
    "admission": admission.measure,
    "turns": turns.measure,
}
"""What runs in this process, after the rest has ended."""
PARTS = (*SMALL, *LIVE)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. With `--only`, what was not measured is left out of the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="more and longer rounds")
    parser.add_argument("--rounds", type=int, help="so many in place of 5 or 9")
    parser.add_argument("--only", choices=PARTS, action="append")
    parser.add_argument(
        "--before", metavar="COMMIT", help="an older commit beside ours"
    )
    parser.add_argument(
        "--docs", type=Path, help="write the pages, JSON and plots here"
    )
    parser.add_argument("--again", type=Path, help="measure nothing, read this JSON")
    given = parser.parse_args(arguments)
    plan = plan_of(given.full)
    plan = replace(plan, repeats=given.rounds or plan.repeats)
    if given.before is not None:
        return beside_older(given.before, plan, given.only or PARTS, given.docs)
    if given.again is not None:
        results = read_json(given.again)
    else:
        run = Run(plan, given.only or list(PARTS), given.docs)
        results = run.measure()
    show(results)
    if given.docs is not None:
        write(results, given.docs)
    return 0


def beside_older(
    commit: str, plan: Plan, parts: Sequence[str], docs: Path | None
) -> int:
    """Measure an older commit beside today's code. The page keeps its other figures."""
    try:
        found = before.compare(commit, plan, parts)
    except CannotStart as error:
        plan.console.print(f"make bench: {error}", markup=False, soft_wrap=True)
        return error.exit_code
    lines = "\n".join(section_of(found))
    plan.console.print(lines, markup=False, highlight=False, soft_wrap=True)
    if docs is not None:
        results = read_json(docs / FIGURES)
        results.before = asdict(found)
        write_page(results, docs)
    return 0


class Run:
    """One run. Each part's figures are written, if anywhere, once it has ended: of a
    run that is stopped they stay."""

    def __init__(self, plan: Plan, parts: Sequence[str], docs: Path | None) -> None:
        self.plan, self.parts, self.docs = plan, parts, docs
        self.results = Results(full=plan.full, missing=list(PARTS))
        if docs is not None and (docs / FIGURES).exists():
            # It takes a run of its own.
            self.results.before = read_json(docs / FIGURES).before
        self.watch = Watch()

    def measure(self) -> Results:
        """What the parts find out, and how quiet the machine was."""
        with tempfile.TemporaryDirectory(prefix="the-stream-bench-") as folder:
            if set(self.parts) & set(LIVE):
                run_to_end(self._measure_live(Path(folder)))
            for name, measure in SMALL.items():
                if name in self.parts:
                    with self._part(name):
                        measure(self.results, self.plan.for_part(), Path(folder))
        return self.results

    async def _measure_live(self, folder: Path) -> None:
        """Everything that needs the whole system and its peers."""
        async with arena(folder, self.watch, self.plan.console) as place:
            for name, measure in LIVE.items():
                if name in self.parts:
                    with self._part(name):
                        async with asyncio.timeout(self.plan.most_s):
                            await measure(self.results, self.plan.for_part(), place)

    @contextmanager
    def _part(self, name: str) -> Iterator[None]:
        """A part that fails in here is left out, and said: the others took minutes."""
        begun = time.monotonic()
        try:
            yield
        except Exception as error:  # noqa: BLE001 - whatever it met, the rest is measured
            reason = f"{type(error).__name__}: {str(error)[:200]}"
            self.results.skipped.append(f"{name} failed ({reason})")
        took = time.monotonic() - begun
        self.plan.console.print(f"  {name}: {took:.0f} s")
        self.results.missing.remove(name)
        self.results.machine = describe_machine(self.results, self.watch)
        if self.docs is not None:
            write(self.results, self.docs)


def describe_machine(results: Results, watch: Watch) -> dict[str, object]:
    """What was measured on, when, and whether it was quiet."""
    floors = (
        (f"{row.base_name} ({row.name})", spread_of(row.base))
        for row in results.rows
        # A p99 of some ten messages is their slowest: it never holds still.
        if len(row.base) > 1 and row.goal is not None and "p99" not in row.name
    )
    return machine_told(watch.quiet(floors))


def show(results: Results) -> None:
    """The page, on the terminal."""
    console = Console(stderr=True)
    console.print(page_of(results), markup=False, highlight=False, soft_wrap=True)


def read_json(file: Path) -> Results:
    """The run that a file holds."""
    return read_results(json.loads(file.read_text(encoding="utf-8")))


def write_page(results: Results, docs: Path) -> None:
    """The page and its JSON."""
    (docs / "benchmarks.md").write_text(page_of(results), encoding="utf-8")
    data = json.dumps(results.json(), indent=1, ensure_ascii=False)
    (docs / FIGURES).write_text(data + "\n", encoding="utf-8")


def write(results: Results, docs: Path) -> None:
    """The pages, their JSON and their plots."""
    write_page(results, docs)
    # A run without the model leaves the tables of the one before.
    if "scaling" not in results.missing or not (docs / "scaling.md").exists():
        page = scaling.scaling_page(results)
        (docs / "scaling.md").write_text(page, encoding="utf-8")
    for name, axes in PLOTS.items():
        curves = [curve for curve in results.curves if curve.plot == name]
        if curves:
            file = docs / "img" / f"bench-{name}.svg"
            file.write_text(plot(curves, *axes), encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
