"""Equal bids are ordered alike by the rules and by the script in Redis."""

from __future__ import annotations

from app.domain.model import Bid
from app.rules.bids import decide, tie_break
from app.store import keys
from app.store.door import Store
from tests.store import world
from tests.store.test_interleavings import machine

MESSAGES = 25


def test_rules_and_redis_break_ties_alike(store: Store) -> None:
    """Whoever the simulation lets answer is the one that the election grants."""
    winners = set()
    for number in range(1, MESSAGES + 1):
        message, channel = str(number), str(1_000 + number)
        m = machine(store)
        for bot in world.BOTS:
            m.admit(
                world.candidate(
                    bot,
                    world.event(message, channel=channel),
                    0.5,
                    expected=len(world.BOTS),
                )
            )
        offers = {bot: Bid(score=0.5, above_threshold=True) for bot in world.BOTS}
        [expected] = decide(message, offers, ())
        assert m.elect(message, channel) == ("granted", expected)
        assert expected == max(world.BOTS, key=lambda bot: tie_break(bot, message))
        winners.add(expected)
        store.client.flushdb()
        store.client.set(keys.GENERATION, "tests")
    assert winners == set(world.BOTS)
