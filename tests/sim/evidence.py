"""What a checker may look at: Discord's record, the journals, and what people and
operators did. The simulation and the chaos on real processes both fill it in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.domain.model import JournalLine

FOREVER = float("inf")


@dataclass(frozen=True, slots=True)
class Shown:
    """One message of Discord's record. `bot`: which of ours wrote it; empty: a person.
    `at`: Unix seconds. `reacted`: our bots that reacted to it."""

    id: str
    channel: str
    bot: str
    at: float
    reply_to: str = ""
    nonce: str = ""
    edited: bool = False
    deleted: float | None = None
    """When it was deleted, in Unix seconds."""
    reacted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Said:
    """What a person said. `asks`: our bots that it speaks to, in this order. `begun`:
    the first line of its thought, where it has several; `calls`: whom that line speaks
    to."""

    who: str
    channel: str
    asks: tuple[str, ...] = ()
    begun: str = ""
    calls: tuple[str, ...] = ()

    @property
    def addressed(self) -> frozenset[str]:
        """Whom it or its thought speaks to: their answers are none that nobody asked
        for."""
        return frozenset((*self.asks, *self.calls))


@dataclass(frozen=True, slots=True)
class Silence:
    """A mute from its acknowledgement on, in Unix seconds. `scope`: all, bot:<name> or
    channel:<id>."""

    scope: str
    from_s: float
    until_s: float = FOREVER

    def holds(self, post: Shown) -> bool:
        """Whether this post was forbidden by it."""
        scopes = ("all", f"bot:{post.bot}", f"channel:{post.channel}")
        return self.from_s < post.at < self.until_s and self.scope in scopes


@dataclass(frozen=True, slots=True)
class Limits:
    """What the settings promise. Seconds and posts."""

    cooldown: float
    root_posts: int
    daily_posts: int
    stale_after: float
    """Seconds after which nobody answers what was said to nobody."""
    quiet_time: float = 0.0
    """Seconds after a bot's post in which nobody begins an answer unasked there."""
    floor_lease: float = FOREVER
    """Seconds for which a bot has the floor of a channel; for ever: nobody's wait for it
    is judged."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All of it. `said` and `journals`: by message id."""

    bots: tuple[str, ...]
    messages: Sequence[Shown]
    said: Mapping[str, Said]
    journals: Mapping[str, Sequence[JournalLine]]
    limits: Limits
    silences: Sequence[Silence] = ()
    unheard: frozenset[tuple[str, str]] = frozenset()
    """Bots and messages of which no event came, or a late one."""
    emptied: tuple[float, ...] = ()
    """When Redis lost everything, in Unix seconds."""
    restored: tuple[tuple[str, float], ...] = ()
    """Bots whose budgets were written again after that, and when."""
    forgot: tuple[tuple[str, float], ...] = ()
    """Bots whose gateway died after that and had not written again what it knew, and when
    it came back: of what was said to them meanwhile nothing is left to know."""
    stopped: tuple[tuple[float, float], ...] = ()
    """From when until when a worker was stopped, in Unix seconds: hints that it took
    wait with it."""
    own_faults: tuple[str, ...] = ()
    """Errors that the program logged and that no fault of the world explains."""
