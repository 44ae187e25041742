"""The simulation: today's code keeps its promises in a few fixed seeds, a seed replays,
and a bug is found."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.broker.hints import HintSender
from app.delivery.rest import DiscordRest
from app.host.valkey import EmbeddedValkey
from app.store.door import AsyncStore, Store
from app.store.lock import LaneLock
from app.store.scripts import CONTRACTS, source
from tests.sim.__main__ import main
from tests.sim.calls import SimulatedAsyncStore, SimulatedHints, SimulatedStore
from tests.sim.judging import digest, hunted, judged
from tests.sim.plants import PLANTS, Plant
from tests.sim.processes import SimulatedLock, SimulatedRest
from tests.sim.scenario import VERSION, Act, scenario
from tests.sim.shrinking import shrunk

UNUSED = frozenset({"fetch", "take"})
"""What nobody calls in the simulation."""
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


@pytest.mark.parametrize(
    ("double", "original"),
    [
        (SimulatedHints, HintSender),
        (SimulatedStore, Store),
        (SimulatedAsyncStore, AsyncStore),
        (SimulatedRest, DiscordRest),
        (SimulatedLock, LaneLock),
    ],
)
def test_a_double_has_what_it_stands_for(double: type, original: type) -> None:
    """A method that is missing would look like a fault of the program, or hide one."""
    public = {name for name in vars(original) if not name.startswith("_")}
    assert not public - set(dir(double)) - UNUSED


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1002, 1006))
def test_more_seeds(valkey: EmbeddedValkey, seed: int) -> None:
    """As above, with half an hour of talk."""
    outcome, broken = judged(scenario(seed, 0.5, 300, 300), valkey.url)
    assert not broken, "\n".join([*outcome.timeline, *map(str, broken)])


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.name)
def test_a_planted_bug_is_found(valkey: EmbeddedValkey, plant: Plant) -> None:
    """Each breaks a promise within five minutes of a quiet machine."""
    found = hunted(plant, valkey.url)
    print(found)
    assert found.broken is not None


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.name)
def test_a_plant_is_planted(plant: Plant) -> None:
    """What it leaves out of the scripts or puts in place is there: a bug that is not
    planted would prove nothing."""
    texts = [source(name) for name in CONTRACTS]
    for mark in (*plant.lines, *(old for old, _ in plant.swaps)):
        assert any(mark in text for text in texts), mark
    with plant.planted():
        pass  # a function that is not there cannot be replaced
    assert plant.lines or plant.swaps or plant.patches


def test_a_seed_of_another_version_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """It means nothing here: one line and exit code 2."""
    assert main(["--seed", "7", "--version", str(VERSION - 1)]) == 2
    assert "mean nothing here" in capsys.readouterr().out


def test_a_failure_shrinks_to_what_it_needs() -> None:
    """Of many acts and faults those two stay without which nothing fails."""
    one = scenario(7, 1.0, messages=60, faults=60)
    needed = one.acts[10], one.faults[20]

    def fails(candidate: object) -> bool:
        acts: tuple[Act, ...] = candidate.acts  # type: ignore[attr-defined]
        return needed[0] in acts and needed[1] in candidate.faults  # type: ignore[attr-defined]

    small = shrunk(one, fails)
    assert (small.acts, small.faults) == ((needed[0],), (needed[1],))
