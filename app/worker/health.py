"""Whether a worker process consumes its queues and reaches Redis."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from app.domain.errors import StoreUnavailable
from app.runtime.scraping import Health
from app.store import stats
from app.store.door import Store


def role_of(queues: Collection[str]) -> str:
    """`direct` for workers of direct cycles or deliveries, else `cycles`."""
    return "direct" if {"direct", "delivery"} & set(queues) else "cycles"


def health_of(controller: Any, store: Store) -> Health:
    """The checks of a Celery worker, `controller`."""

    def ready() -> str:
        # Celery makes a new one after each lost connection, and has none meanwhile.
        consumer = getattr(controller, "consumer", None)
        if getattr(consumer, "task_consumer", None) is None:
            return "does not consume its queues"
        try:
            store.run(stats.server_time())
        except StoreUnavailable:
            return "Redis does not answer"
        return ""

    return Health(alive=lambda: "", ready=ready)
