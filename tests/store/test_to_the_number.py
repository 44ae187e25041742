"""Each bound of what is kept is reached and not passed: one fewer, as many, and one more.

What fills the bound is written straight into Redis, as thousands of calls would take
long.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from app.domain import terms
from app.domain.lane import Lane
from app.domain.model import Context
from app.rules import trust as rules
from app.store import floors, journal, keys, lanes, memories, nights, trusts
from app.store.door import Store
from app.store.nights import Night
from tests.store import world
from tests.store.chapters import CHANNEL, LEASE_MS, Play
from tests.store.world import ALICE, BOB

Filled = Callable[[Play, int], int]
"""How many are kept where so many were before one more came."""


def numbered(count: int) -> dict[str, str]:
    """So many fields."""
    return {f"n{number:05}": str(number + 1) for number in range(count)}


def size(found: Any) -> int:
    """Redis's answer, as this client types it."""
    return int(found)


def fill(play: Play, key: Any, count: int) -> None:
    """A hash with so many fields."""
    play.world.store.client.delete(key)
    if count:
        play.world.store.client.hset(key, mapping=dict(numbered(count)))
        play.world.store.client.pexpire(key, terms.HOUR)


def authors(play: Play, count: int) -> int:
    """Who wrote last in a channel, without the field that names nobody."""
    key = keys.last_human(CHANNEL)
    fill(play, key, count)
    play.admit("a stranger", world.candidate("aria", world.event("1"), None))
    return size(play.world.store.client.hlen(key)) - 1


def turns(play: Play, count: int) -> int:
    """Whose turn it was in a channel."""
    key = keys.turns(CHANNEL)
    fill(play, key, count)
    play.admit("a stranger", world.direct("aria", world.event("1"), ("aria",)))
    return size(play.world.store.client.hlen(key))


def lines(play: Play, count: int) -> int:
    """Lines of one journal."""
    client, key = play.world.store.client, keys.journal("1")
    client.delete(key)
    client.rpush(key, *(["{}"] * count))
    play.tell("a line", journal.append("1", "aria", "admit", "passed", "w", {}))
    return size(client.llen(key))


def said(play: Play, count: int) -> int:
    """Lines that a bot said within a day."""
    client, key = play.world.store.client, keys.memory("aria", "uttered")
    for name in numbered(count):
        client.zadd(key, {name: play.world.time})
    play.tell("one more", memories.reserve_line("aria", "a new line"))
    assert client.zscore(key, "a new line")
    return size(client.zcard(key))


def posts(play: Play, count: int) -> int:
    """Posts of a channel that are remembered, of which the last counts for its quiet
    time."""
    client, key = play.world.store.client, keys.recent_bot_posts(CHANNEL)
    for name in numbered(count):
        client.zadd(key, {name: play.world.time - terms.HOUR})
    client.pexpire(key, terms.DAY)
    play.posted("aria", 1)
    return size(client.zcard(key))


def dates(play: Play, count: int) -> int:
    """Nights that a bot remembers."""
    fill(play, keys.memory("aria", Night.DIARY), count)
    night = ("aria", Night.DIARY, "2026-11-27", "w1")
    play.tell("a night is claimed", nights.claim(*night))
    play.tell("and written", nights.write(*night, "sheep"))
    return size(play.world.store.client.hlen(keys.memory("aria", Night.DIARY)))


def trusted(play: Play, count: int) -> int:
    """People of whom a bot knows how far it trusts them."""
    fill(play, keys.trust("aria"), count)
    play.tell("one more", trusts.add("aria", ALICE, 1, play.fresh()))
    return size(play.world.store.client.hlen(keys.trust("aria")))


BOUNDS: dict[Filled, tuple[int, Sequence[int]]] = {
    # Above the bound all are forgotten but who comes.
    authors: (2_000, (2_000, 2_001, 1)),
    turns: (2_000, (2_000, 2_001, 2)),
    lines: (500, (500, 500, 500)),
    said: (memories.UTTERED_MOST, (500, 500, 500)),
    posts: (20, (20, 20, 20)),
    dates: (nights.DATES_MOST, (60, 60, 60)),
    trusted: (trusts.PEOPLE_MOST, (2_000, 2_000, 2_001)),
}
"""A bound, and how many are kept where there was one fewer, as many, and one more."""


@pytest.mark.parametrize("filled", BOUNDS, ids=lambda filled: filled.__name__)
def test_a_bound_is_reached_and_not_passed(store: Store, filled: Filled) -> None:
    """What more would cost grows with it."""
    bound, kept = BOUNDS[filled]
    found = [filled(Play(store, {}), bound + more) for more in (-1, 0, 1)]
    assert found == list(kept)


def test_who_is_trusted_least_is_forgotten_first(store: Store) -> None:
    """But not who has just earned points; points of long ago are worth less."""
    play = Play(store, {})
    client, key, now = store.client, keys.trust("aria"), play.world.time
    idle = now - (rules.GRACE_DAYS + 3) * terms.DAY
    points = {"a": (5, now), "b": (7, idle), "c": (6, now), "d": (9, now)}
    for person, (many, at_ms) in points.items():
        line = f'{{"points":{many},"at_ms":{at_ms},"day":"1","today":0}}'
        client.hset(key, person, line)
    client.hset(key, mapping=dict.fromkeys(numbered(trusts.PEOPLE_MOST - 4), line))
    play.tell("one more", trusts.add("aria", "new", 1, play.fresh()))
    assert client.hexists(key, "new")
    assert not client.hexists(key, "b")


