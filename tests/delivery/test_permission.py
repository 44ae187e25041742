"""The permission that comes with a commit: it spares a question, and no check."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from app.delivery import permission
from app.delivery.permission import FRESH_FOR, SendPermission
from app.domain.model import OutboxEntry
from app.domain.verdicts import Attempt
from app.store import keys, mutes, outbox
from tests.delivery.conftest import Room
from tests.worker.trips import counted

Wait = Callable[..., None]
LONG = 1_000.0
ASKS = frozenset({"lease.acquire", "outbox.attempt", "outbox.read"})


def head(room: Room) -> OutboxEntry:
    """The oldest entry."""
    entry = room.store.run(outbox.read(room.queue()[0]))
    assert entry is not None
    return entry


def take(room: Room, owner: str = "visit", entry: OutboxEntry | None = None) -> Attempt:
    """Ask for leave and lease at once."""
    entry = entry or head(room)
    call = outbox.attempt(entry, 0, owner, room.settings, looked=False, take=True)
    return room.store.run(call).verdict


def given(room: Room, age: float = 0.0) -> SendPermission:
    """Leave that was asked for so many seconds ago."""
    entry = head(room)
    call = outbox.attempt(entry, 0, "visit", room.settings, looked=False, take=True)
    return SendPermission("visit", entry, room.store.run(call), time.monotonic() - age)


def lease(room: Room) -> str | None:
    """Who holds the lease."""
    key = keys.delivery("elena", str(room.channel.id))
    return room.store.client.get(key)  # type: ignore[return-value]


def begin(room: Room, leave: SendPermission) -> None:
    """Deliver what was committed, in a worker of its own."""
    worker = room.worker()
    worker.deliverer.begin(
        "elena", str(room.channel.id), leave.entry.entry_id, given=leave
    )


def test_the_lease_comes_with_leave_to_send_the_head(room: Room) -> None:
    """Whoever asks for both has both; nobody else gets either meanwhile."""
    room.commit()
    assert take(room) is Attempt.SEND
    assert lease(room) == "visit"
    assert take(room, "other") is Attempt.LOST_LEASE
    assert lease(room) == "visit"


def test_what_is_not_the_head_takes_no_lease(room: Room) -> None:
    """A later entry would overtake the first."""
    room.commit("one")
    room.commit("two")
    second = room.store.run(outbox.read(room.queue()[1]))
    assert second is not None
    assert take(room, entry=second) is Attempt.LOST_LEASE
    assert lease(room) is None


def test_a_refusal_takes_no_lease(room: Room) -> None:
    """A mute that came with the commit leaves the channel to whoever buries the post."""
    room.commit()
    key = keys.mute_by_operator("bot:elena")
    room.store.client.set(key, "op", px=60_000)
    assert take(room) is Attempt.MUTED
    assert lease(room) is None


def test_leave_in_hand_is_not_asked_for_again(
    room: Room, wait_until: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The post is in Discord after one question: what became of it."""
    monkeypatch.setattr(permission, "FRESH_FOR", LONG)
    room.commit()
    leave = given(room)
    with counted(monkeypatch) as trips:
        begin(room, leave)
        wait_until(lambda: lease(room) is None, what="the end of the lease")
    assert room.said() == ["hello"]
    assert not ASKS & {name for trip in trips for name in trip}


def test_old_leave_is_asked_for_again(room: Room, wait_until: Wait) -> None:
    """Whoever waited long may have been muted meanwhile."""
    room.commit()
    leave = given(room, age=FRESH_FOR)
    key = keys.mute_by_operator("bot:elena")
    room.store.client.set(key, "op", px=60_000)
    begin(room, leave)
    wait_until(lambda: not room.queue(), what="an end")
    assert room.said() == []


def test_the_request_has_its_time_from_the_commit_on(
    room: Room, wait_until: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reads back waits from then: a POST that began later could still arrive."""
    room.commit()
    monkeypatch.setattr(permission, "FRESH_FOR", LONG)
    leave = given(room, age=room.settings.discord_timeout)
    worker = room.worker()
    worker.deliverer._retry_later = lambda *_: None  # type: ignore[method-assign]
    worker.deliverer.begin(
        "elena", str(room.channel.id), leave.entry.entry_id, given=leave
    )
    key = keys.entry(leave.entry.entry_id)
    wait_until(lambda: room.store.client.hexists(key, "failures"), what="a failure")
    assert room.said() == []


def test_leave_that_got_old_unused_counts_for_no_try(
    room: Room, wait_until: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing was sent by it: the next one is the first, and Discord's word that
    something is gone means what it says."""
    monkeypatch.setattr(permission, "FRESH_FOR", LONG)
    room.commit()
    leave, worker = given(room), room.worker()
    client = worker.rest.client

    async def slow(bot: str, token: str) -> object:
        monkeypatch.setattr(permission, "FRESH_FOR", 0.0)
        return await client(bot, token)

    worker.rest.client = slow  # type: ignore[assignment, method-assign]
    worker.deliverer.begin(
        "elena", str(room.channel.id), leave.entry.entry_id, given=leave
    )
    wait_until(lambda: room.said() == ["hello"], what="the post")
    tries = room.store.client.hget(keys.entry(leave.entry.entry_id), "tries:0")
    assert tries == "1"


def test_a_worker_that_cannot_open_the_vault_gives_the_lease_back(
    room: Room, wait_until: Wait
) -> None:
    """Another may deliver at once."""
    room.commit()
    worker = room.worker()
    worker.deliverer._unable.add(("elena", str(room.channel.id)))
    leave = given(room)
    worker.deliverer.begin(
        "elena", str(room.channel.id), leave.entry.entry_id, given=leave
    )
    wait_until(lambda: lease(room) is None, what="the lease")
    room.worker().run()
    assert room.said() == ["hello"]


def test_a_worker_that_ends_gives_the_lease_back(room: Room) -> None:
    """Also where the visit never began."""
    room.commit()
    leave = given(room)
    worker = room.worker()
    worker.deliverer._given["elena", str(room.channel.id)] = leave
    worker.close()
    assert lease(room) is None


def test_a_mute_waits_for_leave_in_hand(room: Room) -> None:
    """What was permitted may still arrive: a mute is not told to be in force before."""
    room.commit()
    take(room)
    assert room.store.run(mutes.count_in_flight()) == 1
