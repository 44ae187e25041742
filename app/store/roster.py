"""The roster: who our bots are, so that every gateway agrees on who is addressed."""

from __future__ import annotations

from pydantic import ValidationError

from app.domain import terms
from app.domain.model import RosterEntry
from app.store import fields, keys
from app.store.calls import Call, Reply, command


def _entries(reply: Reply) -> tuple[RosterEntry, ...]:
    entries = []
    for text in reply.values():
        try:
            entries.append(RosterEntry.model_validate_json(text))
        # One entry that cannot be read must not hide the other bots.
        except ValidationError:
            continue
    return tuple(sorted(entries, key=lambda entry: entry.bot))


def enlist(entry: RosterEntry) -> Call[int]:
    """Publish one bot's entry; the roster expires a day after its last gateway
    published."""
    return fields.put(keys.ROSTER, entry.bot, entry.model_dump_json(), terms.VAULT_TTL)


def roster() -> Call[tuple[RosterEntry, ...]]:
    """All bots, by name."""
    return command("HGETALL", keys.ROSTER, parse=_entries)


def strike(bot: str) -> Call[int]:
    """Take a bot off that cannot be served: its gateway, if it runs, notices and
    publishes it again."""
    return command("HDEL", keys.ROSTER, bot, parse=int)
