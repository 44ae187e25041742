"""Points of trust, per bot and person. What they mean is decided in `app.rules.trust`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from app import keys
from app.rules import trust as rules
from app.store.door import Call, Reply, command

PEOPLE_MOST = 2_000


class Points(NamedTuple):
    """Points and the Unix milliseconds at which they were last added to."""

    points: int
    at_ms: int

    def level(self, now_ms: int) -> int:
        """The level that they are worth now."""
        return rules.level(self.points, now_ms - self.at_ms)


def add(bot: str, person: str, points: int, request: str) -> Call[int]:
    """Add points, within the person's day. Returns the points now."""
    return Call(
        "trust_add", (keys.trust(bot), keys.request(request)),
        (person, points, rules.DAILY, rules.GRACE_DAYS, rules.MOST, PEOPLE_MOST, keys.PERSON_TTL), int)


def _points(text: str) -> Points:
    stored = json.loads(text)
    return Points(int(stored["points"]), int(stored["at_ms"]))


def everyone(bot: str) -> Call[dict[str, Points]]:
    """Points by person."""
    def parse(reply: Mapping[str, str]) -> dict[str, Points]:
        return {person: _points(text) for person, text in reply.items()}

    return command("HGETALL", keys.trust(bot), parse=parse)


def some(bot: str, people: Sequence[str]) -> Call[dict[str, Points]]:
    """Points of these people (at least one); who has none is left out."""
    def parse(reply: Reply) -> dict[str, Points]:
        return {person: _points(text) for person, text in zip(people, reply, strict=True) if text is not None}

    return command("HMGET", keys.trust(bot), *people, parse=parse)
