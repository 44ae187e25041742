"""Nobody can act now: an election waits for a busy bot; what met a cooled one is read
by a cycle of its own."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any, cast

import pytest

from app.domain.lane import Lane
from app.domain.model import DISCORD_EPOCH_MS, Bid, Classified, Context, Event, Signal
from app.domain.settings import Settings
from app.domain.verdicts import Elect, Finish
from app.store import admission, elections, journal, keys, lanes
from app.store.door import Store
from app.store.lanes import Begun
from app.store.limits import Limits
from app.store.lock import LaneLock

LANE = Lane("elena")
SETTINGS = Settings(speak_channels="*", quiet_time=0, contention_window=0)


def heard(store: Store, channel: str) -> str:
    """A message that elena bids for; returns its id."""
    message = str((int(time.time() * 1000) - DISCORD_EPOCH_MS) << 22 | int(channel))
    event = Event(
        message_id=message,
        channel_id=channel,
        author_id="9",
        author_name="Kim",
        content="hello",
    )
    candidate = admission.AdmissionRequest(
        "elena",
        event,
        Classified(signal=Signal.TRUSTED, reason="test"),
        Bid(score=1.0, above_threshold=True),
    )
    store.run(
        admission.admit(candidate, uuid.uuid4().hex, Limits.of(SETTINGS), SETTINGS)
    )
    return message


def run(
    store: Store,
    retry: int | None = None,
    during: Callable[[], object] = lambda: None,
    settle: bool = True,
) -> tuple[Begun, Finish, int]:
    """A cycle of elena's, which settles what it reads: how it began, how it ended, and
    in how many ms the lane is due again."""
    lock = LaneLock(store, LANE, 10)
    assert lock.take()
    begun = store.run(lanes.begin(LANE, lock.id))
    if settle and begun.entries:
        _settle(store, LANE, begun)
    during()
    end = lanes.finish(
        LANE, lock.id, begun.seq, retry, uuid.uuid4().hex, everything=begun.everything
    )
    ended, due_in = store.run(end)
    lock.stop()
    return begun, ended, due_in


def messages(begun: Begun) -> list[str]:
    """What a cycle read."""
    return [entry.event.message_id for entry in begun.entries]


def cooled_trigger(store: Store, channel: str = "1") -> str:
    """A message that meets elena's cooldown, which then ends."""
    # Long enough for a busy machine to meet it.
    store.client.set(keys.cooldown("elena"), "1", px=400)
    message = heard(store, channel)
    assert (
        store.run(elections.decide(message, channel, SETTINGS)).verdict is Elect.COOLED
    )
    time.sleep(0.41)
    return message


def grant(store: Store, channel: str) -> str:
    """A message that elena wins."""
    message = heard(store, channel)
    assert (
        store.run(elections.decide(message, channel, SETTINGS)).verdict is Elect.GRANTED
    )
    return message


def test_a_granted_cycle_leaves_a_poll_its_time(store: Store) -> None:
    """Granted one message while a poll is to come: the cycle reads the granted one
    alone, and the poll comes in its time."""
    waiting = heard(store, "2")
    store.run(lanes.wake(LANE, Context.POLL, 1_000))
    granted = grant(store, "1")
    begun, ended, due_in = run(store)
    assert (messages(begun), begun.context, ended) == (
        [granted],
        Context.TRIGGER,
        Finish.AGAIN,
    )
    assert due_in > 100
    time.sleep(1.01)
    begun, ended, _ = run(store)
    assert (messages(begun), begun.context, ended) == (
        [waiting],
        Context.POLL,
        Finish.CLEAR,
    )


def test_an_earlier_whole_reading_leaves_a_poll_its_time(store: Store) -> None:
    """A bot late in the poll's spread and in a busy room polls all the same."""
    store.run(lanes.wake(LANE, Context.POLL, 60_000))
    cooled_trigger(store)
    _, ended, due_in = run(store)
    assert ended is Finish.AGAIN
    assert 50_000 < due_in <= 60_000


def test_a_poll_that_is_announced_during_a_cycle_comes_in_its_time(
    store: Store,
) -> None:
    """It is no news for the cycle that runs."""
    grant(store, "1")
    _, ended, due_in = run(
        store, during=lambda: store.run(lanes.wake(LANE, Context.POLL, 60_000))
    )
    assert ended is Finish.AGAIN
    assert due_in > 50_000


def test_a_whole_reading_that_comes_back_is_not_lost_to_a_grant(store: Store) -> None:
    """It left a message whose floor was held; the grant that comes first reads it
    too."""
    waiting = cooled_trigger(store)
    begun, ended, _ = run(store, retry=300, settle=False)
    assert begun.everything
    assert ended is Finish.AGAIN
    granted = grant(store, "3")
    assert messages(run(store)[0]) == [waiting, granted]


def test_a_whole_reading_that_came_back_brings_no_poll_forward(store: Store) -> None:
    """Its retry is long over when a poll is announced."""
    cooled_trigger(store)
    assert run(store, retry=20_000)[1] is Finish.AGAIN
    store.run(lanes.wake(LANE, Context.POLL, 60_000))
    grant(store, "3")
    _, ended, due_in = run(store)
    assert ended is Finish.AGAIN
    assert due_in > 10_000


