"""What bots remember, in parts of bounded size. What a part holds is decided in
`app.brain`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from app.domain import terms
from app.store import keys
from app.store.calls import Call, Reply, command
from app.store.door import Store

Fields = Mapping[str, str]

SAID_MOST, SAID_LEFT = 500, 450
"""Lines of a bot's conversations; clearing a few at a time keeps the sorting rare."""
SAID_BYTES = 1_000_000
"""Of these lines; 500 ordinary ones take some 0.9 MB, two thirds of it vectors."""
FACTS_MOST = 30
FACTS_BYTES = 64_000
"""Of what one person told."""
PEOPLE_MOST = 2_000
PEOPLE_BYTES = 16_000_000
"""Of what all people told one bot."""
UTTERED_MOST = 500


def _bounds(part: str) -> tuple[int | str, ...]:
    """Most items, items left after a clearing, expiry in ms and most bytes; person,
    most people and most bytes of all of them."""
    kind, _, person = part.partition(":")
    if kind == "person":
        own = FACTS_MOST, FACTS_MOST, terms.PERSON_TTL, FACTS_BYTES
        return (*own, person, PEOPLE_MOST, PEOPLE_BYTES)
    return (SAID_MOST, SAID_LEFT, terms.SAID_TTL, SAID_BYTES, "", 0, 0)


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


def keep(bot: str, part: str, items: Fields) -> Call[int]:
    """Put items into a part; the oldest make room."""
    flat = [text for pair in items.items() for text in pair]
    names = keys.memory(bot, part), keys.memory(bot, "people")
    return Call("keep", names, (*_bounds(part), *flat), int)


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
        yield from (name for name in found if name not in seen)
        seen.update(found)
        if str(cursor) == "0":
            return


def parts(store: Store, bot: str = "*", part: str = "*") -> Iterator[tuple[str, str]]:
    """(bot, part) of each part that holds anything; `*` is any."""
    for name in scan(store, keys.memory(bot, part)):
        _, owner, held = name.split(":", 2)
        yield owner, held


def utter(bot: str, line: str) -> Call[bool]:
    """Before the offline voice says a line; False: the bot has said it within a day, in
    this process or in another."""
    return Call(
        "utter",
        (keys.memory(bot, "uttered"),),
        (line, terms.UTTERED_TTL, UTTERED_MOST),
        bool,
    )


def uttered(bot: str) -> Call[tuple[str, ...]]:
    """What the offline voice has said within about a day, oldest first."""
    return command("ZRANGE", keys.memory(bot, "uttered"), 0, -1, parse=tuple)


def converse(bot: str, channel: str, ends_in_ms: int) -> Call[int]:
    """The bot takes part in a conversation, which ends when this was not called for so
    long."""
    return Call(
        "converse", (keys.CONVERSATIONS_DUE,), (f"{bot}:{channel}", ends_in_ms), int
    )


def ended(most: int = 200) -> Call[tuple[tuple[str, str], ...]]:
    """(bot, channel) of conversations that have ended; each is handed out once."""

    def parse(reply: Reply) -> tuple[tuple[str, str], ...]:
        return tuple(
            (bot, channel)
            for bot, _, channel in (text.partition(":") for text in reply)
        )

    return Call("ended", (keys.CONVERSATIONS_DUE,), (most,), parse)


def learned(bot: str, channel: str) -> Call[str]:
    """Name of the last line that was learned from; empty when there is none."""
    return command(
        "HGET", keys.memory(bot, "learned"), channel, parse=lambda reply: reply or ""
    )


def learn_up_to(bot: str, channel: str, name: str) -> Call[int]:
    """Move that mark."""
    return Call(
        "remember", (keys.memory(bot, "learned"),), (channel, name, terms.SAID_TTL), int
    )


def encoded(value: Mapping[str, object]) -> str:
    """An item's JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
