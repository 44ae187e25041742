"""Conversation states, by bot and channel. What they mean is decided in
`app.rules.decay`."""

from __future__ import annotations

from collections.abc import Sequence

from app.domain import terms
from app.store import fields, keys
from app.store.calls import Call, Reply, command


def states(bot: str) -> Call[dict[str, str]]:
    """Stored state by channel id, as `decay.to_json` wrote it."""
    return command("HGETALL", keys.state(bot), parse=dict)


def states_in(bot: str, channels: Sequence[str]) -> Call[dict[str, str]]:
    """The same of some channels (at least one) alone: a bot may have spoken in
    hundreds."""

    def parse(reply: Reply) -> dict[str, str]:
        found = zip(channels, reply, strict=True)
        return {channel: text for channel, text in found if text is not None}

    return command("HMGET", keys.state(bot), *channels, parse=parse)


def remember(bot: str, channel: str, state: str, after: str = "") -> Call[bool]:
    """Store the state of one channel. `after`: as in `fields.put`."""
    return fields.put(keys.state(bot), channel, state, terms.STATE_TTL, after)
