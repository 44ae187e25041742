"""An edit speaks to a bot that was not spoken to, or no longer to one that was."""

from __future__ import annotations

import pytest

from app.domain.lane import Lane
from app.domain.model import InboxEntry
from app.domain.verdicts import Admit, Claim
from app.store import admission, commits, floors, keys, lanes
from app.store.door import Store
from tests.store import world
from tests.store.machine import Machine
from tests.store.test_interleavings import begun, machine

SAID = world.event("1")
LANE = Lane("aria", "55")


def edit(m: Machine, request: str) -> Admit:
    """The message speaks to aria now."""
    call = admission.admit(
        world.direct("aria", SAID, ("aria",), edited=True),
        request,
        m.world.limits,
        m.world.settings,
    )
    return m.world.store.run(call).verdict


def cancel(store: Store, bot: str) -> int:
    """The message does not speak to the bot any more."""
    return store.run(admission.cancel(bot, "1", "55", "edit", "released"))


def test_an_edit_makes_a_heard_message_direct_and_ends_its_election(
    store: Store,
) -> None:
    """The bot that is named answers; nobody else may, though an election had been
    opened."""
    m = machine(store)
    for bot in ("aria", "dotty"):
        m.admit(world.candidate(bot, SAID, 0.5))
    assert edit(m, "e") is Admit.DIRECT
    assert edit(m, "e") is Admit.DIRECT, "a repeated call returns its verdict"
    assert edit(m, "e2") is Admit.DUPLICATE
    assert store.client.xlen(keys.inbox(LANE)) == 1
    assert store.client.hexists(keys.election("1"), "addressed")


def test_an_edit_of_a_message_that_was_direct_already_brings_no_second_answer(
    store: Store,
) -> None:
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
    assert cancel(store, "aria") == 1
    assert cancel(store, "aria") == 0
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
    assert cancel(store, "aria") == 0
    assert store.client.hget(keys.answer("1"), "aria").startswith("committed")


@pytest.mark.parametrize("first", ["direct", "unasked"])
def test_a_name_that_comes_back_is_answered(store: Store, first: str) -> None:
    """Taken out and put back, twice: each time it is asked again."""
    m = machine(store)
    m.admit(
        world.direct("aria", SAID, ("aria",))
        if first == "direct"
        else world.candidate("aria", SAID, 0.5)
    )
    assert first == "direct" or edit(m, "e") is Admit.DIRECT
    for number in range(2):
        assert cancel(store, "aria") == 1
        assert edit(m, f"e{number}") is Admit.DIRECT
        assert not store.client.hexists(keys.answer("1"), "aria")


def test_an_edit_that_met_a_mute_is_not_used_up(store: Store) -> None:
    """Named under a mute, and named again after it."""
    m = machine(store, cooldown=0)
    m.admit(world.candidate("aria", SAID, 0.5))
    m.mute("bot:aria", True)
    assert edit(m, "e1") is Admit.MUTED
    m.mute("bot:aria", False)
    assert edit(m, "e2") is Admit.DIRECT


def writes_unasked(m: Machine) -> tuple[world.Cycle, InboxEntry, str]:
    """aria has won the message and pays for an answer; her cycle, and its token."""
    m.admit(world.candidate("aria", SAID, 0.5))
    m.world.advance(50)
    m.at = m.world.tick()
    assert m.elect("1", "55") == ("granted", "aria")
    cycle, entry = begun(m, Lane("aria"))
    assert m.claim(cycle, entry) == "granted"
    assert m.reserve(cycle, entry) == "ok"
    return cycle, entry, cycle.tokens[entry.entry_id][0]


def claim_direct(m: Machine) -> tuple[InboxEntry, floors.FloorClaim]:
    """Her direct cycle begins and asks for the floor."""
    assert m.world.lock(LANE, "direct")
    begins = m.world.store.run(lanes.begin(LANE, "direct"))
    return begins.entries[0], m.world.store.run(
        floors.claim(
            floors.Holder(LANE, "direct"), begins.entries[0], m.world.settings, 0.0
        )
    )


def commit(m: Machine, cycle: world.Cycle, entry: InboxEntry, token: str) -> str:
    """The commit's verdict."""
    decision = world.decision(cycle, entry, token, cooldown=0)
    return m.world.store.run(
        commits.commit(decision, m.world.limits, m.world.settings, m.fresh())
    ).verdict


def test_a_bot_that_was_silent_unasked_answers_when_it_is_named(store: Store) -> None:
    """It had paid and chosen silence before the edit."""
    m = machine(store)
    cycle, entry, _ = writes_unasked(m)
    assert m.give_back(cycle, entry, keep=False) == "declined"
    assert edit(m, "e") is Admit.DIRECT
    assert claim_direct(m)[1].verdict is Claim.GRANTED


@pytest.mark.parametrize("direct_first", [True, False])
@pytest.mark.parametrize("ends", ["silent", "refused"])
def test_a_bot_that_is_named_while_it_writes_unasked_answers_once(
    store: Store, ends: str, direct_first: bool
) -> None:
    """Its autonomous cycle is refused or falls silent; that takes neither the floor nor
    the answer from its direct one."""
    m = machine(store)
    cycle, entry, token = writes_unasked(m)
    assert edit(m, "e") is Admit.DIRECT
    if direct_first:
        asked, claimed = claim_direct(m)
    if ends == "refused":
        assert commit(m, cycle, entry, token) in {"addressed", "lost_floor"}
        store.run(
            floors.release(cycle.holder, entry, token, True, "addressed", m.fresh())
        )
    store.run(floors.release(cycle.holder, entry, token, False, "silent", m.fresh()))
    if not direct_first:
        asked, claimed = claim_direct(m)
    assert claimed.verdict is Claim.GRANTED
    assert claimed.token != token
    assert commit(m, world.Cycle(LANE, "direct"), asked, claimed.token) == "committed"


def test_a_release_wakes_who_waits_for_it(store: Store) -> None:
    """Both were named and dotty waits for aria; an edit takes aria's name out before
    she began."""
    m = machine(store)
    for bot in ("aria", "dotty"):
        m.admit(world.direct(bot, SAID, ("aria", "dotty")))
    cycle, entry = begun(m, Lane("dotty", "55"))
    assert m.claim(cycle, entry) == "wait"
    cycle.retry = 40_000
    m.finish(cycle)
    assert cancel(store, "aria") == 1
    assert store.client.zscore(keys.WAKES_DUE, "dotty:55") <= m.world.time


def test_an_edit_before_the_admission_cancels_nothing(store: Store) -> None:
    """The gateway held the message while Redis was away, and admits it as it is now:
    speaking to nobody."""
    m = machine(store)
    m.admit(world.candidate("aria", SAID, 0.5))
    assert cancel(store, "aria") == 0
    assert not store.client.exists(keys.answer("1"))
