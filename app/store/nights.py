"""Diaries and dreams: one of each per bot and date, whoever is asked to write it and
however often."""

from __future__ import annotations

from enum import StrEnum

from app.domain import terms
from app.store import keys
from app.store.calls import Call, command

DATES_MOST = 60
LEASE_MS = 10 * terms.MINUTE
"""Well below the broker's visibility timeout: when it redelivers a killed writer's
task, the claim is free."""


class Night(StrEnum):
    """What is written at night."""

    DIARY = "diary"
    DREAM = "dream"


class Claimed(StrEnum):
    """Outcome of asking to write."""

    CLAIMED = "claimed"
    WRITTEN = "written"
    BUSY = "busy"


class Wrote(StrEnum):
    """Outcome of writing."""

    WRITTEN = "written"
    LOST = "lost"
    RELEASED = "released"


def claim(bot: str, night: Night, date: str, owner: str) -> Call[Claimed]:
    """Ask to write a date (ISO). A writer that dies loses its claim after a while."""
    return Call(
        "claim_date",
        (keys.memory(bot, night), keys.night_claim(bot, night, date)),
        (date, owner, LEASE_MS),
        Claimed,
    )


def write(bot: str, night: Night, date: str, owner: str, text: str) -> Call[Wrote]:
    """Write what was claimed; an empty text only gives the claim back."""
    return Call(
        "write_date",
        (keys.memory(bot, night), keys.night_claim(bot, night, date)),
        (date, owner, text, DATES_MOST, terms.NIGHTS_TTL),
        Wrote,
    )


def read(bot: str, night: Night) -> Call[dict[str, str]]:
    """What was written, by date."""
    return command("HGETALL", keys.memory(bot, night), parse=dict)


def read_one(bot: str, night: Night, date: str) -> Call[str | None]:
    """What was written on one date, or None."""
    return command("HGET", keys.memory(bot, night), date, parse=lambda reply: reply)
