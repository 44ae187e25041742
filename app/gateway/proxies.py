"""People behind proxies: PluralKit, Tupperbox and the like say a person's message again
by webhook and delete the original.

A bot that answered at once would answer twice, the second time under a message that is
gone. So where a proxy is at work, what a person says waits a moment, unless that
person's messages stay as they are.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from app.domain.model import AuthorKind, Event

MESSAGES = 2_000
PEOPLE = 5_000
WITHIN_MS = 15_000
"""A copy comes within a second or two; a proxy that is slow must not make two messages
of one."""
SIGN_WORDS = 2
"""Words that the signs before or after a message are at most: more is not a sign, but
another message."""
PLAIN_AFTER = 3
"""Messages that nobody repeated, after which a person need not wait any more."""


@dataclass(slots=True)
class Original:
    """A person's message, as it was written."""

    event: Event
    delay_ms: int
    copied: bool = False


@dataclass(slots=True)
class ProxyUser:
    """What is known of one person in one server."""

    proxied: bool = False
    plain: int = 0
    last: str = ""


class Proxies:
    """What this process knows of proxies. `applications`: ids whose webhooks speak for
    people; `delay_ms`: their usual delay."""

    def __init__(self, applications: Collection[str], delay_ms: int) -> None:
        self.applications = frozenset(applications)
        self._delay_ms = delay_ms
        self._servers: set[str] = set()
        self._originals: OrderedDict[str, Original] = OrderedDict()
        self._copies: OrderedDict[str, str] = OrderedDict()
        """Originals by the id of their copy."""
        self._people: OrderedDict[tuple[str, str], ProxyUser] = OrderedDict()

    def at_work_in(self, guild_id: str) -> None:
        """A proxy is a member of this server, or has spoken in it."""
        self._servers.add(guild_id)

    def delay_ms(self, event: Event) -> int:
        """For how long nobody answers this message; the same for each bot's copy of
        it."""
        guild = event.guild_id
        if (
            guild is None
            or event.proxied
            or event.author_kind is not AuthorKind.HUMAN
            or event.kind != "message"
        ):
            return 0
        original = self._originals.get(event.message_id)
        if original is None:
            delay = (
                self._delay_ms
                if guild in self._servers and self._may_be_copied(guild, event)
                else 0
            )
            # Remembered also where nobody waits: a server's first copy shows that it has a
            # proxy.
            original = self._originals[event.message_id] = Original(event, delay)
            if len(self._originals) > MESSAGES:
                self._originals.popitem(last=False)
        return original.delay_ms

    def original_of(self, copy: Event) -> Event | None:
        """The message that a proxy's message repeats; the same for each bot's copy of
        it. Of several that would do it is the one with the least besides, as a proxy
        takes nothing away but its own signs."""
        if copy.guild_id is not None:
            self.at_work_in(copy.guild_id)
        if copy.message_id in self._copies:
            known = self._originals.get(self._copies[copy.message_id])
            return known.event if known is not None else None
        repeated = min(
            self._repeated_by(copy),
            key=lambda one: len(_plain(one.event.content)),
            default=None,
        )
        if repeated is None:
            return None
        # Two people may say the same: the second copy must find the second original.
        repeated.copied = True
        self._person(repeated.event).proxied = True
        self._copies[copy.message_id] = repeated.event.message_id
        if len(self._copies) > MESSAGES:
            self._copies.popitem(last=False)
        return repeated.event

    def _repeated_by(self, copy: Event) -> Iterator[Original]:
        """What a copy may repeat, the latest first."""
        for original in reversed(self._originals.values()):
            event = original.event
            # They lie in the order of arrival: all that follow are older still.
            if copy.created_ms - event.created_ms > WITHIN_MS:
                return
            here = (
                event.channel_id == copy.channel_id
                and event.created_ms <= copy.created_ms
            )
            if here and not original.copied and _repeats(copy, event):
                yield original

    def forget(self, gone: Callable[[str], bool]) -> None:
        """Drop what these people wrote, and what is known of them."""
        for message in [
            key for key, one in self._originals.items() if gone(one.event.author_id)
        ]:
            del self._originals[message]
        for key in [key for key in self._people if gone(key[1])]:
            del self._people[key]

    def _may_be_copied(self, guild: str, event: Event) -> bool:
        person = self._person(event)
        earlier = self._originals.get(person.last)
        if earlier is not None:
            # Judged a message later: a copy of the earlier one has had its time to
            # come.
            person.plain = 0 if earlier.copied else person.plain + 1
        person.last = event.message_id
        return person.proxied or person.plain < PLAIN_AFTER

    def _person(self, event: Event) -> ProxyUser:
        key = (event.guild_id or "", event.author_id)
        person = self._people.setdefault(key, ProxyUser())
        self._people.move_to_end(key)
        if len(self._people) > PEOPLE:
            self._people.popitem(last=False)
        return person


def in_place_of(original: Event, copy: Event) -> Event:
    """The copy as its person meant it: a webhook cannot reply, so whom the original
    answers is lost in the copy."""
    if original.reply_to is None or copy.reply_to is not None:
        return copy
    return copy.model_copy(
        update={
            "reply_to": original.reply_to,
            "reply_to_author": original.reply_to_author,
        }
    )


def _repeats(copy: Event, original: Event) -> bool:
    """Whether a proxy's message says what the original said: without the signs that the
    person wrote for the proxy."""
    said, meant = _plain(original.content), _plain(copy.content)
    if not meant:
        # Where only attachments came back, the text counts as signs for the proxy.
        return not said or bool(copy.parts and original.parts)
    before, found, after = said.partition(meant)
    return bool(found) and max(len(before.split()), len(after.split())) <= SIGN_WORDS


def _plain(text: str) -> str:
    return " ".join(text.split())
