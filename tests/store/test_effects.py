"""What scripts leave behind that no verdict tells of: who reads it does so later."""

from __future__ import annotations

import pytest

from app.domain import terms
from app.domain.lane import Lane
from app.domain.model import Context, InboxEntry, OutboxEntry, Signal
from app.domain.verdicts import Finish
from app.store import (
    admission,
    brakes,
    floors,
    inboxes,
    journal,
    keys,
    lanes,
    outbox,
    states,
    wishes,
)
from app.store.door import Store
from app.store.floors import Holder
from tests.store import world
from tests.store.machine import Machine
from tests.store.test_holds import asked
from tests.store.test_single_rules import CHANNEL, LONG, committed

TODAY = "2026-11-27"
WINDOW_MS = 10_000
"""After which the elections of `world.settings_with` close."""


def in_outbox(store: Store, bot: str = "aria") -> OutboxEntry:
    """A post that was committed and not delivered."""
    entry = store.run(outbox.read(committed(store, bot, LONG)))
    assert entry is not None
    return entry


def test_a_delivered_post_is_known_by_its_message(store: Store) -> None:
    """Whoever asks later reads where the post is, for as long as answers are kept."""
    entry = in_outbox(store)
    (answer,) = store.client.scan_iter("answer:*")
    store.client.pexpire(answer, 1_000)
    store.run(outbox.record_delivery(entry, 0, "900", "sent", TODAY))
    assert store.client.hget(answer, "aria") == "delivered:900"
    assert store.client.pttl(answer) > 1_000


def test_dead_letters_wait_for_an_operator_as_long_as_the_newest(store: Store) -> None:
    """A second letter does not go with the first one's time."""
    store.run(outbox.dead_letter(in_outbox(store), "dead", "refused"))
    (letters,) = store.client.scan_iter("*dead*")
    store.client.pexpire(letters, 1_000)
    store.run(outbox.dead_letter(in_outbox(store, "aria"), "dead", "refused"))
    assert store.client.pttl(letters) > 1_000


def test_words_in_place_of_a_reaction_are_remembered_as_a_post(store: Store) -> None:
    """The channel's list of posts lasts as long as after any other."""
    entry = in_outbox(store)
    store.run(outbox.acquire("aria", CHANNEL, "me", 10_000))
    recent = keys.recent_bot_posts(CHANNEL)
    store.client.pexpire(recent, 1_000)
    other = outbox.signed(entry, LONG)
    ways = {"absent": True, "worded": True}
    assert store.run(outbox.replace(entry, other, 0, "me", "words", **ways))
    assert store.client.pttl(recent) > 1_000


def test_a_retried_letter_is_due_no_later_than_it_was(store: Store) -> None:
    """Its channel may have an older post that waits."""
    entry = in_outbox(store)
    store.run(outbox.dead_letter(entry, "dead", "refused"))
    store.client.zadd(keys.DELIVERIES_DUE, {f"aria:{CHANNEL}": 1_000})
    assert store.run(outbox.retry(entry))
    assert store.client.zscore(keys.DELIVERIES_DUE, f"aria:{CHANNEL}") == 1_000


def test_a_failed_attempt_is_no_longer_on_its_way(store: Store) -> None:
    """A mute is acknowledged when nothing is; a failure must not hold it up."""
    entry = in_outbox(store)
    store.run(outbox.acquire("aria", CHANNEL, "me", 10_000))
    flight = keys.DELIVERIES_IN_FLIGHT
    store.client.zadd(flight, {f"{entry.entry_id}:0": world.redis_now() + 60_000})
    store.client.pexpire(flight, 60_000)
    since_ms, failures = store.run(outbox.record_failure(entry, 0, "me", absent=True))
    assert (since_ms, failures) == (0, 1)
    assert store.client.zcard(flight) == 0


