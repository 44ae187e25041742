"""Each time in a script ends at its millisecond: what it holds a millisecond before, at
and after that.

The state machines keep away from these moments, as two of their clocks could disagree.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.domain import terms
from app.domain.lane import Lane
from app.domain.model import Context, Cost
from app.rules.trust import GRACE_DAYS
from app.store import (
    elections,
    floors,
    holds,
    keys,
    lanes,
    memories,
    outbox,
    posts,
    refusals,
    thoughts,
    trusts,
)
from app.store.door import Store
from app.store.refusals import Barred
from tests.store import world
from tests.store.chapters import CHANNEL, LEASE_MS, Play
from tests.store.world import ALICE, STEP_MS, Cycle

LEASE, QUIET, OLD = 40_000, 50_000, 300_000
DIRECT = Lane("aria", CHANNEL)
Moment = Callable[[Play, int], Any]
"""What is asked so many ms after its time."""


def ask(play: Play, call: Any, at: float) -> Any:
    """The reply to a call that is made at this time of the world."""
    play.world.advance(int(at) - play.world.time - STEP_MS)
    play.world.tick()
    return play.world.store.run(call)


def asked(play: Play, bot: str, message: str, author: str = ALICE) -> Cycle:
    """A cycle of a bot that was spoken to."""
    heard = world.direct(bot, world.event(message, author=author), (bot,))
    play.admit("somebody asks", heard)
    return play.begin("it begins", Lane(bot, CHANNEL), f"{bot}{message}")


def claimed(play: Play, cycle: Cycle) -> floors.FloorClaim:
    """Its claim of the floor, now."""
    call = floors.claim(cycle.holder, cycle.entries[-1], play.world.settings, 50.0)
    found = play.tell("it claims", call)
    assert isinstance(found, floors.FloorClaim)
    return found


def floor_is_held(play: Play, after: int) -> Any:
    token = claimed(play, asked(play, "aria", "1")).token
    renew = floors.renew(CHANNEL, "aria", "1", token, LEASE)
    return ask(play, renew, play.world.time + LEASE + after) == 1


def floor_is_taken_from(play: Play, after: int) -> Any:
    other = asked(play, "dotty", "2")
    claimed(play, asked(play, "aria", "1"))
    call = floors.claim(other.holder, other.entries[0], play.world.settings, 50.0)
    return ask(play, call, play.world.time + LEASE + after).verdict == "granted"


def who_waits_is_here(play: Play, after: int) -> Any:
    cycle = asked(play, "aria", "1")
    claimed(play, cycle)
    awaited = play.world.time
    client = play.world.store.client
    client.zadd(keys.floor_waiting(CHANNEL), {"dotty": 1})
    client.hset(keys.floor_awaited(CHANNEL), "dotty", str(awaited))
    client.hset(keys.floor(CHANNEL), "until", str(awaited + OLD))
    token = client.hget(keys.floor(CHANNEL), "token")
    for key in (keys.floor_waiting(CHANNEL), keys.floor_awaited(CHANNEL)):
        client.pexpire(key, terms.HOUR)
    call = floors.release(
        cycle.holder, cycle.entries[0], str(token), False, "no", play.fresh()
    )
    _, following = ask(play, call, awaited + LEASE + after)
    return following.lane == Lane("dotty", CHANNEL)


def lane_is_due(play: Play, after: int) -> Any:
    play.tell("it is woken", lanes.wake(DIRECT, Context.DIRECT, 5_000))
    due = play.world.time + 5_000
    play.world.store.client.set(keys.lock(DIRECT), "w", px=LEASE_MS)
    return ask(play, lanes.begin(DIRECT, "w"), due + after).due


def bid_for(play: Play, message: str, **more: Any) -> int:
    """Aria bids, in an election that is decided in ten seconds; when it opened."""
    heard = world.candidate("aria", world.event(message), expected=2, **more)
    play.admit("aria bids", heard)
    return play.world.time


def decided(play: Play, message: str, at: int) -> str:
    """How an election ends that is decided at this time."""
    call = elections.decide(message, CHANNEL, play.world.settings)
    return str(ask(play, call, at).verdict)


def election_is_due(play: Play, after: int) -> Any:
    opened = bid_for(play, "1")
    return decided(play, "1", opened + 10_000 + after) == "granted"


def election_is_young(play: Play, after: int) -> Any:
    opened = bid_for(play, "1")
    return decided(play, "1", opened + OLD + after) == "granted"


def posted(play: Play, bot: str, at: int) -> None:
    """The channel's latest post is this bot's."""
    recent = keys.recent_bot_posts(CHANNEL)
    play.world.store.client.zadd(recent, {f"{bot}:x": at})
    play.world.store.client.pexpire(recent, terms.HOUR)


def quiet_time_is_over(play: Play, after: int) -> Any:
    opened = bid_for(play, "1")
    posted(play, "elena", opened)
    return decided(play, "1", opened + QUIET + after) == "granted"


def quiet_time_ends_in_time(play: Play, after: int) -> Any:
    """Whether an election waits for the end of the channel's quiet time."""
    opened = bid_for(play, "1")
    posted(play, "elena", opened + OLD - QUIET + after)
    decided(play, "1", opened + 10_000)
    why = play.world.store.client.hget(keys.election("1"), "deferred")
    return why == "quiet time after elena"


