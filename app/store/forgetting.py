"""Forget a person: every value that holds their id or their words goes, wherever it is
kept."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, NamedTuple

import redis
import structlog

from app.store import keys, memories, outbox
from app.store.door import Store
from app.store.signing import HEARD, UNCHECKED, Signer, asked

log = structlog.get_logger(__name__)

WORDS_LEAST = 12
"""Characters of a person's line from which it is looked for elsewhere; shorter ones are
anybody's."""
ROUNDS = 3
"""Sweeps at most: what a running cycle wrote meanwhile is found by the next one."""
SPARED = (
    "vault:",
    keys.OPTED_OUT,
    keys.FORGOTTEN,
    "gateway:",
    "identifies:",
    keys.STATS,
    keys.MUTES,
)
"""Keys that stay: an operator's character file, which the gateway would only write
again, the wishes themselves, what holds nobody, and that a channel is silenced."""


class Forgotten(NamedTuple):
    """How many values went, and the character files that name the person (an operator
    must edit those)."""

    values: int
    named_in: tuple[str, ...]


class _Traces:
    """What a person leaves: the id, those of private channels with them, and lines of
    theirs in each form in which a value may hold them."""

    def __init__(self, person: str, channels: set[str], lines: set[str]) -> None:
        self.person = person
        ids = "|".join(map(re.escape, sorted({person, *channels})))
        # A whole number only: one id may be a piece of a longer one.
        self._id = re.compile(rf"(?<!\d)(?:{ids})(?!\d)")
        # Longest first: taking a piece out of a line would hide the rest of it.
        self._lines = sorted(
            {form for line in lines for form in _id_forms(line)}, key=len, reverse=True
        )

    def in_(self, text: str) -> bool:
        return self._id.search(text) is not None or any(
            line in text for line in self._lines
        )

    def without(self, text: str) -> str:
        for line in self._lines:
            text = text.replace(line, "…")
        return self._id.sub("0", text)


def _id_forms(line: str) -> set[str]:
    # Python escapes what is not ASCII or leaves it; Lua's cjson escapes slashes.
    plain, ascii_ = json.dumps(line, ensure_ascii=False)[1:-1], json.dumps(line)[1:-1]
    return {line, plain, ascii_, plain.replace("/", "\\/"), ascii_.replace("/", "\\/")}


def _bare_client(store: Store) -> Any:
    """The bare client: redis-py's types cannot tell its two kinds of client apart."""
    return store.client


def forget(
    store: Store,
    person: str,
    signer: Signer = UNCHECKED,
    channels: Collection[str] = (),
) -> Forgotten:
    """Remove everything about a Discord user id, in every bot's memory. Raises
    StoreUnavailable; safe to repeat.

    `channels`: private ones with that person, if more are known than is kept now.
    `signer` signs others' waiting messages again where they mention the person; without
    a key these are dropped later.
    """
    traces = _find_traces(store, person, channels)
    total = 0
    for _ in range(ROUNDS):
        found = sum(
            _sweep_key(store, key, traces, signer)
            for key in list(memories.scan(store, "*"))
        )
        total += found
        if not found:
            break
    profiles = memories.scan(store, keys.vault("*", "profile"))
    named = tuple(
        sorted(
            key.split(":")[1]
            for key in profiles
            if traces.in_(str(_bare_client(store).get(key) or ""))
        )
    )
    return Forgotten(total, named)


def traced(store: Store, person: str) -> Iterator[str]:
    """The key of each value that holds the id of a person or of a private channel with
    them, as often as it holds such."""
    traces = _Traces(person, private_channels(store, person), set())
    for key in memories.scan(store, "*"):
        if key.startswith(SPARED):
            continue
        read = _READ.get(str(_bare_client(store).type(key)))
        texts = read(store, key) if read is not None else []
        # A counter's name may hold the id while its value does not.
        held = sum(map(traces.in_, texts)) or int(traces.in_(key))
        yield from [key] * held


