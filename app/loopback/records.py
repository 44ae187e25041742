"""What the loopback server remembers of what happened: one frozen record for each
event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Ping = int | Literal["everyone"]


@dataclass(frozen=True, slots=True)
class Post:
    """A message that was created.

    `at` is time.monotonic() and `wall` time.time(), both in seconds. `pinged` holds the
    ids of the users and roles that were really notified (after `allowed_mentions`) and
    "everyone". A deleted or edited message keeps its place in the list; the record
    there is replaced by one with `deleted` set or with the new `content`.
    """

    message_id: int
    channel_id: int
    author_id: int
    author_name: str
    is_bot: bool
    content: str
    reply_to: int | None
    nonce: str | None
    at: float
    wall: float
    pinged: tuple[Ping, ...] = ()
    guild_id: int | None = None
    webhook: bool = False
    message_type: int = 0
    deleted: bool = False
    edited: bool = False


@dataclass(frozen=True, slots=True)
class Reaction:
    """A reaction that was added, or taken back (`removed`)."""

    message_id: int
    channel_id: int
    user_id: int
    user_name: str
    is_bot: bool
    emoji: str
    at: float
    wall: float
    removed: bool = False


@dataclass(frozen=True, slots=True)
class Typing:
    """Somebody began to type in a channel."""

    channel_id: int
    user_id: int
    user_name: str
    is_bot: bool
    at: float
    wall: float


@dataclass(frozen=True, slots=True)
class Edit:
    """A message got a new content."""

    message_id: int
    channel_id: int
    content: str
    at: float
    wall: float


@dataclass(frozen=True, slots=True)
class Deletion:
    """A message was deleted."""

    message_id: int
    channel_id: int
    at: float
    wall: float


Record = Post | Reaction | Typing | Edit | Deletion