def own_quiet_time_is_over(play: Play, after: int) -> Any:
    opened = bid_for(play, "1", quiet_ms=70_000)
    posted(play, "elena", opened)
    return decided(play, "1", opened + 70_000 + after) == "granted"


def grant_is_claimed(play: Play, after: int) -> Any:
    """Quiet time when the winner comes to claim."""
    opened = bid_for(play, "1")
    assert decided(play, "1", opened + 10_000) == "granted"
    play.world.store.client.delete(keys.floor(CHANNEL))
    cycle = play.begin("aria begins", Lane("aria"), "w1")
    posted(play, "elena", opened + 20_000)
    call = floors.claim(cycle.holder, cycle.entries[0], play.world.settings, 50.0)
    return ask(play, call, opened + 20_000 + QUIET + after).verdict == "granted"


def post_may_be_made(play: Play, after: int) -> Any:
    posted(play, "elena", play.world.time)
    last = play.world.time
    call = posts.claim(play.post("aria", 1), play.world.limits, play.world.settings)
    return ask(play, call, last + QUIET + after).verdict == "granted"


def post_is_delivered(play: Play, after: int) -> Any:
    entry = play.posted("aria", 1)
    due = int(play.world.settings.deliver_by * 1000)
    committed = play.world.time - STEP_MS
    lease = outbox.acquire("aria", CHANNEL, "d", LEASE_MS)
    ask(play, lease, committed + due - LEASE_MS // 2)
    call = outbox.attempt(entry, 0, "d", play.world.settings, looked=False)
    return ask(play, call, committed + due + after).verdict == "send"


def chunk_is_sent_again(play: Play, after: int) -> Any:
    """Without a look whether it is there: Discord still knows its nonce."""
    settings, entry = play.world.settings, play.posted("aria", 1)
    lease = outbox.acquire("aria", CHANNEL, "d", LEASE_MS)
    play.tell("a worker takes the lease", lease)
    call = outbox.attempt(entry, 0, "d", settings, looked=False)
    play.tell("an attempt", call)
    # Its worker renews the lease.
    play.world.store.client.persist(keys.delivery("aria", CHANNEL))
    known_ms = int((settings.nonce_window - settings.discord_timeout) * 1000)
    return ask(play, call, play.world.time + known_ms + after).verdict == "send"


def lane_is_swept(play: Play, after: int) -> Any:
    play.tell("it is woken", lanes.wake(DIRECT, Context.DIRECT, 5_000))
    return bool(ask(play, lanes.sweep(0), play.world.time + 5_000 + after).lanes)


def hint_is_repeated(play: Play, after: int) -> Any:
    play.tell("it is woken", lanes.wake(DIRECT, Context.DIRECT, 0))
    return bool(ask(play, lanes.sweep(7_000), play.world.time + 7_000 + after).lanes)


def fifth_hint_is_repeated(play: Play, after: int) -> Any:
    """Each after the second takes twice as long."""
    play.tell("it is woken", lanes.wake(DIRECT, Context.DIRECT, 0))
    hinted, again = play.world.time, 0
    for times in (1, 1, 1, 2, 4):
        hinted += 1_000 * times
        again = len(ask(play, lanes.sweep(1_000), hinted).lanes)
        assert again == 1
    return bool(ask(play, lanes.sweep(1_000), hinted + 8_000 + after).lanes)


def election_is_swept(play: Play, after: int) -> Any:
    opened = bid_for(play, "1")
    return bool(ask(play, lanes.sweep(0), opened + 10_000 + after).elections)


def thought_is_over(play: Play, after: int) -> Any:
    said = world.event("1")
    play.admit("aria waits", world.direct("aria", said, ("aria",), wait_ms=4_000))
    said_at = play.world.time
    play.world.store.client.set(keys.lock(DIRECT), "w", px=LEASE_MS)
    return ask(play, lanes.begin(DIRECT, "w"), said_at + 4_000 + after).due


def typed_thought_is_over(play: Play, after: int) -> Any:
    said = world.event("1")
    play.admit("aria waits", world.direct("aria", said, ("aria",), wait_ms=4_000))
    play.tell("its author types on", thoughts.prolong("1", 9_000))
    typed_at = play.world.time
    play.world.store.client.set(keys.lock(DIRECT), "w", px=LEASE_MS)
    return ask(play, lanes.begin(DIRECT, "w"), typed_at + 9_000 + after).due


def refusal_is_remembered(play: Play, after: int) -> Any:
    settings = play.world.settings
    note = refusals.note("aria", CHANNEL, Barred.SEND, "50013", settings)
    play.tell("Discord refuses", note)
    client, key = play.world.store.client, keys.refusals("aria", CHANNEL)
    # Another kind may keep the key.
    client.persist(key)
    until = play.world.time + int(settings.refusal_memory * 1000)
    found = ask(play, refusals.remembered("aria", CHANNEL), until + after)
    client.pexpire(key, terms.HOUR)
    return bool(found)


def conversation_has_ended(play: Play, after: int) -> Any:
    play.tell("they talk", memories.touch_conversation("aria", CHANNEL, 9_000))
    ended = memories.pop_ended_conversations()
    return bool(ask(play, ended, play.world.time + 9_000 + after))


def absence_costs_a_point(play: Play, after: int) -> Any:
    play.tell("points", trusts.add("aria", ALICE, 2, play.fresh()))
    stored = play.world.time
    add = trusts.add("aria", ALICE, 0, play.fresh())
    idle = (GRACE_DAYS + 1) * terms.DAY
    return ask(play, add, stored + idle + after) == 2


def other_call_runs(play: Play, after: int) -> Any:
    """Whether a call waits for another that may yet cost all of a day's money."""
    limits = play.world.limits
    cost = Cost(1, int(limits.daily_micro_usd / 50))
    first = holds.reserve_own("aria", limits, cost, "h1", play.fresh())
    play.tell("a call begins", first)
    began = play.world.time
    second = holds.reserve_own("aria", limits, cost, "h2", play.fresh())
    return ask(play, second, began + limits.call_ms + after)[0] == "wait"


MOMENTS: dict[Moment, tuple[bool, bool, bool]] = {
    floor_is_held: (True, False, False),
    floor_is_taken_from: (False, True, True),
    who_waits_is_here: (True, False, False),
    lane_is_due: (False, True, True),
    election_is_due: (False, True, True),
    election_is_young: (True, True, False),
    quiet_time_is_over: (False, True, True),
    quiet_time_ends_in_time: (True, True, False),
    own_quiet_time_is_over: (False, True, True),
    grant_is_claimed: (False, True, True),
    post_may_be_made: (False, True, True),
    post_is_delivered: (True, True, False),
    chunk_is_sent_again: (True, False, False),
    lane_is_swept: (False, True, True),
    hint_is_repeated: (False, True, True),
    fifth_hint_is_repeated: (False, True, True),
    election_is_swept: (False, True, True),
    thought_is_over: (False, True, True),
    typed_thought_is_over: (False, True, True),
    refusal_is_remembered: (True, False, False),
    conversation_has_ended: (False, True, True),
    absence_costs_a_point: (True, False, False),
    other_call_runs: (True, False, False),
}
"""What holds a millisecond before its time, at it, and after."""


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: moment.__name__)
def test_a_time_ends_at_its_millisecond(store: Store, moment: Moment) -> None:
    """Neither earlier nor later."""
    found = tuple(moment(Play(store, {}), after) for after in (-1, 0, 1))
    assert found == MOMENTS[moment]
