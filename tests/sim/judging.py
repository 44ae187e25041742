"""Playing and judging, with or without a planted bug."""

from __future__ import annotations

import hashlib
import itertools
import time
from dataclasses import dataclass, replace

from tests.sim.checker import Broken, Checker
from tests.sim.plants import Plant
from tests.sim.scenario import Scenario, scenario
from tests.sim.simulation import Outcome, play

SOUND = Plant("", "")
WITHIN_S = 300.0
"""Seconds of processor time within which a planted bug is to be found: beside other
work the clock would tell more of that."""


@dataclass(frozen=True, slots=True)
class Found:
    """What became of a planted bug. `broken`: None where nothing was seen in time."""

    plant: Plant
    broken: Broken | None
    seeds: int
    seconds: float

    def __str__(self) -> str:
        seen = "not found" if self.broken is None else self.broken.promise
        return f"| {self.plant.name} | {seen} | {self.seeds} | {self.seconds:.0f} |"


def judged(
    one: Scenario, url: str, plant: Plant = SOUND
) -> tuple[Outcome, list[Broken]]:
    """Play a scenario and check its record."""
    with plant.planted():
        outcome = play(one, url, plant.edit)
    return outcome, Checker(outcome.evidence).broken()


def digest(outcome: Outcome) -> str:
    """The same for the same run."""
    return hashlib.sha256("\n".join(outcome.timeline).encode()).hexdigest()[:12]


def hunted(plant: Plant, url: str, within_s: float = WITHIN_S) -> Found:
    """Play seeds, the first first, until the planted bug breaks the promise that is its
    sign or time is up."""
    begun = time.process_time()
    for seed in itertools.count(1):
        one = replace(scenario(seed, 0.15, 400, 500), settles=300.0)
        _, broken = judged(one, url, plant)
        seconds = time.process_time() - begun
        signs = [found for found in broken if found.promise == plant.promise]
        if signs or seconds > within_s:
            return Found(plant, next(iter(signs), None), seed, seconds)
    raise AssertionError("the seeds never end")
