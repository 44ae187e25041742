"""What people told, and where it may be used: the one function that every reader of
memory asks."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Place(NamedTuple):
    """A channel and its server; in private the server is empty."""

    channel: str
    guild: str = ""

    @property
    def private(self) -> bool:
        """Whether only one person reads along."""
        return not self.guild


class RecordKind(StrEnum):
    """What was kept."""

    FACT = "fact"
    LINE = "line"


class Use(StrEnum):
    """Who reads it."""

    ANSWER = "answer"
    LEARNING = "learning"
    OPENING = "opening"
    DIARY = "diary"
    DREAM = "dream"
    SHOW = "show"
    """The person themselves, or an operator who asks about that person."""


_IN_TALK = frozenset({Use.ANSWER, Use.LEARNING})
"""Uses within a conversation of the person's own."""


def may_use(
    kind: RecordKind,
    source: Place,
    used: Place,
    use: Use,
    *,
    about: str,
    reader: str = "",
) -> bool:
    """Whether something of the person `about` (user id), told in one place, may be used
    in another.

    `reader`: the person who is answered, learned from, or shown it; empty where it is
    for everybody.
    """
    if use is Use.SHOW:
        return about == reader
    # What was told in private stays in that one channel.
    if source.private:
        return use in _IN_TALK and source.channel == used.channel
    # A person's own words come back only where they were said.
    if kind is RecordKind.LINE and use not in {Use.DIARY, Use.DREAM}:
        return source == used
    # In private a person meets their own facts from servers, nobody else's.
    if used.private:
        return use in _IN_TALK and about == reader
    # What a server's channels hold may be used in it, and in no other.
    return source.guild == used.guild
