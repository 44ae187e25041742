"""Who and what the page shows: the people, bots and channels of one loopback Discord,
and their JSON shapes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from app.domain.model import JournalLine, snowflake_ms
from app.loopback import (
    Account,
    Channel,
    Deletion,
    Edit,
    LoopbackDiscord,
    Post,
    Reaction,
    Record,
    Typing,
)

Json = dict[str, object]

SHOWN = 120
"""Messages of each channel that a page is given when it opens."""


@dataclass(frozen=True)
class Scene:
    """One loopback Discord with its cast. `topics` holds a line for each channel id;
    every account is listed once."""

    server: LoopbackDiscord
    people: tuple[Account, ...]
    bots: tuple[Account, ...]
    channels: tuple[Channel, ...]
    topics: Mapping[int, str] = field(default_factory=dict)
    title: str = "The Stream"

    @cached_property
    def shown(self) -> frozenset[int]:
        """The channels that the page shows; another one may serve to warm up."""
        return frozenset(
            {
                channel.id
                for channel in (
                    *self.channels,
                    *(dm for _, _, dm in self.direct_channels()),
                )
            }
        )

    def direct_channels(self) -> list[tuple[Account, Account, Channel]]:
        """The direct messages of each person with each bot."""
        return [
            (person, bot, self.server.dm_channel(person, bot))
            for person in self.people
            for bot in self.bots
        ]

    def person(self, account_id: object) -> Account | None:
        """The person (never a bot) with this id, given as text."""
        return next(
            (person for person in self.people if str(person.id) == account_id), None
        )

    def cast(self) -> Json:
        """Everything about the scene that does not change while it runs."""
        return {
            "title": self.title,
            "people": [_account_payload(person) for person in self.people],
            "bots": [_account_payload(bot) for bot in self.bots],
            "channels": [
                _channel_payload(channel, self.topics.get(channel.id, ""))
                for channel in self.channels
            ],
            "dms": [
                {"id": str(channel.id), "person": str(person.id), "bot": str(bot.id)}
                for person, bot, channel in self.direct_channels()
            ],
        }


def scene_snapshot(
    scene: Scene, decisions: Mapping[str, Iterable[JournalLine]]
) -> Json:
    """All that a page needs to draw itself: the cast, the newest messages with their
    reactions, and the decisions."""
    kept: dict[int, list[Post]] = {}
    for post in scene.server.posts:
        if post.channel_id not in scene.shown:
            continue
        kept.setdefault(post.channel_id, []).append(post)
    posts = sorted(
        (post for some in kept.values() for post in some[-SHOWN:]),
        key=lambda post: post.message_id,
    )
    shown = {post.message_id for post in posts}
    return {
        "type": "snapshot",
        **scene.cast(),
        "messages": [message_payload(post) for post in posts],
        "reactions": [
            reaction_payload(one)
            for one in scene.server.reactions
            if one.message_id in shown
        ],
        "decisions": [
            decision_payload(key, line)
            for key, lines in decisions.items()
            if int(key) in shown
            for line in lines
        ],
    }


def event_payload(record: Record) -> Json:
    """One thing that happened, as the page is told."""
    match record:
        case Post():
            return {"type": "message", **message_payload(record)}
        case Reaction():
            return {"type": "reaction", **reaction_payload(record)}
        case Typing():
            return {
                "type": "typing",
                "channel": str(record.channel_id),
                "author": str(record.user_id),
            }
        case Edit():
            return {
                "type": "edit",
                "id": str(record.message_id),
                "text": record.content,
            }
        case Deletion():
            return {"type": "deletion", "id": str(record.message_id)}


def message_payload(post: Post) -> Json:
    """Shape: id, channel, author, name, bot, text, reply_to, at (Unix ms), edited,
    deleted."""
    return {
        "id": str(post.message_id),
        "channel": str(post.channel_id),
        "author": str(post.author_id),
        "name": post.author_name,
        "bot": post.is_bot,
        "text": post.content,
        "reply_to": None if post.reply_to is None else str(post.reply_to),
        "at": round(post.wall * 1000),
        "edited": post.edited,
        "deleted": post.deleted,
    }


def reaction_payload(one: Reaction) -> Json:
    """Shape: id of the message, author, emoji, removed."""
    return {
        "id": str(one.message_id),
        "author": str(one.user_id),
        "name": one.user_name,
        "emoji": one.emoji,
        "removed": one.removed,
    }


def decision_payload(message_id: str, line: JournalLine) -> Json:
    """Shape: the journal line, `id` of its message and `after` (ms since the message
    was written)."""
    return {
        "type": "decision",
        "id": message_id,
        "after": line.at_ms - snowflake_ms(message_id),
        **line.model_dump(mode="json"),
    }


def _account_payload(account: Account) -> Json:
    return {"id": str(account.id), "name": account.name, "bot": account.is_bot}


def _channel_payload(channel: Channel, topic: str) -> Json:
    return {"id": str(channel.id), "name": channel.name, "topic": topic}
