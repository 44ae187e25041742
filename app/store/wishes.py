"""What people asked for: to be left alone for good, or that all they said until now be
forgotten."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from app.domain.settings import Settings
from app.store import keys
from app.store.calls import Call, Reply, command
from app.store.keys import Key
from app.store.scripts import script

MARGIN_MS = 2_000
"""Discord's clock is not known exactly (`store.clocks`): what was said so shortly after
the wish counts as said before it."""


def looks_every(settings: Settings) -> float:
    """Seconds within which a running process has looked at what people wish, before it
    keeps anything more."""
    return 2 * settings.pump_interval + 1


def digest(person: str) -> str:
    """How a person who opted out or is forgotten is known: not even the id is kept."""
    return hashlib.sha256(f"opted out {person}".encode()).hexdigest()


def opted_out(digests: Sequence[str]) -> Call[tuple[bool, ...]]:
    """Which of these digests (at least one) are of people who want no part in this."""
    return command(
        "SMISMEMBER",
        keys.OPTED_OUT,
        *digests,
        parse=lambda reply: tuple(map(bool, reply)),
    )


def all_opted_out() -> Call[frozenset[str]]:
    """The digests of all of them."""
    return command("SMEMBERS", keys.OPTED_OUT, parse=frozenset)


def opt_out(digest: str) -> Call[int]:
    """Add one."""
    return command("SADD", keys.OPTED_OUT, digest, parse=int)


@script("forgotten.mark")
def _mark(*, forgotten: Key, digest: str, margin_ms: int) -> None: ...


def mark_forgotten(digest: str) -> Call[int]:
    """From now on what this person said before is old. Returns the Unix milliseconds,
    by Discord's clock, up to which it is."""
    call = _mark(forgotten=keys.FORGOTTEN, digest=digest, margin_ms=MARGIN_MS)
    return call.parsed(int)


def forgotten(digests: Sequence[str]) -> Call[tuple[int, ...]]:
    """Up to when (Unix milliseconds) what these people (at least one) said is old; 0:
    they were not forgotten."""

    def parse(reply: Reply) -> tuple[int, ...]:
        # A score is a double: text under RESP2, a float under RESP3.
        return tuple(int(float(mark or 0)) for mark in reply)

    return command("ZMSCORE", keys.FORGOTTEN, *digests, parse=parse)


def all_forgotten() -> Call[Mapping[str, int]]:
    """The digests of everybody who was forgotten, with that time."""

    def parse(reply: Reply) -> Mapping[str, int]:
        return {
            str(digest): int(float(mark))
            for digest, mark in zip(reply[::2], reply[1::2], strict=True)
        }

    return command("ZRANGE", keys.FORGOTTEN, 0, -1, "WITHSCORES", parse=parse)
