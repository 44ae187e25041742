"""`python -m tests.bench`: measure, print, write docs/benchmarks.md."""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from app.demo.stage import run_to_end
from tests.bench import admission, hearing, latency, rates
from tests.bench.arena import arena
from tests.bench.figures import Results, spread_of
from tests.bench.machine import Watch
from tests.bench.page import page_of
from tests.bench.plan import Plan, plan_of
from tests.bench.plots import plot

PLOTS = {
    "rates": ("messages a second", "ms from POST to answer"),
    "flat": ("bots in one gateway", "ms from POST to answer"),
}
PARTS = ("admission", "latency", "chatter", "hearing", "rates")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. With `--only`, what was not measured is left out of the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="more and longer rounds")
    parser.add_argument("--only", choices=PARTS, action="append")
    parser.add_argument("--docs", type=Path, help="write the page, JSON and plots here")
    given = parser.parse_args(arguments)
    plan, parts = plan_of(given.full), given.only or list(PARTS)
    results, watch = Results(full=given.full), Watch()
    with tempfile.TemporaryDirectory(prefix="the-stream-bench-") as folder:
        if "admission" in parts:
            admission.measure(results, plan, Path(folder))
            watch.note()
        if set(parts) - {"admission"}:
            run_to_end(measure_live(results, plan, Path(folder), watch, parts))
    results.machine = describe_machine(results, watch)
    show(results, plan.console)
    if given.docs is not None:
        write(results, given.docs)
    return 0


async def measure_live(
    results: Results, plan: Plan, folder: Path, watch: Watch, parts: Sequence[str]
) -> None:
    """Everything that needs the whole system and its peers."""
    arq = rates.arq_python(results, plan) if "rates" in parts else None
    async with arena(folder, watch) as place:
        plan.console.print("  starting the systems: some ten seconds for each size")
        peers = await rates.add_peers(place, arq)
        sizes = plan.sizes if {"chatter", "hearing"} & set(parts) else plan.sizes[:1]
        for size in sizes:
            await place.add_stream(f"{size} bots", size)
        if "latency" in parts:
            await latency.measure_alone(results, plan, place)
        if "chatter" in parts:
            await latency.measure_amid_chatter(results, plan, place)
        if "hearing" in parts:
            bots = plan.sizes[-1]
            await place.add_peer("bare clients", "bare", bots=bots, database=3)
            await hearing.measure(results, plan, place)
        if "rates" in parts:
            await rates.measure(results, plan, place, peers)


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


def show(results: Results, console: Console) -> None:
    """The page, on the terminal."""
    console.print(page_of(results), markup=False, highlight=False, soft_wrap=True)


def write(results: Results, docs: Path) -> None:
    """The page, its JSON and its plots."""
    (docs / "benchmarks.md").write_text(page_of(results), encoding="utf-8")
    data = json.dumps(results.json(), indent=1, ensure_ascii=False)
    (docs / "benchmarks.json").write_text(data + "\n", encoding="utf-8")
    for name, axes in PLOTS.items():
        curves = [curve for curve in results.curves if curve.plot == name]
        if curves:
            file = docs / "img" / f"bench-{name}.svg"
            file.write_text(plot(curves, *axes), encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
