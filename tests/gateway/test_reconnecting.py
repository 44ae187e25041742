"""A bot that Discord does not connect again begins a new session, within a minute or
two and for good reason alone."""

from __future__ import annotations

import asyncio
from typing import Any

import discord
import pytest
import structlog

from app.gateway.backfill import Backfill
from app.gateway.socket import MEMORY, MOST_FAILURES, Failures
from tests.gateway.conftest import Town
from tests.gateway.recording import until
from tests.patience import patience

pytestmark = pytest.mark.asyncio
DEAD = "ws://127.0.0.1:9/"


@pytest.fixture
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """discord.py does not wait between its tries."""
    monkeypatch.setattr(
        discord.backoff.ExponentialBackoff, "delay", lambda _: 0.0, raising=True
    )


@pytest.mark.parametrize("code", [4007, 4002])
async def test_a_session_that_cannot_be_resumed_is_given_up(
    town: Town, code: int
) -> None:
    """Where Discord closes each attempt to resume, one new session begins; what was
    said meanwhile is heard, once."""
    elena = town.bots["elena"]
    await town.start("elena")
    before = await town.say("before")
    await until(lambda: town.ports.texts("elena") == ["before"])
    await until(
        lambda: (
            town.ports.cursor["elena"].get(str(town.channel.id))
            == str(before.message_id)
        )
    )
    town.discord.faults.close_resumes(elena, code, MOST_FAILURES)
    town.discord.faults.drop_sockets(elena)
    await town.say("meanwhile")
    await until(lambda: town.ports.texts("elena") == ["before", "meanwhile"])
    assert town.discord.identifies(elena) == 2
    await town.say("after")
    await until(lambda: town.ports.texts("elena")[2:] == ["after"])


async def test_a_connection_that_says_nothing_any_more_is_left(town: Town) -> None:
    """One that is dead, and that nobody closed, is resumed on another: what was said
    into it is heard, in the same session."""
    elena = town.bots["elena"]
    gateway = await town.start("elena")
    # The next connection waits less than the minute of discord.py.
    gateway._sessions["elena"]._client._connection.heartbeat_timeout = 0.5
    [session] = town.discord._core.hub._sessions.values()
    first = session.connection
    town.discord.faults.drop_sockets(elena)
    await until(lambda: session.connection not in {first, None})
    town.discord.faults.silence_sockets(elena)
    await town.say("is this thing on?")
    await until(lambda: town.ports.texts("elena") == ["is this thing on?"])
    assert town.discord.identifies(elena) == 1


async def test_a_connection_without_heartbeats_is_left(town: Town) -> None:
    """One that brings events and answers no heartbeat is half dead: it is resumed on
    another. Discord would end the session of a client that it does not hear."""
    elena = town.bots["elena"]
    gateway = await town.start("elena")
    gateway._sessions["elena"]._client._connection.heartbeat_timeout = 0.5
    hub = town.discord._core.hub
    hub._heartbeat_interval = 1.0
    [session] = hub._sessions.values()
    first = session.connection
    town.discord.faults.drop_sockets(elena)
    await until(lambda: session.connection not in {first, None})
    second = session.connection
    town.discord.faults.withhold_acks(elena)
    lines: list[str] = []
    while session.connection is second:
        assert len(lines) < 200, "the connection is still there"
        lines.append(f"line {len(lines)}")
        await town.say(lines[-1])
        await asyncio.sleep(0.05)
    await until(lambda: session.connection is not None, what="another connection")
    await town.say("after")
    await until(lambda: town.ports.texts("elena") == [*lines, "after"])
    assert town.discord.identifies(elena) == 1


CODES = pytest.mark.parametrize(
    "code", [1000, 4000, 4001, 4002, 4003, 4005, 4007, 4008, 4009]
)


