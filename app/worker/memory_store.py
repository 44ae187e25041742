"""LangGraph's BaseStore on our Redis: small items in bounded parts, recalled by meaning
with an exact cosine.

A namespace is (bot, "said") or (bot, "person", user id); what a part holds at most is
decided in `app.store.memories`. Items do not change once they are written, so a process
reads each of them once: a search asks Redis for the names alone.
"""

from __future__ import annotations

import asyncio
import base64
import json
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
from langgraph.store.base import (
    BaseStore,
    GetOp,
    Item,
    ListNamespacesOp,
    MatchCondition,
    Op,
    PutOp,
    Result,
    SearchItem,
    SearchOp,
)

from app.brain.embeddings import LangChainEncoder, Matrix, rounded
from app.store import memories
from app.store.calls import Call
from app.store.door import Store

CACHED_PARTS = 32
"""Parts whose items a process keeps: a full one takes about a megabyte."""
FORESEEN_FOR = 0.5
"""Seconds: from a cycle's first questions to its search for what it remembers. Where
Discord is slow in between, the names are read again."""

Namespace = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StoredItem:
    """One item as it stands in Redis: value, time of writing, and the vector of its
    text if it has one."""

    value: dict[str, Any]
    at: datetime
    vector: Matrix | None


def _decode_item(text: str) -> StoredItem:
    raw = json.loads(text)
    vector = (
        np.frombuffer(base64.b64decode(raw["e"]), dtype=np.float16)
        if raw.get("e")
        else None
    )
    return StoredItem(raw["v"], datetime.fromtimestamp(raw["at"] / 1000, UTC), vector)  # type: ignore[arg-type]


