"""How engaged a bot is in a channel: a pure function of what was stored, what happens
and the clock. No timer runs."""

from __future__ import annotations

import json
from dataclasses import dataclass

from app.domain.model import ConversationState

MINUTE = 60_000

ENGAGED_FOR = 3 * MINUTE
COOLING_FOR = 5 * MINUTE
"""Milliseconds that a state lasts without an event."""

_NEXT = {
    ConversationState.ENGAGED: (ENGAGED_FOR, ConversationState.COOLING),
    ConversationState.COOLING: (COOLING_FOR, ConversationState.IDLE),
}


@dataclass(frozen=True, slots=True)
class Engagement:
    """A conversation state and the Unix milliseconds at which it began."""

    state: ConversationState = ConversationState.IDLE
    since_ms: int = 0


def decayed(stored: Engagement, now_ms: int) -> Engagement:
    """What `stored` has become by now. A clock behind `since_ms` changes nothing."""
    current = stored
    while current.state in _NEXT:
        lasts, then = _NEXT[current.state]
        if now_ms - current.since_ms < lasts:
            return current
        # From the end of the state before, not from now: nobody may have looked then.
        current = Engagement(then, current.since_ms + lasts)
    return current


def spoke(now_ms: int) -> Engagement:
    """After the bot's own post."""
    return Engagement(ConversationState.ENGAGED, now_ms)


def to_json(stored: Engagement) -> str:
    """The stored form: `{"at": 1733000000000, "state": "engaged"}`."""
    return json.dumps({"at": stored.since_ms, "state": stored.state.value})


def from_json(text: str | None) -> Engagement:
    """What `to_json` wrote; nothing, or something unreadable, is IDLE."""
    try:
        raw = json.loads(text or "")
        return Engagement(ConversationState(raw["state"]), int(raw["at"]))
    # json reads Infinity as a number, of which int() overflows.
    except (ValueError, TypeError, KeyError, OverflowError):
        return Engagement()
