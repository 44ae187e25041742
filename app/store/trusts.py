"""Points of trust, per bot and person. What they mean is decided in
`app.rules.trust`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from app.rules import trust as rules
from app.store import keys
from app.store.calls import Call, Reply
from app.store.keys import Key
from app.store.scripts import script

PEOPLE_MOST = 2_000


class Points(NamedTuple):
    """Points and the Unix milliseconds at which they were last added to."""

    points: int
    at_ms: int

    def level(self, now_ms: int) -> int:
        """The level that they are worth now."""
        return rules.level(self.points, now_ms - self.at_ms)


@script("trust.add")
def _add(
    *,
    trust: Key,
    request: Key,
    person: str,
    points: int,
    daily: int,
    grace_days: int,
    most: int,
    people: int,
) -> None: ...


@script("trust.read")
def _read(*people: str, trust: Key, most: int) -> None: ...


def add(bot: str, person: str, points: int, request: str) -> Call[int]:
    """Add points, within the person's day. Returns the points now."""
    call = _add(
        trust=keys.trust(bot),
        request=keys.request(request),
        person=person,
        points=points,
        daily=rules.DAILY,
        grace_days=rules.GRACE_DAYS,
        most=rules.MOST,
        people=PEOPLE_MOST,
    )
    return call.parsed(int)


def _by_person(reply: Reply) -> dict[str, Points]:
    return {
        person: Points(int(points), int(at_ms))
        for person, points, at_ms in zip(
            reply[::3], reply[1::3], reply[2::3], strict=True
        )
    }


def everyone(bot: str) -> Call[dict[str, Points]]:
    """Points by person."""
    return _read(trust=keys.trust(bot), most=rules.MOST).parsed(_by_person)


def some(bot: str, people: Sequence[str]) -> Call[dict[str, Points]]:
    """Points of these people (at least one); who has none is left out."""
    call = _read(*people, trust=keys.trust(bot), most=rules.MOST)
    return call.parsed(_by_person)
