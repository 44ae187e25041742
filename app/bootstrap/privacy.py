"""Of whom nothing is heard or kept: those whom the operator set aside, who want no part in this, or who were forgotten."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence

from app.brain.memory import Moment
from app.model import NOBODY, ChatLine, Event, snowflake_ms
from app.settings import Settings
from app.store import wishes
from app.store.door import AsyncStore, Store


def looks_every(settings: Settings) -> float:
    """Seconds within which a running process has looked at what people wish, before it keeps anything more."""
    return 2 * settings.pump_interval + 1


def unwilling(store: Store, settings: Settings, people: Collection[str]) -> frozenset[str]:
    """Those of these people (user ids) of whom no model hears and no memory keeps a word."""
    listed = sorted(people)
    out = store.run(wishes.opted_out([wishes.digest(one) for one in listed])) if listed else ()
    return frozenset(one for one, gone in zip(listed, out, strict=True) if gone or one in settings.ignored_people)


def heard(store: Store, settings: Settings, lines: Sequence[ChatLine]) -> tuple[ChatLine, ...]:
    """A channel's lines without those of the unwilling."""
    silent = unwilling(store, settings, {line.author_id for line in lines})
    return tuple(line for line in lines if line.author_id not in silent)


def forgotten(store: Store, people: Collection[str]) -> Mapping[str, int]:
    """Those of these people who were forgotten, with the Unix milliseconds up to which what they said is old."""
    listed = sorted(people)
    marks = store.run(wishes.forgotten([wishes.digest(one) for one in listed])) if listed else ()
    return {one: mark for one, mark in zip(listed, marks, strict=True) if mark}


def without_old(moment: Moment, marks: Mapping[str, int]) -> Moment | None:
    """What may be kept of an answer when some were forgotten meanwhile; None: nothing."""
    event = moment.entry.event
    if _old(event.author_id, event.message_id, marks):
        return None
    lines = tuple(line for line in moment.lines if not _old(line.author_id, line.message_id, marks))
    return Moment(moment.entry, moment.text, lines)


def _old(person: str, message: str, marks: Mapping[str, int]) -> bool:
    return snowflake_ms(message) <= marks.get(person, -1)


def nobodys(event: Event) -> Event:
    """The event as the mailbox holds it when its author may not be kept: that something was said, and no more."""
    return event.model_copy(update={
        "content": "", "parts": (), "names": {}, "author_id": NOBODY, "author_name": "somebody"})


class Wishes:
    """What a gateway process knows of people's wishes. It is looked at anew before anything is kept, where it is not fresh:
    a process that slept through a wish must not write what it heard before."""

    def __init__(self, store: AsyncStore, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._looked = -float("inf")
        self._opted_out: frozenset[str] = frozenset()
        self._forgotten: Mapping[str, int] = {}
        self._news: set[str] = set()

    async def look(self) -> None:
        """Read them."""
        self._opted_out = await self._store.run(wishes.all_opted_out())
        known, self._forgotten = self._forgotten, await self._store.run(wishes.all_forgotten())
        self._news |= {digest for digest, mark in self._forgotten.items() if known.get(digest) != mark}
        self._looked = time.monotonic()

    async def fresh(self) -> None:
        """Read them, unless that was done a moment ago."""
        if time.monotonic() - self._looked > looks_every(self._settings) - 1:
            await self.look()

    def ignored(self, person: str, message: str = "") -> bool:
        """Whether nothing of this person is kept, or nothing that goes back to this message: it is older than a wish to be
        forgotten."""
        if person in self._settings.ignored_people:
            return True
        if not self._opted_out and not self._forgotten:
            return False
        digest = wishes.digest(person)
        return digest in self._opted_out or (bool(message) and snowflake_ms(message) <= self._forgotten.get(digest, -1))

    def news(self) -> Callable[[str], bool] | None:
        """Tells of a user id whether the person was forgotten since the last call; None: nobody was. Told once."""
        news, self._news = frozenset(self._news), set()
        return (lambda person: wishes.digest(person) in news) if news else None
