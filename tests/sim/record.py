"""A Discord that keeps a record: messages, nonces, and the events that it owes to each
connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import aiohttp
import discord

from app.delivery.attempts import Sending, _sending
from app.domain.model import DISCORD_EPOCH_MS, AuthorKind, Event
from tests.sim.calls import Timeline, Wire
from tests.sim.clock import PROCESS, Process
from tests.sim.scenario import BOTS, CHANNELS, PEOPLE, PRIVATE, THREADS, Fault

GUILD = "700"
CHANNEL_IDS = {name: str(800 + n) for n, name in enumerate(CHANNELS)}
USER_IDS = {name: str(900 + n) for n, name in enumerate((*BOTS, *PEOPLE))}
PARENTS = {CHANNEL_IDS[name]: CHANNEL_IDS[of] for name, of in THREADS.items()}
"""By thread: its channel."""
PRIVATE_IDS = {
    (who, bot): str(1_000 + 10 * n + m)
    for n, who in enumerate(PEOPLE)
    for m, bot in enumerate(BOTS)
}
"""By person and bot: the channel of their direct messages."""
PRIVATE_WITH = {channel: bot for (_, bot), channel in PRIVATE_IDS.items()}
BOT_OF = {USER_IDS[bot]: bot for bot in BOTS}
NAMES = {user: name for name, user in USER_IDS.items()}
SERVER_S = 0.05


def channel_id(channel: str, who: str, asks: Sequence[str]) -> str:
    """The channel of what somebody says."""
    return PRIVATE_IDS[who, asks[0]] if channel == PRIVATE else CHANNEL_IDS[channel]


def hears(bot: str, channel: str) -> bool:
    """Whether a bot is there."""
    return PRIVATE_WITH.get(channel, bot) == bot


@dataclass(slots=True)
class Message:
    """One message. `at`: when it appeared, in simulated seconds."""

    id: str
    channel: str
    author: str
    text: str
    at: float
    reply_to: str = ""
    nonce: str = ""
    deleted_at: float | None = None
    edited_at: float | None = None
    reactions: list[tuple[str, float]] = field(default_factory=list)
    """Which bot reacted, and when."""

    @property
    def bot(self) -> str:
        """Which of ours wrote it; empty: a person."""
        return BOT_OF.get(self.author, "")


class Record:
    """The messages of one server, and who listens."""

    def __init__(self, wire: Wire, timeline: Timeline, remembers: float) -> None:
        """`remembers`: seconds for which a nonce is known."""
        self.wire, self.timeline = wire, timeline
        self._remembers = remembers
        self.messages: dict[str, Message] = {}
        self.listeners: dict[str, Any] = {}
        """By bot: its client, while it is connected."""
        self.unheard: set[tuple[str, str]] = set()
        """Bots and messages whose event was withheld or late."""
        self._nonces: dict[tuple[str, str, str], tuple[str, float]] = {}
        self._count = 0

    @property
    def now(self) -> float:
        """Simulated seconds."""
        return self.wire.loop.time()

    def create(
        self, author: str, channel: str, text: str, reply_to: str = "", nonce: str = ""
    ) -> Message:
        """A message appears; the same nonce again is the same message."""
        known = self._nonces.get((author, channel, nonce)) if nonce else None
        if known is not None and self.now - known[1] <= self._remembers:
            return self.messages[known[0]]
        self._count += 1
        ms = int(self.wire.loop.wall() * 1000) - DISCORD_EPOCH_MS
        message = Message(
            id=str((ms << 22) + (self._count & 0x3FFFFF)),
            channel=channel,
            author=author,
            text=text,
            at=self.now,
            reply_to=reply_to if self._exists(reply_to) else "",
            nonce=nonce,
        )
        self.messages[message.id] = message
        if nonce:
            self._nonces[author, channel, nonce] = message.id, self.now
        who = NAMES[author]
        to = f" -> {reply_to}" if reply_to else ""
        self.timeline.tell(who, f"{message.id}{to} in {channel}: {text[:60]}")
        self._tell_all("message", message)
        return message

    def _exists(self, message_id: str) -> bool:
        found = self.messages.get(message_id)
        return found is not None and found.deleted_at is None

    def edit(self, message: Message, text: str) -> None:
        """Its author changes it."""
        message.text, message.edited_at = text, self.now
        self.timeline.tell(NAMES[message.author], f"edits {message.id}: {text[:60]}")
        self._tell_all("edited", message)

    def delete(self, message: Message) -> None:
        """It is gone."""
        message.deleted_at = self.now
        self.timeline.tell(NAMES[message.author], f"deletes {message.id}")
        self._tell_all("deleted", message)

    def type(self, author: str, channel: str) -> None:
        """Somebody is seen typing."""
        self.timeline.tell(NAMES[author], f"types in {channel}")
        for bot in BOTS:
            client = self.listeners.get(bot)
            if client is not None and hears(bot, channel):
                client.sees_typing(channel, author)

    def react(self, bot: str, message_id: str) -> bool:
        """A bot reacts; False: the message is gone."""
        if not self._exists(message_id):
            return False
        message = self.messages[message_id]
        if all(who != bot for who, _ in message.reactions):
            message.reactions.append((bot, self.now))
            self.timeline.tell(bot, f"reacts to {message_id}")
        return True

    def _tell_all(self, kind: str, message: Message) -> None:
        for bot in BOTS:
            client = self.listeners.get(bot)
            if client is not None and hears(bot, message.channel):
                client.owed(kind, message)

    def history(self, channel: str, after: int, limit: int | None) -> list[Message]:
        """Messages after a snowflake, oldest first; without one (0) the newest, and
        these too oldest first."""
        found = [
            one
            for one in self.messages.values()
            if one.channel == channel and one.deleted_at is None and int(one.id) > after
        ]
        if limit is None:
            return found
        return found[:limit] if after else found[-limit:]


def event_of(message: Message, ours: Mapping[str, str], _: object = None) -> Event:
    """As a gateway sees a message."""
    bot = message.author in ours or bool(message.bot)
    mentions = [USER_IDS[bot] for bot in BOTS if f"<@{USER_IDS[bot]}>" in message.text]
    return Event(
        message_id=message.id,
        channel_id=message.channel,
        guild_id=None if message.channel in PRIVATE_WITH else GUILD,
        is_dm=message.channel in PRIVATE_WITH,
        parent_id=PARENTS.get(message.channel),
        author_id=message.author,
        author_name=NAMES[message.author],
        author_kind=AuthorKind.OURS if bot else AuthorKind.HUMAN,
        content=message.text,
        reply_to=message.reply_to or None,
        mentions=tuple(mentions),
        channel_name="" if message.channel in PRIVATE_WITH else message.channel,
        names={user: NAMES[user] for user in mentions},
    )


def refusal(status: int, retry_after: float = 0.0) -> discord.HTTPException:
    """An answer of Discord that is no success."""
    headers = {"Retry-After": f"{retry_after}"} if retry_after else {}
    response: Any = SimpleNamespace(status=status, reason="", headers=headers)
    code = 10008 if status == 404 else 0
    return discord.HTTPException(response, {"code": code, "message": "simulated"})


class Place:
    """A channel as one bot's REST client sees it."""

    def __init__(self, record: Record, bot: str, channel: str) -> None:
        self._record, self._bot, self._channel = record, bot, channel
        self._message = ""

    def get_partial_message(self, message_id: int) -> Place:
        """One of its messages."""
        place = Place(self._record, self._bot, self._channel)
        place._message = str(message_id)
        return place

    async def send(
        self,
        text: str,
        *,
        nonce: str,
        allowed_mentions: object,
        reference: discord.MessageReference | None = None,
    ) -> None:
        """Create a message."""
        to = str(reference.message_id) if reference is not None else ""

        def create() -> str:
            author = USER_IDS[self._bot]
            found = self._record.create(author, self._channel, text, to, nonce)
            return found.id

        await self._request("POST message", create)

    async def add_reaction(self, emoji: str) -> None:
        """React to the message."""

        def react() -> str:
            return "" if self._record.react(self._bot, self._message) else "gone"

        await self._request("PUT reaction", react)

    async def _request(self, what: str, act: Any) -> None:
        process, wire = PROCESS.get(), self._record.wire
        sending = _sending.get()
        assert process is not None
        assert sending is not None
        await sending.begin()
        fault = wire.trouble.strikes("post", process.name, f"{what} of {self._bot}")
        while fault is not None and fault.kind == "limited":
            await sending.answered(429)
            await asyncio.sleep(min(fault.amount, 30.0))
            await sending.begin()
            fault = None
        if fault is not None and fault.kind == "crash before":
            await wire.strike(process, fault, after=False)
        answer = await self._carried(process, fault, act)
        if fault is not None:
            await wire.strike(process, fault, after=True)
        await wire.travel(process)
        self._told(sending, fault, answer)

    async def _carried(self, process: Process, fault: Fault | None, act: Any) -> str:
        """The request is with Discord: it does not die with who sent it."""
        wire = self._record.wire
        if fault is not None and fault.kind == "500 before":
            return "500"
        seconds = SERVER_S
        if fault is not None and fault.kind == "slow":
            seconds = min(fault.amount, 9.0)
        arrived: asyncio.Future[str] = wire.loop.create_future()

        def arrive() -> None:
            answer = act()
            if not arrived.done():
                arrived.set_result(answer)

        wire.loop.call_later(seconds, arrive)
        return await arrived

    def _told(self, sending: Sending, fault: Fault | None, answer: str) -> None:
        kind = fault.kind if fault is not None else ""
        if answer == "500" or kind == "500 after":
            raise refusal(500)
        if kind == "answer lost":
            raise aiohttp.ServerDisconnectedError
        if answer == "gone":
            raise discord.NotFound(
                refusal(404).response, {"code": 10008, "message": "Unknown Message"}
            )
        sending._accept_message(answer)


class SimulatedChannel(discord.abc.GuildChannel, discord.abc.Messageable):
    """A channel as a gateway's client sees it."""

    def __init__(self, record: Record, channel: str) -> None:
        self._record = record
        self.id = int(channel)

    @property
    def last_message_id(self) -> int | None:
        """The newest message."""
        found = self._record.history(str(self.id), 0, 1)
        return int(found[0].id) if found else None

    async def history(  # type: ignore[override]
        self, after: discord.Object, oldest_first: bool, limit: int | None
    ) -> AsyncIterator[Any]:
        """What came after a message."""
        process, wire = PROCESS.get(), self._record.wire
        assert process is not None
        await wire.travel(process, 20)
        fault = wire.trouble.strikes("read", process.name, f"history of {self.id}")
        if fault is not None and fault.kind == "500 before":
            raise refusal(500)
        for message in self._record.history(str(self.id), after.id, limit):
            yield Told(message)


class Told:
    """A message as the reading back is told of it."""

    def __init__(self, message: Message) -> None:
        self.message = message
        self.id = int(message.id)
        self.author = SimpleNamespace(id=int(message.author))