def _find_traces(store: Store, person: str, channels: Collection[str]) -> _Traces:
    lines = {
        str(value.get("text", ""))
        for value in _kept_items(store, "said")
        if value.get("author") == person
    }
    lines |= {
        str(event.get("content", ""))
        for event in _waiting_events(store)
        if event.get("author_id") == person
    }
    return _Traces(
        person,
        private_channels(store, person) | set(channels),
        {line for line in lines if len(line) >= WORDS_LEAST},
    )


def private_channels(store: Store, person: str) -> set[str]:
    """The private channels with a person, as far as anything that is kept tells of
    them."""
    found = {
        value.get("channel")
        for value in _kept_items(store, "said")
        if not value.get("guild") and person in {value.get("author"), value.get("to")}
    }
    found |= {
        value.get("channel")
        for value in _kept_items(store, f"person:{person}")
        if not value.get("guild")
    }
    found |= {
        event.get("channel_id")
        for event in _waiting_events(store)
        if event.get("is_dm") and event.get("author_id") == person
    }
    return {str(channel) for channel in found if channel}


def _kept_items(store: Store, part: str) -> Iterator[dict[str, Any]]:
    """The items of a part of every bot's memory."""
    for key in memories.scan(store, keys.memory("*", part)):
        for text in _read_hash(store, key).values():
            yield _as_object(_as_object(text).get("v"))


def _waiting_events(store: Store) -> Iterator[dict[str, Any]]:
    """The events in every inbox."""
    for key in memories.scan(store, "mailbox:*:inbox*"):
        for _, fields in _read_stream(store, key):
            yield _as_object(fields.get("event"))


def _as_object(value: object) -> dict[str, Any]:
    """An object, or the one in a JSON text; what is neither holds nothing that could be
    kept."""
    try:
        found = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _sweep_key(store: Store, key: str, traces: _Traces, signer: Signer) -> int:
    """Clean one key. Returns how many values went."""
    if key.startswith(SPARED):
        return 0
    # The mute of a private channel stays: it is somebody's word, not a trace.
    if (traces.in_(key) and not key.startswith("mute:")) or (
        key.endswith(":uttered")
        and key.startswith("memory:")
        and _delete_key(store, key)
    ):
        # Lines of the offline voice may call people by name; without the list it may
        # merely repeat itself.
        return int(_bare_client(store).delete(key))
    kind = str(_bare_client(store).type(key))
    if kind == "stream":
        return _sweep_entries(store, key, traces, signer)
    return _BY_KIND.get(kind, _sweep_nothing)(store, key, traces)


def _sweep_nothing(_store: Store, _key: str, _find_traces: _Traces) -> int:
    return 0


def _delete_key(store: Store, key: str) -> bool:
    return bool(_bare_client(store).exists(key))


def _sweep_string(store: Store, key: str, traces: _Traces) -> int:
    if not traces.in_(str(_bare_client(store).get(key) or "")):
        return 0
    if key.startswith("mute:"):
        # The moderator is forgotten, the silence stays.
        _bare_client(store).set(key, "a moderator", keepttl=True)
        return 1
    return int(_bare_client(store).delete(key))


def _sweep_fields(store: Store, key: str, traces: _Traces) -> int:
    held = [
        name
        for name, value in _read_hash(store, key).items()
        if traces.in_(name) or traces.in_(value)
    ]
    if not held:
        return 0
    if key.startswith("entry:"):
        return _drop_post(store, key)
    return int(_bare_client(store).hdel(key, *held))


def _drop_post(store: Store, key: str) -> int:
    """A post to the person: taken off its outbox, so that the floor is free, and then
    gone."""
    entry_id = key.removeprefix("entry:")
    entry = store.run(outbox.read(entry_id))
    if entry is not None:
        store.run(outbox.dead_letter(entry, "cancelled", "a person is forgotten"))
        # It may have been a dead letter before.
        _bare_client(store).hdel(keys.dead(entry.bot), entry_id)
    return int(_bare_client(store).delete(key))


