"""Leave to send: asked for before each POST, or come along with the commit of what is
sent."""

from __future__ import annotations

import time
from typing import NamedTuple

from app.domain.errors import DeliveryRefused
from app.domain.model import OutboxEntry
from app.domain.settings import Settings
from app.domain.verdicts import Attempt
from app.store import outbox
from app.store.door import AsyncStore
from app.store.outbox import Allowed

FRESH_FOR = 0.5
"""Seconds for which a permission that came with a commit is used. Whoever waits longer
for a rate limit asks again, as a mute may have come."""


class AttemptRefused(DeliveryRefused):
    """The store refused an attempt."""

    def __init__(self, allowed: Allowed) -> None:
        super().__init__(allowed.verdict)
        self.allowed = allowed


class SendPermission(NamedTuple):
    """Leave to send the head of a queue, which came with its commit; and the lease, which
    came with that."""

    owner: str
    entry: OutboxEntry
    allowed: Allowed
    asked_at: float
    """Before it was asked for (monotonic)."""

    @property
    def age(self) -> float:
        """Seconds since it was asked for."""
        return time.monotonic() - self.asked_at

    @property
    def is_fresh(self) -> bool:
        """Whether it may still be used."""
        return self.age < FRESH_FOR


async def ask(
    store: AsyncStore,
    entry: OutboxEntry,
    chunk: int,
    owner: str,
    settings: Settings,
    *,
    absent: bool,
    given: SendPermission | None,
) -> tuple[Allowed, float]:
    """The permission, and its age in seconds. `given`: one that was not used yet. Raises
    AttemptRefused."""
    if given is not None and given.is_fresh:
        return given.allowed, given.age
    # Nothing was sent by one that got old: if it was the first, nothing can have arrived.
    unsent = given is not None and given.allowed.tries == 1
    allowed = await store.run(
        outbox.attempt(entry, chunk, owner, settings, looked=absent or unsent)
    )
    if allowed.verdict is not Attempt.SEND:
        raise AttemptRefused(allowed)
    return allowed, 0.0
