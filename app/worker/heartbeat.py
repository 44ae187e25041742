"""A worker's sign of life: a thread that tells which queues it serves."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import suppress

from app.domain.errors import StoreUnavailable
from app.store import heartbeats
from app.store.door import Store
from app.store.heartbeats import Heartbeat, ProcessRole


class WorkerHeartbeat:
    """Tells until it is stopped. While Redis is away it tells nothing, and nobody is
    held up by it."""

    def __init__(self, store: Store, name: str, queues: Sequence[str]) -> None:
        self._store = store
        facts = {"queues": sorted(queues), "since": time.time()}
        self._sign = Heartbeat(ProcessRole.WORKER, name, facts)
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._tell, name="heartbeat", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Take the sign back."""
        self._stopping.set()
        self._thread.join(heartbeats.EVERY)
        # Otherwise it expires by itself.
        with suppress(StoreUnavailable):
            self._store.run(heartbeats.end(ProcessRole.WORKER, self._sign.name))

    def _tell(self) -> None:
        while not self._stopping.is_set():
            # Code that needs Redis says so in the log.
            with suppress(StoreUnavailable):
                self._store.run(heartbeats.tell(self._sign))
            self._stopping.wait(heartbeats.EVERY)
