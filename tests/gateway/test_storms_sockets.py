"""Whatever ends a session as soon as it has begun: a token is never at risk. Real
sockets; a day passes on a clock of its own."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import discord
import pytest
import structlog
from pydantic import SecretStr

from app.domain.errors import (
    ConfigurationError,
    IdentifiesSpent,
    StreamError,
    TokenRefused,
)
from app.gateway.run import Gateway, Hosted
from app.host.supervisor import ChildSpec, RestartPauses, Supervisor
from app.rules.identifies import FREE, Allowance, leave
from app.store import identifies
from app.store.door import Store
from tests.gateway.recording import POLICY, RecordingPorts, settings, until
from tests.gateway.storms import (
    START,
    Clock,
    StormyDiscord,
    closing,
    crash,
    invalid_session,
    serving,
)

pytestmark = pytest.mark.asyncio

DAY = 86_400.0
STORM = 1.25 * DAY
LOOPS = {
    "op 9": invalid_session,
    "close 4000": closing(4000),
    "crash": crash,
    "close 1000": closing(1000),
}


@pytest.fixture(autouse=True)
def _addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """discord.py's addresses are put back afterwards; its own pauses between
    connections take no real time."""
    monkeypatch.setattr(discord.http.Route, "BASE", discord.http.Route.BASE)
    gateway = discord.gateway.DiscordWebSocket
    monkeypatch.setattr(gateway, "DEFAULT_GATEWAY", gateway.DEFAULT_GATEWAY)
    monkeypatch.setattr("app.gateway.socket.FREE", 1_000_000)


@asynccontextmanager
async def storm(
    fate: Callable[..., Any],
    clock: Clock,
    ports: RecordingPorts | None = None,
    remaining: int = 1_000,
    greets: bool = True,
    **changes: object,
) -> AsyncIterator[tuple[StormyDiscord, asyncio.Task[None]]]:
    """One bot's gateway on a Discord with this fate."""
    stormy = StormyDiscord(clock, fate, remaining, greets=greets)
    async with serving(stormy) as (api, address):
        config = settings(
            **{
                "discord_api_url": api,
                "discord_gateway_url": address,
                "gateway_lease": 60.0,
                "pump_interval": 60.0,
                "identify_pause": 5.0,
                **changes,
            }
        )
        hosted = [Hosted("elena", SecretStr("MTIz.the.token"))]
        gateway = Gateway(
            hosted, ports or RecordingPorts(), config, POLICY, clock.time, clock.sleep
        )
        task = asyncio.create_task(gateway.run())
        try:
            yield stormy, task
        finally:
            gateway.stop()
            await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("name", LOOPS)
async def test_a_storm_of_more_than_a_day(name: str) -> None:
    """However sessions end at once, no day sees five hundred of them begin, and the bot
    still tries. What is older than two hours no longer slows it, and what is older than
    a day no longer counts: six hours after the first day it goes on as it ever will."""
    clock = Clock()
    async with storm(LOOPS[name], clock) as (stormy, task):
        await until(
            lambda: task.done() or clock.now > START + STORM,
            seconds=60,
            what="the storm",
        )
        assert not task.done(), task.exception()
    print(
        f"{name}: {stormy.worst_day()} identifies in the worst day, {len(stormy.identifies)} in all"
    )
    assert 20 < stormy.worst_day() < 250
    gaps = [after - before for before, after in pairwise(stormy.identifies)]
    assert min(gaps) >= 5.0
    assert max(gaps) > 600


@pytest.mark.parametrize("name", LOOPS)
async def test_a_bot_stops_well_below_half_of_what_discord_has_left(name: str) -> None:
    """When others have used up a token's sessions, the bot ends with one line that says
    what happened and what to do."""
    clock = Clock()
    async with storm(LOOPS[name], clock, remaining=60) as (stormy, task):
        await until(task.done, seconds=30, what="the end")
        error = task.exception()
    assert isinstance(error, IdentifiesSpent)
    assert error.exit_code == 5
    assert 5 < len(stormy.identifies) < 30
    assert str(error).startswith(
        f"elena: {len(stormy.identifies)} sessions were begun within a day"
    )
    assert "\n" not in str(error)
    assert "can start again on" in str(error)


