"""Clocks that are wrong: a machine's own, and Redis's, which may be far from Discord's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate

import discord
import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from app.delivery.address import Address
from app.domain.character import load_character
from app.domain.lane import Lane
from app.domain.settings import Settings
from app.gateway.discord_clock import DiscordClock
from app.gateway.run import Gateway, Hosted
from app.gateway.store_ports import StorePorts
from app.loopback import LoopbackDiscord, LoopbackThread
from app.store import admission, clocks, keys
from app.store.door import Store
from tests.gateway.recording import POLICY, until

MINUTES = 1_200.0


def settings(redis_url: str, **more: object) -> Settings:
    """Of a gateway on this server."""
    return Settings.model_validate(
        {
            "redis_url": redis_url,
            "vault_keys": Fernet.generate_key().decode(),
            "guild_ready_timeout": 0.05,
            **more,
        }
    )


@pytest.mark.asyncio
@pytest.mark.parametrize("wrong_by", [3600.0, -3600.0])
async def test_a_clock_an_hour_off_is_replaced_by_redis(
    redis_url: str, wrong_by: float
) -> None:
    """Before its first message a gateway goes by Redis's clock: missed messages are as
    old as they are, not an hour older."""
    ports = StorePorts(
        {"elena": load_character("elena", None)},
        {"elena": "token"},
        settings(redis_url),
        wall=lambda: time.time() + wrong_by,
    )
    try:
        await ports.acquire_lease("elena")
        assert abs(ports.clock() - time.time()) < 60
        assert abs(ports.discord_clock() - time.time()) < 60
    finally:
        await ports.close()


def test_discords_clock_is_read_from_its_answers() -> None:
    """To the second, from answers that came at once; a slow one, or nonsense, moves
    nothing; a clock that was set anew is followed."""
    steady = [1_000.0]
    clock = DiscordClock(lambda: steady[0])
    assert clock.now() is None
    clock.note("", 999.0, 1_000.0)
    clock.note("yesterday", 999.0, 1_000.0)
    assert clock.now() is None
    clock.note(formatdate(50_000, usegmt=True), 999.9, 1_000.0)
    clock.note(formatdate(90_000, usegmt=True), 700.0, 1_000.0)
    clock.note(formatdate(50_001, usegmt=True), 999.9, 1_000.0)
    steady[0] = 1_060.0
    assert clock.now() == pytest.approx(50_060.55, abs=0.01)
    clock.note(formatdate(51_060, usegmt=True), 1_059.9, 1_060.0)
    assert clock.now() == pytest.approx(51_060.55, abs=0.01)


def test_the_first_answer_counts_though_it_is_slow() -> None:
    """Until a quick one comes: better than nothing."""
    clock = DiscordClock(lambda: 1_000.0)
    clock.note(formatdate(50_000, usegmt=True), 980.0, 1_000.0)
    assert clock.now() == pytest.approx(50_010.5, abs=0.01)
    clock.note(formatdate(50_000, usegmt=True), 999.9, 1_000.0)
    assert clock.now() == pytest.approx(50_000.55, abs=0.01)


@pytest.mark.asyncio
async def test_only_what_is_worth_it_is_told_and_again_after_redis_was_emptied(
    redis_url: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second or two is no difference; twenty minutes are, as soon as they are seen,
    until they are over."""
    seen = DiscordClock()
    ports = StorePorts(
        {"elena": load_character("elena", None)},
        {"elena": "token"},
        settings(redis_url),
        discord=seen,
    )

    def shows(ahead: float) -> None:
        now = seen._steady()
        seen.note(formatdate(time.time() + ahead, usegmt=True), now, now)

    async def told() -> int:
        await ports._clocks.compare()
        return store.run(clocks.discord_ahead())

    try:
        assert await told() == 0
        assert not store.client.exists(keys.DISCORD_AHEAD)
        shows(2.0)
        assert await told() == 0
        shows(-MINUTES)
        assert await told() == pytest.approx(-MINUTES * 1000, abs=2_000)
        store.client.delete(keys.DISCORD_AHEAD)
        monkeypatch.setattr("app.gateway.clocks.TOLD_EVERY", 0.0)
        assert await told() == pytest.approx(-MINUTES * 1000, abs=2_000)
        shows(0.0)
        assert await told() == 0
    finally:
        await ports.close()


@pytest.fixture
def loopback(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[LoopbackThread, Callable[[float], None]]]:
    """A Discord whose clock is `request.param` seconds ahead, and what makes its next
    messages so many seconds old."""
    monkeypatch.setattr(discord.http.Route, "BASE", discord.http.Route.BASE)
    socket = discord.gateway.DiscordWebSocket
    monkeypatch.setattr(socket, "DEFAULT_GATEWAY", socket.DEFAULT_GATEWAY)
    age = [0.0]
    server = LoopbackDiscord(
        rate_limit=None, clock=lambda: time.time() - age[0], ahead=request.param
    )

    def make_older(seconds: float) -> None:
        age[0] = seconds

    # What is made with it is older than what is said in it.
    make_older(86_400)
    with LoopbackThread(server) as running:
        yield running, make_older


@pytest.mark.asyncio
@pytest.mark.parametrize("loopback", [MINUTES, -MINUTES], indirect=True)
async def test_missed_messages_are_as_old_as_discord_says(
    loopback: tuple[LoopbackThread, Callable[[float], None]],
    redis_url: str,
    store: Store,
) -> None:
    """Of two questions that a bot missed the one of five minutes ago is answered, the
    one of 25 minutes ago is not, though Redis's clock is twenty minutes off."""
    server, make_older = loopback
    bot, ann = server.add_bot("elena"), server.add_user("Ann")
    channel = server.add_channel("general")
    for age in (1_500.0, 300.0):
        make_older(age)
        server.post(ann, channel, f"{bot.mention} how are you, {age}?")
    make_older(0.0)
    store.run(admission.move_cursor("elena", str(channel.id), "0"))
    seen, trace = DiscordClock(), Address().trace(waits=True)
    seen.watch(trace)
    config = settings(
        redis_url,
        discord_api_url=server.api_url,
        discord_gateway_url=server.gateway_url,
        newcomer_days=0,
    )
    token = str(bot.token)
    ports = StorePorts(
        {"elena": load_character("elena", None)}, {"elena": token}, config, discord=seen
    )
    gateway = Gateway(
        bots=[Hosted("elena", SecretStr(token))],
        ports=ports,
        settings=config,
        policy=POLICY,
        clock=ports.clock,
        discord_clock=ports.discord_clock,
        http_trace=trace,
    )
    task = asyncio.create_task(gateway.run())
    asked, passed = (
        keys.inbox(Lane("elena", str(channel.id))),
        keys.inbox(Lane("elena")),
    )
    try:
        await until(
            lambda: store.client.xlen(asked) + store.client.xlen(passed) == 2,
            what="both messages",
        )
        assert store.client.xlen(asked) == 1
        (entry,) = store.client.xrange(asked)
        assert "300.0?" in entry[1]["event"]
        ahead = server.server._ahead
        assert store.run(clocks.discord_ahead()) == pytest.approx(
            ahead * 1000, abs=3_000
        )
    finally:
        gateway.stop()
        await asyncio.gather(task, return_exceptions=True)
        await ports.close()
