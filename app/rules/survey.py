"""What the last lines of a channel show. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

RECENT = 60
"""Lines that are remembered one by one."""
NEAR = 20
"""Lines that count as the present conversation."""
MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class RoomLine:
    """One remembered line."""

    number: int
    message_id: str
    author: str
    at_ms: int
    target: str | None


@dataclass(frozen=True, slots=True)
class Survey:
    """What the last lines show beside one utterance that is not yet among them."""

    near: Mapping[str, int]
    """Lines per author among the last 20."""
    to_author: Mapping[str, int]
    """Lines per author among the last 60 that spoke to this utterance's author."""
    speakers: tuple[int, ...]
    """Different authors among the last 1, 2, ... lines."""
    minute: int
    """Lines in the minute before."""


def survey_lines(recent: Sequence[RoomLine], author: str, at_ms: int) -> Survey:
    """Survey the last lines for an utterance of this author at this moment (Unix ms)."""
    near: dict[str, int] = {}
    to_author: dict[str, int] = {}
    seen: set[str] = set()
    speakers: list[int] = []
    minute = 0
    for back, line in enumerate(reversed(recent)):
        seen.add(line.author)
        speakers.append(len(seen))
        if back < NEAR:
            near[line.author] = near.get(line.author, 0) + 1
        if line.target == author:
            to_author[line.author] = to_author.get(line.author, 0) + 1
        if at_ms - line.at_ms <= MINUTE_MS:
            minute += 1
    return Survey(near, to_author, tuple(speakers), minute)
