"""One field of a hash that expires a while after its last write."""

from __future__ import annotations

from app.store import keys
from app.store.calls import Call
from app.store.keys import Key
from app.store.scripts import script


@script("field.put")
def _put(
    *, hash: Key, field: str, value: str, expiry_ms: int, after: str | None
) -> None: ...


def put(
    hash_key: Key, field: str, value: str, expiry_ms: int, after: str = ""
) -> Call[bool]:
    """Store it. `after`: the request of the commit before it in the same round trip,
    without which nothing is stored: False."""
    call = _put(
        hash=hash_key,
        field=field,
        value=value,
        expiry_ms=expiry_ms,
        after=keys.request(after) if after else None,
    )
    return call.parsed(bool)
