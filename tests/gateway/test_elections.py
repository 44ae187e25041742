"""What a gateway adds to elections: its timers, and how long its bots keep quiet."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from app.domain.character import Pacing, load_character
from app.domain.lane import Lane
from app.domain.model import Context
from app.domain.settings import Settings
from app.domain.verdicts import Elect
from app.gateway.elections import Elections
from app.gateway.store_ports import StorePorts
from app.store import keys
from app.store.door import Store
from app.store.elections import Election
from tests.patience import patience
from tests.store import world


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


@pytest.mark.parametrize(
    ("own", "channel", "told"),
    [(None, "1", None), (5, "1", "5000"), (5, "55", "30000")],
)
@pytest.mark.asyncio
async def test_a_bid_says_how_long_its_bot_keeps_quiet(
    store: Store,
    redis_url: str,
    tmp_path: Path,
    own: float | None,
    channel: str,
    told: str | None,
) -> None:
    """The place's quiet time, or else the character's own; with neither the election
    goes by the setting."""
    places = tmp_path / "places.yaml"
    places.write_text("channels:\n  55: {quiet_time: 30}\n", "utf-8")
    settings = Settings(
        _env_file=None,
        redis_url=redis_url,
        vault_keys=(Fernet.generate_key().decode(),),
        places=places,
    )  # type: ignore[call-arg]
    elena = load_character("elena").model_copy(
        update={"pacing": Pacing(quiet_time=own)}
    )
    ports = StorePorts({"elena": elena}, {"elena": "x"}, settings)
    bid = world.candidate("elena", world.event("1", channel))
    try:
        await ports.admit([bid], "a request")
    finally:
        await ports.close()
    assert store.client.hget(keys.election("1"), "quiet:elena") == told
