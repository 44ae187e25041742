"""Holds: who pays for what, what a death leaves, and what an edit cannot break."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain import terms
from app.domain.lane import Lane
from app.domain.model import Cost, InboxEntry
from app.store import admission, floors, holds, keys, lanes
from app.store.door import Store
from tests.store import world
from tests.store.machine import Machine
from tests.store.world import ALICE, BOB, Cycle

DAY_AFTER_MS = 25 * terms.HOUR


def asked(
    m: Machine,
    bot: str,
    message: str,
    channel: str = "55",
    author: str = ALICE,
    **more: Any,
) -> tuple[Cycle, InboxEntry]:
    """Somebody speaks to a bot, whose cycle has the floor."""
    m.admit(world.direct(bot, world.event(message, channel, author, **more), (bot,)))
    cycle = m.begin(Lane(bot, channel))
    assert cycle is not None
    entry = next(entry for entry in cycle.entries if entry.event.message_id == message)
    assert m.claim(cycle, entry) == "granted"
    return cycle, entry


def booked(m: Machine, scope: str) -> Cost:
    """What is booked on a budget today."""
    found = m.world.store.client.hgetall(keys.budget(scope, m.world.today()))
    return Cost(int(found.get("tokens", 0)), int(found.get("micro_usd", 0)))


WHERE = {
    "same": ("aria", "55", ALICE),
    "another channel": ("aria", "66", ALICE),
    "another person": ("aria", "55", BOB),
    "another bot": ("dotty", "55", ALICE),
}
CAPS = {
    "daily_usd": "another bot",
    "daily_usd_all": "",
    "person_daily_usd": "another person",
    "channel_daily_usd": "another channel",
    "daily_tokens": "another bot",
    "daily_tokens_all": "",
    "person_daily_tokens": "another person",
    "channel_daily_tokens": "another channel",
}
"""By setting: for whom there is still room when it is used up."""


@pytest.mark.parametrize("who", WHERE)
@pytest.mark.parametrize("cap", CAPS)
def test_each_budget_is_held_before_the_call(store: Store, cap: str, who: str) -> None:
    """Where a second call has no room it is not made; whoever draws on other budgets is
    not touched."""
    m = Machine(
        store, {"cooldown": 0, "quiet_time": 0, cap: 0.0015 if "usd" in cap else 150}
    )
    dead, entry = asked(m, "aria", "1")
    assert m.reserve(dead, entry, 100, micro_usd=1_000) == "ok"
    m.cycles.remove(dead)
    m.unlock(dead.lane)
    m.world.advance(m.world.limits.call_ms)
    bot, channel, author = WHERE[who]
    cycle, entry = asked(m, bot, "2", channel, author)
    assert m.reserve(cycle, entry, 100, micro_usd=1_000) == (
        "ok" if CAPS[cap] == who else "budget"
    )


def test_a_post_is_held_too(store: Store) -> None:
    """Of two answers that are written at once for the last post of a day, one waits for
    the other's end; a silence gives its post back."""
    m = Machine(store, {"daily_posts": 1, "cooldown": 0, "quiet_time": 0})
    one, entry = asked(m, "aria", "1")
    two, other = asked(m, "aria", "2", "66", BOB)
    assert [m.reserve(one, entry), m.reserve(two, other)] == ["ok", "wait"]
    m.settle(one, entry, 100, 0)
    assert m.reserve(two, other) == "ok"
    assert m.commit(two, other) == "committed"


