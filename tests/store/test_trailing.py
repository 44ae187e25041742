"""The trailing edge: what met a busy or cooled bot is read by a cycle of its own."""

from __future__ import annotations

import time
import uuid

from app import keys
from app.keys import Lane
from app.model import DISCORD_EPOCH_MS, Bid, Classified, Event, Signal
from app.settings import Settings
from app.store import admission, elections, lanes
from app.store.door import Store
from app.store.limits import Limits
from app.store.lock import LaneLock
from app.verdicts import Elect, Finish

SETTINGS = Settings(speak_channels="*", quiet_time=0, contention_window=0)


def heard(store: Store, channel: str) -> str:
    """A message that elena bids for; returns its id."""
    message = str((int(time.time() * 1000) - DISCORD_EPOCH_MS) << 22 | int(channel))
    event = Event(message_id=message, channel_id=channel, author_id="9", author_name="Kim", content="hello")
    candidate = admission.Candidate("elena", event, Classified(signal=Signal.TRUSTED, reason="test"), Bid(score=1.0, above_threshold=True))
    store.run(admission.admit(candidate, uuid.uuid4().hex, Limits.of(SETTINGS), SETTINGS))
    return message


def test_a_granted_cycle_does_not_swallow_what_waits_for_the_bot(store: Store) -> None:
    """Granted one message while busy for another: the cycle reads the granted one, and the lane is due again for the other."""
    granted, waiting = heard(store, "1"), heard(store, "2")
    assert store.run(elections.elect(granted, "1", SETTINGS)).verdict is Elect.GRANTED
    assert store.run(elections.elect(waiting, "2", SETTINGS)).verdict is Elect.COOLED
    lane = Lane("elena")
    first = LaneLock(store, lane, 10)
    assert first.take()
    begun = store.run(lanes.begin(lane, first.id))
    assert [entry.event.message_id for entry in begun.entries] == [granted]
    assert not begun.everything
    store.client.xdel(keys.inbox(lane), begun.entries[0].entry_id)
    store.client.delete(keys.work("elena"))
    assert store.run(lanes.finish(lane, first.id, begun.seq, None, "f1", everything=begun.everything))[0] is Finish.AGAIN
    first.stop()
    second = LaneLock(store, lane, 10)
    assert second.take()
    rest = store.run(lanes.begin(lane, second.id))
    assert [entry.event.message_id for entry in rest.entries] == [waiting]
    assert store.run(lanes.finish(lane, second.id, rest.seq, None, "f2", everything=rest.everything))[0] is Finish.CLEAR
    second.stop()
