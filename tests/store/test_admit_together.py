"""One admission for all bots of a process: the state machines hold it to be the same as
one after another; here is what it costs."""

from __future__ import annotations

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
        world.candidate(bot, said, 1.0 + place, expected=len(BOTS))
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


def test_what_the_bots_share_is_done_once(store: Store) -> None:
    """Of a hundred bots each costs less than half of what it costs alone."""
    w = World(store)
    admit_all(store, w, "1", BOTS[:1])
    store.client.config_resetstat()
    admit_all(store, w, "2", BOTS[:1])
    alone = commands(store)
    store.client.config_resetstat()
    admit_all(store, w, "3", BOTS)
    assert commands(store) < 100 * alone / 2
