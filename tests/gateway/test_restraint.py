"""Who may not write in a channel does not think about it; what a proxy repeats is
answered once."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.model import Context, Signal
from app.gateway.intake import Intake
from tests.gateway.recording import RecordingPorts, Wire
from tests.gateway.test_intake import BOTS, Start, event, offered, ports, start

__all__ = ["ports", "start"]

pytestmark = pytest.mark.asyncio
WHY = "it may not write in this channel"


def barred(intake: Intake, *bots: str) -> Intake:
    """These bots may not write in any channel."""
    for bot in bots:
        intake.host(bot, BOTS[bot], Wire(barred=WHY))
    return intake


async def test_who_may_not_write_does_not_bid(
    start: Start, ports: RecordingPorts
) -> None:
    """A remark that a bot would answer is left to those that may."""
    await offered(barred(start(), "elena"), event("the water is warm today"))
    [mine] = ports.of("elena")
    assert (mine.classified.signal, mine.classified.reason, mine.bid) == (
        Signal.AMBIENT,
        WHY,
        None,
    )
    assert all(
        candidate.bid is not None
        for bot in ("aria", "dotty")
        for candidate in ports.of(bot)
    )


async def test_an_open_question_is_worth_a_reaction(
    start: Start, ports: RecordingPorts
) -> None:
    """Who may not write offers a reaction to a question, and nothing else."""
    await offered(
        barred(start(), "elena"),
        event("does anybody know how many hearts an octopus has?"),
    )
    [mine] = ports.of("elena")
    assert mine.wordless
    assert mine.bid is not None
    assert not any(
        candidate.wordless for bot in ("aria", "dotty") for candidate in ports.of(bot)
    )


async def test_a_call_where_it_may_not_write_is_told_and_wakes_nobody(
    start: Start, ports: RecordingPorts
) -> None:
    """The journal learns why, and whoever was named after it need not wait."""
    call = event("elena, aria, are you there?")
    await offered(barred(start(), "elena"), call)
    [mine] = ports.of("elena")
    assert (mine.wakes, mine.classified.signal, mine.classified.reason) == (
        False,
        Signal.DIRECT,
        f"may not answer: {WHY}",
    )
    assert ports.barred == [("elena", call.message_id, WHY)]
    assert ports.hints == [("aria:5", Context.DIRECT)]


def copy_of(original: Any, after_ms: int = 500) -> Any:
    """What a proxy's webhook says in place of a message."""
    later = str(int(original.message_id) + (after_ms << 22))
    return original.model_copy(
        update={
            "message_id": later,
            "author_id": "77",
            "author_name": "Fox",
            "proxied": True,
        }
    )


async def test_a_copy_cancels_its_original(start: Start, ports: RecordingPorts) -> None:
    """The original is deleted for our bots before Discord says so, and the copy is the
    person's message."""
    intake, original = start(), event("elena, are you there?")
    await offered(intake, original)
    await offered(intake, copy_of(original))
    assert ("5", original.message_id) in ports.gone
    assert [candidate.classified.signal for candidate in ports.of("elena")] == [
        Signal.DIRECT,
        Signal.DIRECT,
    ]


async def test_a_copy_of_what_is_answered_is_not_answered_again(
    start: Start, ports: RecordingPorts
) -> None:
    """Where the answer was faster than the proxy, the copy wakes nobody."""
    intake, original = start(), event("elena, are you there?")
    await offered(intake, original)
    ports.answers[original.message_id] = frozenset({"elena"})
    await offered(intake, copy_of(original))
    first, second = ports.of("elena")
    assert (first.wakes, second.wakes) == (True, False)


async def test_a_message_is_held_where_a_proxy_is_at_work(
    start: Start, ports: RecordingPorts
) -> None:
    """In a server with a proxy what a person says is held for the proxy's usual delay;
    elsewhere and in private it is not."""
    intake = start(proxy_delay=1.5)
    await offered(intake, event("elena, are you there?"))
    intake.proxies.at_work_in("6")
    await offered(intake, event("elena, are you still there?"))
    assert [candidate.delay_ms for candidate in ports.of("elena")] == [0, 1_500]
