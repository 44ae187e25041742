"""Which message is meant: an id, a link, a bot's own post, the last one, a piece of its
text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from app.domain import terms
from app.domain.errors import StoreForbidden, UnknownMessage
from app.domain.model import Event, snowflake_ms
from app.operator.ops import message_of
from app.store import journal, keys, memories, names, overview, roster
from app.store.door import Store

CHANNEL_OF_LINK = re.compile(r"/channels/(?:\d{1,20}|@me)/(\d{5,20})/\d{5,20}")
MOST = 2_000
"""Messages that are looked through for one that fits, the newest first."""


@dataclass(frozen=True)
class FoundMessage:
    """A message, as far as it is known. Ids are empty where they are not."""

    message: str
    channel: str = ""
    channel_name: str = ""
    parent: str = ""
    guild: str = ""
    author: str = ""
    author_id: str = ""
    text: str = ""
    post_of: str = ""
    """Asked was for a post of this bot's, which answers the message."""

    @classmethod
    def of(cls, event: Event) -> FoundMessage:
        """What an event tells of its message."""
        return cls(
            message=event.message_id,
            channel=event.channel_id,
            channel_name=event.channel_name,
            parent=event.parent_id or "",
            guild=event.guild_id or "",
            author=event.author_name,
            author_id=event.author_id,
            text=event.content,
        )


@dataclass(frozen=True)
class Wanted:
    """Which messages are meant. `channel` is an id or a name; `since_ms` is Unix ms."""

    channel: str = ""
    text: str = ""
    since_ms: float = 0.0


def named(store: Store, text: str) -> FoundMessage:
    """The message of an id or a link; for a bot's own post the one that it answers.
    Raises ConfigurationError for what is neither."""
    message = message_of(text)
    link = CHANNEL_OF_LINK.search(text)
    if not store.run(journal.read(message)):
        try:
            answered = _answered_by(store, message)
        except StoreForbidden:
            answered = None
        if answered is not None:
            return answered
    found = look_up(store, message)
    if link is not None and not found.channel:
        return FoundMessage(message, channel=link[1])
    return found


def look_up(store: Store, message: str) -> FoundMessage:
    """All that is known of who said what and where."""
    try:
        event = store.run(overview.heard_event(message))
        if event is not None:
            return FoundMessage.of(event)
        for entry in store.run(roster.roster()):
            line = store.run(overview.heard_line(entry.bot, message))
            if line:
                return FoundMessage(
                    message=message,
                    channel=str(line.get("channel", "")),
                    guild=str(line.get("guild", "")),
                    author=str(line.get("name", "")),
                    author_id=str(line.get("author", "")),
                    text=str(line.get("text", "")),
                )
    except StoreForbidden:
        pass  # a viewer's login reads the journal alone
    return FoundMessage(message)


def _answered_by(store: Store, post: str) -> FoundMessage | None:
    """The message that a post of ours answers; None: it is no post of ours, or it
    answers nobody."""
    message = store.run(overview.answered_by(post))
    if not message:
        return None
    for bot, what in store.run(overview.answers_to(message)).items():
        if what == f"delivered:{post}":
            return replace(look_up(store, message), post_of=bot)
    return None


def search(store: Store, wanted: Wanted) -> Iterator[FoundMessage]:
    """Messages that were decided about and fit, the newest first. Raises StoreForbidden
    for a login that may not list keys."""
    pattern = keys.journal("[0-9]*")
    ids = [key.split(":")[1] for key in memories.scan(store, pattern)]
    known = sorted((one for one in ids if one.isdecimal()), key=int, reverse=True)
    # A name may stand before its sign, as people write it.
    channel = wanted.channel.removeprefix("channel:").removeprefix("#")
    # Of a direct message the id of its channel is kept, and not its name.
    called = _channels_called(store, channel) if channel else frozenset()
    for message in known[:MOST]:
        if snowflake_ms(message) < wanted.since_ms:
            return
        said = look_up(store, message)
        here = {said.channel, said.parent, said.channel_name}
        if channel and here.isdisjoint((channel, *called)):
            continue
        if wanted.text.casefold() in said.text.casefold():
            yield said


def _channels_called(store: Store, name: str) -> frozenset[str]:
    return frozenset(
        channel
        for key in memories.scan(store, keys.names("*"))
        for channel, known in store.run(names.everything(key.split(":")[1])).items()
        if known == name
    )


def first(store: Store, wanted: Wanted) -> FoundMessage:
    """The newest message that fits. Raises UnknownMessage: none does."""
    found = next(search(store, wanted), None)
    if found is None:
        raise UnknownMessage(
            f"No message that was decided about fits; the newest {MOST:,} of the last "
            f"{terms.JOURNAL_TTL // terms.DAY} days were looked through."
        )
    return found