class RedisMemory(BaseStore):
    """Safe to share between threads. `value["text"]` is what is embedded, unless
    `index=False`. Raises StoreUnavailable."""

    __slots__ = ("_encoder", "_foreseen", "_known", "_lock", "_store")

    def __init__(self, store: Store, encoder: LangChainEncoder) -> None:
        self._store = store
        self._encoder = encoder
        self._known: OrderedDict[Namespace, dict[str, StoredItem]] = OrderedDict()
        self._foreseen: OrderedDict[Namespace, tuple[float, tuple[str, ...]]] = (
            OrderedDict()
        )
        """Names of items that were asked for along with other things, and when
        (monotonic)."""
        self._lock = threading.Lock()

    def clear(self) -> None:
        """Let go of all that this process keeps of it; what is still in Redis is read
        again."""
        with self._lock:
            self._known.clear()
            self._foreseen.clear()
        self._encoder.clear()

    def foresee(self, namespace: Namespace, names: tuple[str, ...]) -> None:
        """Take the names that Redis has just told of a namespace: the next search, if
        it comes soon, does not ask for them again."""
        with self._lock:
            self._foreseen[namespace] = time.monotonic(), names
            while len(self._foreseen) > CACHED_PARTS:
                self._foreseen.popitem(last=False)

    def beside(self, calls: Sequence[Call[Any]]) -> BaseStore:
        """This memory; its next batch, and that one alone, sends these calls along in
        the round trip of its puts."""
        return _Accompanied(self, calls)

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Carry out operations one after another; all puts go in one round trip."""
        return self.batch_beside(list(ops), [])

    def batch_beside(
        self, listed: Sequence[Op], beside: Sequence[Call[Any]]
    ) -> list[Result]:
        """As `batch`, with other calls in the round trip of its puts."""
        # One call of the encoder for all that is new; each item then finds its vector
        # in the cache.
        if texts := [
            text
            for op in listed
            if isinstance(op, PutOp) and (text := _embedded_text(op))
        ]:
            self._encoder.matrix(texts)
        results: list[Result] = []
        puts: dict[Namespace, dict[str, str]] = {}
        for op in listed:
            if isinstance(op, PutOp):
                self._put_one(op, puts)
                results.append(None)
            elif isinstance(op, GetOp):
                results.append(self._get_one(op))
            elif isinstance(op, SearchOp):
                results.append(self._search_one(op))
            elif isinstance(op, ListNamespacesOp):
                results.append(self._list_namespaces(op))
        written = [
            memories.put(namespace[0], ":".join(namespace[1:]), items)
            for namespace, items in puts.items()
        ]
        if calls := [*written, *beside]:
            self._store.run_all(calls)
        return results

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """As `batch`, in a thread."""
        return await asyncio.to_thread(self.batch, list(ops))

    def _put_one(self, op: PutOp, puts: dict[Namespace, dict[str, str]]) -> None:
        with self._lock:
            self._foreseen.pop(op.namespace, None)
        if op.value is None:
            self._store.run(
                memories.drop(op.namespace[0], ":".join(op.namespace[1:]), [op.key])
            )
            return
        item: dict[str, object] = {"v": op.value, "at": int(time.time() * 1000)}
        if text := _embedded_text(op):
            vector = self._encoder.matrix([text])[0].astype(np.float16)
            item["e"] = base64.b64encode(vector.tobytes()).decode()
        puts.setdefault(op.namespace, {})[op.key] = memories.encoded(item)
        with self._lock:
            known = self._known.get(op.namespace, {})
            # A new dict, no change in place: another thread may be reading this one.
            if op.key in known:
                self._known[op.namespace] = {
                    key: kept for key, kept in known.items() if key != op.key
                }

    def _get_one(self, op: GetOp) -> Item | None:
        found = self._store.run(
            memories.values(op.namespace[0], ":".join(op.namespace[1:]), [op.key])
        ).get(op.key)
        if found is None:
            return None
        kept = _decode_item(found)
        return Item(
            value=kept.value,
            key=op.key,
            namespace=op.namespace,
            created_at=kept.at,
            updated_at=kept.at,
        )

    def _search_one(self, op: SearchOp) -> list[SearchItem]:
        """The nearest in meaning first, or without a query the newest."""
        found = [
            (namespace, key, kept)
            for namespace in self._namespaces_under(op.namespace_prefix)
            for key, kept in self._part_items(namespace).items()
            if all(
                kept.value.get(name) == wanted
                for name, wanted in (op.filter or {}).items()
            )
        ]
        scores: list[float | None] = [None] * len(found)
        if op.query and found:
            scores = list(
                self._score_items(op.query, [kept.vector for _, _, kept in found])
            )
            order = sorted(
                range(len(found)),
                key=lambda at: -1.0 if (score := scores[at]) is None else score,
                reverse=True,
            )
        else:
            order = sorted(
                range(len(found)),
                # By length first: so snowflakes as text sort as the numbers do.
                key=lambda at: (len(found[at][1]), found[at][1]),
                reverse=True,
            )
        return [
            SearchItem(
                namespace=namespace,
                key=key,
                value=kept.value,
                created_at=kept.at,
                updated_at=kept.at,
                score=scores[at],
            )
            for at in order[op.offset : op.offset + op.limit]
            for namespace, key, kept in [found[at]]
        ]

    def _score_items(
        self, query: str, vectors: list[Matrix | None]
    ) -> list[float | None]:
        """Cosines to the query; None where there is no vector of this process's
        encoder."""
        wanted = self._encoder.matrix([query])[0]
        fitting = {
            at: vector
            for at, vector in enumerate(vectors)
            if vector is not None and vector.shape == wanted.shape
        }
        scores: list[float | None] = [None] * len(vectors)
        if fitting:
            # The last bits differ between processors: no order may hang on them.
            near = rounded(np.stack(list(fitting.values())).astype(np.float32) @ wanted)
            for at, cosine in zip(fitting, near, strict=True):
                scores[at] = float(cosine)
        return scores

    def _namespaces_under(self, prefix: Namespace) -> list[Namespace]:
        """The namespaces that begin with a prefix; a whole one is answered without
        looking."""
        if len(prefix) == 3 or prefix[1:] == ("said",):
            return [prefix]
        return [
            namespace
            for namespace in self._namespaces(prefix[:1])
            if namespace[: len(prefix)] == prefix
        ]

    def _namespaces(self, prefix: Namespace = ()) -> list[Namespace]:
        known_parts = memories.parts(self._store, prefix[0] if prefix else "*")
        return sorted(
            {
                (bot, *part.split(":"))
                for bot, part in known_parts
                if part == "said" or part.startswith("person:")
            }
        )

    def _part_items(self, namespace: Namespace) -> dict[str, StoredItem]:
        """All items of a namespace. What another process removed is gone here too:
        Redis's names decide."""
        bot, part = namespace[0], ":".join(namespace[1:])
        with self._lock:
            asked_at, names = self._foreseen.pop(namespace, (-FORESEEN_FOR, ()))
        if time.monotonic() - asked_at > FORESEEN_FOR:
            names = self._store.run(memories.fields(bot, part))
        with self._lock:
            known = dict(self._known.get(namespace, {}))
        missing = [name for name in names if name not in known]
        read = self._store.run(memories.values(bot, part, missing)) if missing else {}
        fresh = {name: _decode_item(text) for name, text in read.items()}
        # A name whose value was removed between the two calls is left out.
        items = {
            name: kept
            for name in names
            if (kept := known.get(name) or fresh.get(name)) is not None
        }
        with self._lock:
            self._known[namespace] = items
            self._known.move_to_end(namespace)
            while len(self._known) > CACHED_PARTS:
                self._known.popitem(last=False)
        return items

    def _list_namespaces(self, op: ListNamespacesOp) -> list[Namespace]:
        found = [
            namespace
            for namespace in self._namespaces()
            if all(
                _matches_condition(namespace, condition)
                for condition in op.match_conditions or ()
            )
        ]
        cut = sorted({namespace[: op.max_depth] for namespace in found})
        return cut[op.offset : op.offset + op.limit]


class _Accompanied(BaseStore):
    """See `RedisMemory.beside`."""

    __slots__ = ("_calls", "_memory")

    def __init__(self, memory: RedisMemory, calls: Sequence[Call[Any]]) -> None:
        self._memory = memory
        self._calls = calls

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        return self._memory.batch_beside(list(ops), self._calls)

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        return await asyncio.to_thread(self.batch, list(ops))


def _embedded_text(op: PutOp) -> str:
    """The text of which an item gets a vector, or ""."""
    return (
        "" if op.value is None or op.index is False else str(op.value.get("text", ""))
    )


def _matches_condition(namespace: Namespace, condition: MatchCondition) -> bool:
    path = condition.path
    part = (
        namespace[: len(path)]
        if condition.match_type == "prefix"
        else namespace[-len(path) :]
    )
    return len(part) == len(path) and all(
        fnmatchcase(name, wanted) for name, wanted in zip(part, path, strict=True)
    )
