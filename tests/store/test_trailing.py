"""Nobody can act now: an election waits for a busy bot; what met a cooled one is read by a cycle of its own."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

from app import keys
from app.keys import Lane
from app.model import DISCORD_EPOCH_MS, Bid, Classified, Context, Event, Signal
from app.settings import Settings
from app.store import admission, elections, journal, lanes
from app.store.door import Store
from app.store.limits import Limits
from app.store.lock import LaneLock
from app.verdicts import Elect, Finish

LANE = Lane("elena")
SETTINGS = Settings(speak_channels="*", quiet_time=0, contention_window=0)


def heard(store: Store, channel: str) -> str:
    """A message that elena bids for; returns its id."""
    message = str((int(time.time() * 1000) - DISCORD_EPOCH_MS) << 22 | int(channel))
    event = Event(message_id=message, channel_id=channel, author_id="9", author_name="Kim", content="hello")
    candidate = admission.Candidate("elena", event, Classified(signal=Signal.TRUSTED, reason="test"), Bid(score=1.0, above_threshold=True))
    store.run(admission.admit(candidate, uuid.uuid4().hex, Limits.of(SETTINGS), SETTINGS))
    return message


def cycle(store: Store) -> tuple[list[str], Finish, int]:
    """A cycle of elena's: what it read, and when the lane is due again."""
    lock = LaneLock(store, LANE, 10)
    assert lock.take()
    begun = store.run(lanes.begin(LANE, lock.id))
    _settle(store, LANE, begun)
    ended, due_in = store.run(lanes.finish(LANE, lock.id, begun.seq, None, uuid.uuid4().hex, everything=begun.everything))
    lock.stop()
    return [entry.event.message_id for entry in begun.entries], ended, due_in


def test_a_granted_cycle_leaves_a_poll_its_time(store: Store) -> None:
    """Granted one message while a poll is to come: the cycle reads the granted one alone, and the poll stays due."""
    granted, waiting = heard(store, "1"), heard(store, "2")
    store.run(lanes.wake(LANE, Context.POLL, 60_000))
    assert store.run(elections.elect(granted, "1", SETTINGS)).verdict is Elect.GRANTED
    read, ended, due_in = cycle(store)
    assert (read, ended) == ([granted], Finish.AGAIN)
    assert 50_000 < due_in <= 60_000
    store.client.zadd(keys.WAKES_DUE, {str(LANE): 1})
    assert cycle(store)[:2] == ([waiting], Finish.CLEAR)


def test_new_grants_do_not_keep_a_bot_from_what_waits_for_it(store: Store) -> None:
    """A trigger met a cooled bot; when the cooldown is over, another message's election is faster than the lane's own wake:
    the cycle reads both, what was granted last."""
    store.client.set(keys.cooldown("elena"), "1", px=50)
    waiting = heard(store, "1")
    assert store.run(elections.elect(waiting, "1", SETTINGS)).verdict is Elect.COOLED
    time.sleep(0.06)
    granted = heard(store, "2")
    assert store.run(elections.elect(granted, "2", SETTINGS)).verdict is Elect.GRANTED
    assert cycle(store)[:2] == ([waiting, granted], Finish.CLEAR)


def test_an_election_waits_for_a_busy_bot(store: Store, wait_until: Callable[..., None]) -> None:
    """The only bidder is in a cycle for another message: its election stays open, and is won when the cycle has ended."""
    first, second = heard(store, "1"), heard(store, "2")
    assert store.run(elections.elect(first, "1", SETTINGS)).verdict is Elect.GRANTED
    lane = Lane("elena")
    lock = LaneLock(store, lane, 10)
    assert lock.take()
    begun = store.run(lanes.begin(lane, lock.id))
    asked = store.run(elections.elect(second, "2", SETTINGS))
    assert asked.verdict is Elect.DEFERRED
    assert 0 < asked.retry_in_ms <= 1_000
    _settle(store, lane, begun)
    store.run(lanes.finish(lane, lock.id, begun.seq, None, "f", everything=begun.everything))
    lock.stop()
    wait_until(lambda: store.run(elections.elect(second, "2", SETTINGS)).verdict is Elect.GRANTED, 5)


def test_a_cooled_bot_is_woken_at_the_end_of_its_cooldown(store: Store) -> None:
    """Trailing edge: nobody but a cooled bot bids, so its lane is due when it may act again, however many triggers came."""
    store.client.set(keys.cooldown("elena"), "1", px=90_000)
    for channel in ("1", "2", "3"):
        assert store.run(elections.elect(heard(store, channel), channel, SETTINGS)).verdict is Elect.COOLED
    due = dict(store.client.zrange(keys.WAKES_DUE, 0, -1, withscores=True))
    assert list(due) == ["elena"]
    assert 30_000 < due["elena"] - time.time() * 1000 <= 90_000


def test_a_flood_does_not_take_away_what_is_being_answered(store: Store) -> None:
    """In a full inbox a granted entry goes to the end, so that it is not trimmed between the model call and its commit."""
    message = heard(store, "1")
    for number in range(600):
        store.client.xadd(keys.inbox(Lane("elena")), {"event": str(number)})
    assert store.run(elections.elect(message, "1", SETTINGS)).verdict is Elect.GRANTED
    lock = LaneLock(store, Lane("elena"), 10)
    assert lock.take()
    entry = store.run(lanes.begin(Lane("elena"), lock.id)).entries[0]
    store.client.xtrim(keys.inbox(Lane("elena")), maxlen=300, approximate=False)
    assert entry.event.message_id == message
    assert store.client.xrange(keys.inbox(Lane("elena")), entry.entry_id, entry.entry_id)
    lock.stop()


def _settle(store: Store, lane: Lane, begun: lanes.Begun) -> None:
    """As if the cycle had answered what it read."""
    store.client.xdel(keys.inbox(lane), *[entry.entry_id for entry in begun.entries])
    store.client.delete(keys.work(lane.bot))


def test_a_flood_does_not_take_away_what_an_election_granted(store: Store) -> None:
    """An election may wait for quiet time while other channels fill the inbox: its winner still reads what it has won."""
    message = heard(store, "1")
    store.client.xtrim(keys.inbox(Lane("elena")), maxlen=0, approximate=False)
    assert store.run(elections.elect(message, "1", SETTINGS)).verdict is Elect.GRANTED
    lock = LaneLock(store, Lane("elena"), 10)
    assert lock.take()
    begun = store.run(lanes.begin(Lane("elena"), lock.id))
    assert [entry.event.message_id for entry in begun.entries] == [message]
    assert begun.entries[0].event.content == "hello"
    assert not begun.everything
    again = store.run(lanes.begin(Lane("elena"), lock.id))
    assert again.entries == begun.entries, "restored once"
    lock.stop()


def test_quiet_time_names_the_bot_that_spoke(store: Store) -> None:
    """An operator reads the bot's name in the journal, not the outbox entry's."""
    message = heard(store, "1")
    store.client.zadd(keys.recent_bot_posts("1"), {"aria:cd4978244ad0": time.time() * 1000})
    store.client.pexpire(keys.recent_bot_posts("1"), 60_000)
    waits = SETTINGS.model_copy(update={"quiet_time": 20.0})
    assert store.run(elections.elect(message, "1", waits)).verdict is Elect.DEFERRED
    assert [line.reason for line in store.run(journal.read(message)) if line.verdict == "deferred"] == ["quiet time after aria"]
