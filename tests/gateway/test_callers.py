"""Who called a bot little lately."""

from __future__ import annotations

import asyncio

import pytest

from app.gateway.callers import FEW, LATELY_S, PEOPLE, Callers
from tests.gateway.recording import RecordingPorts
from tests.gateway.test_intake import Start, event, ports, start

__all__ = ["ports", "start"]


def test_a_few_calls_go_first_and_more_do_not() -> None:
    """Counted for each bot and person; what is a minute old no longer counts."""
    now = [100.0]
    callers = Callers(lambda: now[0])
    assert [callers.called_little("elena", "1") for _ in range(FEW + 2)] == [
        *[True] * FEW,
        False,
        False,
    ]
    assert callers.called_little("elena", "2")
    assert callers.called_little("aria", "1")
    now[0] += LATELY_S + 1
    assert callers.called_little("elena", "1")


def test_only_so_many_people_are_known() -> None:
    """Whoever called longest ago is forgotten first."""
    callers = Callers()
    for person in range(PEOPLE + 10):
        callers.called_little("elena", str(person))
    assert len(callers._calls) == PEOPLE


@pytest.mark.asyncio
async def test_calls_in_many_channels_are_those_of_one_person(
    start: Start, ports: RecordingPorts
) -> None:
    """Somebody calls the bot in ten channels: the first few lanes go ahead of others,
    and so does another person's."""
    intake = start()
    for place in range(10):
        said = event("elena, hi", author_id="31", channel_id=str(700 + place))
        done = intake.offer("elena", said)
        assert done is not None
        await asyncio.wait_for(done, 10)
    other = intake.offer("elena", event("elena, hi", author_id="32", channel_id="800"))
    assert other is not None
    await asyncio.wait_for(other, 10)
    assert ports.first == ["elena:700", "elena:701", "elena:702", "elena:800"]
    assert len(ports.hints) == 11
