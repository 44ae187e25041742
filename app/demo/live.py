"""What every open page is told as it happens: the loopback's records, and the decisions
from the journal."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import structlog

from app.demo import scene as shapes
from app.demo.scene import Json, Scene
from app.domain.errors import StoreUnavailable
from app.domain.model import JournalLine

log = structlog.get_logger(__name__)

Journal = Callable[[str], Awaitable[Sequence[JournalLine]]]
"""Reads the journal of one message id; StoreUnavailable while Redis is away."""

LOOK = 0.3
WATCHED = 30
WATCHED_SECONDS = 180.0
QUEUE = 2_000


class Live:
    """Tells all readers the same events, each encoded once. A reader that stands still
    is given a fresh snapshot."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self._readers: set[asyncio.Queue[str | None]] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self.decisions: dict[str, tuple[JournalLine, ...]] = {}

    def start(self) -> None:
        """Begin to follow; call it on the loop of the running server."""
        self._tasks.append(asyncio.create_task(self._follow_records()))

    def follow_journal(self, journal: Journal) -> None:
        """From now on also tell of the decisions in this journal."""
        self._tasks.append(asyncio.create_task(self._follow_journal(journal)))

    async def stop(self) -> None:
        """End all readers and stop following."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        for queue in self._readers:
            _offer_text(queue, None)

    async def read(self, idle: float) -> AsyncIterator[str]:
        """A snapshot, then each event as JSON text; "" after `idle` seconds without
        one."""
        queue: asyncio.Queue[str | None] = asyncio.Queue(QUEUE)
        self._readers.add(queue)
        try:
            yield self._snapshot_text()
            while True:
                try:
                    text = await asyncio.wait_for(queue.get(), idle)
                except TimeoutError:
                    text = ""
                if text is None:
                    return
                # So far behind that events may have been dropped: only a snapshot is
                # complete.
                if queue.qsize() >= QUEUE - 1:
                    while not queue.empty():
                        queue.get_nowait()
                    text = self._snapshot_text()
                yield text
        finally:
            self._readers.discard(queue)

    def tell_readers(self, event: Json) -> None:
        """Send one event to every reader."""
        if self._readers:
            text = json.dumps(event)
            for queue in self._readers:
                _offer_text(queue, text)

    def _snapshot_text(self) -> str:
        return json.dumps(shapes.scene_snapshot(self.scene, self.decisions))

    async def _follow_records(self) -> None:
        with self.scene.server.subscribe(limit=10_000) as records:
            async for record in records:
                if record.channel_id in self.scene.shown:
                    self.tell_readers(shapes.event_payload(record))

    async def _follow_journal(self, journal: Journal) -> None:
        while True:
            try:
                await self._read_journals(journal)
            except StoreUnavailable as error:
                log.warning("no decisions to show", reason=str(error))
            await asyncio.sleep(LOOK)

    async def _read_journals(self, journal: Journal) -> None:
        """Read the journals of the newest messages again: decisions about a message end
        within minutes."""
        since = time.time() - WATCHED_SECONDS
        newest = self.scene.server.posts[-WATCHED:]
        watched = [
            str(post.message_id)
            for post in newest
            if post.wall > since and post.channel_id in self.scene.shown
        ]
        for message, lines in zip(
            watched, await asyncio.gather(*map(journal, watched)), strict=True
        ):
            known = len(self.decisions.get(message, ()))
            for line in lines[known:]:
                self.tell_readers(shapes.decision_payload(message, line))
            if lines:
                self.decisions[message] = tuple(lines)


def _offer_text(queue: asyncio.Queue[str | None], text: str | None) -> None:
    if queue.full():
        # The oldest goes; `read` sees how full the queue is, and sends a snapshot.
        queue.get_nowait()
    queue.put_nowait(text)
