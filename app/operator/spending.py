"""Who spent what: the budgets of the last days."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from app.domain import terms
from app.domain.settings import Settings
from app.operator.ops import open_store
from app.runtime.clock import epoch_day
from app.store import keys, memories, names, overview, roster, stats
from app.store.door import Store

KEPT_DAYS = terms.BUDGET_TTL // terms.DAY
"""For how many days Redis knows what was spent."""
MICRO = 1_000_000


class By(StrEnum):
    """Whose budgets."""

    BOT = "bot"
    PERSON = "person"
    CHANNEL = "channel"


class Spent(NamedTuple):
    """What one of them spent; `usd` are US dollars. Posts and calls that are on their
    way count."""

    name: str
    id: str
    posts: int
    tokens: int
    usd: float


def find_costs(settings: Settings, by: By, days: int = 1) -> list[Spent]:
    """Of the last days (dates in UTC, by Redis's clock), the dearest first."""
    with open_store(settings) as store:
        totals: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
        for owner, key in _budgets(store, by, days):
            found = store.run(overview.spent(key))
            for place, name in enumerate(("posts", "tokens", "micro_usd")):
                totals[owner][place] += found[name]
        known = {} if by is By.BOT else names_of(store, set(totals))
        table = [
            Spent(known.get(owner, owner), owner, posts, tokens, micro / MICRO)
            for owner, (posts, tokens, micro) in totals.items()
        ]
    return sorted(table, key=lambda one: (-one.usd, -one.tokens, -one.posts, one.id))


def _budgets(store: Store, by: By, days: int) -> Iterator[tuple[str, str]]:
    """(whose, key) of each budget."""
    # Budgets are dated by Redis's clock; this machine's may be wrong.
    today = epoch_day(store.run(stats.server_time()))
    bots = [entry.bot for entry in store.run(roster.roster())]
    for back in range(days):
        if by is By.BOT:
            yield from ((bot, keys.budget(bot, today - back)) for bot in bots)
            continue
        for key in sorted(memories.scan(store, keys.budget(f"{by}:*", today - back))):
            yield key.split(":")[2], key


def names_of(store: Store, ids: set[str]) -> dict[str, str]:
    """What people and channels are called in any server, by id, as far as gateways have
    told."""
    found: dict[str, str] = {}
    for key in memories.scan(store, keys.names("*")):
        wanted = sorted(ids - found.keys())
        if wanted:
            found |= store.run(names.called(key.split(":")[1], wanted))
    return found
