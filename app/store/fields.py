"""One field of a hash that expires a while after its last write."""

from __future__ import annotations

from app.store.calls import Call
from app.store.keys import Key
from app.store.scripts import script


@script("field.put")
def _put(*, hash: Key, field: str, value: str, expiry_ms: int) -> None: ...


def put(hash_key: Key, field: str, value: str, expiry_ms: int) -> Call[int]:
    """Store it."""
    call = _put(hash=hash_key, field=field, value=value, expiry_ms=expiry_ms)
    return call.parsed(int)
