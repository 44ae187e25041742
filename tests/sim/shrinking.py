"""From a failing scenario to the fewest faults and acts that still fail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from tests.sim.scenario import Scenario

T = TypeVar("T")


def shrunk(
    scenario: Scenario, fails: Callable[[Scenario], bool], tries: int = 200
) -> Scenario:
    """The smallest scenario found within so many tries. What a person does comes after
    the faults: without them most of it means nothing."""
    left = [tries]

    def attempt(candidate: Scenario) -> bool:
        left[0] -= 1
        return left[0] >= 0 and fails(candidate)

    faults = _fewest(
        scenario.faults,
        lambda kept: attempt(scenario.only(scenario.acts, tuple(kept))),
    )
    scenario = scenario.only(scenario.acts, tuple(faults))
    acts = _fewest(
        scenario.acts, lambda kept: attempt(scenario.only(tuple(kept), scenario.faults))
    )
    return scenario.only(tuple(acts), scenario.faults)


def _fewest(items: Sequence[T], fails: Callable[[Sequence[T]], bool]) -> list[T]:
    """Leave out halves, then quarters and so on, as long as it still fails."""
    kept = list(items)
    if kept and fails([]):
        return []
    size = max(1, len(kept) // 2)
    while kept:
        place, shorter = 0, False
        while place < len(kept):
            without = kept[:place] + kept[place + size :]
            if without != kept and fails(without):
                kept, shorter = without, True
            else:
                place += size
        if size == 1 and not shorter:
            break
        size = max(1, size // 2)
    return kept
