"""The timers by which a gateway closes elections."""

from __future__ import annotations

import asyncio

import pytest

from app.domain.lane import Lane
from app.domain.model import Context
from app.domain.verdicts import Elect
from app.gateway.elections import Elections
from app.store.elections import Election
from tests.patience import patience


class Ports:
    """Grants at once, and remembers when it was asked."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self.hints: list[Lane] = []
        self.done = asyncio.Event()

    async def elect(self, message_id: str, channel_id: str) -> Election:
        self.asked.append(asyncio.get_running_loop().time())
        self.done.set()
        return Election(Elect.GRANTED, "elena", 0)

    def hint(self, lane: Lane, context: Context) -> None:
        self.hints.append(lane)


@pytest.mark.asyncio
async def test_a_complete_election_is_not_put_off_by_an_answer_that_came_late() -> None:
    """All have bid, and only then the answer to the first bid arrives: the election
    closes now, once, not at the window's end."""
    ports = Ports()
    elections = Elections(ports)  # type: ignore[arg-type]
    elections.close_in("1", "2", 0)
    elections.close_in("1", "2", 60_000)
    async with asyncio.timeout(patience(10)):
        await ports.done.wait()
    assert len(ports.asked) == 1
    assert len(elections) == 0
    assert ports.hints == [Lane("elena")]


@pytest.mark.asyncio
async def test_the_last_bid_closes_an_open_window() -> None:
    """The window is cut short when every bot has bid or passed."""
    ports = Ports()
    elections = Elections(ports)  # type: ignore[arg-type]
    elections.close_in("1", "2", 60_000)
    elections.close_in("1", "2", 0)
    async with asyncio.timeout(patience(10)):
        await ports.done.wait()
    assert len(elections) == 0
