"""Conversation states, by bot and channel. What they mean is decided in
`app.rules.decay`."""

from __future__ import annotations

from app.domain import terms
from app.store import fields, keys
from app.store.calls import Call, command


def states(bot: str) -> Call[dict[str, str]]:
    """Stored state by channel id, as `decay.to_json` wrote it."""
    return command("HGETALL", keys.state(bot), parse=dict)


def remember(bot: str, channel: str, state: str) -> Call[int]:
    """Store the state of one channel."""
    return fields.put(keys.state(bot), channel, state, terms.STATE_TTL)