@pytest.mark.parametrize(
    ("verdict", "stored"), [("committed", True), ("dry_run", True), ("stale", False)]
)
def test_a_bot_is_engaged_by_what_was_committed_alone(
    store: Store, verdict: str, stored: bool
) -> None:
    """What it would have said counts for nothing; nor does a commit that is not there
    yet."""
    early = states.remember("aria", CHANNEL, "engaged", after="c")
    assert not store.run(early)
    store.client.set(keys.request("c"), f'["{verdict}", ""]', px=10_000)
    assert store.run(states.remember("aria", CHANNEL, "engaged", after="c")) is stored
    assert bool(store.run(states.states("aria"))) is stored


def test_a_finished_lane_leaves_nothing_to_wake(store: Store) -> None:
    """Its next wake begins with a sequence of its own."""
    lane = Lane("elena")
    store.run(lanes.wake(lane, Context.TRIGGER))
    store.client.set(keys.lock(lane), "me", px=10_000)
    begun = store.run(lanes.begin(lane, "me"))
    verdict, _ = store.run(lanes.finish(lane, "me", begun.seq, None, "r1"))
    assert verdict is Finish.CLEAR
    assert store.client.exists(keys.wake(lane), keys.lock(lane)) == 0
    assert store.client.zscore(keys.WAKES_DUE, str(lane)) is None


def test_what_a_cycle_left_is_noted_once(store: Store) -> None:
    """For `why`: one line for each bot and message, and only by the cycle that has the
    lane."""
    m = Machine(store, {})
    said = world.event("1")
    m.admit(world.candidate("aria", said))
    lane = Lane("aria")
    store.client.set(keys.lock(lane), "me", px=10_000)
    ((entry_id, _),) = store.client.xrange(keys.inbox(lane))
    entry = InboxEntry(entry_id=entry_id, event=said, signal=Signal.WATCHED)

    def noted(owner: str) -> int:
        holder = Holder(lane, owner)
        return store.run(inboxes.note_unanswered(holder, [entry], "nothing to say"))

    assert [noted("another"), noted("me"), noted("me")] == [0, 1, 0]
    lines = [one for one in store.run(journal.read("1")) if one.verdict == "left"]
    assert [(one.bot, one.reason) for one in lines] == [("aria", "nothing to say")]


def test_a_budget_is_restored_where_it_is_lower(store: Store) -> None:
    """After Redis was emptied: what was spent since may be more already."""
    day = 20_000
    assert store.run(brakes.restore_budget("aria", day, {"posts": "3"})) == 1
    counts = {"posts": "2", "tokens": "70"}
    assert store.run(brakes.restore_budget("aria", day, counts)) == 1
    assert store.client.hgetall(keys.budget("aria", day)) == {
        "posts": "3",
        "tokens": "70",
    }
    assert 0 < store.client.pttl(keys.budget("aria", day)) <= terms.BUDGET_TTL


def test_a_later_mark_of_a_forgotten_person_stands(store: Store) -> None:
    """What a gateway remembers may be older than what Redis knows by now."""
    store.run(brakes.restore_forgotten({"ann": 2_000, "bob": 1_000}))
    assert store.run(brakes.restore_forgotten({"ann": 1_500, "bob": 3_000})) == 2
    scores = [store.client.zscore(keys.FORGOTTEN, who) for who in ("ann", "bob")]
    assert scores == [2_000, 3_000]


def test_who_had_no_money_for_a_call_has_not_paid(store: Store) -> None:
    """A message belongs to whoever paid for it: a refusal must not make it anybody's,
    and the next try may find room."""
    m = Machine(store, {"cooldown": 0, "quiet_time": 0, "daily_tokens": 150})
    m.admit(world.candidate("aria", world.event("1")))
    m.world.advance(WINDOW_MS)
    assert m.elect("1", CHANNEL) == ("granted", "aria")
    cycle = m.begin(Lane("aria"))
    assert cycle is not None
    (entry,) = cycle.entries
    assert m.claim(cycle, entry) == "granted"
    assert m.reserve(cycle, entry, 200) == "budget"
    assert store.client.hget(keys.election("1"), "paid") is None
    assert m.reserve(cycle, entry, 100) == "ok"
    assert store.client.hget(keys.election("1"), "paid") == "aria"


