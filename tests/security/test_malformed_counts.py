"""Counts that somebody edited into nonsense are repaired: no script and no reader fails
for them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable

import pytest

from app.domain.lane import Lane
from app.domain.model import Cost
from app.domain.settings import Settings
from app.operator.people import trust_table
from app.rules import trust
from app.store import admission, commits, floors, keys, lanes, trusts
from app.store.door import Store
from app.store.elections import decide
from tests.store import world
from tests.store.world import Cycle, World

TRUST = {
    "no JSON": "hello",
    "empty": "",
    "a list": "[]",
    "null": "null",
    "a number": "7",
    "no points": "{}",
    "deep": "[" * 5_000,
    "words": json.dumps({"points": "many", "at_ms": "now", "day": 5, "today": "x"}),
    "negative": json.dumps({"points": -5, "at_ms": -1, "day": "", "today": -100}),
    "huge": json.dumps({"points": 1e300, "at_ms": 1e300, "day": "", "today": 1e300}),
    "endless": '{"points": 1e999, "at_ms": -1e999, "today": 1e999}',
    "tables": json.dumps({"points": [1], "at_ms": {"a": 1}, "day": [], "today": None}),
    "text": json.dumps({"points": "3", "at_ms": "5"}),
}
WRONG_TYPES: dict[str, Callable[[Store, str], object]] = {
    "a string": lambda store, key: store.client.set(key, "x", ex=600),
    "a list": lambda store, key: store.client.rpush(key, "x"),
    "a set": lambda store, key: store.client.sadd(key, "x"),
    "a sorted set": lambda store, key: store.client.zadd(key, {"x": 1}),
}
COUNTS = (
    "",
    "many",
    "-5",
    "1e999",
    "-1e999",
    "nan",
    "1.5",
    "9" * 40,
    "0x10",
    "\x1b[2J",
)
FIELDS = (
    "posts",
    "tokens",
    "micro_usd",
    "spent",
    world.ALICE,
    "foreign",
    "limit",
    "person",
)


def fresh() -> str:
    """A request id."""
    return uuid.uuid4().hex


@pytest.mark.parametrize("stored", TRUST.values(), ids=TRUST.keys())
def test_points_of_trust_that_are_none_are_repaired(
    store: Store, redis_url: str, stored: str
) -> None:
    """Every reader works, levels stay from 0 to 5, the next point is counted, and a
    known friend keeps theirs."""
    store.run(trusts.add("aria", "friend", 5, fresh()))
    store.client.hset(keys.trust("aria"), "7", stored)
    now_ms = int(store.client.time()[0]) * 1000
    assert 0 <= store.run(trusts.some("aria", ["7"]))["7"].level(now_ms) <= 5
    assert set(store.run(trusts.everyone("aria"))) == {"7", "friend"}
    assert len(trust_table(Settings(redis_url=redis_url))) == 2
    assert 0 <= store.run(trusts.add("aria", "7", 1, fresh())) <= trust.MOST
    assert (
        json.loads(str(store.client.hget(keys.trust("aria"), "7")))["points"]
        <= trust.MOST
    )
    assert store.run(trusts.some("aria", ["friend"]))["friend"].points == trust.DAILY


@pytest.mark.parametrize("stored", TRUST.values(), ids=TRUST.keys())
def test_one_malformed_entry_does_not_stop_a_full_table(
    store: Store, monkeypatch: pytest.MonkeyPatch, stored: str
) -> None:
    """Who has least goes, and nonsense has nothing."""
    monkeypatch.setattr(trusts, "PEOPLE_MOST", 1)
    store.client.hset(keys.trust("aria"), "7", stored)
    store.run(trusts.add("aria", "8", 5, fresh()))
    assert store.run(trusts.add("aria", "9", 5, fresh())) == trust.DAILY
    assert store.client.hlen(keys.trust("aria")) <= 2


@pytest.mark.parametrize("plant", WRONG_TYPES.values(), ids=WRONG_TYPES.keys())
def test_trust_under_a_key_of_another_kind_is_begun_anew(
    store: Store, plant: Callable[[Store, str], object]
) -> None:
    """Readers find nobody; the next point is counted."""
    plant(store, keys.trust("aria"))
    assert store.run(trusts.everyone("aria")) == {}
    assert store.run(trusts.some("aria", ["7"])) == {}
    assert store.run(trusts.add("aria", "7", 1, fresh())) == 1


def counters(w: World) -> dict[str, str]:
    """The keys in which budgets are counted, by what they count."""
    today = w.today()
    return {
        "the bot's day": keys.budget("aria", today),
        "everybody's day": keys.budget("all", today),
        "a person's day": keys.budget(f"person:{world.ALICE}", today),
        "a channel's day": keys.budget("channel:55", today),
        "shares": keys.shares("aria", today),
        "turns": keys.turns("55"),
        "a root": keys.cause_root("1"),
        "the other root": keys.cause_root("2"),
        "calls": keys.calls("aria"),
        "calls of all": keys.calls("all"),
    }


def answered(w: World) -> tuple[str, str]:
    """One direct and one unaddressed message, from admission to commit: the verdicts of
    the two commits."""
    run, settings = w.store.run, w.settings
    run(
        admission.admit(
            world.direct("aria", world.event("1"), ("aria",)),
            fresh(),
            w.limits,
            settings,
        )
    )
    direct = committed(w, Lane("aria", "55"))
    run(
        admission.admit(
            world.candidate("aria", world.event("2", "66"), 0.9),
            fresh(),
            w.limits,
            settings,
        )
    )
    w.advance(settings.contention_window.__ceil__() * 1000 + 1_000)
    run(decide("2", "66", settings))
    return direct, committed(w, Lane("aria"))


def committed(w: World, lane: Lane) -> str:
    """The verdict of one cycle of this lane."""
    run, cycle = w.store.run, Cycle(lane, fresh())
    assert w.lock(lane, cycle.owner)
    begun = run(lanes.begin(lane, cycle.owner))
    (entry,) = begun.entries
    claimed = run(floors.claim(cycle.holder, entry, w.settings, w.settings.quiet_time))
    hold, cost = cycle.hold(entry), Cost(100, 500)
    verdict, reason = run(
        floors.reserve(
            cycle.holder, entry, claimed.token, w.limits, cost, hold, fresh()
        )
    )
    if verdict != "ok":
        return f"{verdict}: {reason}"
    done = run(
        commits.commit(
            world.decision(cycle, entry, claimed.token, hold=hold, micro_usd=400),
            w.limits,
            w.settings,
            fresh(),
        )
    )
    return str(done.verdict)


def test_both_are_answered_where_nothing_is_malformed(store: Store) -> None:
    """What the next tests compare with."""
    assert answered(World(store)) == ("committed", "committed")


@pytest.mark.parametrize("count", range(10))
@pytest.mark.parametrize("plant", WRONG_TYPES.values(), ids=WRONG_TYPES.keys())
def test_a_budget_under_a_key_of_another_kind_is_begun_anew(
    store: Store,
    plant: Callable[[Store, str], object],
    count: int,
) -> None:
    """No step from admission to commit fails, and both messages are answered."""
    w = World(store)
    key = list(counters(w).values())[count]
    plant(store, key)
    store.client.pexpire(key, 600_000)
    assert answered(w) == ("committed", "committed")


@pytest.mark.parametrize("value", COUNTS)
def test_a_count_that_is_none_counts_as_nothing(store: Store, value: str) -> None:
    """In every field of every budget at once."""
    w = World(store)
    for key in counters(w).values():
        store.client.hset(key, mapping=dict.fromkeys(FIELDS, value))
        store.client.pexpire(key, 600_000)
    store.client.hdel(keys.budget("aria", w.today()), "spent")
    assert answered(w) == ("committed", "committed")
