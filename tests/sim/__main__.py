"""`make simulate`: play seeds, and tell what broke."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from app.host.valkey import EmbeddedValkey
from tests.sim.checker import Broken
from tests.sim.judging import SOUND, digest, hunted, judged
from tests.sim.plants import PLANTS, Plant
from tests.sim.scenario import VERSION, Scenario, scenario
from tests.sim.shrinking import shrunk
from tests.sim.simulation import Outcome


def _told(seed: int, outcome: Outcome, broken: Sequence[Broken], took: float) -> None:
    seen = outcome.evidence
    print(
        f"seed {seed}: {outcome.ended / 3600:.2f} simulated hours in {took:.0f} s, "
        f"{len(seen.said)} messages, {len(seen.messages) - len(seen.said)} "
        f"posts, {outcome.calls} calls, {outcome.faults} faults, digest "
        f"{digest(outcome)}: {'BROKEN' if broken else 'all promises kept'}",
        flush=True,
    )
    for one in broken:
        print(f"  {one}")


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
    failed = False
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedValkey(Path(folder), appendfsync="no") as server,
    ):
        if options.plants:
            return _hunt(server.url)
        for seed in range(options.seed, options.seed + options.seeds):
            one = scenario(seed, options.hours, options.messages, options.faults)
            begun = time.perf_counter()
            outcome, broken = judged(one, server.url, plant)
            _told(seed, outcome, broken, time.perf_counter() - begun)
            if options.timeline:
                print("\n".join(outcome.timeline))
            failed = failed or bool(broken)
            if broken and options.shrink:
                _explain(one, server.url, plant, broken[0])
    return int(failed)


def _hunt(url: str) -> int:
    """Plant every bug, and print what was found; 1: one was not."""
    print("| planted | promise that broke | seeds | seconds |\n|---|---|--:|--:|")
    missed = 0
    for plant in PLANTS:
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
    parser.add_argument("--plants", action="store_true", help="find all planted bugs")
    parser.add_argument("--plant", choices=[one.name for one in PLANTS])
    return parser.parse_args(arguments)


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":
        # The order of sets hangs on it.
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "tests.sim", *sys.argv[1:]])  # noqa: S606 - ourselves
    sys.exit(main(sys.argv[1:]))
