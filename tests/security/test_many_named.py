"""Naming many bots in one message causes no more posts than a root may."""

from __future__ import annotations

import pytest

from app.domain.lane import Lane
from app.store import journal, keys
from app.store.door import Store
from tests.store import world
from tests.store.machine import Cycle, Machine

BOTS = tuple(f"bot{number:02}" for number in range(12))
MOST = 6


def test_twelve_named_bots_post_six_times(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All twelve begin at once, one after the other takes the floor; the rest are
    declined before a model is called, and the journal says why. Another message of the
    same person is a new root."""
    monkeypatch.setattr(world, "BOTS", BOTS)
    m = Machine(store, {"root_posts": MOST})
    event = world.event("1")
    for bot in BOTS:
        m.admit(world.direct(bot, event, BOTS))
    outcomes = [answer(m, bot) for bot in BOTS]
    assert outcomes == ["committed"] * MOST + ["budget"] * (len(BOTS) - MOST)
    told = [
        line.reason for line in store.run(journal.read("1")) if line.verdict == "budget"
    ]
    assert told == [f"posts {MOST} of {MOST}"] * (len(BOTS) - MOST)
    assert store.client.hget(keys.cause_root("1"), "posts") == str(MOST)
    m.admit(world.direct("bot11", world.event("2"), ("bot11",)))
    assert answer(m, "bot11") == "committed"


def answer(m: Machine, bot: str) -> str:
    """One bot's turn, as a worker runs it: the floor, room in the budgets, an answer,
    its receipt."""
    cycle = m.begin(Lane(bot, "55"))
    assert cycle is not None
    verdict = turn(m, cycle)
    m.finish(cycle)
    return verdict


def turn(m: Machine, cycle: Cycle) -> str:
    """The same with the lane in hand."""
    (entry,) = cycle.entries
    assert m.claim(cycle, entry) == "granted"
    if (verdict := m.reserve(cycle, entry)) == "budget":
        assert m.give_back(cycle, entry, keep=False) == "declined"
        return verdict
    verdict = m.commit(cycle, entry, tokens=80)
    if verdict == "committed":
        assert m.post(cycle.lane.bot, "55") is not None
        m.receipt(cycle.lane.bot, "55")
    return verdict