def test_an_election_passes_over_a_bot_whose_day_is_spent(store: Store) -> None:
    """Also when it spent the last of it after it had bid: the next best answers, though
    it wants to less."""
    m = Machine(store, {"cooldown": 0, "quiet_time": 0, "daily_posts": 1})
    cycle, entry = asked(m, "aria", "1")
    for bot, bid in (("aria", 9.0), ("dotty", 1.0)):
        m.admit(world.candidate(bot, world.event("2", author=world.BOB), bid))
    assert m.commit(cycle, entry, final=True) == "committed"
    m.finish(cycle)
    assert m.post("aria", CHANNEL) is not None
    m.receipt("aria", CHANNEL)
    m.world.advance(WINDOW_MS)
    assert m.elect("2", CHANNEL) == ("granted", "dotty")


def test_who_had_the_floor_is_counted_on_for_a_lease(store: Store) -> None:
    """A bot that has answered what was addressed to it may be named in what follows:
    others wait for it as for any that was just here."""
    m = Machine(store, {"cooldown": 0, "quiet_time": 0})
    cycle, entry = asked(m, "aria", "1")
    assert m.commit(cycle, entry) == "committed"
    m.finish(cycle)
    store.client.delete(keys.floor_awaited(CHANNEL))
    assert m.post("aria", CHANNEL) is not None
    m.receipt("aria", CHANNEL)
    assert store.client.hkeys(keys.floor_awaited(CHANNEL)) == ["aria"]


def test_a_full_lane_takes_a_quiet_person_however_late_the_hour(store: Store) -> None:
    """How many turns were served before says nothing of how much somebody has
    waiting."""
    m = Machine(store, {"direct_waiting": 4, "quiet_posts": 1})
    store.client.hset(keys.turns(CHANNEL), "#now", "50")
    store.client.pexpire(keys.turns(CHANNEL), 60_000)

    def say(number: int, author: str) -> str:
        said = world.event(str(number), author=author)
        return m.admit(world.direct("aria", said, ("aria",)))

    assert [say(number, world.ALICE) for number in range(1, 5)] == ["direct"] * 4
    assert say(5, world.ALICE) == "crowded"
    assert say(6, world.BOB) == "direct"


def test_a_count_that_no_script_wrote_is_none(store: Store) -> None:
    """Beyond 2^53 neighbouring numbers are one to a script: a turn edited by hand to
    that does not become everybody's."""
    m = Machine(store, {})
    store.client.hset(keys.turns(CHANNEL), "#now", str(2**53))
    store.client.pexpire(keys.turns(CHANNEL), 60_000)
    m.admit(world.direct("aria", world.event("1"), ("aria",)))
    assert store.client.hget(keys.election("1"), "turn") == "1"


def test_attempts_that_have_timed_out_are_on_their_way_no_more(store: Store) -> None:
    """The next attempt takes them off: a worker that died does not hold up a mute."""
    entry = in_outbox(store)
    store.run(outbox.acquire("aria", CHANNEL, "me", 10_000))
    flight = keys.DELIVERIES_IN_FLIGHT
    store.client.zadd(flight, {"died:0": world.redis_now() - 1})
    store.run(outbox.attempt(entry, 0, "me", LONG, looked=False))
    assert store.client.zrange(flight, 0, -1) == [f"{entry.entry_id}:0"]


def test_a_granted_message_comes_back_to_an_inbox_that_was_trimmed(
    store: Store,
) -> None:
    """With its expiry, as the stream may be made anew."""
    m = Machine(store, {"cooldown": 0, "quiet_time": 0})
    m.admit(world.candidate("aria", world.event("1")))
    m.world.advance(WINDOW_MS)
    assert m.elect("1", CHANNEL) == ("granted", "aria")
    lane = Lane("aria")
    store.client.delete(keys.inbox(lane))
    store.client.set(keys.lock(lane), "me", px=10_000)
    begun = store.run(lanes.begin(lane, "me"))
    assert [one.event.message_id for one in begun.entries] == ["1"]
    assert store.client.pttl(keys.inbox(lane)) > 0


