"""The caps of a day, on recorded time: each bot's, all bots' together, a channel's and
a person's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from app.domain.model import Cost
from app.lab.chatlog import LogLine
from app.store.limits import Limits


class Cap(NamedTuple):
    """What one of them allows a day; None: it does not count this."""

    whose: tuple[str, str]
    posts: int | None
    tokens: int
    micro_usd: int


def caps_of(line: LogLine, bot: str, limits: Limits) -> Iterator[Cap]:
    """Those that an answer to a line is booked on."""
    yield Cap(
        ("bot", bot), limits.daily_posts, limits.daily_tokens, limits.daily_micro_usd
    )
    yield Cap(
        ("all", ""),
        limits.daily_posts_all,
        limits.daily_tokens_all,
        limits.daily_micro_usd_all,
    )
    place = line.place.parent or line.place.channel or line.channel
    yield Cap(("channel", place), None, limits.channel_tokens, limits.channel_micro_usd)
    yield Cap(
        ("person", line.author), None, limits.person_tokens, limits.person_micro_usd
    )


class DayCaps:
    """What the day of the latest line has taken."""

    def __init__(self) -> None:
        self._day = ""
        self._spent: dict[tuple[str, str], Counter[str]] = {}

    def book(self, line: LogLine, bot: str, cost: Cost, limits: Limits) -> bool:
        """Book an answer; False: one of its caps has no room."""
        day = datetime.fromtimestamp(line.at, UTC).date().isoformat()
        if day != self._day:
            self._day, self._spent = day, {}
        caps = list(caps_of(line, bot, limits))
        if not all(self._has_room(cap, cost) for cap in caps):
            return False
        for cap in caps:
            spent = self._spent.setdefault(cap.whose, Counter())
            spent.update(posts=1, tokens=cost.tokens, micro_usd=cost.micro_usd)
        return True

    def _has_room(self, cap: Cap, cost: Cost) -> bool:
        spent = self._spent.get(cap.whose, Counter())
        return (
            (cap.posts is None or spent["posts"] < cap.posts)
            and spent["tokens"] + cost.tokens <= cap.tokens
            and spent["micro_usd"] + cost.micro_usd <= cap.micro_usd
        )
