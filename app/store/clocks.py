"""Two clocks. Redis's is the one that all processes share: leases, quiet times and
whatever else is measured from one step of ours to another. Discord's tells when
something was written, as ids hold it. Where one is compared with the other, what a
gateway measured lies between (ADR 34)."""

from __future__ import annotations

from app.domain import terms
from app.store import keys
from app.store.calls import Call, Reply, command


def note_discord_ahead(ahead_ms: int) -> Call[bool]:
    """Tell by how many ms Discord's clock is ahead of Redis's."""
    return command(
        "SET", keys.DISCORD_AHEAD, ahead_ms, "PX", terms.CLOCK_TTL, parse=bool
    )


def discord_ahead() -> Call[int]:
    """By how many ms Discord's clock is ahead of Redis's; 0 where no gateway has
    measured it."""
    return command("GET", keys.DISCORD_AHEAD, parse=_whole)


def _whole(reply: Reply) -> int:
    try:
        return int(reply or 0)
    except ValueError:
        return 0
