"""What bots remember, in parts of bounded size. What a part holds is decided in
`app.brain`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from app.domain import terms
from app.store import fields as fields_store
from app.store import keys
from app.store.calls import Call, Reply, command
from app.store.door import Store
from app.store.keys import Key
from app.store.scripts import script

Fields = Mapping[str, str]

SAID_MOST, SAID_LEFT = 500, 450
"""Lines of a bot's conversations; clearing a tenth at a time keeps the sorting rare."""
SAID_BYTES = 1_000_000
"""Of these lines; 500 ordinary ones take some 0.9 MB, two thirds of it vectors."""
FACTS_MOST = 30
FACTS_BYTES = 64_000
"""Of what one person told."""
PEOPLE_MOST = 2_000
PEOPLE_BYTES = 16_000_000
"""Of what all people told one bot."""
UTTERED_MOST = 500


class _Bounds(NamedTuple):
    """Of one part. The last three are of a part about a person."""

    most: int
    left: int
    """How many stay when there are more than `most`."""
    expiry_ms: int
    most_bytes: int
    person: str | None = None
    most_people: int = 0
    most_people_bytes: int = 0


def _bounds_of(part: str) -> _Bounds:
    kind, _, person = part.partition(":")
    if kind != "person":
        return _Bounds(SAID_MOST, SAID_LEFT, terms.SAID_TTL, SAID_BYTES)
    return _Bounds(
        most=FACTS_MOST,
        left=FACTS_MOST,
        expiry_ms=terms.PERSON_TTL,
        most_bytes=FACTS_BYTES,
        person=person,
        most_people=PEOPLE_MOST,
        most_people_bytes=PEOPLE_BYTES,
    )


def fields(bot: str, part: str) -> Call[tuple[str, ...]]:
    """The items' names in one part of a bot's memory."""
    return command("HKEYS", keys.memory(bot, part), parse=tuple)


def values(bot: str, part: str, names: Sequence[str]) -> Call[dict[str, str]]:
    """Items by name (at least one); a missing one is left out."""

    def parse(reply: Reply) -> dict[str, str]:
        return {
            name: text
            for name, text in zip(names, reply, strict=True)
            if text is not None
        }

    return command("HMGET", keys.memory(bot, part), *names, parse=parse)


def authors(bot: str) -> Call[tuple[tuple[str, str], ...]]:
    """(user id, name) of who said each line that a bot remembers, the newest first."""

    def parse(reply: Reply) -> tuple[tuple[str, str], ...]:
        newest_first = sorted(reply, key=lambda name: (len(name), name), reverse=True)
        return tuple(_author(reply[name]) for name in newest_first)

    # With the command that the page's login has.
    return command("HGETALL", keys.memory(bot, "said"), parse=parse)


def _author(item: str) -> tuple[str, str]:
    try:
        value = json.loads(item)["v"]
        return str(value["author"]), str(value["name"])
    except (ValueError, LookupError, TypeError):
        # Edited by hand: nobody's.
        return "", ""


@script("memory.put")
def _put_items(
    *items: str,
    memory: Key,
    people: Key,
    size: Key,
    most: int,
    left: int,
    expiry_ms: int,
    most_bytes: int,
    person: str | None,
    most_people: int,
    most_people_bytes: int,
) -> None: ...


def put(bot: str, part: str, items: Fields) -> Call[int]:
    """Put items into a part; the oldest make room."""
    flat = [text for pair in items.items() for text in pair]
    bounds = _bounds_of(part)
    call = _put_items(
        *flat,
        memory=keys.memory(bot, part),
        people=keys.memory(bot, "people"),
        size=keys.memory(bot, "size"),
        most=bounds.most,
        left=bounds.left,
        expiry_ms=bounds.expiry_ms,
        most_bytes=bounds.most_bytes,
        person=bounds.person,
        most_people=bounds.most_people,
        most_people_bytes=bounds.most_people_bytes,
    )
    return call.parsed(int)


def drop(bot: str, part: str, names: Sequence[str]) -> Call[int]:
    """Remove items (at least one)."""
    return command("HDEL", keys.memory(bot, part), *names, parse=int)


def scan(store: Store, pattern: str) -> Iterator[str]:
    """Names of all keys like the pattern. For an operator's questions, not for a
    cycle."""
    cursor = "0"
    seen: set[str] = set()
    while True:
        cursor, found = store.run(
            command(
                "SCAN",
                cursor,
                "MATCH",
                pattern,
                "COUNT",
                1000,
                parse=lambda reply: reply,
            )
        )
        # SCAN may name a key more than once.
        yield from (name for name in found if name not in seen)
        seen.update(found)
        if str(cursor) == "0":
            return


def parts(store: Store, bot: str = "*", part: str = "*") -> Iterator[tuple[str, str]]:
    """(bot, part) of each part that holds anything; `*` is any."""
    for name in scan(store, keys.memory(bot, part)):
        # A part may hold a colon itself: person:<id>.
        _, owner, held = name.split(":", 2)
        yield owner, held


@script("memory.reserve_line")
def _reserve_line(*, uttered: Key, line: str, most: int) -> None: ...


def reserve_line(bot: str, line: str) -> Call[bool]:
    """Before the offline voice says a line; False: the bot has said it within a day, in
    this process or in another."""
    call = _reserve_line(
        uttered=keys.memory(bot, "uttered"), line=line, most=UTTERED_MOST
    )
    return call.parsed(bool)


def uttered(bot: str) -> Call[tuple[str, ...]]:
    """What the offline voice has said within about a day, oldest first."""
    return command("ZRANGE", keys.memory(bot, "uttered"), 0, -1, parse=tuple)


@script("conversation.touch")
def _touch_conversation(*, pair: str, ends_in_ms: int) -> None: ...


def touch_conversation(bot: str, channel: str, ends_in_ms: int) -> Call[int]:
    """The bot takes part in a conversation, which ends when this was not called for so
    long."""
    return _touch_conversation(pair=f"{bot}:{channel}", ends_in_ms=ends_in_ms).parsed(
        int
    )


@script("conversation.pop_ended")
def _pop_ended(*, most: int) -> None: ...


def pop_ended_conversations(most: int = 200) -> Call[tuple[tuple[str, str], ...]]:
    """(bot, channel) of conversations that have ended; each is handed out once."""

    def parse(reply: Reply) -> tuple[tuple[str, str], ...]:
        return tuple(
            (bot, channel)
            for bot, _, channel in (text.partition(":") for text in reply)
        )

    return _pop_ended(most=most).parsed(parse)


def learned(bot: str, channel: str) -> Call[str]:
    """Name of the last line that was learned from; empty when there is none."""
    return command(
        "HGET", keys.memory(bot, "learned"), channel, parse=lambda reply: reply or ""
    )


def learn_up_to(bot: str, channel: str, name: str) -> Call[int]:
    """Move that mark."""
    return fields_store.put(keys.memory(bot, "learned"), channel, name, terms.SAID_TTL)


def encoded(value: Mapping[str, object]) -> str:
    """An item's JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
