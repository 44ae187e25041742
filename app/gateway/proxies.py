"""People behind proxies: PluralKit, Tupperbox and the like say a person's message again by webhook and delete the original.

Whoever answered at once would answer twice, the second time under a message that is gone. So where a proxy is at work, what
a person says is held for a moment, unless that person's messages stay as they are.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass

from app.model import AuthorKind, Event

MESSAGES = 2_000
PEOPLE = 5_000
WITHIN_MS = 15_000
"""A copy comes within a second or two; a proxy that is slow must not make two messages of one."""
PLAIN_AFTER = 3
"""Messages that nobody repeated, after which a person is not held any more."""


@dataclass(slots=True)
class Original:
    """A person's message, as it was written."""

    event: Event
    hold_ms: int
    copied: bool = False


@dataclass(slots=True)
class Person:
    """What is known of one person in one server."""

    proxied: bool = False
    plain: int = 0
    last: str = ""


class Proxies:
    """What this process knows of proxies. `applications`: ids whose webhooks speak for people; `hold_ms`: their usual delay."""

    def __init__(self, applications: Collection[str], hold_ms: int) -> None:
        self.applications = frozenset(applications)
        self._hold_ms = hold_ms
        self._servers: set[str] = set()
        self._originals: OrderedDict[str, Original] = OrderedDict()
        self._people: OrderedDict[tuple[str, str], Person] = OrderedDict()

    def at_work_in(self, guild_id: str) -> None:
        """A proxy is a member of this server, or has spoken in it."""
        self._servers.add(guild_id)

    def hold_ms(self, event: Event) -> int:
        """For how long nobody answers this message; the same for each bot's copy of it."""
        guild = event.guild_id
        if guild is None or event.proxied or event.author_kind is not AuthorKind.HUMAN or event.kind != "message":
            return 0
        original = self._originals.get(event.message_id)
        if original is None:
            held = self._hold_ms if guild in self._servers and self._may_be_copied(guild, event) else 0
            original = self._originals[event.message_id] = Original(event, held)
            if len(self._originals) > MESSAGES:
                self._originals.popitem(last=False)
        return original.hold_ms

    def original_of(self, copy: Event) -> str:
        """The id of the message that a proxy's message repeats, or empty."""
        if copy.guild_id is not None:
            self.at_work_in(copy.guild_id)
        for message_id, original in reversed(self._originals.items()):
            event = original.event
            if copy.created_ms - event.created_ms > WITHIN_MS:
                return ""
            if event.channel_id == copy.channel_id and event.created_ms <= copy.created_ms and _repeats(copy, event):
                original.copied = True
                self._person(event).proxied = True
                return message_id
        return ""

    def forget(self, gone: Callable[[str], bool]) -> None:
        """Drop what these people wrote, and what is known of them."""
        for message in [key for key, one in self._originals.items() if gone(one.event.author_id)]:
            del self._originals[message]
        for key in [key for key in self._people if gone(key[1])]:
            del self._people[key]

    def _may_be_copied(self, guild: str, event: Event) -> bool:
        person = self._person(event)
        earlier = self._originals.get(person.last)
        if earlier is not None:
            person.plain = 0 if earlier.copied else person.plain + 1
        person.last = event.message_id
        return person.proxied or person.plain < PLAIN_AFTER

    def _person(self, event: Event) -> Person:
        key = (event.guild_id or "", event.author_id)
        person = self._people.setdefault(key, Person())
        self._people.move_to_end(key)
        if len(self._people) > PEOPLE:
            self._people.popitem(last=False)
        return person


def _repeats(copy: Event, original: Event) -> bool:
    """Whether a proxy's message says what the original said: without the signs that the person wrote for the proxy."""
    said, meant = _plain(original.content), _plain(copy.content)
    return meant in said if meant else not said or bool(copy.parts and original.parts)


def _plain(text: str) -> str:
    return " ".join(text.split())
