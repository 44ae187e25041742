"""Reads for an operator who wants to know how a stream is. They change nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError

from app.domain.model import Event
from app.store import keys
from app.store.calls import Call, Reply, command


class DueSet(NamedTuple):
    """A sorted set of what is due when."""

    name: str
    key: str


DUE = (
    DueSet("lanes", keys.WAKES_DUE),
    DueSet("elections", keys.ELECTIONS_DUE),
    DueSet("deliveries", keys.DELIVERIES_DUE),
)


def due_by(key: str, now_ms: float) -> Call[int]:
    """How much of it is due by a time (Unix ms)."""
    return command("ZCOUNT", key, "-inf", f"{now_ms:.0f}", parse=int)


def all_due(key: str) -> Call[int]:
    """How much will be due at any time."""
    return command("ZCOUNT", key, "-inf", "+inf", parse=int)


def oldest_entry(stream: str) -> Call[int | None]:
    """When the first entry of an inbox came (Unix ms); None: it is empty."""

    def parse(reply: Reply) -> int | None:
        if not reply:
            return None
        entry_id, _ = reply[0]
        at_ms, _, _ = str(entry_id).partition("-")
        return int(at_ms)

    return command("XRANGE", stream, "-", "+", "COUNT", 1, parse=parse)


def heard_line(bot: str, message: str) -> Call[Mapping[str, Any]]:
    """What a bot remembers of a message that it answered: text, author, name, channel;
    empty: nothing."""
    key = keys.memory(bot, "said")
    return command("HGET", key, f"{message}.0", parse=_as_memory)


def spoken_line(bot: str, message: str) -> Call[Mapping[str, Any]]:
    """What a bot remembers that it answered a message; shape as of `heard_line`."""
    key = keys.memory(bot, "said")
    return command("HGET", key, f"{message}.1", parse=_as_memory)


def _as_memory(reply: Reply) -> Mapping[str, Any]:
    found = json.loads(reply or "{}")
    line = found.get("v") if isinstance(found, dict) else None
    return line if isinstance(line, dict) else {}


def newest_messages(channel: str, most: int) -> Call[tuple[str, ...]]:
    """Ids of the newest messages of a channel, its threads' included, that a bot was
    moved by; oldest first."""
    key = keys.left_bytes(channel)

    def parse(reply: Reply) -> tuple[str, ...]:
        ids = [member for member in reply if member.isdecimal()]
        return tuple(sorted(ids, key=int))

    return command("ZRANGE", key, -most, -1, parse=parse)


def posts_of_bots(channel: str) -> Call[tuple[tuple[str, str], ...]]:
    """(bot, outbox entry) of what bots said in a channel within a day, at most 20."""

    def parse(reply: Reply) -> tuple[tuple[str, str], ...]:
        posts = []
        for member in reply:
            bot, _, entry = member.partition(":")
            posts.append((bot, entry))
        return tuple(posts)

    return command("ZRANGE", keys.recent_bot_posts(channel), 0, -1, parse=parse)


def waiting_events(stream: str) -> Call[tuple[Event, ...]]:
    """The events that wait in an inbox, oldest first, at most 200."""

    def parse(reply: Reply) -> tuple[Event, ...]:
        events = [_as_event(fields.get("event")) for _, fields in reply]
        return tuple(event for event in events if event is not None)

    return command("XRANGE", stream, "-", "+", "COUNT", 200, parse=parse)


def heard_event(message: str) -> Call[Event | None]:
    """The event that an election is about; None: there was none, or it is gone."""

    return command("HGET", keys.event(message), "event", parse=_as_event)


def admitted(bot: str, message: str) -> Call[str]:
    """The verdict of a bot's admission of a message within the last hour; empty: none
    is known."""
    return command("HGET", keys.seen(message), bot, parse=_verdict_of)


def answered_by(post: str) -> Call[str]:
    """The message that a bot's post answers; empty: it is none of ours."""
    return command("HGET", keys.cause(post), "answers", parse=_as_text)


def answers_to(message: str) -> Call[Mapping[str, str]]:
    """What became of a message by bot, as `delivered:<post>`."""
    return command("HGETALL", keys.answer(message), parse=dict)


def _as_event(reply: Reply) -> Event | None:
    if not reply:
        return None
    try:
        return Event.model_validate_json(reply)
    except ValidationError:
        return None


def _verdict_of(reply: Reply) -> str:
    return str(reply or "").partition(" ")[0]


def _as_text(reply: Reply) -> str:
    return str(reply or "")


def cooldown_left(bot: str) -> Call[int]:
    """Milliseconds until a bot may act unasked; 0: now."""

    def parse(reply: Reply) -> int:
        return max(0, int(reply))

    return command("PTTL", keys.cooldown(bot), parse=parse)


def list_length(name: str) -> Call[int]:
    """Tasks that wait in one of Celery's lists. For the broker's database."""
    return command("LLEN", name, parse=int)


def spent(budget: str) -> Call[Mapping[str, int]]:
    """What the key of a budget says was spent: posts, tokens and micro_usd, what is
    held included. What nobody could have written counts as nothing."""

    def parse(reply: Reply) -> Mapping[str, int]:
        found = {}
        for name in ("posts", "tokens", "micro_usd"):
            text = str(reply.get(name, "0"))
            found[name] = int(text) if text.isascii() and text.isdecimal() else 0
        return found

    return command("HGETALL", budget, parse=parse)
