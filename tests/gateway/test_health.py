"""Whether a gateway is alive and ready, on a loopback Discord."""

from __future__ import annotations

import asyncio
import threading

import pytest

from app.domain.errors import StoreUnavailable
from app.gateway import health
from app.gateway.health import GatewayHealth
from tests.gateway.conftest import Town
from tests.gateway.recording import until


async def redis_answers() -> None:
    """What a Redis that is there does."""


@pytest.mark.asyncio
async def test_ready_once_all_bots_hear_discord(town: Town) -> None:
    """Before that it names those that do not; Redis's absence is told too."""
    gateway = await town.start("elena", "aria", wait=False)
    loop = asyncio.get_running_loop()
    checks = GatewayHealth(loop, gateway.unheard, redis_answers)
    told = await asyncio.to_thread(checks.ready)
    assert told == "does not hear Discord: elena, aria"
    await until(lambda: gateway.ready == {"elena", "aria"}, what="ready")
    assert await asyncio.to_thread(checks.ready) == ""

    async def nobody() -> None:
        raise StoreUnavailable

    checks = GatewayHealth(loop, gateway.unheard, nobody)
    assert await asyncio.to_thread(checks.ready) == "Redis does not answer"
    assert await asyncio.to_thread(checks.alive) == ""


def test_a_loop_that_stands_still_is_not_alive(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The answer comes from another thread, so it comes all the same."""
    monkeypatch.setattr(health, "ANSWERS_WITHIN", 0.05)
    loop, go_on = asyncio.new_event_loop(), threading.Event()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    checks = GatewayHealth(loop, list, redis_answers)
    loop.call_soon_threadsafe(go_on.wait)
    assert "no answer" in checks.alive()
    go_on.set()
    monkeypatch.setattr(health, "ANSWERS_WITHIN", 10.0)
    assert checks.alive() == ""
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
