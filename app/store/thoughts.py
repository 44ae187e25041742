"""Thoughts in several lines: a message waits longer while its author types."""

from __future__ import annotations

from app.store import keys
from app.store.calls import Call
from app.store.keys import Key
from app.store.scripts import script


@script("thought.prolong")
def _prolong(*, thought: Key, election: Key, message: str, for_ms: int) -> None: ...


def prolong(message: str, for_ms: int) -> Call[int]:
    """The bot that answers this message waits so much longer from now on. No effect on
    what is being answered already."""
    # Both keys: a bot that was spoken to waits in its lane, bidders in the election.
    call = _prolong(
        thought=keys.thought(message),
        election=keys.election(message),
        message=message,
        for_ms=for_ms,
    )
    return call.parsed(int)