async def test_the_days_limit_is_the_operators() -> None:
    """STREAM_IDENTIFIES_PER_DAY ends the bot, and another start on that day begins no
    session and does not log in."""
    clock, ports = Clock(), RecordingPorts()
    async with storm(invalid_session, clock, ports, identifies_per_day=7) as (
        stormy,
        task,
    ):
        await until(task.done, what="the end")
        assert isinstance(task.exception(), IdentifiesSpent)
    assert len(stormy.identifies) == len(ports.sessions["elena"]) == 7
    async with storm(invalid_session, clock, ports, identifies_per_day=7) as (
        stormy,
        task,
    ):
        await until(task.done, what="the end")
        assert isinstance(task.exception(), IdentifiesSpent)
    assert (stormy.identifies, stormy.logins) == ([], 0)


async def test_without_redis_the_process_counts_by_itself() -> None:
    """When Redis goes away in a storm the pauses grow as before, and what was begun
    meanwhile is counted later."""
    clock, ports = Clock(), RecordingPorts()
    async with storm(invalid_session, clock, ports) as (stormy, task):
        await until(lambda: len(stormy.identifies) > 3)
        ports.down = True
        await until(
            lambda: task.done() or clock.now > START + DAY, seconds=60, what="a day"
        )
        assert not task.done(), task.exception()
        assert stormy.worst_day() < 250
        ports.down = False
        await until(
            lambda: len(ports.sessions["elena"]) >= len(stormy.identifies) > 3,
            what="the count",
        )


@pytest.mark.slow
async def test_a_supervisor_that_restarts_a_dying_gateway(
    redis_url: str, tmp_path: Path
) -> None:
    """A gateway that dies after each identify and is started again at once: the pauses
    grow from process to process."""
    clock_file = tmp_path / "clock"
    clock_file.write_text(str(START))
    stormy = StormyDiscord(Clock(), invalid_session)
    async with serving(stormy) as (api, address):
        command = [
            sys.executable,
            "-m",
            "tests.gateway.dying_gateway",
            redis_url,
            api,
            address,
            str(clock_file),
        ]
        spec = ChildSpec("gateway", command, cwd=Path(__file__).parents[2])
        supervisor = Supervisor(
            [spec], lambda *_: None, backoff=RestartPauses(first=0.01, most=0.01)
        )
        running = asyncio.create_task(asyncio.to_thread(supervisor.run))
        try:
            await until(
                lambda: len(stormy.identifies) >= 12,
                seconds=120,
                what="twelve processes",
            )
        finally:
            supervisor.stop()
            await running
    door = Store(redis_url)
    times = list(door.run(identifies.times("elena")))
    door.close()
    gaps = [after - before for before, after in pairwise(times)]
    assert len(stormy.identifies) <= len(times)
    assert min(gaps) >= 5.0
    assert gaps[FREE:10] == sorted(gaps[FREE:10])
    assert gaps[9] >= 5.0 * 2 ** (10 - FREE)
    while times[-1] < START + DAY:
        times.append(times[-1] + leave(times, times[-1], Allowance(400, 5.0)).wait)
    print(
        f"crashes under a supervisor: {len(times)} identifies a day, extrapolated from the first {len(gaps) + 1}"
    )
    assert len(times) < 250


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (4004, "STREAM_TOKEN_ELENA"),
        (4010, "shard"),
        (4011, "2,500"),
        (4012, "version"),
        (4013, "intents"),
        (4014, "Message Content Intent"),
    ],
)
async def test_a_close_code_for_good_is_one_line(code: int, words: str) -> None:
    """What an operator must mend ends the bot after one identify, with one line and the
    configuration exit code."""
    async with storm(closing(code), Clock()) as (stormy, task):
        await until(task.done, what="the end")
        error = task.exception()
    assert isinstance(error, ConfigurationError)
    assert isinstance(error, TokenRefused) == (code == 4004)
    assert error.exit_code == 2
    assert len(stormy.identifies) == 1
    assert str(error).startswith("elena: ")
    assert words in str(error)
    assert "\n" not in str(error)


async def test_a_close_for_good_before_any_greeting_is_one_line() -> None:
    """A gateway that no longer speaks our version need not say HELLO first."""
    async with storm(closing(4012), Clock(), greets=False) as (stormy, task):
        await until(task.done, what="the end")
        assert "version" in str(task.exception())
    assert stormy.identifies == []


async def test_a_bot_that_ended_is_told_of_each_hour(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The log goes on saying which bots are down, and why."""
    monkeypatch.setattr("app.gateway.run.REMIND", 0.02)
    gateway = Gateway([], RecordingPorts(), settings(), POLICY)
    gateway._ends["elena"] = StreamError("elena: mend this.")
    task = asyncio.create_task(gateway.run())
    with structlog.testing.capture_logs() as lines:
        told = "a bot is down until this process starts again"
        await until(lambda: [line for line in lines if line["event"] == told][1:])
    gateway.stop()
    await task
