"""What an operator asks of a running stream: why, mute, budgets, dead letters."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

from app.embedded import running_url
from app.errors import ConfigurationError
from app.model import JournalLine
from app.settings import Settings
from app.store import journal, mutes, outbox, roster
from app.store.door import Store

LINK = re.compile(r"(?:/|^)(\d{5,20})/?$")
SCOPE = re.compile(r"^(all|(?:guild|channel):\d{1,20}|bot:[a-z][a-z0-9_-]{0,31})$")
DURATION = re.compile(r"^(\d+)([smhd])$")
UNITS_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


@contextmanager
def opened(settings: Settings) -> Iterator[Store]:
    """A store on STREAM_REDIS_URL, or on the embedded Valkey that `up` runs on this machine."""
    url = settings.redis_url or running_url(settings.data_dir)
    if url is None:
        raise ConfigurationError("STREAM_REDIS_URL: is not set and no `the-stream up` runs on STREAM_DATA_DIR.")
    store = Store(url, settings.redis_timeout)
    try:
        yield store
    finally:
        store.close()


def message_of(text: str) -> str:
    """The message id in an id or in a Discord message link."""
    found = LINK.search(text.strip())
    if found is None:
        raise ConfigurationError("Give a message id, or a link as Discord's `Copy Message Link` writes it.")
    return found[1]


def why(message: str, settings: Settings) -> list[JournalLine]:
    """All that was decided about one message, oldest first."""
    with opened(settings) as store:
        return list(store.run(journal.read(message_of(message))))


def duration_ms(text: str) -> int:
    """`90s`, `30m`, `2h` or `7d` in milliseconds."""
    found = DURATION.match(text)
    if found is None:
        raise ConfigurationError("A duration is a number and s, m, h or d, as in 2h.")
    return int(found[1]) * UNITS_MS[found[2]]


def mute(scope: str, settings: Settings, for_: str | None = None, who: str = "operator") -> bool:
    """Silence a scope and wait until the POSTs already on their way have ended. True: acknowledged, nothing more will come."""
    _check(scope)
    with opened(settings) as store:
        store.run(mutes.mute(scope, who, duration_ms(for_) if for_ else None))
        return acknowledged(store, settings.discord_timeout)


def acknowledged(store: Store, timeout: float) -> bool:
    """Wait until no POST that began before now is on its way."""
    deadline = time.monotonic() + timeout
    while (left := store.run(mutes.in_flight())) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left == 0


def unmute(scope: str, settings: Settings) -> bool:
    """End a mute; False: there was none."""
    _check(scope)
    with opened(settings) as store:
        return store.run(mutes.unmute(scope))


def waiting(settings: Settings) -> list[tuple[str, str, str]]:
    """(bot, entry id, channel) of every post on its way."""
    with opened(settings) as store:
        return [
            (entry.bot, entry_id, channel)
            for entry in store.run(roster.roster())
            for channel, _ in store.run(outbox.channels_due(entry.bot))
            for entry_id in store.run(outbox.waiting(entry.bot, channel))
        ]


def dead_letters(settings: Settings) -> list[tuple[str, str, str]]:
    """(bot, entry id, reason) of every dead letter."""
    with opened(settings) as store:
        return [
            (entry.bot, entry_id, reason)
            for entry in store.run(roster.roster())
            for entry_id, reason in store.run(outbox.dead(entry.bot)).items()
        ]


def retry(entry_id: str, settings: Settings) -> bool:
    """Send a dead letter again; the pump finds it within about a second. False: it is no dead letter."""
    with opened(settings) as store:
        entry = store.run(outbox.read(entry_id))
        return entry is not None and store.run(outbox.retry(entry))


def _check(scope: str) -> None:
    if not SCOPE.match(scope):
        raise ConfigurationError("A scope is all, bot:NAME, channel:ID or guild:ID.")
