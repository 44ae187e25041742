"""The floor and the elections keep their promises whatever an operator sets within the
bounds of the terms."""

from __future__ import annotations

import os
from random import Random

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from app.domain import terms
from app.store.door import Store
from tests.store.rules_machine import Protocol
from tests.store.test_protocols import Addressed, Elections

PROVE = bool(os.environ.get("STREAM_PROVE"))
SEEDS = range(60 if PROVE else 4)
EXAMPLES, STEPS = (40, 50) if PROVE else (2, 25)
LEAST = {
    "floor_lease": 5,
    "undelivered_lease": 5,
    "election_max_age": 60,
    "quiet_time": 0,
    "cooldown": 0,
}
"""Seconds from which each setting is drawn."""
MOST = {"quiet_time": 600, "cooldown": 600}
"""Seconds up to which those are drawn that no term bounds."""


def any_settings(seed: int) -> dict[str, int]:
    """Valid settings, in whole seconds: at their bounds as often as in between."""
    rng, drawn = Random(seed), {}
    bounded = {bound.setting: int(bound.most_s) for bound in terms.BOUNDS}
    for name, least in LEAST.items():
        most = MOST.get(name) or bounded[name]
        drawn[name] = rng.choice((least, most, rng.randint(least, most)))
    return drawn


@pytest.mark.parametrize(
    "machine", [Addressed, Elections], ids=lambda one: one.__name__
)
@pytest.mark.parametrize("seed", SEEDS)
def test_the_machines_hold_with_any_settings(
    store: Store, machine: type[Protocol], seed: int
) -> None:
    """The machines of the floor and of elections, beside their reference, under drawn
    settings."""
    drawn = type("Drawn", (machine,), {"store": store, "settings": any_settings(seed)})
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        drawn,
        settings=settings(
            max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None
        ),
    )