@CODES
@pytest.mark.parametrize("ended", [False, True], ids=["goes on", "has ended"])
async def test_a_close_code_in_the_middle_of_talk(
    town: Town, code: int, ended: bool
) -> None:
    """Whatever closes a connection, and whether or not its session can go on: what is
    said before, meanwhile and after is heard once; in order where the session goes on
    (the next test says what a new one does)."""
    elena = town.bots["elena"]
    await town.start("elena")
    faults = town.discord.faults
    close = faults.end_sessions if ended else faults.close_sockets
    await until(lambda: town.ports.cursor["elena"])
    lines = [f"line {number}" for number in range(12)]
    for number, line in enumerate(lines):
        await town.say(line)
        if number == 5:
            close(elena, code)
    await until(lambda: len(town.ports.texts("elena")) >= len(lines), seconds=30)
    heard = town.ports.texts("elena")
    assert (sorted(heard, key=lines.index) if ended else heard) == lines
    assert town.discord.identifies(elena) == (2 if ended else 1)


async def test_who_speaks_while_a_channel_is_read_back_is_heard_at_once(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a new session no line waits for the reading of those before it, which Discord
    may refuse for long: it is heard first, and they later, in order, each once."""
    elena = town.bots["elena"]
    await town.start("elena")
    before = await town.say("before")
    cursor = town.ports.cursor["elena"]
    place = str(town.channel.id)
    await until(lambda: cursor.get(place) == str(before.message_id))
    read, begun, goes_on = Backfill._read_after, asyncio.Event(), asyncio.Event()

    async def slowly(self: Backfill, channel_id: str, after: int) -> int:
        begun.set()
        await goes_on.wait()
        return await read(self, channel_id, after)

    monkeypatch.setattr(Backfill, "_read_after", slowly)
    town.discord.faults.withhold_next(elena, times=2)
    await town.say("missed")
    await town.say("missed, too")
    town.discord.faults.end_sessions(elena, 4000)
    await asyncio.wait_for(begun.wait(), patience(10))
    await town.say("live")
    await until(lambda: "live" in town.ports.texts("elena"))
    assert town.ports.texts("elena") == ["before", "live"]
    assert cursor[place] == str(before.message_id)
    goes_on.set()
    everything = ["before", "live", "missed", "missed, too"]
    await until(lambda: town.ports.texts("elena") == everything)


@pytest.mark.usefixtures("_no_pauses")
async def test_an_address_that_is_gone_is_left(town: Town) -> None:
    """READY names an address to resume at. If nobody answers there, the bot comes back
    by Discord's own address."""
    elena = town.bots["elena"]
    town.discord._core.hub.resume_url = DEAD
    await town.start("elena")
    town.discord.faults.drop_sockets(elena)
    await until(lambda: town.discord.identifies(elena) == 2)
    await town.say("are you there?")
    await until(lambda: town.ports.texts("elena") == ["are you there?"])


@pytest.mark.parametrize(
    ("where", "line"),
    [
        (
            {"discord_gateway_url": DEAD},
            "Discord does not connect the bot, a new session is tried",
        ),
        (
            {"discord_api_url": "http://127.0.0.1:9/api/v10"},
            "Discord cannot be reached, tried again",
        ),
    ],
)
async def test_a_discord_that_is_away_at_the_start_is_no_crash(
    town: Town, where: Any, line: str
) -> None:
    """Where nobody answers, one line says so, and the bot goes on trying."""
    with structlog.testing.capture_logs() as lines:
        await town.start("elena", wait=False, **where)
        await until(lambda: len(told(lines)) > 1)
    assert set(told(lines)) == {line}


def told(lines: list[structlog.typing.EventDict]) -> list[str]:
    """What the log says that is wrong."""
    return [one["event"] for one in lines if one["log_level"] != "info"]


async def test_failures_end_a_session_that_come_close_together() -> None:
    """Hiccups of a bad line that are hours apart cost no session."""
    rare, often = Failures(), Failures()
    assert not any(rare.add(MEMORY * number) for number in range(50))
    ends = [often.add(number) for number in range(MOST_FAILURES)]
    assert ends == [False] * (MOST_FAILURES - 1) + [True]
