"""What operators are shown is told by Discord's clock, as the ids of messages are: the
journal's own times are Redis's (ADR 34)."""

from __future__ import annotations

from app.domain.errors import StoreForbidden
from app.domain.model import JournalLine
from app.store import clocks, journal, stats
from app.store.door import Store


def read_now_ms(store: Store) -> float:
    """Unix ms now, by Discord's clock."""
    now, ahead_ms = store.run_all([stats.server_time(), clocks.discord_ahead()])
    return float(now) * 1000 + int(ahead_ms)


def read_lines(store: Store, message: str) -> tuple[JournalLine, ...]:
    """What was decided about a message, oldest first, when by Discord's clock."""
    lines = store.run(journal.read(message))
    ahead_ms = _read_ahead(store) if lines else 0
    if not ahead_ms:
        return lines
    return tuple(
        line.model_copy(update={"at_ms": line.at_ms + ahead_ms}) for line in lines
    )


def _read_ahead(store: Store) -> int:
    try:
        return store.run(clocks.discord_ahead())
    except StoreForbidden:
        return 0  # a viewer's login reads the journal alone