def _sweep_elements(store: Store, key: str, traces: _Traces) -> int:
    held = {
        text for text in _bare_client(store).lrange(key, 0, -1) if traces.in_(str(text))
    }
    return sum(int(_bare_client(store).lrem(key, 0, text)) for text in held)


def _sweep_members(store: Store, key: str, traces: _Traces) -> int:
    held = [text for text in _bare_client(store).smembers(key) if traces.in_(str(text))]
    return int(_bare_client(store).srem(key, *held)) if held else 0


def _sweep_scored(store: Store, key: str, traces: _Traces) -> int:
    held = [
        text for text in _bare_client(store).zrange(key, 0, -1) if traces.in_(str(text))
    ]
    return int(_bare_client(store).zrem(key, *held)) if held else 0


def _sweep_entries(store: Store, key: str, traces: _Traces, signer: Signer) -> int:
    """The person's messages go; others' that mention them are rewritten
    without that."""
    gone = 0
    for entry_id, fields in _read_stream(store, key):
        if not any(map(traces.in_, fields.values())):
            continue
        # What has no readable author cannot be rewritten: it goes whole.
        if _as_object(fields.get("event")).get("author_id") not in {
            traces.person,
            None,
        }:
            without = {name: traces.without(value) for name, value in fields.items()}
            purposes = (HEARD, asked(key.split(":")[1]))
            without["event"] = signer.renew(
                fields.get("event", ""), without.get("event", ""), *purposes
            )
            # Added first: a crash in between leaves the message twice, not lost.
            _bare_client(store).xadd(key, without)
        gone += int(_bare_client(store).xdel(key, entry_id))
    return gone


def _read_hash(store: Store, key: str) -> Mapping[str, str]:
    return dict(_bare_client(store).hgetall(key))


def _read_stream(store: Store, key: str) -> list[tuple[str, dict[str, str]]]:
    return list(_bare_client(store).xrange(key))


_BY_KIND: Mapping[str, Callable[[Store, str, _Traces], int]] = {
    "string": _sweep_string,
    "hash": _sweep_fields,
    "list": _sweep_elements,
    "set": _sweep_members,
    "zset": _sweep_scored,
}


_READ: Mapping[str, Callable[[Store, str], list[str]]] = {
    "string": lambda store, key: [str(_bare_client(store).get(key) or "")],
    "hash": lambda store, key: [
        f"{name} {value}" for name, value in _read_hash(store, key).items()
    ],
    "list": lambda store, key: list(_bare_client(store).lrange(key, 0, -1)),
    "set": lambda store, key: list(_bare_client(store).smembers(key)),
    "zset": lambda store, key: list(_bare_client(store).zrange(key, 0, -1)),
    "stream": lambda store, key: [
        " ".join(fields.values()) for _, fields in _read_stream(store, key)
    ],
}


def rewrite(store: Store, timeout: float = 60.0) -> bool:
    """Rewrite the append-only file, so that no old entry of it holds what was
    forgotten; waits until it is done. False: the server keeps no such file, or did not
    finish; what its backups hold is the operator's matter."""
    client, deadline = _bare_client(store), time.monotonic() + timeout
    try:
        # The slow log quotes commands with their arguments.
        client.slowlog_reset()
        if not client.info("persistence").get("aof_enabled"):
            return False
        while not _start_rewrite(client):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        while _is_rewriting(client):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return bool(client.info("persistence")["aof_last_bgrewrite_status"] == "ok")
    # The ACL may not allow it: what was to be forgotten is gone all the same.
    except redis.exceptions.ResponseError as error:
        log.warning("the append-only file was not rewritten", reason=str(error)[:100])
        return False


def _start_rewrite(client: Any) -> bool:
    """Start a rewrite that begins now: one that runs already may have begun before."""
    if _is_rewriting(client):
        return False
    client.bgrewriteaof()
    return True


def _is_rewriting(client: Any) -> bool:
    state = client.info("persistence")
    # Scheduled: it waits until a snapshot that is being written is done.
    return bool(state["aof_rewrite_in_progress"] or state.get("aof_rewrite_scheduled"))