@pytest.mark.parametrize(("between", "times"), [(30, 2), (31, 2), (32, 1)])
def test_what_repeats_is_looked_for_among_so_many(
    store: Store, between: int, times: int
) -> None:
    """A wait that is told again is one line with a count, unless too much came
    between."""
    play = Play(store, {})
    lane, owner = Lane("aria", CHANNEL), "w1"
    play.admit("aria is asked", world.direct("aria", world.event("1"), ("aria",)))
    cycle = play.begin("she begins", lane, owner)
    entry = cycle.entries[0]
    for way in range(2):
        token = play.claim("she claims", cycle.holder, entry)
        play.release("and comes later", cycle, entry, token, later=True)
        if not way:
            store.client.rpush(keys.journal("1"), *(['{"bot":"dotty"}'] * between))
    found = [
        line.times for line in store.run(journal.read("1")) if line.step == "yield"
    ]
    assert found == ([2] if times == 2 else [1, 1])


def test_hints_come_ever_more_slowly(store: Store) -> None:
    """Two at the patience, then each after twice as long, up to sixteen times."""
    play = Play(store, {})
    lane = Lane("aria", CHANNEL)
    play.tell("it is woken", lanes.wake(lane, Context.DIRECT))
    waits, last = [], play.world.time
    for _ in range(9):
        for wait in itertools.count(1):
            play.world.advance(1_000 - world.STEP_MS)
            play.world.tick()
            if store.run(lanes.sweep(1_000)).lanes:
                waits.append(wait)
                break
    assert waits == [1, 1, 1, 2, 4, 8, 16, 16, 16]
    assert play.world.time - last == 65_000


@pytest.mark.parametrize(
    ("asked", "verdict"),
    [(3, "direct"), (4, "notice"), (7, "notice"), (8, None)],
)
def test_messages_of_an_hour_are_counted_to_the_last(
    store: Store, asked: int, verdict: str | None
) -> None:
    """Up to the limit they are answered, one more is told so; from twice the limit on
    nothing is written."""
    play = Play(store, {"person_hourly": 4})
    hour = keys.person_hour("aria", BOB)
    store.client.set(hour, asked, px=LEASE_MS)
    said = world.event("1", author=BOB)
    play.admit("one more", world.direct("aria", said, ("aria",)))
    outcome = store.client.hget(keys.seen("1"), "aria")
    assert outcome is None if verdict is None else str(outcome).startswith(verdict)
    assert store.client.get(hour) == str(asked + (verdict is not None))


@pytest.mark.parametrize(("waiting", "verdict"), [(20, "direct"), (21, "crowded")])
def test_few_entries_are_not_weighed(store: Store, waiting: int, verdict: str) -> None:
    """However large they are: from so many on their bytes count as well."""
    play = Play(store, {})
    inbox = keys.inbox(Lane("aria", CHANNEL))
    for _ in range(waiting):
        store.client.xadd(inbox, {"event": "x" * 170_000})
    store.client.pexpire(inbox, terms.HOUR)
    play.admit("one more", world.direct("aria", world.event("1"), ("aria",)))
    assert str(store.client.hget(keys.seen("1"), "aria")).startswith(verdict)


@pytest.mark.parametrize(("more", "kept"), [(0, True), (1, False)])
def test_all_people_share_their_bytes(store: Store, more: int, kept: bool) -> None:
    """Of whom a bot heard nothing for longest, it forgets first: when one byte more is
    known, and not before."""
    play = Play(store, {})
    people, field = keys.memory("aria", "people"), play.written_now()
    others = memories.PEOPLE_BYTES - len(field + "xx") + more
    long_ago = play.world.time - terms.DAY
    store.client.hset(people, BOB, f"{long_ago} {others - 9}")
    store.client.hset(people, "fresh", f"{play.world.time} 9")
    play.tell("a fact", memories.put("aria", f"person:{ALICE}", {field: "xx"}))
    assert store.client.hexists(people, BOB) is kept
    assert store.client.hexists(people, "fresh")


@pytest.mark.parametrize("cooled", [False, True])
def test_a_cooled_bot_claims_nothing_unasked(store: Store, cooled: bool) -> None:
    """For as long as its cooldown lasts; an answer that it owes waits for nothing."""
    play = Play(store, {})
    play.admit("aria bids", world.candidate("aria", world.event("1")))
    play.elect("and wins", "1")
    store.client.delete(keys.floor(CHANNEL))
    cycle = play.begin("she begins", Lane("aria"), "w1")
    if cooled:
        store.client.set(keys.cooldown("aria"), "1", px=LEASE_MS)
    call = floors.claim(cycle.holder, cycle.entries[0], play.world.settings, 50.0)
    claimed = store.run(call)
    assert claimed.verdict == ("cooled" if cooled else "granted")
    assert (0 < claimed.retry_in_ms <= LEASE_MS) == cooled
    play.admit("she is asked", world.direct("aria", world.event("2"), ("aria",)))
    asked = play.begin("she begins", Lane("aria", CHANNEL), "w2")
    call = floors.claim(asked.holder, asked.entries[0], play.world.settings, 50.0)
    assert store.run(call).verdict == "granted"


def test_people_of_one_moment_are_forgotten_in_any_order(store: Store) -> None:
    """Of many who were heard at the same time one makes room for who comes."""
    play = Play(store, {})
    people, long_ago = keys.memory("aria", "people"), play.world.time - terms.DAY
    many = dict.fromkeys(numbered(memories.PEOPLE_MOST), f"{long_ago} 9")
    store.client.hset(people, mapping=dict(many))
    field = play.written_now()
    play.tell("a fact", memories.put("aria", f"person:{ALICE}", {field: "xx"}))
    assert store.client.hlen(people) == memories.PEOPLE_MOST
    assert store.client.hexists(people, ALICE)
