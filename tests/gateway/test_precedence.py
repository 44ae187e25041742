"""Where many bots share a message, whom it speaks to waits neither for the copies that
other connections bring, nor for what other channels have under way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
import pytest_asyncio

import app.gateway.admitting
import app.gateway.intake
import app.gateway.precedence
from app.broker.hints import CYCLE, WAITING_HINTS, HintSender
from app.domain.model import Event
from app.domain.settings import Settings
from app.gateway.client import StreamClient
from app.gateway.precedence import Precedence
from app.gateway.shedding import SHED_FROM
from app.rules.signals import Facts
from app.store.admission import Admission, AdmissionRequest
from tests.gateway.recording import RecordingPorts, settings, until
from tests.gateway.test_intake import BOTS, event
from tests.gateway.test_sharing import Process


class SlowPorts(RecordingPorts):
    """."""

    held: str
    let_go: asyncio.Event
    told: list[Callable[[], None]]
    judged: int

    def hold(self, channel: str = "") -> None:
        self.held, self.let_go, self.told = channel, asyncio.Event(), []
        self.judged = 0

    async def facts(self, bot: str, event: Event) -> Facts:
        self.judged += 1
        return await super().facts(bot, event)

    async def admit(
        self, candidates: Sequence[AdmissionRequest], request: str
    ) -> Sequence[Admission]:
        if candidates[0].event.channel_id == self.held:
            await self.let_go.wait()
        return await super().admit(candidates, request)

    def when_hinted(self, call: Callable[[], None]) -> None:
        self.told.append(call)


@pytest_asyncio.fixture
async def process(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Process]:
    """Three bots are many here; what hints wait for is in the test's hand, and nothing
    else ends the waiting."""
    monkeypatch.setattr(app.gateway.intake, "MANY", 1)
    monkeypatch.setattr(app.gateway.precedence, "LONGEST", 1_000)
    one = Process()
    one.ports.__class__ = SlowPorts
    ports_of(one).hold()
    yield one
    one.ports.down = False
    ports_of(one).let_go.set()
    await one.intake.close(0.1)


def ports_of(process: Process) -> SlowPorts:
    return cast("SlowPorts", process.ports)


@pytest.mark.asyncio
async def test_other_channels_do_not_hold_it_up(process: Process) -> None:
    """While a message of another channel is being admitted, whom a message speaks to is
    admitted; the rest of it waits for its turn."""
    ports = ports_of(process)
    ports.hold("7")
    process.hear(event("the bus was late", channel_id="7"), *BOTS)
    process.hear(event("elena, are you there?"), *BOTS)
    await until(lambda: ports.together == [["elena"]])
    await until(lambda: ports.told)
    ports.told[0]()
    assert [lane for lane, _ in ports.hints] == ["elena:5"]
    ports.let_go.set()
    await process.idle()
    everybody = ["aria", "dotty", "elena"]
    assert ports.together == [["elena"], everybody, ["aria", "dotty"]]


@pytest.mark.asyncio
async def test_its_own_channel_keeps_its_order(process: Process) -> None:
    """What came before it in its channel is admitted before it."""
    ports = ports_of(process)
    ports.hold("5")
    said = [event("the bus was late"), event("elena, are you there?"), event("elena?")]
    for one in said:
        process.hear(one, *BOTS)
    assert not process.intake.precedence.taken, "it has to wait itself"
    ports.let_go.set()
    await process.idle()
    assert not ports.told
    of_many = [["elena"], ["aria", "dotty"]]
    assert ports.together == [["aria", "dotty", "elena"], *of_many, *of_many]
    assert ports.texts("elena") == [one.content for one in said]
    assert ports.texts("aria") == [one.content for one in said]


@pytest.mark.asyncio
async def test_frames_wait_until_its_hint_is_sent(process: Process) -> None:
    """No connection reads on before the hint is sent; then all do."""
    process.hear(event("elena, are you there?"), "aria")
    precedence = process.intake.precedence
    assert precedence.taken
    await until(lambda: ports_of(process).told)
    assert precedence.taken
    ports_of(process).told[0]()
    assert not precedence.taken
    await process.idle()


@pytest.mark.asyncio
async def test_the_others_are_judged_after_its_hint(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hint is sent by a thread, which a judgement keeps from running: neither the
    other bots nor other messages are judged before."""
    monkeypatch.setattr(app.gateway.admitting, "AT_ONCE", 1)
    ports = ports_of(process)
    process.hear(event("the bus was late", channel_id="7"), *BOTS)
    for _ in range(100):
        if ports.judged:
            break
        await asyncio.sleep(0)
    assert ports.judged == 1, "the first of them, and two are left"
    process.hear(event("elena, are you there?"), *BOTS)
    await until(lambda: ports.told)
    for _ in range(100):
        await asyncio.sleep(0)
    assert ports.together == [["elena"]]
    ports.told[0]()
    await process.idle()
    assert len(ports.together) == 3


