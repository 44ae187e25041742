"""A bot's queue: order and patience."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from app.domain.errors import (
    StoreForbidden,
    StoreMoved,
    StoreRefusing,
    StoreUnavailable,
)
from app.gateway.event_queue import EventQueue
from app.runtime.backoff import error_places
from tests.gateway.recording import until


class World:
    """A place to write to that may be away."""

    def __init__(self) -> None:
        self.away = False
        self.tries = 0
        self.done: list[int] = []

    async def write(self, number: int) -> None:
        self.tries += 1
        await asyncio.sleep(0)
        if self.away:
            raise StoreUnavailable
        self.done.append(number)


@pytest_asyncio.fixture
async def queue() -> AsyncIterator[EventQueue]:
    """A queue at work, with room for ten jobs."""
    held = EventQueue("elena", limit=10)
    worker = asyncio.create_task(held.run())
    yield held
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)


@pytest.mark.asyncio
async def test_an_outage_neither_loses_nor_reorders(queue: EventQueue) -> None:
    """What came before, during and after an outage is carried out once each, in
    order."""
    world = World()
    queue.open()
    queue.put(lambda: world.write(0))
    await until(lambda: world.done == [0])
    world.away = True
    for number in range(1, 6):
        queue.put(lambda number=number: world.write(number))
    await until(lambda: world.tries >= 3)
    assert world.done == [0]
    world.away = False
    await asyncio.wait_for(queue.drained(), 10)
    assert world.done == [0, 1, 2, 3, 4, 5]


@pytest.mark.asyncio
async def test_it_is_bounded(queue: EventQueue) -> None:
    """Beyond its limit a queue says no, so that the channel can be read back; what must
    be kept is kept."""
    world = World()
    world.away = True
    queue.open()
    taken = [queue.put(lambda: world.write(1)) is not None for _ in range(15)]
    assert taken == [True] * 10 + [False] * 5
    assert queue.put(lambda: world.write(2), always=True) is not None


@pytest.mark.asyncio
async def test_a_bug_stops_nobody_behind_it(queue: EventQueue) -> None:
    """A job that fails for another reason than Redis is dropped with a log line, and
    the next is carried out."""
    world = World()

    async def broken() -> None:
        raise KeyError("secret text")

    first = queue.put(broken)
    second = queue.put(lambda: world.write(7))
    queue.open()
    assert first is not None
    assert second is not None
    await asyncio.wait_for(asyncio.gather(first, second), 10)
    assert world.done == [7]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "refusal", [StoreUnavailable, StoreRefusing, StoreMoved, StoreForbidden]
)
async def test_every_refusal_is_waited_out(
    queue: EventQueue, refusal: type[StoreUnavailable]
) -> None:
    """Also one that an operator must mend first: what is forbidden now is held, and not
    overtaken."""
    done: list[str] = []
    refusing = True

    async def write() -> None:
        if refusing:
            done.append("refused")
            raise refusal
        done.append("written")

    async def write_next() -> None:
        done.append("next")

    queue.open()
    queue.put(write)
    queue.put(write_next)
    await until(lambda: len(done) >= 4)
    refusing = False
    await asyncio.wait_for(queue.drained(), 10)
    assert set(done[:-2]) == {"refused"}
    assert done[-2:] == ["written", "next"]


@pytest.mark.asyncio
async def test_a_fault_that_passes_costs_nothing(queue: EventQueue) -> None:
    """A job is tried three times before it counts as one that always fails."""
    tries: list[int] = []

    async def write() -> None:
        tries.append(1)
        if len(tries) < 3:
            raise KeyError

    queue.open()
    queue.put(write)
    await asyncio.wait_for(queue.drained(), 10)
    assert len(tries) == 3


@pytest.mark.asyncio
async def test_it_waits_to_be_opened(queue: EventQueue) -> None:
    """Nothing is carried out before the bot is published."""
    world = World()
    queue.put(lambda: world.write(1))
    for _ in range(20):
        await asyncio.sleep(0)
    assert world.tries == 0
    queue.open()
    await until(lambda: world.done == [1])


def test_where_quotes_nothing() -> None:
    """A logged failure names places, not the error's text: that may quote a message."""
    with pytest.raises(ValueError, match="hunter2") as failed:
        int("hunter2")
    said = error_places(failed.value)
    assert "hunter2" not in said
    assert "test_event_queue.py" in said
