"""What this process has heard: the room of each channel and its latest messages, each
observed once for all bots."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

from app.domain.model import (
    Addressing,
    AuthorKind,
    EarlierLine,
    Event,
    RosterEntry,
)
from app.gateway.sharing import Sharing
from app.rules.addressing import IN_ITS_THREAD, addressing
from app.rules.features import Features, features
from app.rules.interests import Likeness
from app.rules.reading import Reading, read
from app.rules.room import Room, Utterance
from app.rules.talks import is_between_two
from app.rules.thoughts import (
    OFF,
    Line,
    Patience,
    Thoughts,
    called_words,
    openness,
)
from app.rules.tokens import names_of

ROOMS = 2_000
MESSAGES = 4_000
PEOPLE = 50
"""People seen recently whose names count as addressing them."""

GOES_ON = "goes on: "
"""Prefix of the reason why its thought addresses a bot."""

UNPLACED = 1_000_000
"""More bots than there are."""


@dataclass(slots=True)
class ChannelState:
    """One channel. An utterance is observed only when the next one comes, so every bot
    judges its copy by what was there before it."""

    room: Room
    thoughts: Thoughts
    roster: Sequence[RosterEntry] = ()
    latest: ChannelMessage | None = None


@dataclass(slots=True)
class ChannelMessage:
    """One message. `waiting` are bots whose copy is queued and not yet judged."""

    event: Event
    utterance: Utterance
    place: ChannelState
    people: tuple[str, ...]
    reading: Reading
    """The text as it is now; the utterance keeps what was said first."""
    waiting: set[str] = field(default_factory=set)
    tables: dict[str, Features] = field(default_factory=dict)
    addressing: Addressing | None = None
    edited_s: float = 0.0
    """How old the message was when its text was last changed."""
    noted: bool = True
    """Whether the journal knows of that change."""
    measured: asyncio.Future[Mapping[str, Likeness]] | None = None
    """How like it is to the bots' subjects, once somebody asked."""
    target: str | None = None
    """Whom it speaks to, as far as the channel showed before it was observed."""
    between_two: bool = False
    """Whether its author and that one lately spoke to each other."""
    shared: Sharing | None = None
    """Which bots are admitted by one copy of it; None: each by its own."""
    notified: set[str] = field(default_factory=set)
    """Bots that were last told that it speaks to them."""
    lines: tuple[Line, ...] = ()
    """Those of its thought up to this one; none where each line is a thought."""
    before: ChannelMessage | None = None
    """The line that it goes on with."""
    own: Addressing | None = None
    """Whom it would address by itself."""
    afterthought: bool = False
    """It is the rest of a thought that one of our bots has answered."""

    def forget(self) -> None:
        """That something was said stays, for those of its copies that wait; what, and
        by what name, goes."""
        self.event = self.event.model_copy(
            update={"content": "", "parts": (), "names": {}, "author_name": "somebody"}
        )
        self.utterance = replace(self.utterance, text="", names=())
        self.reading = self.utterance.reading
        self.event = self.event.model_copy(update={"earlier": ()})
        self.addressing, self.people, self.measured = None, (), None
        self.lines, self.before, self.own = (), None, None

    @property
    def judged(self) -> Utterance:
        """What is judged: the whole thought as one utterance."""
        if self.before is None:
            return self.utterance
        return replace(self.utterance, text=self.event.whole)

    @property
    def whole(self) -> Reading:
        """The reading of the whole thought."""
        return self.reading if self.before is None else read(self.event.whole)

    def table(self, user_id: str) -> Features:
        """The features for the bot with this user id."""
        return self.tables.get(user_id) or features(
            self.place.room, self.judged, user_id
        )


