"""Names for a worker: Discord's REST tells ids and global names; what people and places are called in a server is kept by the
gateways."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from app.content.names import ids_in, legible
from app.model import ChatLine, Event
from app.store import names as names_store
from app.store.door import Store

MOST_IDS = 300


class Named(NamedTuple):
    """Lines with the names of their server, and where they were said: `channel`, `topic`, `thread` as far as is known."""

    lines: tuple[ChatLine, ...]
    place: Mapping[str, str]


def named(store: Store, event: Event, lines: Sequence[ChatLine]) -> Named:
    """The lines as a person on that server sees them."""
    known = _known(store, event, lines)
    # A message that was just heard tells its author's name of now.
    known = {**known, event.author_id: event.author_name, **event.names}
    return Named(tuple(_renamed(line, known) for line in lines), _place(event, known))


def _known(store: Store, event: Event, lines: Sequence[ChatLine]) -> dict[str, str]:
    if event.guild_id is None:
        return {}
    channel = event.parent_id or event.channel_id
    wanted = [channel, f"topic:{channel}"]
    for line in lines:
        wanted += [line.author_id, *ids_in(line.content)]
    return store.run(names_store.called(event.guild_id, list(dict.fromkeys(wanted))[:MOST_IDS]))


def _renamed(line: ChatLine, known: Mapping[str, str]) -> ChatLine:
    names = {**line.names, **known}
    return line.model_copy(update={
        "author_name": known.get(line.author_id, line.author_name), "content": legible(line.content, names)})


def _place(event: Event, known: Mapping[str, str]) -> dict[str, str]:
    if event.guild_id is None:
        return {}
    channel = event.parent_id or event.channel_id
    name = known.get(channel, "") or ("" if event.parent_id else event.channel_name)
    place = {
        "channel": name, "topic": known.get(f"topic:{channel}", ""),
        "thread": event.channel_name if event.parent_id else "",
    }
    return {key: value for key, value in place.items() if value}