@pytest.mark.parametrize("took", [900, 200])
@pytest.mark.parametrize("cap", ["root_posts", "root_tokens", "root_usd"])
def test_who_may_have_room_in_its_root_waits(store: Store, cap: str, took: int) -> None:
    """Two bots at once for one message: the second is refused only when the first has
    ended and took the room."""
    caps = {"root_posts": 1, "root_tokens": 1_500, "root_usd": 0.0015}
    m = Machine(store, {"cooldown": 0, "quiet_time": 0, cap: caps[cap]})
    m.admit(world.direct("aria", world.event("1"), ("aria", "dotty")))
    one = m.begin(Lane("aria", "55"))
    assert one is not None
    assert m.claim(one, one.entries[0]) == "granted"
    assert m.reserve(one, one.entries[0], 1_000, micro_usd=1_000) == "ok"
    # Its lease ends, as that of a worker that stands still; its call goes on.
    m.world.advance(world.LATER_MS)
    m.admit(world.direct("dotty", world.event("1"), ("aria", "dotty")))
    two = m.begin(Lane("dotty", "55"))
    assert two is not None
    assert m.claim(two, two.entries[0]) == "granted"
    assert m.reserve(two, two.entries[0], 1_000, micro_usd=1_000) == "wait"
    assert m.reserve(two, two.entries[0], 1_600, micro_usd=1_600) == (
        "budget" if cap != "root_posts" else "wait"
    )
    m.settle(one, one.entries[0], took, took)
    assert m.reserve(two, two.entries[0], 1_000, micro_usd=1_000) == (
        "ok" if took == 200 or cap == "root_posts" else "budget"
    )


@pytest.mark.parametrize("cap", ["root_usd", "root_tokens"])
def test_an_answer_that_was_asked_for_is_held_to_its_root(
    store: Store, cap: str
) -> None:
    """Who names two bots gets both answers while the message's own cap has room, and one
    where it has not; another message of the same person has a cap of its own."""
    m = Machine(
        store, {"cooldown": 0, "quiet_time": 0, cap: 0.0015 if "usd" in cap else 150}
    )
    for bot in ("aria", "dotty"):
        m.admit(world.direct(bot, world.event("1"), ("aria", "dotty")))
    for bot, verdict in (("aria", "ok"), ("dotty", "budget")):
        cycle = m.begin(Lane(bot, "55"))
        assert cycle is not None
        entry = cycle.entries[0]
        assert m.claim(cycle, entry) == "granted"
        assert m.reserve(cycle, entry, 100, micro_usd=1_000) == verdict
        if verdict == "ok":
            assert m.commit(cycle, entry, tokens=100, micro_usd=1_000) == "committed"
            assert m.post(bot, "55") is not None
            m.receipt(bot, "55")
        else:
            m.give_back(cycle, entry, keep=False)
        m.finish(cycle)
    cycle, entry = asked(m, "dotty", "2", channel="66")
    assert m.reserve(cycle, entry, 100, micro_usd=1_000) == "ok"


def test_a_threads_money_is_its_channels(store: Store) -> None:
    """A thread has no budget of its own."""
    m = Machine(store, {})
    m.admit(world.direct("aria", world.event("1", "77", parent_id="55"), ("aria",)))
    cycle = m.begin(Lane("aria", "77"))
    assert cycle is not None
    claimed = store.run(
        floors.claim(cycle.holder, cycle.entries[0], m.world.settings, 0)
    )
    store.run(
        floors.reserve(
            cycle.holder,
            cycle.entries[0],
            claimed.token,
            m.world.limits,
            Cost(10, 20),
            "h",
            "r",
        )
    )
    assert booked(m, "channel:55") == Cost(10, 20)
    assert booked(m, "channel:77") == Cost()


def test_bots_that_answer_bots_spend_the_money_of_who_began(store: Store) -> None:
    """A chain of answers is of the person whose message is its root."""
    m = Machine(store, {"cooldown": 0, "quiet_time": 0})
    cycle, entry = asked(m, "aria", "1")
    m.reserve(cycle, entry, 100, micro_usd=10)
    assert m.commit(cycle, entry, tokens=80, micro_usd=8) == "committed"
    m.finish(cycle)
    posted = m.post("aria", "55")
    assert posted is not None
    m.admit(world.direct("dotty", posted, ("dotty",), author_bot="aria"))
    m.receipt("aria", "55")
    answering = m.begin(Lane("dotty", "55"))
    assert answering is not None
    assert m.claim(answering, answering.entries[0]) == "granted"
    assert m.reserve(answering, answering.entries[0], 100, micro_usd=10) == "ok"
    assert booked(m, f"person:{ALICE}") == Cost(180, 18)
    assert store.client.hget(keys.cause_root("1"), "micro_usd") == "18"