class Hearing:
    """The memory of one gateway process, bounded in channels and messages."""

    def __init__(self, patience: Patience = OFF) -> None:
        self._patience = patience
        self.roster: Sequence[RosterEntry] = ()
        self.hosted: dict[str, str] = {}
        """User ids of the bots of this process, by name."""
        self.ours: Mapping[str, str] = {}
        """Names of all our bots, by user id."""
        self._placed: dict[str, set[str]] = {}
        self._places: OrderedDict[str, ChannelState] = OrderedDict()
        self._messages: OrderedDict[str, ChannelMessage] = OrderedDict()
        self._called: dict[str | None, frozenset[str]] = {}
        """The words that bots are called by, by server."""

    def learn(self, roster: Sequence[RosterEntry]) -> None:
        """Take the roster as it is now."""
        if tuple(roster) != tuple(self.roster):
            self.roster = tuple(roster)
            self._placed = {}
            for entry in self.roster:
                for channel in entry.channels:
                    self._placed.setdefault(channel, set()).add(entry.user_id)
            self._know_ours()
            self._called.clear()
            for heard in self._messages.values():
                # Judged before the roster knew all of the bots that wait for it.
                if heard.waiting:
                    heard.addressing = heard.own = None

    def host(self, bot: str, user_id: str) -> None:
        """A bot of this process has this user id."""
        self.hosted[bot] = user_id
        self._know_ours()

    def _know_ours(self) -> None:
        hosted = {user_id: bot for bot, user_id in self.hosted.items()}
        self.ours = {**hosted, **{entry.user_id: entry.bot for entry in self.roster}}

    def find(self, message_id: str) -> ChannelMessage | None:
        """A message that was heard lately, with what is known of it."""
        return self._messages.get(message_id)

    def known(self, message_id: str) -> Event | None:
        """A message that was heard lately."""
        heard = self._messages.get(message_id)
        return heard.event if heard is not None else None

    def addressed(self, message_id: str | None) -> Addressing | None:
        """Whom a message speaks to that was heard lately; None: it was not."""
        heard = self._messages.get(message_id or "")
        return self.addressing_of(heard) if heard is not None else None

    def hear(self, event: Event) -> ChannelMessage:
        """Take in one copy of a message; only the first changes the room."""
        heard = self._messages.get(event.message_id)
        if heard is not None:
            return heard
        event = self._with_author(event)
        place = self._place(event.channel_id)
        self._settle(place)
        utterance = Utterance(
            message_id=event.message_id,
            author=event.author_id,
            text=event.content,
            at_ms=event.created_ms,
            names=(event.author_name,),
            reply_to=event.reply_to,
            mentions=event.mentions,
        )
        people = self._people(place.room, event)
        heard = ChannelMessage(event, utterance, place, people, utterance.reading)
        self._join(heard)
        heard.target = place.room.read(utterance).target
        heard.between_two = is_between_two(place.room, utterance)
        place.latest = self._messages[event.message_id] = heard
        if len(self._messages) > MESSAGES:
            self._messages.popitem(last=False)
        return heard

    def _with_author(self, event: Event) -> Event:
        """Discord may leave the message that a reply answers out; it may have been
        heard here."""
        replied = self._messages.get(event.reply_to or "")
        if event.reply_to_author is not None or replied is None:
            return event
        return event.model_copy(update={"reply_to_author": replied.event.author_id})

    def reacted(self, event: Event) -> ChannelMessage:
        """A burst of reactions as something to judge; the room is not changed."""
        known = self._messages.get(event.message_id)
        place = known.place if known is not None else self._place(event.channel_id)
        utterance = Utterance(
            event.message_id, event.author_id, event.content, event.created_ms
        )
        if known is not None:
            utterance = known.utterance
        return ChannelMessage(event, utterance, place, (), read(event.content))

    def addressing_of(self, heard: ChannelMessage) -> Addressing:
        """Whom it addresses, by the roster as it is now; decided once."""
        if heard.addressing is None:
            heard.addressing = self._inherited(heard, self._own(heard))
        return heard.addressing

    def _own(self, heard: ChannelMessage) -> Addressing:
        if heard.own is None:
            heard.own = addressing(
                heard.event, self.roster, heard.people, heard.reading
            )
        return heard.own

    def _inherited(self, heard: ChannelMessage, own: Addressing) -> Addressing:
        """A line that speaks to nobody by itself speaks to whom its thought does."""
        if heard.before is None or own.bots or own.somebody_else:
            return own
        before = self.addressing_of(heard.before)
        if not before.bots and not before.somebody_else:
            return own
        reason = before.reason.removeprefix(GOES_ON)
        return own.model_copy(
            update={
                "bots": before.bots,
                "somebody_else": before.somebody_else,
                "reason": f"{GOES_ON}{reason}",
            }
        )

    def _join(self, heard: ChannelMessage) -> None:
        """Find the lines that a message goes on with."""
        if self._patience.off:
            return
        event = heard.event
        line = self._line(heard)
        ours = event.author_kind is AuthorKind.OURS
        found = heard.place.thoughts.hear(line, ours=ours, private=event.is_dm)
        if event.author_kind is not AuthorKind.HUMAN or event.proxied:
            return
        before = [
            self._messages[one.message_id]
            for one in found.earlier
            if one.message_id in self._messages
        ]
        heard.lines = (*found.earlier, line)
        heard.afterthought = found.afterthought
        if before:
            heard.before = before[-1]
            earlier = tuple(
                EarlierLine(message_id=one.event.message_id, content=one.event.content)
                for one in before
            )
            heard.event = event.model_copy(update={"earlier": earlier})

    def _line(self, heard: ChannelMessage) -> Line:
        event = heard.event
        human = event.author_kind is AuthorKind.HUMAN and not event.proxied
        return Line(
            message_id=event.message_id,
            author=event.author_id,
            text=event.content,
            at_ms=event.created_ms,
            calls=self._calls(heard) if human else (),
            reply_to=event.reply_to,
            open=openness(
                event.content, self._called_in(event.guild_id), bool(event.parts)
            )
            if human
            else 0.0,
        )

    def _calls(self, heard: ChannelMessage) -> tuple[str, ...]:
        """Whom a line speaks to by itself. In a thread that a bot started every line
        speaks to it, and calls nobody."""
        own = self._own(heard)
        if own.reason == IN_ITS_THREAD:
            return ()
        return own.bots or (("somebody else",) if own.somebody_else else ())

    def _called_in(self, guild_id: str | None) -> frozenset[str]:
        """The words of what the bots are called in a server."""
        if guild_id not in self._called:
            self._called[guild_id] = called_words(
                name for one in names_of(self.roster, guild_id) for name in one.names
            )
        return self._called[guild_id]

    def has_later_line(self, heard: ChannelMessage) -> bool:
        """Whether its author's thought goes on in a line that was heard after it."""
        event = heard.event
        latest = self.latest_of(event.channel_id, event.author_id)
        if latest is None or latest is heard:
            return False
        return event.message_id in {line.message_id for line in latest.lines}

    def latest_of(self, channel_id: str, person: str) -> ChannelMessage | None:
        """The latest line of a person's thought in a channel."""
        place = self._places.get(channel_id)
        thought = place.thoughts.of(person) if place is not None else None
        if thought is None:
            return None
        return self._messages.get(thought.lines[-1].message_id)

    def revise(self, edit: Event, age_s: float) -> ChannelMessage | None:
        """Take in an edit, whichever bot's connection brings it; an older one changes
        nothing. Only text and mentions change: what else Discord sends with an edit may
        be incomplete. None: never edited, or a message that was not heard here."""
        heard = self._messages.get(edit.message_id)
        if (
            heard is not None
            and age_s > heard.edited_s
            and heard.event.content != edit.content
        ):
            heard.event = heard.event.model_copy(
                update={
                    "content": edit.content,
                    "mentions": edit.mentions,
                    "role_mentions": edit.role_mentions,
                    "names": edit.names,
                }
            )
            heard.reading = read(edit.content)
            heard.addressing, heard.edited_s, heard.noted = None, age_s, False
            heard.own = None
            if heard.lines:
                heard.lines = (*heard.lines[:-1], self._line(heard))
        return heard if heard is not None and heard.edited_s else None

    def forget(self, gone: Callable[[str], bool]) -> None:
        """Drop what these people said, and every room that knows them: a room cannot
        unlearn one of its people."""
        gone = cache(gone)
        read.cache_clear()
        for heard in list(self._messages.values()):
            if gone(heard.event.author_id):
                heard.forget()
                del self._messages[heard.event.message_id]
        for place in self._places.values():
            latest = place.latest
            if any(map(gone, place.room.people)) or (
                latest is not None and latest.event.message_id not in self._messages
            ):
                place.room, place.roster, place.latest = Room(), (), None
                place.thoughts.clear()
        for heard in self._messages.values():
            # Messages of a dropped room still list names of its people.
            if heard.place.latest is None:
                heard.people = ()

    def with_colleague(self, heard: ChannelMessage, user_id: str) -> bool:
        """Whether it goes on with another of our bots than this one."""
        return heard.target in self.ours and heard.target != user_id

    def between_people(self, heard: ChannelMessage) -> bool:
        """Whether it goes on between two people who lately spoke to each other."""
        return heard.between_two and heard.target not in self.ours

    def expected(self, event: Event) -> int:
        """How many bots will bid or pass for this message; UNPLACED when the roster
        does not place them yet, so that the election waits for the window."""
        if event.is_dm:
            return 1
        placed = self._placed.get(event.channel_id)
        # No bot bids for a message of its own.
        return len(placed) - (event.author_id in placed) if placed else UNPLACED

    def hosted_there(self, event: Event) -> frozenset[str]:
        """Bots of this process that are in the channel, as far as the roster places
        them."""
        placed = self._placed.get(event.channel_id, set())
        return frozenset(
            bot for bot, user_id in self.hosted.items() if user_id in placed
        )

    def hearers(self, event: Event, bots: tuple[str, ...]) -> tuple[str, ...]:
        """Those of the bots that a message speaks to who hear its channel, as far as the
        roster places them; all, if it places none of them."""
        if len(bots) < 2 or event.is_dm:
            return bots
        placed = self._placed.get(event.channel_id, set())
        here = {self.ours.get(user_id) for user_id in placed}
        return tuple(bot for bot in bots if bot in here) or bots

    def _place(self, channel_id: str) -> ChannelState:
        place = self._places.get(channel_id)
        if place is None:
            place = self._places[channel_id] = ChannelState(
                Room(), Thoughts(self._patience)
            )
            if len(self._places) > ROOMS:
                self._places.popitem(last=False)
        self._places.move_to_end(channel_id)
        # Identity is enough: `learn` replaces the roster only when it has changed.
        if place.roster is not self.roster:
            place.roster = self.roster
            for entry in self.roster:
                place.room.know(entry.user_id, entry.names)
        return place

    def _settle(self, place: ChannelState) -> None:
        """Observe the latest utterance, after looking at it for the bots that have not
        judged it yet."""
        latest = place.latest
        if latest is None:
            return
        for bot in latest.waiting:
            user_id = self.hosted.get(bot)
            if user_id is not None:
                latest.tables[user_id] = features(place.room, latest.judged, user_id)
        place.room.observe(latest.utterance)
        place.latest = None

    def _people(self, room: Room, event: Event) -> tuple[str, ...]:
        if event.author_kind is not AuthorKind.HUMAN or event.is_dm:
            return ()
        ours = self.ours
        lately = [
            (who, person)
            for who, person in list(room.people.items())[-PEOPLE:]
            if who not in ours
        ]
        return tuple(
            name
            for who, person in lately
            if who != event.author_id
            for name in person.names[:1]
        )


Clock = Callable[[], float]
"""Seconds since 1970."""
