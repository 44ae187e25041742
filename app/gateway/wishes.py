"""Of whom a gateway keeps nothing: those whom the operator set aside, who want no part
in this, or who were forgotten."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from app.domain.model import NOBODY, Event, snowflake_ms
from app.domain.settings import Settings
from app.store import wishes
from app.store.door import AsyncStore
from app.store.wishes import looks_every


def nobodys(event: Event) -> Event:
    """The event as the mailbox holds it when its author may not be kept: that something
    was said, and no more."""
    return event.model_copy(
        update={
            "content": "",
            "earlier": (),
            "parts": (),
            "names": {},
            "author_id": NOBODY,
            "author_name": "somebody",
        }
    )


class Wishes:
    """What a gateway process knows of people's wishes. It is read again before
    anything is kept, where it is not fresh: a process that slept through a wish must
    not write what it heard before."""

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
        known, self._forgotten = (
            self._forgotten,
            await self._store.run(wishes.all_forgotten()),
        )
        self._news |= {
            digest
            for digest, mark in self._forgotten.items()
            # Forgotten a second time: the mark has moved, and that is news again.
            if known.get(digest) != mark
        }
        self._looked = time.monotonic()

    async def fresh(self) -> None:
        """Read them, unless that was done a moment ago."""
        # A second sooner than `looks_every` promises: an erasure of a person's data
        # waits just that long for every process to know.
        if time.monotonic() - self._looked > looks_every(self._settings) - 1:
            await self.look()

    def ignored(self, person: str, message: str = "") -> bool:
        """Whether nothing of this person is kept, or nothing that goes back to this
        message: it is older than a wish to be forgotten."""
        if person in self._settings.ignored_people:
            return True
        if not self._opted_out and not self._forgotten:
            return False
        digest = wishes.digest(person)
        return digest in self._opted_out or (
            bool(message) and snowflake_ms(message) <= self._forgotten.get(digest, -1)
        )

    def news(self) -> Callable[[str], bool] | None:
        """Tells of a user id whether the person was forgotten since the last call;
        None: nobody was. Told once."""
        news, self._news = frozenset(self._news), set()
        return (lambda person: wishes.digest(person) in news) if news else None
