"""A flood of one channel is that channel's own trouble."""

from __future__ import annotations

import asyncio

import pytest

from app.domain.model import AuthorKind, Signal
from app.gateway.event_queue import OVERTAKEN_FROM, EventQueue
from app.gateway.shedding import SHED_FROM, Shedding
from tests.gateway.recording import RecordingPorts, until
from tests.gateway.test_intake import Start, event, ports, start

__all__ = ["ports", "start"]


@pytest.mark.asyncio
async def test_channels_take_turns_and_each_keeps_its_order() -> None:
    """A thousand jobs of one channel wait: the only job of another is the next but
    one."""
    done: list[str] = []

    async def work(name: str) -> None:
        done.append(name)

    queue = EventQueue("elena")
    for number in range(1_000):
        queue.put(lambda number=number: work(f"flood {number}"), "5")
    queue.put(lambda: work("elsewhere"), "6")
    queue.open()
    worker = asyncio.create_task(queue.run())
    await queue.drained()
    worker.cancel()
    assert done[:3] == ["flood 0", "elsewhere", "flood 1"]
    assert [name for name in done if name != "elsewhere"] == [
        f"flood {number}" for number in range(1_000)
    ]


@pytest.mark.asyncio
async def test_a_flood_delays_no_message_elsewhere(
    start: Start, ports: RecordingPorts
) -> None:
    """Four thousand messages of one channel come at once: a bot's name there and a
    private message are admitted all the same, the private one at once; most chatter is
    only heard, and the journal has one line for the channel."""
    intake = start()
    for number in range(4_000):
        intake.offer("elena", event(f"buy gold {number}"))
    named = intake.offer("elena", event("elena, are you there?"))
    private = intake.offer(
        "elena", event("a word in private", channel_id="9", guild_id=None, is_dm=True)
    )
    assert named is not None
    assert private is not None
    await asyncio.wait_for(private, 10)
    assert len(ports.admitted) <= 3, (
        "it waited for one message of the flood, not for all that wait"
    )
    await asyncio.wait_for(named, 10)
    assert len(ports.admitted) == SHED_FROM + 2
    assert [
        c.event.content for c in ports.admitted if c.classified.signal is Signal.DIRECT
    ] == [
        "a word in private",
        "elena, are you there?",
    ]


@pytest.mark.asyncio
async def test_a_quiet_person_overtakes_a_flood_of_calls(
    start: Start, ports: RecordingPorts
) -> None:
    """Somebody has called the bot 200 times: another person's first call is admitted
    among the first, their second and all of the flood in order. A cursor never passes
    what was overtaken."""
    intake = start()
    for number in range(200):
        intake.offer("elena", event(f"elena, what about {number}?", author_id="31"))
    first = intake.offer("elena", event("elena, a word?", author_id="32"))
    second = intake.offer("elena", event("elena, one more?", author_id="32"))
    assert first is not None
    assert second is not None
    await asyncio.wait_for(first, 10)
    assert len(ports.admitted) <= 3
    await asyncio.wait_for(second, 10)
    said = [c.event.content for c in ports.admitted if c.event.author_id == "31"]
    assert said == [f"elena, what about {number}?" for number in range(200)]
    own = [c for c in ports.admitted if c.event.author_id == "32"]
    assert [c.event.content for c in own] == ["elena, a word?", "elena, one more?"]
    assert [c.move_cursor for c in own] == [False, True]
    assert all(c.move_cursor for c in ports.admitted if c.event.author_id == "31")


@pytest.mark.asyncio
async def test_only_calls_overtake(start: Start, ports: RecordingPorts) -> None:
    """Chatter of a quiet person, and a bot's words, stay in order; so does everybody
    where little waits."""
    intake = start()
    for number in range(OVERTAKEN_FROM - 1):
        intake.offer("elena", event(f"elena, {number}?", author_id="31"))
    intake.offer("elena", event("elena, a word?", author_id="32"))
    intake.offer("elena", event("what a day", author_id="33"))
    bot = event("elena, again?", author_id="34", author_kind=AuthorKind.FOREIGN)
    last = intake.offer("elena", bot)
    assert last is not None
    await asyncio.wait_for(last, 10)
    ids = [int(c.event.message_id) for c in ports.admitted]
    assert ids == sorted(ids)


@pytest.mark.asyncio
async def test_what_is_shed_is_told_once(start: Start, ports: RecordingPorts) -> None:
    """Three bots shed the same messages of a channel: one line with their number."""
    intake = start()
    intake._shedding = Shedding(intake._shed, 0.05)
    for _ in range(SHED_FROM + 40):
        said = event("buy gold")
        for bot in ("elena", "aria", "dotty"):
            intake.offer(bot, said)
    await until(lambda: ports.shed_lines)
    assert ports.shed_lines == [("5", 40)]


@pytest.mark.asyncio
async def test_an_outage_is_no_flood(start: Start, ports: RecordingPorts) -> None:
    """While Redis is away messages wait, however many of one channel."""
    intake = start()
    ports.down = True
    intake.offer("elena", event("first"))
    await until(lambda: intake._queues["elena"].away)
    for number in range(3 * SHED_FROM):
        intake.offer("elena", event(f"more {number}"))
    ports.down = False
    await until(lambda: len(ports.of("elena")) == 3 * SHED_FROM + 1)
