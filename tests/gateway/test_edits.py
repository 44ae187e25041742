"""Edits as they come: in haste, late by one connection, missed by another, before the
roster, while Redis is away."""

from __future__ import annotations

import pytest

from app.domain.model import AuthorKind, Event, Signal
from app.gateway import event_queue
from app.gateway.intake import Intake
from tests.gateway.recording import POLICY, RecordingPorts, Wire, settings
from tests.gateway.test_intake import Start, event, offered, ports, start

__all__ = ["ports", "start"]
pytestmark = pytest.mark.asyncio

NAMED = ((1.0, "aria, hi"), (2.0, "aria, hi!"))
RELEASED = ((1.0, "hi"), (2.0, "hi!"))


def text(said: Event, content: str) -> Event:
    """The message with another text."""
    return said.model_copy(update={"content": content})


async def settled(intake: Intake) -> None:
    """All queues are empty."""
    for queue in intake._queues.values():
        await queue.drained()


async def edited(
    intake: Intake,
    ports: RecordingPorts,
    said: Event,
    edits: list[tuple[str, float, str]],
) -> list[str]:
    """Which bots were asked, after the message and its edits (by whose connection,
    when, the text) have come."""
    await offered(intake, said)
    ports.admitted.clear()
    for bot, age_s, content in edits:
        intake.edited(bot, text(said, content), age_s)
    await settled(intake)
    assert all(one.edited and one.classified.direct for one in ports.admitted), (
        "an edit is admitted as a question, or not at all"
    )
    return [one.bot for one in ports.admitted]


async def test_named_and_released_before_the_admission(
    start: Start, ports: RecordingPorts
) -> None:
    """Two edits in haste: the second counts."""
    assert (
        await edited(
            start(),
            ports,
            event("hi"),
            [("aria", 1.0, "aria, hi"), ("aria", 2.0, "hi all")],
        )
        == []
    )


async def test_a_foreign_bots_edit_asks_nobody(
    start: Start, ports: RecordingPorts
) -> None:
    """A bot's message is gossip at most, edited or not."""
    assert (
        await edited(
            start(),
            ports,
            event("thinking...", author_kind=AuthorKind.FOREIGN),
            [("aria", 1.0, "aria, hi")],
        )
        == []
    )


async def test_connections_that_lag_or_miss_an_edit(
    start: Start, ports: RecordingPorts
) -> None:
    """dotty's connection brings both edits before aria's brings the first, or aria's
    misses the first: she is asked once."""
    intake = start()
    late = [(bot, *edit) for bot in ("dotty", "aria") for edit in NAMED]
    assert await edited(intake, ports, event("hi"), late) == ["aria"]
    missed = [("dotty", *NAMED[0]), ("dotty", *NAMED[1]), ("aria", *NAMED[1])]
    assert await edited(intake, ports, event("hi"), missed) == ["aria"]


async def test_an_older_edit_that_comes_late_changes_nothing(
    start: Start, ports: RecordingPorts
) -> None:
    """dotty's connection has brought the latest text; aria's brings the one before it,
    which names nobody."""
    edits = [("dotty", 2.0, "aria, hi"), ("aria", 1.0, "hi all")]
    assert await edited(start(), ports, event("hi"), edits) == ["aria"]


async def test_a_late_connection_releases_once(
    start: Start, ports: RecordingPorts
) -> None:
    """The same for a name that is taken away."""
    late = [(bot, *edit) for bot in ("dotty", "aria") for edit in RELEASED]
    assert await edited(start(), ports, event("aria, hi"), late) == []
    assert [bot for bot, _ in ports.released_by_edit] == ["aria"]


async def test_edited_before_the_roster_knows_the_bot(ports: RecordingPorts) -> None:
    """Held until then, the message is judged by the roster as it is at its
    admission."""
    intake = Intake(ports, settings(), POLICY)
    intake.host("aria", "12", Wire())
    said = event("aria, are you thre?")
    intake.offer("aria", said)
    intake.edited("aria", text(said, "aria, are you there?"), 1.0)
    await intake.refresh()
    intake.open("aria")
    await settled(intake)
    assert [one.classified.signal for one in ports.admitted] == [Signal.DIRECT]
    await intake.close(0.1)


async def test_an_edit_is_held_however_much_waits(
    start: Start, ports: RecordingPorts
) -> None:
    """Redis is away and the queue is full; nothing would read the edit back."""
    intake, said = start(), event("hi")
    await offered(intake, said)
    ports.down = True
    for number in range(event_queue.LIMIT):
        intake.liked("aria", str(number), "1")
    intake.edited("aria", text(said, "aria, hi"), 1.0)
    ports.down = False
    await settled(intake)
    assert [one.event.content for one in ports.admitted if one.classified.direct] == [
        "aria, hi"
    ]


async def test_an_old_message_is_not_asked_about(
    start: Start, ports: RecordingPorts
) -> None:
    """Older than the backfill age when it was edited."""
    assert (
        await edited(
            start(),
            ports,
            event("hi"),
            [("aria", settings().backfill_age + 1, "aria, hi")],
        )
        == []
    )
