"""Signs of life in a real Valkey."""

from __future__ import annotations

from app.domain import terms
from app.store import heartbeats, keys
from app.store.door import Store
from app.store.heartbeats import Heartbeat, ProcessRole


def test_a_sign_is_read_as_it_was_told_and_expires(store: Store) -> None:
    """What ended, and what nobody could have written, is left out."""
    told = Heartbeat(ProcessRole.WORKER, "direct@host", {"queues": ["direct"]})
    store.run(heartbeats.tell(told))
    names = [keys.heartbeat("worker", name) for name in ("direct@host", "gone", "odd")]
    store.client.set(names[2], "{", px=60_000)
    assert store.run(heartbeats.read(names)) == (told,)
    assert 0 < store.client.pttl(names[0]) <= terms.HEARTBEAT_TTL
    store.run(heartbeats.end(ProcessRole.WORKER, "direct@host"))
    assert store.run(heartbeats.read(names[:1])) == ()