def test_a_death_in_a_call_stays_booked(store: Store) -> None:
    """The call may have been paid for: the hold is spent, and after the longest call
    others no longer wait for it."""
    m = Machine(store, {"daily_usd": 0.01, "cooldown": 0, "quiet_time": 0})
    dead, entry = asked(m, "aria", "1")
    assert m.reserve(dead, entry, 100, micro_usd=1_000) == "ok"
    m.cycles.remove(dead)
    cycle, other = asked(m, "aria", "2", "66", BOB)
    assert m.reserve(cycle, other, 100, micro_usd=1_000) == "wait"
    m.world.advance(m.world.limits.call_ms)
    assert m.claim(cycle, other) == "granted"
    assert m.reserve(cycle, other, 100, micro_usd=1_000) == "ok"
    assert m.commit(cycle, other, tokens=50, micro_usd=400) == "committed"
    assert booked(m, "aria") == Cost(150, 1_400)


def test_a_zombie_that_commits_is_paid_from_its_hold(store: Store) -> None:
    """A cycle that was taken for dead and is refused costs what it cost, once."""
    m = Machine(store, {"cooldown": 0})
    zombie, entry = asked(m, "aria", "1")
    m.reserve(zombie, entry, 100, micro_usd=1_000)
    m.unlock(zombie.lane)
    assert m.commit(zombie, entry, lost=True, tokens=50, micro_usd=400) == "lost_lock"
    assert booked(m, "aria") == Cost(50, 400)
    m.settle(zombie, entry, 50, 400)
    assert booked(m, "aria") == Cost(50, 400)


NARROW: dict[str, tuple[dict[str, Any], int, int]] = {
    "tokens": ({"daily_tokens": 2_500}, 600, 0),
    "money": ({"daily_usd": 0.11}, 0, 20_000),
}
"""Room for a call each of two drafts, and what a further call takes, which has no room
beside both."""


def two_drafts(store: Store, narrow: dict[str, Any]) -> list[Any]:
    """A machine, and two drafts with a call each."""
    m = Machine(store, narrow | {"cooldown": 0, "quiet_time": 0})
    drafts = [asked(m, "aria", "1"), asked(m, "aria", "2", "66", BOB)]
    for cycle, entry in drafts:
        assert m.reserve(cycle, entry, 1_000, micro_usd=1_000) == "ok"
    return [m, *drafts]


@pytest.mark.parametrize("narrow", NARROW)
def test_a_second_call_for_the_same_draft_waits(store: Store, narrow: str) -> None:
    """As a first one does: it is made when the call of another has ended."""
    caps, tokens, micro_usd = NARROW[narrow]
    m, (one, entry), (two, other) = two_drafts(store, caps)
    for _ in range(2):
        assert m.reserve(one, entry, tokens, micro_usd=micro_usd) == "wait"
    m.settle(two, other, 100, 100)
    assert m.reserve(one, entry, tokens, micro_usd=micro_usd) == "ok"


@pytest.mark.parametrize("narrow", NARROW)
def test_two_second_calls_do_not_wait_for_each_other(store: Store, narrow: str) -> None:
    """Both with a part held, they would wait for ever: who asks last is refused, and the
    other goes on when that draft has ended."""
    caps, tokens, micro_usd = NARROW[narrow]
    m, (one, entry), (two, other) = two_drafts(store, caps)
    assert m.reserve(one, entry, tokens, micro_usd=micro_usd) == "wait"
    assert m.reserve(two, other, tokens, micro_usd=micro_usd) == "budget"
    # Refused, it waits no longer: it is about to end.
    assert m.reserve(one, entry, tokens, micro_usd=micro_usd) == "wait"
    m.settle(two, other, 100, 100)
    assert m.reserve(one, entry, tokens, micro_usd=micro_usd) == "ok"


def test_who_goes_on_is_waited_for_again(store: Store) -> None:
    """A draft that waited and got its room is one whose call runs."""
    m, (one, entry), (two, other) = two_drafts(store, {"daily_tokens": 3_000})
    assert m.reserve(one, entry, 1_500) == "wait"
    assert m.reserve(one, entry, 600) == "ok"
    assert m.reserve(two, other, 600) == "wait"


