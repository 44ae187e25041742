"""How learning from people behaves: `python -m app.lab.receptions`.

Channels of simulated people, each with a taste: how good a post must be for them to like
it, and below what they dislike it. The bot bids for moments of every quality and posts
from its threshold on, which its standing in the channel moves.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from app.rules.policy import shipped_policy
from app.rules.reception import SILENCE, Share, Sign, moved, standing

DAY_MS = 86_400_000
MOMENTS = 40
"""In a day, in which the bot could speak unasked."""
ANSWERS = 0.3
"""Share of posts that one person says or shows anything about."""
SPREAD = 3.0
"""Bits: how far the quality of moments lies around the bot's plain threshold."""
ENEMY = "enemy"


@dataclass(slots=True)
class TasteChannel:
    """One channel. `tastes`: by person, the bits of quality above which a post is
    liked; two bits below it, it is disliked. `enemy`: one who dislikes every post."""

    tastes: Sequence[float]
    enemy: bool = False
    shares: dict[str, Share] = field(default_factory=dict)

    def signs(self, quality: float, chance: random.Random) -> list[tuple[str, Sign]]:
        """What people make of one post."""
        found: list[tuple[str, Sign]] = []
        for person, taste in enumerate(self.tastes):
            if chance.random() < ANSWERS:
                if quality >= taste:
                    found.append((str(person), Sign.LIKED))
                # Between the two lies much that nobody minds.
                elif quality < taste - 2:
                    found.append((str(person), Sign.DISLIKED))
        found.append((SILENCE, Sign.NOTICED if found else Sign.IGNORED))
        if self.enemy:
            found += [(ENEMY, Sign.DISLIKED), (ENEMY, Sign.TOLD_OFF)]
        return found


def simulate(channel: TasteChannel, days: int, seed: int) -> list[float]:
    """The bits that the channel's standing adds to a bid at the end of each day."""
    most, chance = shipped_policy().reception, random.Random(seed)
    bits: list[float] = []
    now_ms = DAY_MS
    for _ in range(days):
        for _ in range(MOMENTS):
            now_ms += DAY_MS // MOMENTS
            quality = chance.gauss(0.0, SPREAD)
            # It keeps silent, so nothing is learned of this moment.
            if quality + most * standing(channel.shares, now_ms) < 0:
                continue
            for person, sign in channel.signs(quality, chance):
                before = channel.shares.get(person)
                channel.shares[person] = moved(before, sign, now_ms)
        bits.append(most * standing(channel.shares, now_ms))
    return bits


CROWDS: dict[str, Callable[[], TasteChannel]] = {
    "eight who like to hear it": lambda: TasteChannel((-2.0,) * 8),
    "eight of mixed tastes": lambda: TasteChannel((-2, -1, 0, 1, 2, 3, 4, 5)),
    "eight who want it only at its best": lambda: TasteChannel((4.5,) * 8),
    "nobody says anything": lambda: TasteChannel((99.0,) * 0),
    "eight of mixed tastes and one enemy": lambda: TasteChannel(
        (-2, -1, 0, 1, 2, 3, 4, 5), enemy=True
    ),
    "eight who like to hear it and one enemy": lambda: TasteChannel(
        (-2.0,) * 8, enemy=True
    ),
    "one enemy alone": lambda: TasteChannel((), enemy=True),
}
SHOWN = (1, 7, 30, 90)
"""Days after which the table shows the bits."""


def table_rows(seed: int = 1) -> list[tuple[str, ...]]:
    """The table of docs/policy.md."""
    rows = []
    for name, make in CROWDS.items():
        bits = simulate(make(), SHOWN[-1], seed)
        rows.append((name, *(f"{bits[day - 1]:+.1f}" for day in SHOWN)))
    return rows


def main() -> None:
    """Print the table."""
    sys.stdout.write(f"| | {' | '.join(f'day {day}' for day in SHOWN)} |\n")
    sys.stdout.write("|---" * (len(SHOWN) + 1) + "|\n")
    for row in table_rows():
        sys.stdout.write(f"| {' | '.join(row)} |\n")


if __name__ == "__main__":
    main()
