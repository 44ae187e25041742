"""An edit speaks to a bot that was not spoken to, or no longer to one that was."""

from __future__ import annotations

from app import keys
from app.keys import Lane
from app.store import admission
from app.store.door import Store
from app.verdicts import Admit
from tests.store import world
from tests.store.machine import Machine
from tests.store.test_interleavings import begun, machine

SAID = world.event("1")
LANE = Lane("aria", "55")


def edit(m: Machine, request: str) -> Admit:
    """The message speaks to aria now."""
    call = admission.admit(world.direct("aria", SAID, ("aria",), edited=True), request, m.world.limits, m.world.settings)
    return m.world.store.run(call).verdict


def test_an_edit_makes_a_heard_message_direct_and_ends_its_election(store: Store) -> None:
    """The bot that is named answers; nobody else may, though an election had been opened."""
    m = machine(store)
    for bot in ("aria", "dotty"):
        m.admit(world.candidate(bot, SAID, 0.5))
    assert edit(m, "e") is Admit.DIRECT
    assert edit(m, "e") is Admit.DIRECT, "a repeated call returns its verdict"
    assert edit(m, "e2") is Admit.DUPLICATE
    assert store.client.xlen(keys.inbox(LANE)) == 1
    assert store.client.hexists(keys.bids("1"), "#addressed")


def test_an_edit_of_a_message_that_was_direct_already_brings_no_second_answer(store: Store) -> None:
    """A gateway that started in between cannot know what the text was before."""
    m = machine(store)
    m.admit(world.direct("aria", SAID, ("aria",)))
    assert edit(m, "e") is Admit.DUPLICATE
    assert store.client.xlen(keys.inbox(LANE)) == 1


def test_a_cancelled_message_is_neither_claimed_nor_committed(store: Store) -> None:
    """Before the floor, and while the answer is being written."""
    m = machine(store)
    m.admit(world.direct("aria", SAID, ("aria",)))
    cycle, entry = begun(m, LANE)
    m.claim(cycle, entry)
    assert store.run(admission.cancel("aria", "1")) == 1
    assert store.run(admission.cancel("aria", "1")) == 0
    m.ref.answer["1"] = {"aria": "cancelled"}
    assert m.commit(cycle, entry) == "answered"
    assert m.claim(cycle, entry) == "answered"


def test_what_is_committed_stands(store: Store) -> None:
    """An edit cancels nothing that is on its way to Discord."""
    m = machine(store)
    m.admit(world.direct("aria", SAID, ("aria",)))
    cycle, entry = begun(m, LANE)
    m.claim(cycle, entry)
    assert m.commit(cycle, entry) == "committed"
    assert store.run(admission.cancel("aria", "1")) == 0
    assert store.client.hget(keys.answer("1"), "aria").startswith("committed")


def test_a_name_that_comes_back_is_answered(store: Store) -> None:
    """Taken out and put back: the second edit asks again, once."""
    m = machine(store)
    m.admit(world.direct("aria", SAID, ("aria",)))
    assert store.run(admission.cancel("aria", "1")) == 1
    assert edit(m, "e") is Admit.DIRECT
    assert not store.client.exists(keys.answer("1"))


def test_an_edit_before_the_admission_cancels_nothing(store: Store) -> None:
    """The gateway held the message while Redis was away, and admits it as it is now: speaking to nobody."""
    m = machine(store)
    m.admit(world.candidate("aria", SAID, 0.5))
    assert store.run(admission.cancel("aria", "1")) == 0
    assert not store.client.exists(keys.answer("1"))
