"""Who is in the demo's Discord, and what was said there: where the page's messages come
from."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from app.domain.model import JournalLine
from app.loopback import Account, Channel, LoopbackDiscord, Post
from app.operator import talk
from app.operator.talk import TalkExchange, TalkMessage, TalkPlace
from app.store.door import Store

SHOWN = 60
"""Messages of a place."""
SETTLED_S = 300.0
"""After so long nothing more is decided about a message."""


@dataclass(frozen=True)
class Scene:
    """One loopback Discord with its cast. `bots` maps names to accounts, `topics` holds
    a line for each channel id."""

    server: LoopbackDiscord
    people: tuple[Account, ...]
    bots: Mapping[str, Account]
    channels: tuple[Channel, ...]
    topics: Mapping[int, str] = field(default_factory=dict)

    @cached_property
    def direct_channels(self) -> list[tuple[Account, Account, Channel]]:
        """The direct messages of each person with each bot."""
        return [
            (person, bot, self.server.dm_channel(person, bot))
            for person in self.people
            for bot in self.bots.values()
        ]

    def find_person(self, account_id: object) -> Account | None:
        """The person (never a bot) with this id, given as text."""
        found = (one for one in self.people if str(one.id) == account_id)
        return next(found, None)


class SceneTalk:
    """The messages of a scene, all of them: also those that moved no bot, whose text the
    stream does not keep. A `Source` of the page."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._names = {account.id: bot for bot, account in scene.bots.items()}
        self._settled: dict[str, tuple[JournalLine, ...]] = {}

    def find_places(self, store: Store) -> list[TalkPlace]:
        """The channels; the first person's talks with each bot, and all others that
        have begun."""
        scene, topics = self._scene, self._scene.topics
        places = [
            TalkPlace(
                id=str(one.id),
                name=one.name,
                guild="",
                direct=False,
                lively=True,
                topic=topics.get(one.id, ""),
            )
            for one in scene.channels
        ]
        return places + [
            TalkPlace(str(one.id), f"{bot.name} · {person.name}", "", True, True)
            for person, bot, one in scene.direct_channels
            if person is scene.people[0] or scene.server.messages_in(one)
        ]

    def read_place(self, store: Store, place: TalkPlace) -> list[TalkExchange]:
        """With what the journal tells of each."""
        reactions = self._collect_reactions()
        posts = self._scene.server.messages_in(int(place.id))[-SHOWN:]
        return [
            TalkExchange(
                self._message(post, place, reactions.get(post.message_id, ())),
                self._read_lines(store, post),
                (),
            )
            for post in posts
        ]

    def _message(
        self, post: Post, place: TalkPlace, reactions: tuple[tuple[str, str], ...]
    ) -> TalkMessage:
        return TalkMessage(
            id=str(post.message_id),
            place=place.id,
            at_ms=round(post.wall * 1000),
            author=str(post.author_id),
            name=post.author_name,
            bot=self._names.get(post.author_id, ""),
            text=post.content,
            reply_to="" if post.reply_to is None else str(post.reply_to),
            reactions=reactions,
            edited=post.edited,
            deleted=post.deleted,
        )

    def _read_lines(self, store: Store, post: Post) -> tuple[JournalLine, ...]:
        message = str(post.message_id)
        if message in self._settled:
            return self._settled[message]
        lines = talk.read_lines(store, message)
        if time.time() - post.wall > SETTLED_S:
            self._settled[message] = lines
        return lines

    def _collect_reactions(self) -> dict[int, tuple[tuple[str, str], ...]]:
        standing: defaultdict[int, dict[tuple[str, str], None]] = defaultdict(dict)
        for one in list(self._scene.server.reactions):
            who = self._names.get(one.user_id, one.user_name)
            if one.removed:
                standing[one.message_id].pop((one.emoji, who), None)
            else:
                standing[one.message_id][one.emoji, who] = None
        return {message: tuple(found) for message, found in standing.items()}
