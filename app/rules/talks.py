"""Whether two people are talking to each other, as far as a channel shows."""

from __future__ import annotations

from app.rules.room import Room, Utterance


def is_between_two(room: Room, utterance: Utterance) -> bool:
    """Whether a line names nobody, and goes on where its author and somebody else
    lately spoke to each other."""
    view, author = room.read(utterance), utterance.author
    other = view.target
    if view.named or other is None:
        return False
    pairs = ((author, other), (other, author))
    return all(_spoke_to(room, one, whom, utterance) for one, whom in pairs)


def _spoke_to(room: Room, speaker: str, listener: str, utterance: Utterance) -> bool:
    contact = room.person(listener).addressed_by.get(speaker)
    return contact is not None and room.is_fresh(contact.line, contact.at_ms, utterance)
