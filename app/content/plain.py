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

WORDS = frozenset(
    {
        "id",
        "type",
        "channel_id",
        "guild_id",
        "content",
        "timestamp",
        "nonce",
        "webhook_id",
        "application_id",
    }
)
"""Fields that are kept where one of the essential cannot be parsed."""
_PLAIN: dict[str, Any] = {
    "type": 0,
    "attachments": [],
    "embeds": [],
    "components": [],
    "edited_timestamp": None,
    "pinned": False,
    "mention_everyone": False,
    "tts": False,
    "flags": 0,
}
"""What discord.py asks of each message besides."""
_PLAIN_AUTHOR: dict[str, Any] = {
    "username": "somebody",
    "discriminator": "0",
    "avatar": None,
}
_ABSENT: dict[str, Any] = {
    "content": "",
    "mentions": [],
    "mention_roles": [],
    "components": [],
}
"""Without one of them discord.py raises, or makes a Message that lacks the attribute."""

Message = TypeVar("Message")


def parse_tolerantly(
    parse: Callable[[Mapping[str, Any]], Message],
) -> Callable[[Mapping[str, Any]], Message]:
    """`parse` for Discord's message objects, whatever fields they lack, tried again
    without those that are not essential, and then with the words alone. What fails then
    is raised."""

    def parse_message(data: Mapping[str, Any]) -> Message:
        if not _ABSENT.keys() <= data.keys():
            data = {**_ABSENT, **data}
        try:
            return parse(data)
        except UNPARSABLE as error:
            log.warning(
                "a message could not be parsed whole",
                message=_logged_id(data.get("id")),
                error=type(error).__name__,
            )
        essential = {key: value for key, value in data.items() if key in ESSENTIAL}
        try:
            return parse(_ABSENT | essential)
        except UNPARSABLE:
            return parse(_words_alone(data))

    return parse_message


def _logged_id(found: object) -> str | None:
    """A message's id for a log; what is none may be anything that somebody wrote."""
    return found if isinstance(found, str) and found.isdecimal() else None


def _words_alone(data: Mapping[str, Any]) -> dict[str, Any]:
    """Who said what, where and to whom: a file, a preview, a member or a reference of a
    shape that nobody knows hides no words. Without its member an author has no
    rights."""
    words = {key: data[key] for key in WORDS if key in data}
    author = data.get("author")
    # What is no author stays as it is, and is refused.
    if isinstance(author, Mapping):
        words["author"] = _PLAIN_AUTHOR | dict(author)
    people = data.get("mentions")
    roles = data.get("mention_roles")
    return (
        _PLAIN
        | words
        | {
            "mentions": people if isinstance(people, list) else [],
            "mention_roles": roles if isinstance(roles, list) else [],
        }
    )
