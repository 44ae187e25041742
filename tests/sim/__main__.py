"""`make simulate`: play seeds, and tell what broke."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass
class Total:
    """What was played so far, for the page that tells of it."""

    seeds: int = 0
    broken: int = 0
    simulated_s: float = 0.0
    took_s: float = 0.0
    messages: int = 0
    posts: int = 0
    calls: int = 0
    faults: int = 0

    def add(self, outcome: Outcome, broken: Sequence[Broken], took: float) -> None:
        """One seed more."""
        said = len(outcome.evidence.said)
        self.seeds += 1
        self.broken += bool(broken)
        self.simulated_s += outcome.ended
        self.took_s += took
        self.messages += said
        self.posts += len(outcome.evidence.messages) - said
        self.calls += outcome.calls
        self.faults += outcome.faults

    def __str__(self) -> str:
        rate = self.simulated_s / 60 / max(self.took_s, 1e-9)
        return (
            f"{self.seeds} seeds, {self.broken} of them broken; "
            f"{self.simulated_s / 3600:.1f} simulated hours in {self.took_s / 60:.1f} "
            f"minutes ({rate:.2f} hours a minute), {self.messages} messages, "
            f"{self.posts} posts, {self.calls} calls, {self.faults} faults"
        )


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
    total = Total()
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedValkey(Path(folder), appendfsync="no") as server,
    ):
        if options.plants:
            only = [one for one in PLANTS if options.plant in {None, one.name}]
            return _hunt(server.url, only)
        for seed in range(options.seed, options.seed + options.seeds):
            one = scenario(seed, options.hours, options.messages, options.faults)
            begun = time.perf_counter()
            outcome, broken = judged(one, server.url, plant)
            took = time.perf_counter() - begun
            total.add(outcome, broken, took)
            _told(seed, outcome, broken, took)
            if options.timeline:
                print("\n".join(outcome.timeline))
            if broken and options.shrink:
                _explain(one, server.url, plant, broken[0])
    print(total)
    return int(total.broken > 0)


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
    parser.add_argument("--plants", action="store_true", help="find all planted bugs")
    parser.add_argument("--plant", choices=[one.name for one in PLANTS])
    return parser.parse_args(arguments)


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":
        # The order of sets hangs on it.
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "tests.sim", *sys.argv[1:]])  # noqa: S606 - ourselves
    sys.exit(main(sys.argv[1:]))
