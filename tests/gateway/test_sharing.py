"""One copy of a message stands for all bots of a process that hear its channel."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from app.domain.model import Event
from app.gateway.intake import Intake
from app.rules.profile import NEUTRAL
from tests.gateway.recording import POLICY, RecordingPorts, Wire, settings, until
from tests.gateway.test_intake import BOTS, ROSTER, event


class Process:
    """An intake that hosts three bots, whose connections can be told apart."""

    def __init__(self, **changes: object) -> None:
        self.ports = RecordingPorts(*ROSTER)
        chosen = settings(contention_window=60, **changes)
        self.intake = Intake(self.ports, chosen, POLICY)
        self.intake.hearing.learn(ROSTER)
        self.wires = {bot: Wire(hears=True) for bot in BOTS}
        for bot, user_id in BOTS.items():
            self.intake.host(bot, user_id, self.wires[bot])
            self.intake.open(bot)

    def hear(self, one: Event, *bots: str) -> None:
        """These bots' connections bring their copies, in this order."""
        for bot in bots:
            self.intake.offer(bot, one)

    async def held(self, queue: str = "all bots") -> None:
        """Wait until a queue has met the outage."""
        await until(lambda: self.intake._queues[queue].away)

    async def idle(self) -> None:
        """Wait until nothing is left to admit."""
        for queue in self.intake._queues.values():
            await asyncio.wait_for(queue.drained(), 10)

    def cursors(self) -> dict[str, str]:
        """The bots' cursors in the channel."""
        moved = self.ports.cursor.items()
        return {bot: channels["5"] for bot, channels in moved if "5" in channels}


@pytest_asyncio.fixture
async def process() -> AsyncIterator[Process]:
    one = Process()
    yield one
    one.ports.down = False
    await one.intake.close(0.1)


@pytest_asyncio.fixture
async def patient() -> AsyncIterator[Process]:
    """Waits for the rest of a thought."""
    one = Process(thought_wait=2.5)
    yield one
    await one.intake.close(0.1)


@pytest.mark.asyncio
async def test_one_copy_is_admitted_for_all_that_hear(process: Process) -> None:
    """The first copy admits all bots in one call, which completes their election; the
    other copies cost nothing."""
    said = event("what do you all think?")
    process.hear(said, "elena", "aria", "dotty")
    await until(lambda: process.ports.hints)
    assert process.ports.together == [["aria", "dotty", "elena"]]
    assert process.ports.asked == [said.message_id]


@pytest.mark.asyncio
async def test_whom_it_speaks_to_comes_first(process: Process) -> None:
    """All bots are admitted in one call, in which the one that is called by name is the
    first: the others' verdicts come after its worker is hinted."""
    process.hear(event("elena, are you there?"), "aria", "dotty", "elena")
    await process.idle()
    assert process.ports.together == [["elena", "aria", "dotty"]]


@pytest.mark.asyncio
async def test_who_does_not_hear_is_not_admitted_by_hearsay(process: Process) -> None:
    """A bot whose connection is down, or that may not read the channel, is admitted by
    its own copy alone."""
    process.wires["dotty"].hearing = False
    said = event("what do you all think?")
    process.hear(said, "elena", "aria")
    await process.idle()
    assert process.ports.of("dotty") == []
    process.hear(said, "dotty")
    await process.idle()
    assert process.ports.together == [["aria", "elena"], ["dotty"]]


@pytest.mark.asyncio
async def test_no_bot_hears_its_own_message(process: Process) -> None:
    """Another bot's copy of what a bot said is not admitted for the bot itself."""
    own = event("hello", author_id=BOTS["elena"], author_kind="ours")
    process.hear(own, "aria")
    await process.idle()
    assert process.ports.together == [["aria", "dotty"]]


@pytest.mark.asyncio
async def test_a_cursor_waits_for_the_own_copy(process: Process) -> None:
    """Only what a bot's own connection has brought, and what is admitted, is passed by
    its cursor."""
    said = event("what do you all think?")
    process.hear(said, "elena")
    await process.idle()
    process.hear(said, "aria")
    await until(process.cursors)
    assert process.cursors() == {bot: said.message_id for bot in ("elena", "aria")}


