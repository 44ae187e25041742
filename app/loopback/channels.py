"""The kinds of channels and what each of them holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, IntFlag

from app.loopback.permissions import Overwrite


class ChannelType(IntEnum):
    """Discord's channel types, without group DMs and directories."""

    TEXT = 0
    DM = 1
    VOICE = 2
    CATEGORY = 4
    ANNOUNCEMENT = 5
    ANNOUNCEMENT_THREAD = 10
    PUBLIC_THREAD = 11
    PRIVATE_THREAD = 12
    STAGE = 13
    FORUM = 15
    MEDIA = 16


class ChannelFlag(IntFlag):
    """The channel flags that the loopback server sets."""

    OBFUSCATED = 1 << 17


THREADS = frozenset(
    {
        ChannelType.ANNOUNCEMENT_THREAD,
        ChannelType.PUBLIC_THREAD,
        ChannelType.PRIVATE_THREAD,
    }
)
VOICES = frozenset({ChannelType.VOICE, ChannelType.STAGE})
FORUMS = frozenset({ChannelType.FORUM, ChannelType.MEDIA})
WITHOUT_MESSAGES = FORUMS | {ChannelType.CATEGORY}


@dataclass(frozen=True, slots=True)
class ForumTag:
    """A tag that posts of a forum may carry."""

    id: int
    name: str
    moderated: bool = False
    emoji: str | None = None


@dataclass(slots=True, eq=False)
class Channel:
    """A channel of a guild, a thread (`parent_id`, `owner_id`) or a DM channel
    (`recipient_ids`).

    `parent_id` of a channel that is no thread is its category. A forum post is a thread
    whose first message has the thread's own id. `archived_at` is Unix seconds of the
    last change of `archived`; `member_ids` are a thread's members with the snowflake of
    their joining.
    """

    id: int
    name: str
    type: ChannelType
    guild_id: int | None = None
    parent_id: int | None = None
    owner_id: int | None = None
    recipient_ids: frozenset[int] = frozenset()
    topic: str | None = None
    position: int = 0
    last_message_id: int | None = None
    message_count: int = 0
    overwrites: dict[int, Overwrite] = field(default_factory=dict)
    available_tags: list[ForumTag] = field(default_factory=list)
    applied_tags: list[int] = field(default_factory=list)
    archived: bool = False
    archived_at: float | None = None
    locked: bool = False
    member_ids: dict[int, int] = field(default_factory=dict)
    message_ids: list[int] = field(default_factory=list, repr=False)

    @property
    def mention(self) -> str:
        """The text that links to this channel."""
        return f"<#{self.id}>"

    @property
    def is_thread(self) -> bool:
        """Is this a thread or a forum post?"""
        return self.type in THREADS

    @property
    def is_voice(self) -> bool:
        """Is this a voice or stage channel, whose text needs CONNECT?"""
        return self.type in VOICES

    @property
    def is_forum(self) -> bool:
        """Is this a channel that holds posts only?"""
        return self.type in FORUMS