def test_marks_that_say_nothing_any_more_are_dropped(store: Store) -> None:
    """Nothing is kept for so long that an old mark could matter."""
    long_ago = world.redis_now() - terms.FORGOTTEN_TTL - terms.HOUR
    store.client.zadd(keys.FORGOTTEN, {"long ago": long_ago, "lately": long_ago * 2})
    store.run(wishes.mark_forgotten("now"))
    assert store.client.zrange(keys.FORGOTTEN, 0, -1) == ["now", "lately"]


def test_what_is_settled_at_once_asks_for_no_other_time(store: Store) -> None:
    """A grant, and a flood's refusals, come with no time to come again."""
    m = Machine(store, {"cooldown": 0, "quiet_time": 0, "person_hourly": 2})
    cycle, entry = asked(m, "aria", "1")
    claimed = store.run(floors.claim(cycle.holder, entry, m.world.settings, 0.0))
    assert (claimed.verdict, claimed.retry_in_ms) == ("granted", 0)
    for number in range(2, 5):
        said = world.event(str(number))
        m.admit(world.direct("aria", said, ("aria",)))
    last = world.direct("aria", world.event("5"), ("aria",))
    admitted = admission.admit(last, "r5", m.world.limits, m.world.settings)
    assert store.run(admitted) == ("over_person_limit", 0, "")


def test_a_post_of_two_pieces_is_delivered_with_the_second(store: Store) -> None:
    """Until then it holds the floor, stays in the outbox and is nowhere said to be
    there."""
    entry = in_outbox(store).model_copy(update={"chunks": ("one", "two")})
    first, _ = store.run(outbox.record_delivery(entry, 0, "900", "sent", TODAY))
    assert not first
    assert store.run(outbox.head("aria", CHANNEL)) == entry.entry_id
    assert store.client.hget(keys.floor(CHANNEL), "entry") == entry.entry_id
    second, _ = store.run(outbox.record_delivery(entry, 1, "901", "sent", TODAY))
    assert second
    assert store.run(outbox.head("aria", CHANNEL)) is None


def test_a_lease_ends_with_its_entry_and_not_before(store: Store) -> None:
    """Given back along with the record of the last piece: while that record is missing,
    because Redis refused it or carries it out later, the entry is the head and the
    lease is kept."""
    entry = in_outbox(store)
    lease = keys.delivery("aria", CHANNEL)
    assert store.run(outbox.acquire("aria", CHANNEL, "me", 10_000))
    assert store.run(outbox.release_after(entry, "me")) is None
    assert store.client.get(lease) == "me"
    assert store.run(outbox.release_after(entry, "another")) is False
    assert store.client.get(lease) == "me"
    record = outbox.record_delivery(entry, 0, "900", "sent", TODAY)
    (complete, _), more = store.run_all([record, outbox.release_after(entry, "me")])
    assert complete
    assert more is False
    assert not store.client.exists(lease)
    assert store.client.zscore("deliveries:due", f"aria:{CHANNEL}") is None


def test_a_lease_that_ends_says_that_more_is_waiting(store: Store) -> None:
    """Whoever gave it back goes on at once."""
    entry = in_outbox(store)
    store.client.rpush(keys.outbox("aria", CHANNEL), "the next")
    assert store.run(outbox.acquire("aria", CHANNEL, "me", 10_000))
    record = outbox.record_delivery(entry, 0, "900", "sent", TODAY)
    assert store.run_all([record, outbox.release_after(entry, "me")])[1] is True


def test_quiet_time_counts_from_the_delivery(store: Store) -> None:
    """That is when people see a post; what is not on the list is not put on it."""
    recent = keys.recent_bot_posts(CHANNEL)
    entry = in_outbox(store)
    member = f"aria:{entry.entry_id}"
    store.client.zadd(recent, {member: 1_000})
    store.run(outbox.record_delivery(entry, 0, "900", "sent", TODAY))
    assert (store.client.zscore(recent, member) or 0) > 1_000
    other = in_outbox(store, "dotty")
    store.client.zrem(recent, f"dotty:{other.entry_id}")
    store.run(outbox.record_delivery(other, 0, "901", "sent", TODAY))
    assert store.client.zrange(recent, 0, -1) == [member]
