"""Sign what waits anew, so that an old key can go: who has the new key alone would take
it for forged, and drop it."""

from __future__ import annotations

from typing import Any

from app.store import keys, memories
from app.store.door import Store
from app.store.signing import HEARD, OUTBOX, Signer, asked


def sign_anew(store: Store, signer: Signer) -> int:
    """Sign messages that wait in inboxes and posts that wait in outboxes with the first
    key. Returns their number.

    For an operator: it reads every mailbox. A message that a cycle is answering
    meanwhile is answered once all the same.
    """
    renewed = sum(
        _inbox(store, key, signer) for key in memories.scan(store, "mailbox:*:inbox*")
    )
    return renewed + sum(
        _outbox_entry(store, key, signer)
        for key in memories.scan(store, keys.entry("*"))
    )


def _inbox(store: Store, key: str, signer: Signer) -> int:
    bot = key.split(":")[1]
    renewed = 0
    client: Any = store.client
    for entry_id, fields in client.xrange(key):
        event = str(fields.get("event", ""))
        fresh = signer.renew(event, event, asked(bot), HEARD)
        if fresh != event:
            client.xadd(key, {**fields, "event": fresh})
            client.xdel(key, entry_id)
            renewed += 1
    return renewed


def _outbox_entry(store: Store, key: str, signer: Signer) -> int:
    body = str(store.client.hget(key, "body") or "")
    fresh = signer.renew(body, body, OUTBOX)
    if fresh == body:
        return 0
    store.client.hset(key, "body", fresh)
    return 1
