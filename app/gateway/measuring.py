"""How like a message is to the subjects of this process's bots, measured beside the
event loop: in a thread, once for all bots, and never waited for long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

import structlog

from app.domain.character import Character
from app.domain.model import AuthorKind, Event
from app.gateway.hearing import ChannelMessage
from app.rules.interests import Likeness

log = structlog.get_logger(__name__)

Measured = Mapping[str, Likeness]
"""By bot; empty where nothing was measured."""

PATIENCE = 0.1
"""Seconds that a bid waits for the likeness. It takes about a millisecond on an idle
machine; an election waits a quarter of a second for its bids."""
WAITING = 32
"""Messages that may wait to be measured. What comes beyond has no time to be."""
NOTHING: Measured = {}


class Reader(Protocol):
    """What measures: `app.likeness.subjects.Subjects`."""

    def read(self, text: str, present: Collection[str] = ()) -> Measured: ...


Load = Callable[[Mapping[str, Character]], Reader | None]


def load_subjects(
    characters: Mapping[str, Character], shared_in: Path | None = None
) -> Reader | None:
    """The encoder and the anchors of these characters; see `app.likeness.subjects`."""
    # Imported where it is used: a gateway that goes by words holds no vectors.
    from app.likeness.subjects import load

    return load(characters, shared_in)


class Measuring:
    """One thread that measures. A message that comes while it loads, while too many
    wait, or that takes too long is judged by its words."""

    def __init__(
        self, characters: Mapping[str, Character], load: Load = load_subjects
    ) -> None:
        self._load = load
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="likeness")
        self._waiting = 0
        self._reader = self._thread.submit(_loaded, load, characters)

    @property
    def ready(self) -> bool:
        """Whether it has loaded, or found that it cannot."""
        return self._reader.done()

    async def of(self, heard: ChannelMessage, present: Collection[str]) -> Measured:
        """The likeness of a message: one outcome for all bots that hear it, of which
        these are in the channel."""
        if not _worth(heard.event):
            return NOTHING
        if heard.measured is None:
            heard.measured = asyncio.get_running_loop().create_future()
            self._begin(heard.event.whole, present, heard.measured)
        # All bots wait for one future: one that is cancelled must not cancel it.
        return await asyncio.shield(heard.measured)

    def renew(self, characters: Mapping[str, Character]) -> None:
        """Measure what these characters care about. Until that is read, messages are
        judged by their words."""
        self._reader = self._thread.submit(_loaded, self._load, characters)

    def close(self) -> None:
        """End the thread; who still waits goes by words."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _begin(
        self, text: str, present: Collection[str], outcome: asyncio.Future[Measured]
    ) -> None:
        if self._waiting >= WAITING or not self.ready:
            outcome.set_result(NOTHING)
            return
        loop = asyncio.get_running_loop()
        reading = self._thread.submit(_read, self._reader, text, present)
        self._waiting += 1
        late = loop.call_later(PATIENCE, _settle, outcome, NOTHING)

        def arrived() -> None:
            self._waiting -= 1
            late.cancel()
            # `close` cancels what has not begun.
            _settle(outcome, NOTHING if reading.cancelled() else reading.result())

        # Called on the measuring thread, where no future of the loop may be touched.
        reading.add_done_callback(lambda _: loop.call_soon_threadsafe(arrived))


def _worth(event: Event) -> bool:
    """Whether anybody bids for it for its subject."""
    return (
        event.kind == "message"
        and event.author_kind is AuthorKind.HUMAN
        and not event.is_dm
        and bool(event.content.strip())
    )


def _loaded(load: Load, characters: Mapping[str, Character]) -> Reader | None:
    try:
        reader = load(characters)
    except Exception as error:  # noqa: BLE001 - a thread's end: the gateway goes by words
        log.warning("interests go by words alone", error=type(error).__name__)
        return None
    log.info("interests are measured" if reader else "interests go by words alone")
    return reader


def _read(
    reader: Future[Reader | None], text: str, present: Collection[str]
) -> Measured:
    found = reader.result()
    if found is None:
        return NOTHING
    try:
        return found.read(text, present)
    except Exception as error:  # noqa: BLE001 - one message is judged by its words
        log.warning("a message was not measured", error=type(error).__name__)
        return NOTHING


def _settle(outcome: asyncio.Future[Measured], measured: Measured) -> None:
    if not outcome.done():
        outcome.set_result(measured)
