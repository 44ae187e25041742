"""One admission for all bots of a process: the state machines hold it to be the same as
one after another; here is what it costs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.domain.verdicts import Admit
from app.store import admission, elections
from app.store.door import Store
from tests.store import world
from tests.store.world import World

BOTS = tuple(f"bot{number}" for number in range(100))


def commands(store: Store) -> int:
    """Commands since the last reset, those inside of scripts."""
    stats = store.client.info("commandstats")
    outside = {"cmdstat_evalsha", "cmdstat_info", "cmdstat_config|resetstat"}
    return sum(row["calls"] for name, row in stats.items() if name not in outside)


def admit_all(store: Store, w: World, message: str, bots: tuple[str, ...]) -> list[str]:
    """Each bot bids its place among them."""
    said = world.event(message)
    heard = [
        world.candidate(bot, said, 1.0 + place, expected=len(BOTS), move_cursor=False)
        for place, bot in enumerate(bots)
    ]
    call = admission.admit_all(
        heard, f"r{message}", [w.limits] * len(heard), w.settings
    )
    return [one.verdict for one in store.run(call)]


def test_a_hundred_bots_are_one_election(store: Store) -> None:
    """One call opens and completes the election of a process's bots, and the best of
    all is granted without a window."""
    w = World(store)
    verdicts = admit_all(store, w, "1", BOTS)
    assert verdicts == [Admit.OPENED, *[Admit.BID] * 98, Admit.COMPLETE]
    outcome = store.run(elections.decide("1", "55", w.settings))
    assert outcome.winner == BOTS[-1]


def test_a_further_bot_costs_three_commands(store: Store) -> None:
    """What the bots of a call share is read and written once. Of its own each bot that
    bids has its budget, its inbox and the inbox's expiry, whatever it heard before."""
    w = World(store)
    admit_all(store, w, "1", BOTS)
    costs = {}
    for message, bots in (("2", BOTS[:50]), ("3", BOTS)):
        store.client.config_resetstat()
        admit_all(store, w, message, bots)
        costs[len(bots)] = commands(store)
    assert costs[100] - costs[50] == 50 * 3


ALONE = {
    "ambient": (world.candidate("aria", world.event("2"), None), 16),
    "bids": (world.candidate("aria", world.event("2"), 0.5), 30),
    "direct": (world.direct("aria", world.event("2"), ("aria",)), 41),
}


@pytest.mark.parametrize(("heard", "most"), ALONE.values(), ids=ALONE.keys())
def test_what_an_admission_for_one_bot_costs(
    store: Store, heard: admission.AdmissionRequest, most: int
) -> None:
    """A message in a channel where the same person has spoken before: so many commands
    inside the one call."""
    w = World(store)
    for number in ("1", "2"):
        said = replace(heard, event=world.event(number))
        call = admission.admit(said, f"r{number}", w.limits, w.settings)
        store.client.config_resetstat()
        store.run(call)
    assert commands(store) <= most
