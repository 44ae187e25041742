"""One copy of a message for all bots of a process: which of them share it, and whose
own copies have come since."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Sharing:
    """The bots that are admitted for a message by the first copy of it."""

    bots: frozenset[str]
    arrived: set[str] = field(default_factory=set)
    """Those whose own copy has come."""
    admitted: bool = False
