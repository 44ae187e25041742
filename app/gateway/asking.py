"""What is asked inside Discord, and who answers it. The gateway knows who asks and what
they may see; the answer comes from above (`app.operator.inside`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class Verb(StrEnum):
    """What is asked."""

    STATUS = "status"
    COSTS = "costs"
    MUTE = "mute"
    UNMUTE = "unmute"
    WHY = "why"


@dataclass(frozen=True)
class Question:
    """One question. Ids are decimal strings."""

    verb: Verb
    guild: str
    channel: str
    """Where it is asked."""
    by: str
    """The user id of the person who asks."""
    channels: frozenset[str] = field(default=frozenset(), repr=False)
    """All channels and threads of the server."""
    visible: frozenset[str] = field(default=frozenset(), repr=False)
    """Those of them that the asker may read."""
    bot: str = ""
    """Whom to mute; empty: all bots."""
    everywhere: bool = False
    """A mute holds in the whole server."""
    for_: str = ""
    """How long a mute holds, as in 2h; empty: until somebody ends it."""
    message: str = ""
    """Which message; empty: the last one of the channel. The gateway has seen it in a
    channel that the asker may read."""


class Desk(Protocol):
    """Who answers. `answer` blocks, so it is called on a thread of its own."""

    def answer(self, asked: Question) -> str:
        """What to tell the asker, for their eyes alone. Raises nothing of ours."""
