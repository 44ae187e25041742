"""Tells every open page the same pieces, each encoded once, as they change."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from dataclasses import dataclass, field

import structlog

from app.domain.errors import StreamError
from app.web.room import Json, Piece

log = structlog.get_logger(__name__)

PAUSE_S = 0.4
"""Between looks."""
AWAY_S = 1.0
"""Between tries while Redis is away."""
HEARTBEAT_S = 15.0
MOST_READERS = 64
QUEUE = 2_000


@dataclass(eq=False)
class _Reader:
    """One open page. `stale`: it stood still, and needs everything again."""

    direct: bool
    queue: asyncio.Queue[str] = field(default_factory=lambda: asyncio.Queue(QUEUE))
    stale: bool = False


class Feed:
    """Looks only while somebody reads. `look` runs on a thread; it is told whether
    something has just been done here, so that everything may have changed."""

    def __init__(self, look: Callable[[bool], Sequence[Piece]]) -> None:
        self._look = look
        self._known: dict[str, tuple[Piece, str]] = {}
        self._readers: set[_Reader] = set()
        self._task: asyncio.Task[None] | None = None
        self._nudged = asyncio.Event()
        self._trouble = ""
        self._ended = False

    @property
    def is_full(self) -> bool:
        """Whether no more pages may be open."""
        return len(self._readers) >= MOST_READERS

    def nudge(self) -> None:
        """Look again at once: something has just been done here."""
        self._nudged.set()

    async def stop(self) -> None:
        """End every reader."""
        self._ended = True
        # They wait in their queues: something has to come for them to see the end.
        for reader in self._readers:
            _offer(reader, "")
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def read(self, direct: bool, extra: Json) -> AsyncGenerator[str, None]:
        """First everything as one JSON text, with `extra`; then each change; "" after
        `HEARTBEAT_S` seconds without one. `direct`: private talks as well."""
        reader = _Reader(direct)
        # Before everything is told: what changes from here on is queued behind it.
        self._readers.add(reader)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._follow())
        try:
            yield self._everything(reader, extra)
            while not self._ended:
                try:
                    text = await asyncio.wait_for(reader.queue.get(), HEARTBEAT_S)
                # Proxies cut a connection on which nothing is said for a minute or so.
                except TimeoutError:
                    text = ""
                if reader.stale:
                    text = self._everything(reader, extra)
                yield text
        finally:
            self._readers.discard(reader)

    def _everything(self, reader: _Reader, extra: Json) -> str:
        # What is queued is older than everything, and would turn the page back.
        while not reader.queue.empty():
            reader.queue.get_nowait()
        reader.stale = False
        pieces = [
            piece.body
            for piece, _ in self._known.values()
            if reader.direct or not piece.direct
        ]
        trouble = {"type": "store", "ok": not self._trouble, "why": self._trouble}
        return json.dumps(
            {
                "type": "all",
                **extra,
                "loaded": bool(self._known),
                "pieces": [trouble, *pieces],
            }
        )

    async def _follow(self) -> None:
        while self._readers and not self._ended:
            nudged = self._nudged.is_set()
            # Before the look: a nudge that comes during it asks for another one.
            self._nudged.clear()
            pause = PAUSE_S
            try:
                pieces = await asyncio.to_thread(self._look, nudged)
            except StreamError as error:
                self._note_trouble(str(error))
                pause = AWAY_S
            else:
                self._note_trouble("")
                self._tell_changes(pieces)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._nudged.wait(), pause)

    def _note_trouble(self, why: str) -> None:
        if why == self._trouble:
            return
        self._trouble = why
        if why:
            log.warning("the page cannot read Redis", reason=why)
        self._tell(Piece("store", {"type": "store", "ok": not why, "why": why}))

    def _tell_changes(self, pieces: Sequence[Piece]) -> None:
        before, first = self._known, not self._known
        known: dict[str, tuple[Piece, str]] = {}
        changed = []
        for piece, text in _encoded(pieces):
            if before.get(piece.key, (None, ""))[1] != text:
                changed.append((piece, text))
            known[piece.key] = (piece, text)
        self._known = known
        # The first look knows no change: pages that are open get everything.
        if first:
            for reader in self._readers:
                reader.stale = True
                _offer(reader, "")
            return
        # What somebody was forgotten by leaves open pages as well.
        for key in before.keys() - known.keys():
            gone: Json = {"type": "gone", "id": key.partition(":")[2]}
            self._tell(Piece(key, gone, before[key][0].direct))
        for piece, text in changed:
            self._offer_all(piece, text)

    def _tell(self, piece: Piece) -> None:
        self._offer_all(piece, json.dumps(piece.body))

    def _offer_all(self, piece: Piece, text: str) -> None:
        for reader in self._readers:
            if reader.direct or not piece.direct:
                _offer(reader, text)


def _encoded(pieces: Sequence[Piece]) -> Iterator[tuple[Piece, str]]:
    for piece in pieces:
        yield piece, json.dumps(piece.body)


def _offer(reader: _Reader, text: str) -> None:
    # A page that no longer reads must not fill the memory: it gets everything again.
    if reader.queue.full():
        reader.stale = True
        reader.queue.get_nowait()
    reader.queue.put_nowait(text)
