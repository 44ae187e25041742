"""Signs of life: what each process tells of itself, for `status` and `doctor`. Nothing
is decided by them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from app.domain import terms
from app.store import keys
from app.store.calls import Call, Reply, command

EVERY = 5.0
"""Seconds between a worker's signs."""


class ProcessRole(StrEnum):
    """Who tells."""

    GATEWAY = "gateway"
    """By bot: connected, since (Unix seconds), error, process."""
    WORKER = "worker"
    """By Celery's name: queues, threads, since."""
    BEAT = "beat"
    """Told by the worker that got beat's last tick."""


class Heartbeat(NamedTuple):
    """One sign of life."""

    role: ProcessRole
    name: str
    facts: Mapping[str, Any]


def tell(heartbeat: Heartbeat, lasts_ms: int = terms.HEARTBEAT_TTL) -> Call[bool]:
    """Write a sign, in place of the one before."""
    key = keys.heartbeat(heartbeat.role, heartbeat.name)
    text = json.dumps(dict(heartbeat.facts), ensure_ascii=False)
    return command("SET", key, text, "PX", lasts_ms, parse=bool)


def end(role: ProcessRole, name: str) -> Call[bool]:
    """A process ends in good order."""
    return command("DEL", keys.heartbeat(role, name), parse=bool)


def read(names: Sequence[str]) -> Call[tuple[Heartbeat, ...]]:
    """The signs that these keys hold; one that has ended or that nobody could have
    written is left out."""

    def parse(reply: Reply) -> tuple[Heartbeat, ...]:
        return tuple(_parse_heartbeat(names, reply))

    return command("MGET", *names, parse=parse)


def _parse_heartbeat(names: Sequence[str], reply: Reply) -> Iterator[Heartbeat]:
    for key, text in zip(names, reply, strict=True):
        _, role, name = key.split(":", 2)
        try:
            facts = json.loads(text or "")
        # A sign may end between the listing of the keys and this reading.
        except ValueError:
            continue
        if role in set(ProcessRole) and isinstance(facts, dict):
            yield Heartbeat(ProcessRole(role), name, facts)
