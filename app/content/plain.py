"""Messages that discord.py cannot parse: a poll or a component of a new shape must not
hide what was said beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import structlog

log = structlog.get_logger(__name__)

UNPARSABLE = (KeyError, IndexError, TypeError, ValueError, AttributeError)
"""What discord.py raises at a field of a shape that it does not know."""
ESSENTIAL = frozenset(
    {
        "id",
        "type",
        "channel_id",
        "guild_id",
        "author",
        "member",
        "content",
        "timestamp",
        "edited_timestamp",
        "tts",
    }
    | {
        "mention_everyone",
        "mentions",
        "mention_roles",
        "attachments",
        "embeds",
        "pinned",
        "flags",
        "nonce",
        "webhook_id",
    }
    | {"application_id", "message_reference"}
)
"""Fields that are kept of such a message: who said what, where, in reply to what, and
with which files."""

Message = TypeVar("Message")


def parse_tolerantly(
    parse: Callable[[Mapping[str, Any]], Message],
) -> Callable[[Mapping[str, Any]], Message]:
    """`parse` for Discord's message objects, tried once more without the fields that
    are not essential. What fails then is raised."""

    def parse_message(data: Mapping[str, Any]) -> Message:
        try:
            return parse(data)
        except UNPARSABLE as error:
            left_out = sorted(key for key in data if key not in ESSENTIAL)
            # There is nothing to leave out: a second try would fail alike.
            if not left_out:
                raise
            log.warning(
                "a message could not be parsed whole",
                message=str(data.get("id")),
                error=type(error).__name__,
            )
            # A Message of discord.py without this field has no such attribute.
            return parse(
                {key: value for key, value in data.items() if key in ESSENTIAL}
                | {"components": []}
            )

    return parse_message
