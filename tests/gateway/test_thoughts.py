"""A gateway joins the lines of one thought, waits for the rest, and longer while their
author types."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from app.domain.model import AuthorKind, Event, RosterEntry
from app.domain.settings import Settings
from app.gateway.hearing import Hearing
from app.gateway.intake import patience_of
from app.gateway.waits import Waits
from app.rules.thoughts import Patience

PATIENCE = Patience()
START_MS = 1_790_000_000_000
DISCORD_MS = 1_420_070_400_000


def said(at_ms: int, text: str, author: str = "9", **more: object) -> Event:
    """A message so many milliseconds after the first one."""
    told: dict[str, object] = {
        "message_id": str((START_MS + at_ms - DISCORD_MS) << 22),
        "channel_id": "5",
        "guild_id": "7",
        "author_id": author,
        "author_name": f"p{author}",
        "content": text,
        **more,
    }
    return Event.model_validate(told)


def hearing(roster: Sequence[RosterEntry], patience: Patience = PATIENCE) -> Hearing:
    """What a process has heard that knows these bots."""
    made = Hearing(patience)
    made.learn(roster)
    return made


@pytest.fixture
def roster() -> list[RosterEntry]:
    """One bot, called Aria."""
    return [RosterEntry(bot="aria", user_id="12", names=("aria",), channels=("5",))]


def test_later_lines_are_the_named_bots(roster: list[RosterEntry]) -> None:
    """Who began with a name goes on speaking to it, and the event has all lines."""
    ears = hearing(roster)
    ears.hear(said(0, "hey aria"))
    point = ears.hear(said(1_500, "what is a negroni?"))
    assert ears.addressing_of(point).bots == ("aria",)
    assert ears.addressing_of(point).reason == "goes on: called by name"
    assert point.event.whole == "hey aria\nwhat is a negroni?"
    assert point.whole.kind.name == "QUESTION"


def test_two_processes_agree(roster: list[RosterEntry]) -> None:
    """What is a thought follows from the messages alone."""
    lines = [said(0, "hey aria"), said(900, "well"), said(1_500, "tell me of gin.")]
    first, second = hearing(roster), hearing(roster)
    for line in lines:
        assert first.hear(line).event == second.hear(line).event


def test_an_edit_within_the_time_counts(roster: list[RosterEntry]) -> None:
    """The joined text is what the earlier line says by then."""
    ears = hearing(roster)
    first = said(0, "hey arai")
    ears.hear(first)
    ears.revise(first.model_copy(update={"content": "hey aria"}), 0.5)
    point = ears.hear(said(1_500, "what is a negroni?"))
    assert point.event.whole.startswith("hey aria\n")
    assert ears.addressing_of(point).bots == ("aria",)


def test_an_afterthought_is_known(roster: list[RosterEntry]) -> None:
    """After the bot's answer, what its author cannot have written in answer to it."""
    ears = hearing(roster)
    asked = said(0, "aria, what is a negroni?")
    ears.hear(asked)
    answer = said(200, "A drink.", author="12", author_kind=AuthorKind.OURS)
    ears.hear(answer.model_copy(update={"reply_to": asked.message_id}))
    assert ears.hear(said(2_000, "asking for a friend")).afterthought


def test_off_joins_nothing(roster: list[RosterEntry]) -> None:
    """STREAM_THOUGHT_WAIT=0: each line speaks for itself."""
    off = patience_of(Settings.model_validate({"thought_wait": 0}))
    ears = hearing(roster, off)
    ears.hear(said(0, "hey aria"))
    point = ears.hear(said(1_500, "what is a negroni?"))
    assert ears.addressing_of(point).bots == ()
    assert point.lines == ()


@pytest.mark.asyncio
async def test_typing_prolongs_only_what_waits(roster: list[RosterEntry]) -> None:
    """A sign is passed on once a second, never beyond the bound, and never for a line
    that waits for nothing."""
    hinted: list[str] = []
    waits = Waits(lambda bot, _: hinted.append(bot), PATIENCE)
    ears = hearing(roster)
    heard = ears.hear(said(0, "hey aria"))
    assert waits.prolong_ms(heard) == 0
    waits.begin(heard, 2_500, "aria")
    assert 0 < waits.prolong_ms(heard) <= PATIENCE.typing_ms
    assert waits.prolong_ms(heard) == 0, "of another connection, or at once again"
    assert ears.latest_of("5", "9") is heard
    assert ears.latest_of("5", "8") is None
    waits.hint_in("aria", heard.event, 0)
    assert hinted == ["aria"]
    waits.close()
