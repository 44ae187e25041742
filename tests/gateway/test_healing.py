"""A gateway and a Redis that was emptied under it: what it writes, and in which
order."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
import structlog

from app.domain.errors import StoreUnavailable
from app.domain.model import RosterEntry
from app.gateway.healing import LOOKS, Healing
from app.gateway.presence import Presence
from app.runtime.clock import DAY_S, epoch_day
from app.store import brakes, keys, mutes, stats
from app.store.calls import Call
from app.store.door import AsyncStore

EVERY = 1.0
WAIT = brakes.lasts(keys.GENERATION_NEW)


class Failing(AsyncStore):
    """A door that shuts before one of its calls: a script's name, or a command's."""

    before = ""

    async def run(self, call: Call[Any]) -> Any:
        """Refuse that call."""
        if self.before and self.before in (call.script, *call.args[:1]):
            raise StoreUnavailable("away again")
        return await super().run(call)


@pytest_asyncio.fixture
async def store(redis_url: str) -> AsyncIterator[Failing]:
    """The door to a new database."""
    door = Failing(redis_url)
    await door.client.flushdb()
    yield door
    await door.close()


class Process:
    """One gateway process with one bot."""

    def __init__(self, store: AsyncStore, bot: str) -> None:
        self.healing = Healing(store, self._publish, EVERY)
        self.published = 0
        self.healing.published(bot, Presence("1"))

    async def _publish(self, bot: str, presence: Presence) -> None:
        self.published += 1


def warnings(logged: list[Any]) -> list[str]:
    """What an operator is warned of."""
    return [line["event"] for line in logged if line["log_level"] == "warning"]


@pytest.mark.asyncio
async def test_the_brakes_stand_before_anybody_may_speak_unasked(
    store: Failing,
) -> None:
    """While the mutes cannot be written no generation begins, however often the gateway
    looks. When they are written it begins, says so, and leaves time for the others."""
    process = Process(store, "elena")
    await process.healing.tick()
    await store.run(mutes.mute("bot:elena", "operator"))
    process.healing._taken -= 60
    await process.healing.tick()
    await store.client.flushdb()
    store.before = "SET"
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await process.healing.tick()
        assert not await store.run(brakes.has_begun())
    store.before = ""
    with structlog.testing.capture_logs() as logged:
        await process.healing.tick()
    assert await store.client.get(keys.mute_by_operator("bot:elena")) == "operator"
    left = await store.run(WAIT)
    assert 0 < left <= LOOKS * EVERY * 1000
    assert len(warnings(logged)) == 2
    assert "say nothing unasked" in warnings(logged)[1]


@pytest.mark.asyncio
async def test_the_second_gateway_writes_its_brakes_within_the_wait(
    store: Failing,
) -> None:
    """It sees a generation that it does not know, writes what it knows, and makes
    nobody wait anew."""
    first, second = Process(store, "elena"), Process(store, "aria")
    for process in (first, second):
        await process.healing.tick()
    await store.run(mutes.mute("bot:aria", "operator"))
    second.healing._taken -= 60
    await second.healing.tick()
    await store.client.flushdb()
    await first.healing.tick()
    before = await store.run(WAIT)
    assert await store.client.exists(keys.mute_by_operator("bot:aria")) == 0
    await second.healing.tick()
    after = await store.run(WAIT)
    assert await store.client.exists(keys.mute_by_operator("bot:aria")) == 1
    assert 0 < after <= before


@pytest.mark.asyncio
async def test_a_clock_that_is_days_off_forgets_no_budget(
    store: Failing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was spent today is written again as today's, by Redis's clock."""
    day = epoch_day(await store.run(stats.server_time()))
    budget = keys.budget("elena", day)
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 2 * DAY_S)
    process = Process(store, "elena")
    await process.healing.tick()
    await store.run(brakes.restore_budget("elena", day, {"posts": "12"}))
    process.healing._taken -= 60
    await process.healing.tick()
    await store.client.flushdb()
    await process.healing.tick()
    assert await store.client.hget(budget, "posts") == "12"


@pytest.mark.asyncio
async def test_the_brakes_of_a_bot_are_read_as_soon_as_it_is_there(
    store: Failing,
) -> None:
    """Redis is emptied a turn of the pump after a bot came to a process that has just
    looked: its mute and what it has spent are written again."""
    process = Process(store, "aria")
    await process.healing.tick()
    day = epoch_day(await store.run(stats.server_time()))
    budget = keys.budget("elena", day)
    await store.run(brakes.restore_budget("elena", day, {"posts": "12"}))
    await store.run(mutes.mute("bot:elena", "operator"))
    process.healing.published("elena", Presence("2"))
    await process.healing.tick()
    await store.client.flushdb()
    await process.healing.tick()
    assert await store.client.hget(budget, "posts") == "12"
    assert await store.client.get(keys.mute_by_operator("bot:elena")) == "operator"


@pytest.mark.asyncio
async def test_a_muted_bot_stays_so_while_its_own_gateway_is_away(
    store: Failing,
) -> None:
    """Redis is emptied meanwhile: a colleague's gateway writes the mute again."""
    process = Process(store, "aria")
    elena = RosterEntry(bot="elena", user_id="2", names=("Elena",))
    process.healing.colleagues.merged([elena])
    await store.run(mutes.mute("bot:elena", "operator"))
    await process.healing.tick()
    await store.client.flushdb()
    await process.healing.tick()
    assert await store.client.get(keys.mute_by_operator("bot:elena")) == "operator"


@pytest.mark.asyncio
async def test_a_new_installation_warns_of_nothing(store: Failing) -> None:
    """It waits as long, as nobody can tell it from an emptied one, and its log says so
    as a matter of course."""
    with structlog.testing.capture_logs() as logged:
        await Process(store, "elena").healing.tick()
    assert [line["log_level"] for line in logged] == ["info", "info"]
    assert await store.run(WAIT) > 0


@pytest.mark.asyncio
async def test_a_bot_that_cannot_be_published_holds_no_other_back(
    store: Failing,
) -> None:
    """The brakes are written: what nobody asked for waits no longer for a vault that
    Redis refuses."""
    process = Process(store, "elena")
    process.healing._publish = _refuse
    with pytest.raises(StoreUnavailable):
        await process.healing.tick()
    assert await store.run(brakes.has_begun())


async def _refuse(bot: str, presence: Presence) -> None:
    raise StoreUnavailable("no vault")
