"""Whose turn it is: people are answered in turn, each one's messages in the order in
which they were written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from app.domain.model import Event, InboxEntry, snowflake_ms

NEWCOMER_WEIGHT = 2
"""How many times a newcomer's message counts."""
_DAY_MS = 24 * 60 * 60 * 1000


def in_turn(entries: Sequence[InboxEntry]) -> list[InboxEntry]:
    """Direct messages as they are answered: the first of everybody, then the second of
    everybody.

    A message's turn was given when it was admitted. What a gateway had missed is
    admitted late, so each person's turns are dealt out again in the order of their
    messages.
    """
    turns: defaultdict[str, list[int]] = defaultdict(list)
    for entry in entries:
        turns[entry.event.author_id].append(entry.turn)
    # Reversed, so that pop gives each person's first turn first.
    left = {person: sorted(dealt, reverse=True) for person, dealt in turns.items()}
    written = sorted(entries, key=lambda entry: int(entry.event.message_id))
    dealt = [
        (left[entry.event.author_id].pop(), place)
        for place, entry in enumerate(written)
    ]
    return [written[place] for _, place in sorted(dealt)]


def weight(event: Event, newcomer_days: float) -> int:
    """How many times the message counts: a newcomer's account, or membership of the
    server, is younger than so many days."""
    younger_ms = newcomer_days * _DAY_MS
    age_ms = event.created_ms - snowflake_ms(event.author_id)
    # Where Discord told no membership, the account's age stands for it.
    member_ms = (
        event.created_ms - event.member_since_ms if event.member_since_ms else age_ms
    )
    return NEWCOMER_WEIGHT if min(age_ms, member_ms) < younger_ms else 1
