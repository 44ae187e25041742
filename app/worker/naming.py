"""Names for a worker: Discord's REST tells ids and global names; what people and places
are called in a server is kept by the gateways."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from app.content.names import ids_in, make_legible, named_parts
from app.domain.model import ChatLine, Event
from app.store import names as names_store
from app.store.calls import Call
from app.store.door import Store

MOST_IDS = 300


class NamedLines(NamedTuple):
    """Lines with the names of their server, and where they were said: `channel`,
    `topic`, `thread` and `your name here` as far as is known."""

    lines: tuple[ChatLine, ...]
    place: Mapping[str, str]


def names_of(
    event: Event, lines: Sequence[ChatLine], me: str
) -> Call[dict[str, str]] | None:
    """Asks for the names that `named` needs; None: there are none. `me`: the bot's own
    user id."""
    channel = event.parent_id or event.channel_id
    ids = [channel, f"topic:{channel}", me, *_mentioned(lines)]
    return _names(event.guild_id, ids)


def named(
    store: Store,
    event: Event,
    lines: Sequence[ChatLine],
    me: str = "",
    known: Mapping[str, str] | None = None,
) -> NamedLines:
    """The lines as a person on that server sees them. `known`: what `names_of` told,
    where it was asked already."""
    if known is None:
        asked = names_of(event, lines, me)
        known = {} if asked is None else store.run(asked)
    # A message that was just heard tells its author's name of now. A proxy's id is that
    # of all its people.
    author = {} if event.proxied else {event.author_id: event.author_name}
    known = {**known, **author, **event.names}
    place = _place(event, known, me)
    if "topic" in place:
        spoken_of = _known(store, event.guild_id, ids_in(place["topic"]))
        place["topic"] = make_legible(place["topic"], {**known, **spoken_of})
    return NamedLines(tuple(renamed(line, known) for line in lines), place)


def called(
    store: Store, guild_id: str | None, lines: Sequence[ChatLine]
) -> tuple[ChatLine, ...]:
    """Lines that answer nobody in particular, with the names of their server."""
    known = _known(store, guild_id, _mentioned(lines))
    return tuple(renamed(line, known) for line in lines)


def renamed(line: ChatLine, known: Mapping[str, str]) -> ChatLine:
    """A line with names for ids. Several people speak by one proxy: the line itself
    tells which."""
    names = {**line.names, **known}
    author = (
        line.author_name
        if line.proxied
        else known.get(line.author_id, line.author_name)
    )
    return line.model_copy(
        update={
            "author_name": author,
            "content": make_legible(line.content, names),
            "parts": named_parts(line.parts, names),
        }
    )


def _mentioned(lines: Iterable[ChatLine]) -> list[str]:
    found: list[str] = []
    for line in lines:
        found += [line.author_id, *ids_in(line.content)]
        for part in line.parts:
            found += ids_in(part.text)
    return found


def _known(store: Store, guild_id: str | None, ids: Sequence[str]) -> dict[str, str]:
    call = _names(guild_id, ids)
    return {} if call is None else store.run(call)


def _names(guild_id: str | None, ids: Sequence[str]) -> Call[dict[str, str]] | None:
    # Anybody can fill a channel with mentions: what one call asks for is bounded.
    wanted = [one for one in dict.fromkeys(ids) if one][:MOST_IDS]
    if guild_id is None or not wanted:
        return None
    return names_store.called(guild_id, wanted)


def _place(event: Event, known: Mapping[str, str], me: str) -> dict[str, str]:
    if event.guild_id is None:
        return {}
    channel = event.parent_id or event.channel_id
    # In a thread `channel_name` is the thread's own name, not its channel's.
    name = known.get(channel, "") or ("" if event.parent_id else event.channel_name)
    place = {
        "channel": name,
        "topic": known.get(f"topic:{channel}", ""),
        "thread": event.channel_name if event.parent_id else "",
        "your name here": known.get(me, ""),
    }
    return {key: value for key, value in place.items() if value}
