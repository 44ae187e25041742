"""Diaries and dreams: one of each per bot and date, no matter who is asked to write it and
however often."""

from __future__ import annotations

from enum import StrEnum

from app.store import keys, signing
from app.store.calls import Call, Reply, command
from app.store.keys import Key
from app.store.scripts import script
from app.store.signing import UNCHECKED, Signer

DATES_MOST = 60


class Night(StrEnum):
    """What is written at night."""

    DIARY = "diary"
    DREAM = "dream"


class NightClaim(StrEnum):
    """Outcome of asking to write."""

    CLAIMED = "claimed"
    WRITTEN = "written"
    BUSY = "busy"


class Wrote(StrEnum):
    """Outcome of writing."""

    WRITTEN = "written"
    LOST = "lost"
    RELEASED = "released"


@script("night.claim")
def _claim(*, dates: Key, claim: Key, date: str, owner: str) -> None: ...


def claim(bot: str, night: Night, date: str, owner: str) -> Call[NightClaim]:
    """Ask to write a date (ISO). A writer that dies loses its claim after a while."""
    call = _claim(
        dates=keys.memory(bot, night),
        claim=keys.night_claim(bot, night, date),
        date=date,
        owner=owner,
    )
    return call.parsed(NightClaim)


@script("night.write")
def _write(
    *, dates: Key, claim: Key, date: str, owner: str, text: str | None, most: int
) -> None: ...


def write(
    bot: str,
    night: Night,
    date: str,
    owner: str,
    text: str,
    *,
    signer: Signer = UNCHECKED,
) -> Call[Wrote]:
    """Write what was claimed, a JSON object; an empty text only gives the claim
    back."""
    signed = signer.sign(signing.night(bot, night, date), text) if text else ""
    call = _write(
        dates=keys.memory(bot, night),
        claim=keys.night_claim(bot, night, date),
        date=date,
        owner=owner,
        text=signed,
        most=DATES_MOST,
    )
    return call.parsed(Wrote)


def read(bot: str, night: Night, signer: Signer = UNCHECKED) -> Call[dict[str, str]]:
    """What was written, by date, as far as the signer believes it."""

    def parse(reply: Reply) -> dict[str, str]:
        return {
            date: text
            for date, text in dict(reply).items()
            if signer.believes(text, signing.night(bot, night, date))
        }

    return command("HGETALL", keys.memory(bot, night), parse=parse)


def read_one(bot: str, night: Night, date: str, signer: Signer) -> Call[str | None]:
    """What was written on one date, or None; also for what is forged."""

    def parse(reply: Reply) -> str | None:
        believed = reply and signer.believes(reply, signing.night(bot, night, date))
        return str(reply) if believed else None

    return command("HGET", keys.memory(bot, night), date, parse=parse)
