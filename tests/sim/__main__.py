"""`make simulate`: play seeds, and tell what broke."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from app.host.valkey import EmbeddedValkey
from tests.sim.checker import Broken
from tests.sim.judging import SOUND, digest, hunted, judged
from tests.sim.ledger import Ledger, Result, result_of, total_of
from tests.sim.plants import PLANTS, Plant
from tests.sim.scenario import VERSION, Scenario, scenario
from tests.sim.shrinking import shrunk
from tests.sim.simulation import Outcome


def _told(result: Result, outcome: Outcome) -> None:
    print(
        f"seed {result.seed}: {result.simulated_s / 3600:.2f} simulated hours in "
        f"{result.took_s:.0f} s, {result.messages} messages, {result.posts} posts, "
        f"{result.calls} calls, {result.faults} faults, digest {digest(outcome)}: "
        f"{'BROKEN' if result.broken else 'all promises kept'}",
        flush=True,
    )
    for one in result.broken:
        print(f"  {one}", flush=True)


def _commit() -> str:
    """Of the program that is played; empty where that is not known."""
    command = ["git", "rev-parse", "--short", "HEAD"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip()


def _explain(one: Scenario, url: str, plant: Plant, first: Broken) -> None:
    def fails(candidate: Scenario) -> bool:
        _, broken = judged(candidate, url, plant)
        return any(found.promise == first.promise for found in broken)

    small = shrunk(one, fails)
    outcome, broken = judged(small, url, plant)
    print(f"\nShrunk to {len(small.faults)} faults and {len(small.acts)} acts:")
    print("\n".join(outcome.timeline))
    for found in broken:
        print(f"  {found}")


def main(arguments: Sequence[str]) -> int:
    """Play; 1: a promise was broken."""
    options = _options(arguments)
    if options.version not in {None, VERSION}:
        print(f"Seeds of version {options.version} mean nothing here: {VERSION}.")
        return 2
    plant = next((one for one in PLANTS if one.name == options.plant), SOUND)
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedValkey(Path(folder), appendfsync="no") as server,
    ):
        if options.plants:
            only = [one for one in PLANTS if options.plant in {None, one.name}]
            return _hunt(server.url, only)
        results = _played(options, server.url, plant)
    print(total_of(results))
    return int(any(one.broken for one in results))


def _played(options: argparse.Namespace, url: str, plant: Plant) -> list[Result]:
    """All results: of this sitting, and of those before it where they are kept."""
    ledger = Ledger(options.results) if options.results else None
    results, commit = [], _commit()
    for seed in range(options.seed, options.seed + options.seeds):
        if ledger is not None and ledger.has_kept(seed, options.hours):
            continue
        one = scenario(seed, options.hours, options.messages, options.faults)
        begun = time.perf_counter()
        outcome, broken = judged(one, url, plant)
        took = time.perf_counter() - begun
        results.append(result_of(one, outcome, broken, took, commit))
        _told(results[-1], outcome)
        if ledger is not None:
            ledger.add(results[-1])
        if options.timeline:
            print("\n".join(outcome.timeline))
        if broken and options.shrink:
            _explain(one, url, plant, broken[0])
    return results if ledger is None else ledger.latest()


def _hunt(url: str, plants: Sequence[Plant]) -> int:
    """Plant each bug, and print what was found; 1: one was not."""
    print("| planted | promise that broke | seeds | seconds |\n|---|---|--:|--:|")
    missed = 0
    for plant in plants:
        found = hunted(plant, url)
        print(found, flush=True)
        missed += found.broken is None
    return int(missed > 0)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make simulate")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=1, help="so many from it on")
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--messages", type=int, default=200, help="an hour")
    parser.add_argument("--faults", type=int, default=150, help="an hour")
    parser.add_argument("--version", type=int, help=f"of the seed, now {VERSION}")
    parser.add_argument("--shrink", action="store_true")
    parser.add_argument("--timeline", action="store_true")
    parser.add_argument(
        "--results",
        type=Path,
        help="file of results: what is in it is not played again, and is in the total",
    )
    parser.add_argument("--plants", action="store_true", help="find all planted bugs")
    parser.add_argument("--plant", choices=[one.name for one in PLANTS])
    return parser.parse_args(arguments)


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":
        # The order of sets hangs on it.
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "tests.sim", *sys.argv[1:]])  # noqa: S606 - ourselves
    sys.exit(main(sys.argv[1:]))
