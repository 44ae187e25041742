"""What calls of language models may cost and what they took, in tokens and millionths
of a US dollar."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from app.brain import answers
from app.brain.quirks import Quirks
from app.domain.model import Cost


class Price(NamedTuple):
    """US dollars per million tokens read and written, which are micro-dollars per
    token."""

    usd_in: float = 0.0
    usd_out: float = 0.0

    def of(self, read: int, wrote: int) -> Cost:
        """What so many tokens cost, never rounded down."""
        return Cost(read + wrote, math.ceil(read * self.usd_in + wrote * self.usd_out))


def _always(cost: Cost, seconds: float) -> bool:
    return True


@dataclass
class DraftAccount:
    """What is held for one draft, and what its calls took. `more` holds more of every
    budget, within so many seconds where calls of others run; False: there is no
    room."""

    held: Cost = field(default_factory=Cost)
    more: Callable[[Cost, float], bool] = _always
    spent: Cost = field(default_factory=Cost)
    doubts: list[str] = field(default_factory=list)
    """What was odd about the counts of its providers."""

    def covers(self, cost: Cost, seconds: float) -> bool:
        """Whether a call of this cost may be made. What is not held yet is asked
        for."""
        missing = (self.spent + cost).beyond(self.held)
        if missing != Cost():
            if not self.more(missing, seconds):
                return False
            self.held = self.held + missing
        return True


@dataclass
class Bill:
    """What the tries of one question took, failed ones included."""

    account: DraftAccount
    asked: int
    """Tokens of the prompt, by our estimate."""
    limit: int | None
    """Tokens of an answer."""
    spent: Cost = field(default_factory=Cost)

    def add(self, cost: Cost) -> None:
        """Book what a try took."""
        self.spent = self.spent + cost
        self.account.spent = self.account.spent + cost

    def estimate(self, price: Price, quirks: Quirks) -> Cost:
        """What one try may cost."""
        most = quirks.most_written(self.limit) or answers.UNLIMITED
        return price.of(self.asked, most)
