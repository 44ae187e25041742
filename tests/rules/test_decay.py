"""Conversation states: a pure function of what was stored and the clock."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.model import ConversationState
from app.rules.decay import Engagement, decayed, from_json, to_json

IDLE, ENGAGED, COOLING = (
    ConversationState.IDLE,
    ConversationState.ENGAGED,
    ConversationState.COOLING,
)
MINUTE = 60_000
engagements = st.builds(
    Engagement, st.sampled_from(ConversationState), st.integers(0, 2**41)
)


@pytest.mark.parametrize(
    ("state", "minutes", "expected"),
    [
        (IDLE, 0, IDLE),
        (IDLE, 100, IDLE),
        (ENGAGED, 2.99, ENGAGED),
        (ENGAGED, 3, COOLING),
        (ENGAGED, 7.99, COOLING),
        (ENGAGED, 8, IDLE),
        (ENGAGED, 1e6, IDLE),
        (COOLING, 4.99, COOLING),
        (COOLING, 5, IDLE),
        (ENGAGED, -10, ENGAGED),  # a clock that went back
    ],
)
def test_time_alone_moves_a_state(
    state: ConversationState, minutes: float, expected: ConversationState
) -> None:
    """Each state lasts as long as the design says, and an engaged bot cools before it
    is idle."""
    assert (
        decayed(Engagement(state, 10**12), 10**12 + int(minutes * MINUTE)).state
        is expected
    )


@given(engagements, st.integers(0, 2**42), st.integers(0, 2**42))
def test_looking_between_changes_nothing(
    stored: Engagement, first: int, second: int
) -> None:
    """Decay needs no timer: decaying in two steps equals decaying in one."""
    early, late = sorted((first, second))
    assert decayed(decayed(stored, early), late) == decayed(stored, late)


@given(engagements)
def test_the_stored_form_comes_back(stored: Engagement) -> None:
    """What is written is read."""
    assert from_json(to_json(stored)) == stored


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "{",
        "[]",
        "7",
        '{"state":"asleep","at":1}',
        '{"state":"idle","at":"x"}',
        '{"state":"idle","at":1e999}',
    ],
)
def test_an_unreadable_state_is_idle(text: str | None) -> None:
    """A missing or broken record starts anew."""
    assert from_json(text) == Engagement()


def test_the_stored_form() -> None:
    """As older versions wrote it."""
    stored = to_json(Engagement(ENGAGED, 1_733_000_000_000))
    assert stored == '{"at": 1733000000000, "state": "engaged"}'
