"""The lane's lock: python-redis-lock, made to survive lost answers and a Redis that is
away for a moment."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable

import redis_lock
import structlog

from app.domain.errors import StoreUnavailable
from app.domain.lane import Lane
from app.store import keys, leases
from app.store.calls import Call, command
from app.store.door import Store
from app.store.keys import Key
from app.store.outages import outages

log = structlog.get_logger(__name__)


class LaneLock(redis_lock.Lock):  # type: ignore[misc]
    """`lock:daily_life:<lane>`, acquired without waiting and renewed by a thread while
    it is held.

    Two repairs to the library (4.0.1): a SET whose answer was lost and that is retried
    is recognised as ours, and the renewal thread survives connection errors. Nobody asks
    whether the lock is lost: each script that a cycle ends with looks for itself.
    """

    def __init__(
        self,
        store: Store,
        lane: Lane,
        lease: int,
        on_renew: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(
            store.client, keys.lock_name(lane), expire=lease, auto_renewal=True
        )
        self._store = store
        self._on_renew = on_renew
        # The library renews after two thirds: one failure would lose the lock.
        self._lock_renewal_interval = lease / 3

    def wish(self) -> Call[bool]:
        """The call that takes the lock if it is free. Its answer may be lost and the
        call repeated: a lock whose value is my id is mine, whatever it answers."""
        return command(
            "SET", self._name, self._id, "NX", "EX", self._expire, parse=bool
        )

    def keep_renewing(self) -> None:
        """Renew it from now on: it is ours."""
        self._start_lock_renewer()

    def take(self) -> bool:
        """Acquire if it is free, and keep it. Raises StoreUnavailable."""
        with outages():
            taken = (
                self._client.execute_command(*self.wish().args)
                or self.get_owner_id() == self._id
            )
        if taken:
            self.keep_renewing()
        return bool(taken)

    def _renewal(self) -> Call[bool]:
        """The call that renews it; False: it is no longer ours. The library's own would
        fail where the server's scripts are flushed again and again."""
        return leases.renew(Key(self._name), self._id, self._expire * 1000)

    def stop(self) -> None:
        """End the renewal; the finish script has released the key, or it expires."""
        self._stop_lock_renewer()

    @staticmethod
    def _lock_renewer(
        name: str,
        lockref: weakref.ref[LaneLock],
        interval: float,
        stop: threading.Event,
    ) -> None:
        while not stop.wait(timeout=interval):
            lock = lockref()
            if lock is None:
                return
            try:
                if not lock._store.run(lock._renewal()):
                    return
                lock._on_renew()
            except StoreUnavailable:
                # The lease is three intervals long: two failures in a row are survived,
                # and commit checks ownership anyway.
                log.warning("lock renewal failed, trying again", lock=name)
            # No strong reference while it waits: a lock that was dropped can then go.
            del lock
