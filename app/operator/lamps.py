"""How each bot and each process of a stream does, in a light and a few words: what
`status` knows, for somebody who only glances."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from app.operator.status import BotStatus, Status


class Light(StrEnum):
    """Green, yellow, red."""

    WELL = "well"
    HELD = "held"
    """It works, and says nothing: muted, a dry run, not there yet."""
    BAD = "bad"


class Lamp(NamedTuple):
    """One bot's; the words say why it is not green."""

    name: str
    light: Light
    words: str


def lamps_of(found: Status, bots: Sequence[str]) -> tuple[Lamp, ...]:
    """The lamps of these bots."""
    known = {one.bot: one for one in found.bots}
    return tuple(_lamp_of(found, bot, known.get(bot)) for bot in bots)


def lights_of_processes(found: Status) -> Mapping[str, bool]:
    """Whether each of the workers and beat does its work, by its name in `up`: a
    process may run and take no task."""
    workers = {name.partition("@")[0] for name in found.workers}
    return {
        "direct": "direct" in workers,
        "cycles": "cycles" in workers,
        "beat": found.beat,
    }


def _lamp_of(found: Status, bot: str, status: BotStatus | None) -> Lamp:
    bad = list(_faults(found, bot, status))
    if bad:
        return Lamp(bot, Light.BAD, "; ".join(bad))
    held = list(_restraints(found, bot))
    if held:
        return Lamp(bot, Light.HELD, ", ".join(held))
    return Lamp(bot, Light.WELL, "connected to Discord")


def _faults(found: Status, bot: str, status: BotStatus | None) -> Iterator[str]:
    if status is None or not status.gateway:
        yield "no gateway runs it"
    elif status.error:
        yield f"has ended: {status.error}"
    elif not status.connected:
        yield "not connected to Discord"
    for trouble in found.model_troubles:
        if trouble.bot == bot:
            yield f"model {trouble.model}: {trouble.fault}"


def _restraints(found: Status, bot: str) -> Iterator[str]:
    for one in found.mutes:
        if one["scope"] in {"all", f"bot:{bot}"}:
            yield f"muted by {one['who']}"
            break
    if found.dry_run:
        yield "dry run"
