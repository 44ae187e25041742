"""Points of trust, per bot and person. What they mean is decided in
`app.rules.trust`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from app.domain import terms
from app.rules import trust as rules
from app.store import keys
from app.store.calls import Call, Reply

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
        "trust_add",
        (keys.trust(bot), keys.request(request)),
        (
            person,
            points,
            rules.DAILY,
            rules.GRACE_DAYS,
            rules.MOST,
            PEOPLE_MOST,
            terms.PERSON_TTL,
        ),
        int,
    )


def _by_person(reply: Reply) -> dict[str, Points]:
    return {
        person: Points(int(points), int(at_ms))
        for person, points, at_ms in zip(
            reply[::3], reply[1::3], reply[2::3], strict=True
        )
    }


def everyone(bot: str) -> Call[dict[str, Points]]:
    """Points by person."""
    return Call("trusted", (keys.trust(bot),), (rules.MOST,), _by_person)


def some(bot: str, people: Sequence[str]) -> Call[dict[str, Points]]:
    """Points of these people (at least one); who has none is left out."""
    return Call("trusted", (keys.trust(bot),), (rules.MOST, *people), _by_person)
