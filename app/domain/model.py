"""The values that travel between rooms. All are immutable; ids are Discord snowflakes
written as decimal strings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

DISCORD_EPOCH_MS = 1_420_070_400_000
"""Milliseconds between the Unix epoch and Discord's (2015-01-01), from Discord's
reference on snowflakes."""

NOBODY = "0"
"""Stands for the author where none is kept."""

MAX_CONTENT = 4_000
"""Characters of a message that are kept: Discord's own limit for the longest message
(with Nitro)."""

BOT_NAME = re.compile(r"^[a-z][a-z0-9_-]{0,31}$")

Snowflake = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,20}$")]
BotName = Annotated[str, StringConstraints(pattern=BOT_NAME.pattern)]


def snowflake_ms(snowflake: str) -> int:
    """Unix time in milliseconds at which Discord made this id."""
    return (int(snowflake) >> 22) + DISCORD_EPOCH_MS


class Frozen(BaseModel):
    """Base of all values: immutable; an unknown field from a newer writer is ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class AuthorKind(StrEnum):
    """Who wrote a message."""

    HUMAN = "human"
    OURS = "ours"
    FOREIGN = "foreign"


class Signal(StrEnum):
    """Why a message may matter to one bot, strongest first."""

    DIRECT = "direct"
    TRUSTED = "trusted"
    WATCHED = "watched"
    ACTIVE = "active"
    REACTIONS = "reactions"
    GOSSIP = "gossip"
    AMBIENT = "ambient"


class Context(StrEnum):
    """What woke a cycle."""

    DIRECT = "direct"
    TRIGGER = "immediate_trigger"
    POLL = "poll"


class ConversationState(StrEnum):
    """How engaged one bot is in one channel."""

    IDLE = "idle"
    ENGAGED = "engaged"
    COOLING = "cooling"


class PartKind(StrEnum):
    """What a message can hold besides its text."""

    PICTURE = "picture"
    VIDEO = "video"
    SOUND = "sound"
    VOICE = "voice message"
    TEXT_FILE = "text file"
    FILE = "file"
    STICKER = "sticker"
    POLL = "poll"
    FORWARD = "forwarded message"
    EMBED = "link preview"
    COMPONENTS = "buttons"


class MessagePart(Frozen):
    """One part of a message besides its text, in plain words."""

    kind: PartKind
    text: str = Field(default="", max_length=1_000)
    """Its name or words: a file's name, a poll's question and answers, the text of a
    forward."""
    url: str = Field(default="", max_length=1_000)
    """Address of a file that Discord keeps; empty for anything else."""
    media_type: str = Field(default="", max_length=100)
    size: int = Field(default=0, ge=0)
    """Bytes, as Discord reports."""

    @property
    def described(self) -> str:
        """As a line shows it: `[picture: a.png]`."""
        return f"[{self.kind}: {self.text}]" if self.text else f"[{self.kind}]"


class EarlierLine(Frozen):
    """An earlier line of the thought that a message continues."""

    message_id: Snowflake
    content: str = Field(default="", max_length=MAX_CONTENT)


class Event(Frozen):
    """One thing that happened in a channel, as a gateway saw it; the same for every bot
    that sees it."""

    kind: Literal["message", "reaction"] = "message"
    message_id: Snowflake
    channel_id: Snowflake
    guild_id: Snowflake | None = None
    author_id: Snowflake
    author_name: str = Field(max_length=100)
    author_kind: AuthorKind = AuthorKind.HUMAN
    content: str = Field(default="", max_length=MAX_CONTENT)
    reply_to: Snowflake | None = None
    reply_to_author: Snowflake | None = None
    mentions: tuple[Snowflake, ...] = ()
    role_mentions: tuple[Snowflake, ...] = ()
    parts: tuple[MessagePart, ...] = ()
    is_dm: bool = False
    parent_id: Snowflake | None = None
    """The channel or forum of a thread; its rules are the thread's."""
    channel_name: str = Field(default="", max_length=100)
    """The title of a thread; empty in private."""
    names: dict[Snowflake, str] = Field(default_factory=dict)
    """What the people, roles and channels that the text mentions are called here."""
    proxied: bool = False
    """A proxy said it for a person under a name of that person's choice: no trust, no
    rights, no memory of anybody."""
    thread_owner: Snowflake | None = None
    member_since_ms: int = Field(default=0, ge=0, exclude=True)
    """Since when its author is a member of the server, if Discord says so; not kept."""
    reactions: int = 0
    earlier: tuple[EarlierLine, ...] = ()
    """Earlier lines of the same thought, oldest first."""

    @property
    def whole(self) -> str:
        """The words of the whole thought, as far as the event has them."""
        said = (*(line.content for line in self.earlier), self.content)
        return "\n".join(text for text in said if text)[-MAX_CONTENT:]

    @property
    def created_ms(self) -> int:
        """When the message was written, in Unix milliseconds."""
        return snowflake_ms(self.message_id)