@pytest.mark.asyncio
async def test_no_cursor_passes_what_is_held(process: Process) -> None:
    """While Redis is away all copies come, and no cursor moves; then all is admitted in
    order, once."""
    process.ports.down = True
    lines = [event(f"line {number}") for number in range(5)]
    for said in lines:
        process.hear(said, *BOTS)
    await process.held()
    assert not process.cursors()
    process.ports.down = False
    await process.idle()
    for bot in BOTS:
        assert process.ports.texts(bot) == [said.content for said in lines]
    await until(
        lambda: (
            set(process.cursors().values()) == {lines[-1].message_id}
            and len(process.cursors()) == len(BOTS)
        )
    )


@pytest.mark.asyncio
async def test_what_a_bot_missed_is_not_passed(process: Process) -> None:
    """A bot that heard nothing of a first message shares the next one, and its cursor
    waits for its own copy of the first to be admitted."""
    process.wires["dotty"].hearing = False
    first, second = event("first"), event("second")
    process.hear(first, "elena", "aria")
    await process.idle()
    process.wires["dotty"].hearing = True
    process.hear(second, "elena", "aria")
    await process.idle()
    process.ports.down = True
    process.hear(first, "dotty")
    process.hear(second, "dotty")
    await process.held("dotty")
    assert "dotty" not in process.cursors()
    process.ports.down = False
    await process.idle()
    assert process.ports.texts("dotty") == ["second", "first"]


@pytest.mark.asyncio
async def test_an_edit_comes_behind_the_shared_message(process: Process) -> None:
    """An edit that names a bot is told after the message itself was admitted for it."""
    said = event("are you there?")
    process.ports.down = True
    process.hear(said, *BOTS)
    edit = said.model_copy(update={"content": "elena, are you there?"})
    for bot in BOTS:
        process.intake.edited(bot, edit, 5.0)
    process.ports.down = False
    await process.idle()
    admitted = [(c.bot, c.edited) for c in process.ports.admitted if c.bot == "elena"]
    assert admitted[0] == ("elena", False)
    assert len(process.ports.of("aria")) == 1


@pytest.mark.asyncio
async def test_each_bot_waits_by_its_own_patience(patient: Process) -> None:
    """Lines of one thought are shared like others: each bot joins them and waits as its
    own character says, and the line that names nobody speaks to whom the first did."""
    patient.ports.profiles["elena"] = replace(NEUTRAL, thought_wait=0)
    greeting = event("hey aria and elena")
    point = event("what do you know about the moon?")
    for said in (greeting, point):
        patient.hear(said, *BOTS)
        await patient.idle()
    assert patient.ports.together == [["aria", "elena", "dotty"]] * 2
    waits = {
        bot: [(one.joins, one.wait_ms) for one in patient.ports.of(bot)] for bot in BOTS
    }
    assert waits["elena"] == [(False, 0), (False, 0)]
    assert waits["aria"] == waits["dotty"] == [(True, 2_500), (True, 0)]
    later = patient.ports.of("aria")[1]
    assert later.event.earlier[0].message_id == greeting.message_id
    assert later.trails is False, "it asks"


@pytest.mark.asyncio
async def test_typing_prolongs_a_shared_wait_once(patient: Process) -> None:
    """Each connection brings the sign; the wait of all bots is one."""
    said = event("hey aria")
    patient.hear(said, *BOTS)
    await patient.idle()
    for _ in BOTS:
        patient.intake.typing(said.channel_id, said.author_id)
    await patient.idle()
    assert [message for message, _ in patient.ports.prolonged] == [said.message_id]


@pytest.mark.asyncio
async def test_what_is_read_back_waits_for_nothing(patient: Process) -> None:
    """History was said long ago: its rest is read back too."""
    done = patient.intake.offer("aria", event("hey aria"), history=True)
    assert done is not None
    await done
    assert [one.wait_ms for one in patient.ports.of("aria")] == [0]
