"""The simulation: today's code keeps its promises in a few fixed seeds, a seed replays,
and a bug is found."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.host.valkey import EmbeddedValkey
from tests.sim.__main__ import digest, judged
from tests.sim.plants import PLANTS, Plant
from tests.sim.scenario import Act, scenario
from tests.sim.shrinking import shrunk

SHORT = 0.05
"""Simulated hours in which people speak."""


def test_today_s_code_keeps_its_promises(valkey: EmbeddedValkey) -> None:
    """Crashes, pauses, lost answers, lost hints and lost events: everything is answered
    once, in order, within its limits. And the same seed is the same run."""
    one = replace(scenario(1, SHORT, messages=600, faults=700), settles=200.0)
    outcome, broken = judged(one, valkey.url)
    assert not broken, "\n".join([*outcome.timeline, *map(str, broken)])
    assert outcome.faults > len(one.faults) // 2
    again, _ = judged(one, valkey.url)
    assert digest(again) == digest(outcome)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1002, 1006))
def test_more_seeds(valkey: EmbeddedValkey, seed: int) -> None:
    """As above, with half an hour of talk."""
    outcome, broken = judged(scenario(seed, 0.5, 300, 300), valkey.url)
    assert not broken, "\n".join([*outcome.timeline, *map(str, broken)])


@pytest.mark.slow
@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.name)
def test_a_planted_bug_is_found(valkey: EmbeddedValkey, plant: Plant) -> None:
    """Each breaks a promise within a few seeds."""
    found = (
        broken
        for seed in range(1, 9)
        if (
            broken := judged(
                replace(scenario(seed, 0.15, 400, 500), settles=300.0),
                valkey.url,
                plant,
            )[1]
        )
    )
    assert next(found, None)


def test_a_failure_shrinks_to_what_it_needs() -> None:
    """Of many acts and faults those two stay without which nothing fails."""
    one = scenario(7, 1.0, messages=60, faults=60)
    needed = one.acts[10], one.faults[20]

    def fails(candidate: object) -> bool:
        acts: tuple[Act, ...] = candidate.acts  # type: ignore[attr-defined]
        return needed[0] in acts and needed[1] in candidate.faults  # type: ignore[attr-defined]

    small = shrunk(one, fails)
    assert (small.acts, small.faults) == ((needed[0],), (needed[1],))
