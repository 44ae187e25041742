"""Redis's clock may be twenty minutes from Discord's: operators are shown one time."""

from __future__ import annotations

from typing import Any

import pytest

from app.operator.discord_times import read_lines
from app.store import clocks, journal
from app.store.door import Store
from app.web.actions import Actions
from app.web.room import StreamView
from tests.cli.commands import run
from tests.web.conftest import Stream

AHEAD = [1_200.0, -1_200.0]
"""Seconds by which Discord's clock is ahead of Redis's."""


@pytest.mark.parametrize("ahead", AHEAD)
def test_what_was_missed_lately_is_told_by_one_clock(
    stream: Stream, ahead: float
) -> None:
    """`why --unanswered --since 10m`, and the page's list, name the message of a minute
    ago and not the one of a quarter of an hour ago."""
    stream.store.run(clocks.note_discord_ahead(round(ahead * 1000)))
    old = stream.say("nobody asked for this", ago=900 - ahead)
    new = stream.say("anybody here?", ago=60 - ahead)
    for message in (old, new):
        stream.decide(message, "elena", "admit", "passed", "beneath the threshold")
    actions = Actions(stream.settings())
    found: Any = actions.find_unanswered({"since": "10m"}, direct=True)
    assert [one["message"] for one in found["found"]] == [new]
    asked = ("why", "--unanswered", "--since", "10m")
    printed = run(*asked, STREAM_REDIS_URL=stream.url).stdout
    assert new in printed
    assert old not in printed


@pytest.mark.parametrize("ahead", AHEAD)
def test_the_figures_of_the_page_are_told_by_one_clock(
    stream: Stream, ahead: float
) -> None:
    """A message of a minute ago that was answered now is in the last hour, and waited
    neither no time at all nor twenty minutes."""
    stream.store.run(clocks.note_discord_ahead(round(ahead * 1000)))
    message = stream.say("do whales sleep?", ago=60 - ahead)
    stream.contest(message)
    stream.answer(message, "One half at a time.")
    view = StreamView(stream.settings())
    pieces = {piece.key: piece.body for piece in view.look(anew=True)}
    view.close()
    figures = pieces["figures"]
    assert (figures["messages"], figures["answered"]) == (1, 1)
    assert 0 < figures["latency_ms"] < 600_000
    told = pieces[f"message:{message}"]
    assert 0 < told["story"]["after_ms"] < 600_000


def test_a_journal_keeps_its_own_times(stream: Stream, store: Store) -> None:
    """Only what is shown is shifted: the stored lines stay as Redis told the time."""
    message = stream.say("hello")
    stream.decide(message, "elena", "admit", "passed")
    (kept,) = store.run(journal.read(message))
    assert read_lines(store, message) == (kept,)
    store.run(clocks.note_discord_ahead(60_000))
    (shown,) = read_lines(store, message)
    assert shown.at_ms == kept.at_ms + 60_000
    assert store.run(journal.read(message)) == (kept,)