@pytest.mark.parametrize("took", [900, 200])
@pytest.mark.parametrize("cap", CAPS)
def test_who_may_have_room_in_a_moment_waits(store: Store, cap: str, took: int) -> None:
    """What is held for a call that runs is not spent: who has no room beside it is refused
    only when it has ended and took so much."""
    m = Machine(
        store, {"cooldown": 0, "quiet_time": 0, cap: 0.0015 if "usd" in cap else 1_500}
    )
    one, entry = asked(m, "aria", "1", "77", parent_id="55")
    two, other = asked(m, "aria", "2", "78", parent_id="55")
    assert m.reserve(one, entry, 1_000, micro_usd=1_000) == "ok"
    assert m.reserve(two, other, 1_000, micro_usd=1_000) == "wait"
    assert m.reserve(two, other, 1_600, micro_usd=1_600) == "budget", (
        "more than there is"
    )
    m.settle(one, entry, took, took)
    assert m.reserve(two, other, 1_000, micro_usd=1_000) == (
        "ok" if took == 200 else "budget"
    )


def test_what_is_held_before_midnight_is_settled_on_its_day(store: Store) -> None:
    """Given back to the next day it would be money that nobody had."""
    m = Machine(store, {"cooldown": 0})
    run, limits = store.run, m.world.limits
    assert run(holds.reserve_own("aria", limits, Cost(100, 1_000), "h", "r"))[0] == "ok"
    before = m.world.today()
    store.client.expire(keys.hold("h"), 10 * DAY_AFTER_MS)
    for key in store.client.keys("budget:*"):
        store.client.persist(key)
    m.world.advance(DAY_AFTER_MS)
    assert run(holds.settle("h", limits, Cost(60, 300), "s"))
    assert m.world.today() != before
    assert store.client.hmget(keys.budget("aria", before), ["tokens", "micro_usd"]) == [
        "60",
        "300",
    ]
    assert booked(m, "aria") == Cost()
    store.client.flushdb()


@pytest.mark.parametrize("field", ["posts", "tokens", "micro_usd"])
@pytest.mark.parametrize(
    "value", ["abc", "-5", "1e2", "nan", "inf", "", "9" * 30, "12.5"]
)
def test_an_edited_budget_is_mended(store: Store, field: str, value: str) -> None:
    """A value that is no count stops no call, opens no credit, and is a count again
    after the next booking."""
    m = Machine(store, {})
    for scope in ("aria", "all", f"person:{ALICE}", "channel:55"):
        store.client.hset(keys.budget(scope, m.world.today()), field, value)
        store.client.expire(keys.budget(scope, m.world.today()), 1_000)
    call = admission.admit(
        world.direct("aria", world.event("1"), ("aria",)),
        "a",
        m.world.limits,
        m.world.settings,
    )
    assert store.run(call).verdict == "direct"
    assert m.world.lock(Lane("aria", "55"), "me")
    cycle = Cycle(
        Lane("aria", "55"),
        "me",
        entries=list(store.run(lanes.begin(Lane("aria", "55"), "me")).entries),
    )
    claimed = store.run(
        floors.claim(cycle.holder, cycle.entries[0], m.world.settings, 0)
    )
    hold = floors.reserve(
        cycle.holder,
        cycle.entries[0],
        claimed.token,
        m.world.limits,
        Cost(100, 50),
        "h",
        "r",
    )
    assert store.run(hold)[0] == "ok"
    for scope in ("aria", "all", f"person:{ALICE}", "channel:55"):
        count = int(str(store.client.hget(keys.budget(scope, m.world.today()), field)))
        assert 0 <= count <= 200


def test_a_budget_of_another_kind_is_replaced(store: Store) -> None:
    """A string in a budget's or a register's place is no error for ever."""
    m = Machine(store, {})
    for key in (keys.budget("aria", m.world.today()), keys.calls("aria")):
        store.client.set(key, "x", ex=1_000)
    cycle, entry = asked(m, "aria", "1")
    assert m.reserve(cycle, entry, 100, micro_usd=10) == "ok"
    assert m.commit(cycle, entry, tokens=80, micro_usd=8) == "committed"
    assert booked(m, "aria") == Cost(80, 8)