@pytest.mark.parametrize("size", [350, 620])
def test_a_full_inbox_gives_what_was_granted_last_and_once(
    store: Store, size: int
) -> None:
    """More entries than one cycle reads, or than the inbox keeps untrimmed."""
    granted = heard(store, "1")
    body = store.client.xrange(keys.inbox(LANE))[0][1]
    pipe = store.client.pipeline()
    for number in range(size):
        pipe.xadd(keys.inbox(LANE), {**body, "message": str(1000 + number)})
    pipe.execute()
    waiting = cooled_trigger(store, "2")
    assert store.run(elections.decide(granted, "1", SETTINGS)).verdict is Elect.GRANTED
    begun = run(store)[0]
    assert messages(begun)[-1] == granted
    assert waiting in messages(begun)
    assert len({entry.entry_id for entry in begun.entries}) == len(begun.entries)


def test_new_grants_do_not_keep_a_bot_from_what_waits_for_it(store: Store) -> None:
    """A trigger met a cooled bot; when the cooldown is over, another message's election
    is faster than the lane's own wake: the cycle reads both, what was granted last."""
    waiting = cooled_trigger(store)
    granted = grant(store, "2")
    begun, ended, _ = run(store)
    assert (messages(begun), ended) == ([waiting, granted], Finish.CLEAR)


def test_an_election_waits_for_a_busy_bot(
    store: Store, wait_until: Callable[..., None]
) -> None:
    """The only bidder is in a cycle for another message: its election stays open, and
    is won when the cycle has ended."""
    first, second = heard(store, "1"), heard(store, "2")
    assert store.run(elections.decide(first, "1", SETTINGS)).verdict is Elect.GRANTED
    lane = Lane("elena")
    lock = LaneLock(store, lane, 10)
    assert lock.take()
    begun = store.run(lanes.begin(lane, lock.id))
    asked = store.run(elections.decide(second, "2", SETTINGS))
    assert asked.verdict is Elect.DEFERRED
    assert 0 < asked.retry_in_ms <= 1_000
    _settle(store, lane, begun)
    store.run(
        lanes.finish(lane, lock.id, begun.seq, None, "f", everything=begun.everything)
    )
    lock.stop()
    wait_until(
        lambda: (
            store.run(elections.decide(second, "2", SETTINGS)).verdict is Elect.GRANTED
        ),
        5,
    )


def test_a_cooled_bot_is_woken_at_the_end_of_its_cooldown(store: Store) -> None:
    """Trailing edge: nobody but a cooled bot bids, so its lane is due when it may act
    again, however many triggers came."""
    store.client.set(keys.cooldown("elena"), "1", px=90_000)
    for channel in ("1", "2", "3"):
        assert (
            store.run(
                elections.decide(heard(store, channel), channel, SETTINGS)
            ).verdict
            is Elect.COOLED
        )
    due: dict[str, float] = dict(
        cast(Any, store.client.zrange(keys.WAKES_DUE, 0, -1, withscores=True))
    )
    assert list(due) == ["elena"]
    assert 30_000 < due["elena"] - time.time() * 1000 <= 90_000


def test_a_flood_does_not_take_away_what_is_being_answered(store: Store) -> None:
    """In a full inbox a granted entry goes to the end, so that it is not trimmed
    between the model call and its commit."""
    message = heard(store, "1")
    for number in range(600):
        store.client.xadd(keys.inbox(Lane("elena")), {"event": str(number)})
    assert store.run(elections.decide(message, "1", SETTINGS)).verdict is Elect.GRANTED
    lock = LaneLock(store, Lane("elena"), 10)
    assert lock.take()
    entry = store.run(lanes.begin(Lane("elena"), lock.id)).entries[0]
    store.client.xtrim(keys.inbox(Lane("elena")), maxlen=300, approximate=False)
    assert entry.event.message_id == message
    assert store.client.xrange(
        keys.inbox(Lane("elena")), entry.entry_id, entry.entry_id
    )
    lock.stop()


def _settle(store: Store, lane: Lane, begun: lanes.Begun) -> None:
    """As if the cycle had answered what it read."""
    store.client.xdel(keys.inbox(lane), *[entry.entry_id for entry in begun.entries])
    store.client.delete(keys.work(lane.bot))


def test_a_flood_does_not_take_away_what_an_election_granted(store: Store) -> None:
    """An election may wait for quiet time while other channels fill the inbox: its
    winner still reads what it has won."""
    message = heard(store, "1")
    store.client.xtrim(keys.inbox(Lane("elena")), maxlen=0, approximate=False)
    assert store.run(elections.decide(message, "1", SETTINGS)).verdict is Elect.GRANTED
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
    store.client.zadd(
        keys.recent_bot_posts("1"), {"aria:cd4978244ad0": time.time() * 1000}
    )
    store.client.pexpire(keys.recent_bot_posts("1"), 60_000)
    waits = SETTINGS.model_copy(update={"quiet_time": 20.0})
    assert store.run(elections.decide(message, "1", waits)).verdict is Elect.DEFERRED
    assert [
        line.reason
        for line in store.run(journal.read(message))
        if line.verdict == "deferred"
    ] == ["quiet time after aria"]