class RosterEntry(Frozen):
    """What every gateway must know about one of our bots, so that all agree on who is
    addressed."""

    bot: BotName
    user_id: Snowflake
    names: tuple[str, ...]
    """Names in every server: those of the character file and of the account."""
    nicknames: dict[Snowflake, str] = Field(default_factory=dict)
    """Nickname by server."""
    roles: tuple[Snowflake, ...] = ()
    """The roles that Discord made for the bot, one for each server: a mention of one is
    a mention of the bot."""
    channels: tuple[Snowflake, ...] = ()

    def names_in(self, guild_id: str | None) -> tuple[str, ...]:
        """What the bot is called in a server, or in private."""
        nickname = self.nicknames.get(guild_id or "")
        return (*self.names, nickname) if nickname else self.names


class Addressing(Frozen):
    """Whom a message speaks to: our bots in the order named, and whether it speaks to
    somebody else."""

    bots: tuple[BotName, ...] = ()
    somebody_else: bool = False
    reason: str = ""
    spoken_of: frozenset[BotName] = frozenset()
    """Our bots that its text names or mentions anywhere, except the author."""


class Classified(Frozen):
    """The signal of one event for one bot, with the reason in a few words."""

    signal: Signal
    reason: str
    addressed: tuple[BotName, ...] = ()

    @property
    def direct(self) -> bool:
        """Whether the bot must answer or say why not."""
        return self.signal is Signal.DIRECT


class Bid(Frozen):
    """One bot's bid for one message: a score to compare (bits above the threshold), and
    the parts it is made of."""

    score: float = Field(allow_inf_nan=False)
    above_threshold: bool
    parts: dict[str, float] = Field(default_factory=dict)


class InboxEntry(Frozen):
    """One message in `mailbox:<bot>:inbox`, with the stream id that removes it."""

    entry_id: str
    event: Event
    signal: Signal
    reason: str = ""
    addressed: tuple[BotName, ...] = ()
    bid: float | None = None
    after_ms: int = 0
    """Unix milliseconds before which it is not answered; 0: at once."""
    wordless: bool = False
    """The bot may not write there: a reaction at most."""
    turn: int = 0
    """How many direct messages its author has sent here within the hour: who has asked
    less comes first."""
    notice: Literal["", "hour", "day"] = ""
    """Its author has reached a limit, and is told so instead of being answered."""
    joined: tuple[InboxEntry, ...] = ()
    """Earlier lines of its thought, read in the same cycle: one answer is for all."""


class ActionKind(StrEnum):
    """What a cycle decided to do."""

    OBSERVE = "observe"
    REACT = "react"
    REPLY = "reply"
    POST = "post"


@dataclass(frozen=True, slots=True)
class Cost:
    """What model calls cost, or may cost."""

    tokens: int = 0
    micro_usd: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.tokens + other.tokens, self.micro_usd + other.micro_usd)

    def beyond(self, held: Cost) -> Cost:
        """The part of it that `held` does not cover."""
        return Cost(
            max(0, self.tokens - held.tokens), max(0, self.micro_usd - held.micro_usd)
        )


class Action(Frozen):
    """A decided action, ready to commit. `text` is empty for a reaction, `emoji` for
    words."""

    kind: ActionKind
    channel_id: Snowflake
    message_id: Snowflake | None = None
    text: str = ""
    emoji: str = ""
    reason: str = ""
    tokens: int = 0
    micro_usd: int = 0
    fallback: str = ""
    """The line to post if Discord refuses the action; only for direct messages."""


class OutboxEntry(Frozen):
    """One committed action on its way to Discord (`entry:<id>`)."""

    entry_id: str
    bot: BotName
    channel_id: Snowflake
    kind: ActionKind
    chunks: tuple[str, ...] = ()
    emoji: str = ""
    reply_to: Snowflake | None = None
    reply_author: Snowflake | None = None
    guild_id: Snowflake | None = None
    parent_id: Snowflake | None = None
    direct: bool = False
    fallback: str = ""
    """The line to post if Discord refuses the reaction or the line; empty: none."""
    root: str = ""
    hops: int = 0
    barred: tuple[str, ...] = ()
    """What Discord refuses the bot in the channel, as remembered when the entry was
    read."""


class ChatLine(Frozen):
    """One message of a channel's recent history, oldest first in a transcript."""

    message_id: Snowflake
    author_id: Snowflake
    author_name: str
    author_kind: AuthorKind
    content: str
    reply_to: Snowflake | None = None
    parts: tuple[MessagePart, ...] = ()
    names: dict[Snowflake, str] = Field(default_factory=dict)
    """What the people whom it mentions are called."""
    proxied: bool = False
    """As of an event: a proxy said it."""


class JournalLine(Frozen):
    """One decision about one message by one bot (or by the stream itself), with its
    reason and numbers."""

    at_ms: int
    bot: str
    step: str
    verdict: str
    reason: str = ""
    numbers: dict[str, float | int | str] = Field(default_factory=dict)
    times: int = 1
    """How often in a row it was decided so: a waiting bot asks again and again."""
    last_ms: int = 0
    """The latest of these times; 0: there was only the first, `at_ms`."""
