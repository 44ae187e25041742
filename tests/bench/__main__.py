"""`python -m tests.bench`: measure, print, write docs/benchmarks.md."""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from app.demo.stage import run_to_end
from app.domain.errors import StreamError
from tests.bench import (
    admission,
    footprint,
    hearing,
    latency,
    rates,
    scaling,
    thoughts,
    trips,
    turns,
)
from tests.bench.arena import Arena, arena
from tests.bench.figures import Results, read_results, spread_of
from tests.bench.machine import Watch
from tests.bench.page import page_of
from tests.bench.plan import Plan, plan_of
from tests.bench.plots import plot

PLOTS = {
    "rates": ("messages a second", "ms from POST to answer"),
    "flat": ("bots in one gateway", "ms from POST to answer"),
}
Measure = Callable[[Results, Plan, Arena], Awaitable[None]]
LIVE: dict[str, Measure] = {
    # Alone, before anything else idles beside it.
    "memory": footprint.measure,
    "latency": latency.measure_alone,
    "trips": trips.measure,
    "rates": rates.measure,
    "chatter": latency.measure_amid_chatter,
    "hearing": hearing.measure,
    "scaling": scaling.measure,
    "thoughts": thoughts.measure,
}
"""What needs the whole system, in this order."""
SMALL: dict[str, Callable[[Results, Plan, Path], None]] = {
    "admission": admission.measure,
    "turns": turns.measure,
}
"""What runs in this process, before the rest is started."""
PARTS = (*SMALL, *LIVE)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. With `--only`, what was not measured is left out of the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="more and longer rounds")
    parser.add_argument("--rounds", type=int, help="so many in place of 5 or 9")
    parser.add_argument("--only", choices=PARTS, action="append")
    parser.add_argument(
        "--docs", type=Path, help="write the pages, JSON and plots here"
    )
    parser.add_argument("--again", type=Path, help="measure nothing, read this JSON")
    given = parser.parse_args(arguments)
    if given.again is not None:
        results = read_results(json.loads(given.again.read_text(encoding="utf-8")))
    else:
        plan = plan_of(given.full)
        plan = replace(plan, repeats=given.rounds or plan.repeats)
        results = measure_all(plan, given.only or list(PARTS))
    show(results)
    if given.docs is not None:
        write(results, given.docs)
    return 0


def measure_all(plan: Plan, parts: Sequence[str]) -> Results:
    """What these parts find out, and how quiet the machine was."""
    results, watch = Results(full=plan.full), Watch()
    with tempfile.TemporaryDirectory(prefix="the-stream-bench-") as folder:
        for name, measure in SMALL.items():
            if name in parts:
                with left_out(results, name):
                    measure(results, plan, Path(folder))
                watch.note()
        if set(parts) & set(LIVE):
            run_to_end(measure_live(results, plan, Path(folder), watch, parts))
    results.machine = describe_machine(results, watch)
    return results


@contextmanager
def left_out(results: Results, name: str) -> Iterator[None]:
    """A part that fails in here is left out, and said: the others took minutes."""
    try:
        yield
    except (StreamError, AssertionError, OSError, TimeoutError) as error:
        reason = f"{type(error).__name__}: {str(error)[:200]}"
        results.skipped.append(f"{name} failed ({reason})")


async def measure_live(
    results: Results, plan: Plan, folder: Path, watch: Watch, parts: Sequence[str]
) -> None:
    """Everything that needs the whole system and its peers."""
    async with arena(folder, watch, plan.console) as place:
        for name, measure in LIVE.items():
            if name in parts:
                with left_out(results, name):
                    await measure(results, plan, place)
                watch.note()


def describe_machine(results: Results, watch: Watch) -> dict[str, object]:
    """What was measured on, when, and whether it was quiet."""
    floors = (
        (f"{row.base_name} ({row.name})", spread_of(row.base))
        for row in results.rows
        # A p99 of some ten messages is their slowest: it never holds still.
        if len(row.base) > 1 and row.goal is not None and "p99" not in row.name
    )
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    what = (
        f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    )
    return {**watch.quiet(floors).json(), "when": when, "what": what}


def show(results: Results) -> None:
    """The page, on the terminal."""
    console = Console(stderr=True)
    console.print(page_of(results), markup=False, highlight=False, soft_wrap=True)


def write(results: Results, docs: Path) -> None:
    """The page, its JSON and its plots."""
    (docs / "benchmarks.md").write_text(page_of(results), encoding="utf-8")
    if (page := scaling.scaling_page(results)) is not None:
        (docs / "scaling.md").write_text(page, encoding="utf-8")
    data = json.dumps(results.json(), indent=1, ensure_ascii=False)
    (docs / "benchmarks.json").write_text(data + "\n", encoding="utf-8")
    for name, axes in PLOTS.items():
        curves = [curve for curve in results.curves if curve.plot == name]
        if curves:
            file = docs / "img" / f"bench-{name}.svg"
            file.write_text(plot(curves, *axes), encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