@pytest.mark.asyncio
async def test_nobody_waits_for_ever(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a broker that takes no hint, or a Redis that is away, others go on, and
    nothing is lost."""
    monkeypatch.setattr(app.gateway.precedence, "LONGEST", 0.01)
    ports = ports_of(process)
    ports.down = True
    process.hear(event("elena, are you there?"), *BOTS)
    await asyncio.wait_for(process.intake.precedence.passed(), 10)
    ports.down = False
    await process.idle()
    assert ports.together == [["elena"], ["aria", "dotty"]]


@pytest.mark.asyncio
async def test_an_outage_is_no_flood(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While whom a message speaks to waits for Redis, nothing else is shed."""
    monkeypatch.setattr(app.gateway.precedence, "LONGEST", 0.01)
    process.ports.down = True
    process.hear(event("elena, are you there?"), *BOTS)
    await process.held("bots spoken to")
    for number in range(SHED_FROM + 10):
        process.hear(event(f"more {number}"), *BOTS)
    process.ports.down = False
    await process.idle()
    assert len(process.ports.texts("aria")) == SHED_FROM + 11


@pytest.mark.asyncio
async def test_few_copies_wait_for_nobody() -> None:
    """Where few bots share a message, the waiting would take longer than the copies."""
    one = Process()
    one.hear(event("elena, are you there?"), *BOTS)
    assert not one.intake.precedence.taken
    await one.idle()
    await one.intake.close(0.1)


@pytest.mark.asyncio
async def test_a_later_message_takes_it_over() -> None:
    """The end of an earlier message does not end a later one's precedence."""
    precedence = Precedence()
    precedence.take("1")
    precedence.take("2")
    precedence.end("1")
    assert precedence.taken
    await asyncio.wait_for(precedence.give_way("2"), 10)
    assert precedence.taken, "a message does not wait for itself"
    precedence.end("2")
    assert not precedence.taken


@pytest.mark.asyncio
async def test_a_connection_reads_no_frame_meanwhile() -> None:
    """A frame that a connection received is read when the precedence has ended, in
    order."""
    precedence, read = Precedence(), list[str]()
    nothing = cast("Any", SimpleNamespace(precedence=precedence, identifying=None))
    client = StreamClient("elena", nothing, nothing, nothing, settings(), counter=None)

    async def receive(frame: str) -> None:
        read.append(frame)

    socket = SimpleNamespace(
        received_message=receive, poll_event=receive, _keep_alive=None
    )
    client._steady(cast("Any", socket))
    precedence.take("1")
    reading = asyncio.create_task(socket.received_message("a frame"))
    await asyncio.sleep(0)
    assert not read
    precedence.end("1")
    await asyncio.wait_for(reading, 10)
    assert read == ["a frame"]


@pytest.mark.asyncio
async def test_hints_are_told_of_when_they_are_sent(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits for hints is called behind those that were offered before it; also
    when nothing was offered, and when nothing more is taken."""
    sender = HintSender(Settings(redis_url=redis_url))
    order: list[str] = []

    def sent(*args: object, **options: object) -> None:
        order.append("hint")

    monkeypatch.setattr(sender._app, "send_task", sent)
    sender.offer(CYCLE, "elena", "direct", "5")
    sender.when_sent(lambda: order.append("told"))
    await until(lambda: order == ["hint", "told"])
    sender.close()
    idle = HintSender(Settings(redis_url=redis_url))
    idle.when_sent(lambda: order.append("idle"))
    await until(lambda: order[-1] == "idle")
    idle.close()
    full = HintSender(Settings(redis_url=redis_url))
    monkeypatch.setattr(full, "_ensure_thread", lambda: None)
    for _ in range(WAITING_HINTS):
        full.offer(CYCLE, "elena", "direct", "5")
    full.when_sent(lambda: order.append("full"))
    assert order[-1] == "full"
