"""Who spent what: the budgets of the last days."""

from __future__ import annotations

from collections import Counter, defaultdict
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
    totals: dict[str, Counter[str]] = defaultdict(Counter)
    with open_store(settings) as store:
        for owner, key in _budgets(store, by, days):
            totals[owner].update(store.run(overview.spent(key)))
        known = {} if by is By.BOT else names_of(store, set(totals))
        if by is By.PERSON:
            known = remembered_names(store, totals.keys() - known.keys()) | known
    # Gateways name the channels of servers: no others.
    unnamed = "a private channel" if by is By.CHANNEL else ""
    table = [
        Spent(
            name=known.get(owner, unnamed or owner),
            id=owner,
            posts=total["posts"],
            tokens=total["tokens"],
            usd=total["micro_usd"] / MICRO,
        )
        for owner, total in totals.items()
    ]
    return sorted(table, key=_dearest_first)


def _dearest_first(one: Spent) -> tuple[float, int, int, str]:
    return (-one.usd, -one.tokens, -one.posts, one.id)


def _budgets(store: Store, by: By, days: int) -> Iterator[tuple[str, str]]:
    """(whose, key) of each budget."""
    # Budgets are dated by Redis's clock; this machine's may be wrong.
    today = epoch_day(store.run(stats.server_time()))
    bots = [entry.bot for entry in store.run(roster.roster())]
    for back in range(days):
        day = today - back
        if by is By.BOT:
            for bot in bots:
                yield bot, keys.budget(bot, day)
            continue
        pattern = keys.budget(f"{by}:*", day)
        for key in sorted(memories.scan(store, pattern)):
            yield key.split(":")[2], key


def remembered_names(store: Store, ids: set[str]) -> dict[str, str]:
    """Under what names bots remember these people: gateways tell of nicknames alone."""
    found: dict[str, str] = {}
    for entry in store.run(roster.roster()):
        if ids <= found.keys():
            break
        for author, name in store.run(memories.authors(entry.bot)):
            if author in ids:
                found.setdefault(author, name)
    return found


def names_of(store: Store, ids: set[str]) -> dict[str, str]:
    """What people and channels are called in any server, by id, as far as gateways have
    told."""
    found: dict[str, str] = {}
    for key in memories.scan(store, keys.names("*")):
        unknown = sorted(ids - found.keys())
        if unknown:
            server = key.split(":")[1]
            found |= store.run(names.called(server, unknown))
    return found
