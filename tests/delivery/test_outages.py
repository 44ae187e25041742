"""Redis, the vault, the broker or the program itself fails: what is queued stays queued
and goes out later, once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app.delivery.rest import Secrets
from app.domain.errors import StoreUnavailable, VaultMissing
from app.domain.lane import Lane
from app.domain.settings import load_settings
from app.domain.verdicts import Attempt
from app.host.valkey import EmbeddedValkey
from app.loopback import LoopbackThread
from app.store import keys, outbox
from app.store.door import Store
from app.store.floors import Next
from app.store.signing import signer
from tests.delivery.conftest import Room
from tests.store.world import queue_up

Wait = Callable[..., None]


def test_redis_dying_between_post_and_mark_doubles_nothing(
    discord: LoopbackThread,
    tmp_path: Path,
    wait_until: Wait,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Redis is killed while a POST is under way: when it is back the post is marked,
    and was seen once."""
    monkeypatch.setattr("app.delivery.deliver.STALLED_MS", 200)
    with EmbeddedValkey(tmp_path, appendfsync="always") as server:
        store = Store(server.url)
        room = Room(store, server.url, discord)
        message = room.commit()
        discord.faults.hold_posts.set()
        worker = room.worker()
        try:
            assert not worker.run(wait=0.1)
            discord.wait_for(lambda: discord.faults.hold_posts.waiting, 5)
            server.kill()
            discord.faults.hold_posts.clear()
            discord.wait_for(room.said, 5)
            server.start()
            wait_until(lambda: room.verdicts(message) == ["delivered"], what="the mark")
        finally:
            worker.close()
            store.close()
    assert room.said() == ["hello"]


def test_without_redis_the_caller_is_told(
    discord: LoopbackThread, tmp_path: Path
) -> None:
    """A hint that cannot be served raises StoreUnavailable; the due set has the channel
    when Redis is back."""
    with EmbeddedValkey(tmp_path) as server:
        store = Store(server.url)
        room = Room(store, server.url, discord)
        worker = room.worker()
        server.kill()
        with pytest.raises(StoreUnavailable):
            worker.run()
        worker.close()
        store.close()


def server_ms(store: Store) -> int:
    """The server's time in ms."""
    seconds, micros = store.client.time()
    return int(seconds * 1000 + micros / 1000)


@pytest.mark.parametrize("fault", [VaultMissing("gone"), RuntimeError("a bug")])
def test_a_missing_vault_or_a_bug_delays_the_post(room: Room, fault: Exception) -> None:
    """What fails before a post begins delays it: the lease is given back, the channel
    is due later, nothing is dead."""
    room.commit()
    worker = room.worker()

    def broken(_: str) -> Secrets:
        raise fault

    worker.deliverer._secrets = broken
    before = server_ms(room.store)
    worker.run_once()
    ((_, in_ms),) = room.store.run(outbox.list_due("elena"))
    assert server_ms(room.store) + in_ms - before > 500
    assert not room.store.client.exists(keys.delivery("elena", str(room.channel.id)))
    room.due()
    room.worker().run()
    assert (room.said(), room.dead()) == (["hello"], [])


def test_a_failed_delivery_comes_back_by_itself(room: Room, wait_until: Wait) -> None:
    """After its backoff a channel is served again without any hint."""
    room.discord.faults.fail_next("POST", "/messages$", 503)
    room.commit()
    room.worker().run()
    wait_until(lambda: room.said() == ["hello"], what="the second try")


def test_a_broker_that_is_down_does_not_hold_delivery_up(room: Room) -> None:
    """A hint that cannot be sent is dropped; the post is out and the next one
    follows."""
    worker = room.worker()

    def down(_: Next) -> None:
        raise ConnectionError

    worker.deliverer._hint = down
    for text in ("one", "two"):
        room.commit(text, undelivered_lease=60.0)
        queue_up(room.store, Lane("aria", str(room.channel.id)))
        worker.run()
        room.store.client.delete(keys.floor_waiting(str(room.channel.id)))
    assert room.said() == ["one", "two"]


def test_closing_gives_the_lease_back(room: Room, wait_until: Wait) -> None:
    """A worker that ends while it waits for a rate limit leaves its channel to others
    at once."""
    room.discord.rate_limit = (1, 30.0)
    room.commit("one")
    room.commit("two")
    worker = room.worker()
    assert not worker.run(wait=0.0)
    wait_until(room.said, what="the first post; the second one waits for its bucket")
    worker.deliverer.close()
    assert not room.store.client.exists(keys.delivery("elena", str(room.channel.id)))
    assert room.store.run(outbox.list_due("elena")) == ((str(room.channel.id), 0),)


@pytest.mark.parametrize("pause", [0, 0.001, 0.003, 0.01, 0.02, 0.03])
def test_a_delivery_that_begins_as_the_worker_ends(room: Room, pause: float) -> None:
    """It ends with the worker, at once, whatever it was doing; the next worker finds
    the post and sends it, once."""
    room.commit()
    worker = room.worker()
    worker.deliverer.run("aria", 5.0)
    channel = str(room.channel.id)
    (entry_id,) = room.store.run(outbox.waiting("elena", channel))
    worker.deliverer.begin("elena", channel, entry_id)
    time.sleep(pause)
    worker.close()
    assert not room.store.client.exists(keys.delivery("elena", str(room.channel.id)))
    room.worker().run()
    assert room.said() == ["hello"]


def test_a_delivery_that_is_ended_before_it_began_is_gone(room: Room) -> None:
    """Beginning and end wait for the same busy loop: the task never runs a step, and a
    second close has nothing to wait for."""

    async def stall() -> None:
        time.sleep(0.2)  # noqa: ASYNC251 - the loop is to be busy

    room.commit()
    worker = room.worker()
    channel = str(room.channel.id)
    (entry_id,) = room.store.run(outbox.waiting("elena", channel))
    worker.rest.submit(stall())
    worker.deliverer.begin("elena", channel, entry_id)
    worker.deliverer.close()
    assert not worker.deliverer._serving
    room.worker().run()
    assert room.said() == ["hello"]


def test_only_the_holder_of_the_lease_may_send(room: Room) -> None:
    """Also a deliverer that did not look at the lease is told so before its POST."""
    room.commit()
    channel, run = str(room.channel.id), room.store.run
    (entry_id,) = run(outbox.waiting("elena", channel))
    config = load_settings()
    entry = run(outbox.read(entry_id, signer(config)))
    assert entry is not None
    assert run(outbox.acquire("elena", channel, "other", 10_000))
    verdicts = [
        run(outbox.attempt(entry, 0, owner, config, looked=False)).verdict
        for owner in ("mine", "other")
    ]
    assert verdicts == [Attempt.LOST_LEASE, Attempt.SEND]


def test_a_closed_deliverer_asks_for_nothing_more(room: Room, wait_until: Wait) -> None:
    """It is still being asked which channels are due: it must not begin to serve one
    after the store is closed."""
    worker = room.worker()
    worker.deliverer._store.run = lambda _: asyncio.sleep(60)  # type: ignore[assignment, return-value]
    worker.rest.submit(worker.deliverer.deliver("elena"))
    wait_until(lambda: worker.deliverer._asking, what="the question")
    worker.deliverer.close()
    assert not worker.deliverer._asking
