"""Sign again what waits, and what diaries are made of, so that an old key can go: a
process with the new key alone would take it for forged, and drop it."""

from __future__ import annotations

from typing import Any

from app.store import keys, memories
from app.store.door import Store
from app.store.nights import Night
from app.store.signing import HEARD, OUTBOX, Signer, asked, night, spoken


def sign_anew(store: Store, signer: Signer) -> int:
    """Sign messages that wait in inboxes, posts that wait in outboxes, what bots said
    and what they wrote at night with the first key. Returns their number.

    For an operator: it reads every mailbox. A message that a cycle is answering
    meanwhile is answered once all the same.
    """
    renewed = sum(
        _resign_inbox(store, key, signer)
        for key in memories.scan(store, "mailbox:*:inbox*")
    )
    renewed += sum(
        _outbox_entry(store, key, signer)
        for key in memories.scan(store, keys.entry("*"))
    )
    renewed += sum(
        _resign_spoken(store, key, signer)
        for key in memories.scan(store, keys.journal_of_bot("*", "????-??-??"))
    )
    return renewed + sum(
        _resign_written(store, kind, key, signer)
        for kind in Night
        for key in memories.scan(store, keys.memory("*", kind))
    )


def _resign_inbox(store: Store, key: str, signer: Signer) -> int:
    bot = key.split(":")[1]
    renewed = 0
    client: Any = store.client
    for entry_id, fields in client.xrange(key):
        event = str(fields.get("event", ""))
        fresh = signer.renew(event, event, asked(bot), HEARD)
        if fresh != event:
            # Added first: a crash in between leaves the message twice, not lost.
            client.xadd(key, {**fields, "event": fresh})
            client.xdel(key, entry_id)
            renewed += 1
    return renewed


def _resign_spoken(store: Store, key: str, signer: Signer) -> int:
    bot = key.split(":")[1]
    client: Any = store.client
    renewed = 0
    # All lines go to the end, one by one: their order stays.
    for line in client.lrange(key, 0, -1):
        fresh = signer.renew(line, line, spoken(bot))
        renewed += fresh != line
        # LREM counts from the head: it takes the old copy, even of two that are equal.
        client.rpush(key, fresh)
        client.lrem(key, 1, line)
    return renewed


def _resign_written(store: Store, kind: Night, key: str, signer: Signer) -> int:
    bot = key.split(":")[1]
    client: Any = store.client
    renewed = 0
    for date, text in client.hgetall(key).items():
        fresh = signer.renew(text, text, night(bot, kind, date))
        if fresh != text:
            client.hset(key, date, fresh)
            renewed += 1
    return renewed


def _outbox_entry(store: Store, key: str, signer: Signer) -> int:
    body = str(store.client.hget(key, "body") or "")
    fresh = signer.renew(body, body, OUTBOX)
    if fresh == body:
        return 0
    store.client.hset(key, "body", fresh)
    return 1
