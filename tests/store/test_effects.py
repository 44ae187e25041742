"""What scripts leave behind that no verdict tells of: who reads it does so later."""

from __future__ import annotations

from app.domain import terms
from app.domain.lane import Lane
from app.domain.model import Context, InboxEntry, OutboxEntry, Signal
from app.domain.verdicts import Finish
from app.store import brakes, inboxes, journal, keys, lanes, outbox
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
    store.run(outbox.record_delivery(entry, 0, "900", "sent", TODAY))
    (answer,) = store.client.scan_iter("answer:*")
    assert store.client.hget(answer, "aria") == "delivered:900"


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
    assert store.run(brakes.spent("aria", day)) == {"posts": "3", "tokens": "70"}
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
    """The next best answers, though it wants to less."""
    m = Machine(store, {"cooldown": 0, "quiet_time": 0, "daily_posts": 1})
    cycle, entry = asked(m, "aria", "1")
    assert m.commit(cycle, entry) == "committed"
    m.finish(cycle)
    assert m.post("aria", CHANNEL) is not None
    m.receipt("aria", CHANNEL)
    for bot, bid in (("aria", 9.0), ("dotty", 1.0)):
        m.admit(world.candidate(bot, world.event("2"), bid))
    m.world.advance(WINDOW_MS)
    assert m.elect("2", CHANNEL) == ("granted", "dotty")
