"""One channel as the bids see it: a bounded, pure fold over its turns. No clock: time comes with the turns."""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.rules.words import Reading, read

RECENT = 60
"""Lines that are remembered one by one."""
PEOPLE = 400
CONTACTS = 32
"""People per person whose last exchange is remembered."""
PROFILE = 96
"""Words per person that are remembered."""
VOCABULARY = 6_000
NAMES = 4
NAME_LENGTH = 40
FRESH_MS = 300_000
FRESH_LINES = 40
PROFILE_DECAY = 0.85
RATE_DECAY = 0.98
COMMON = frozenset("a i the to it is in on of and for you me my no ok so all any can be not one now what how who hi "
                   "hey here there root test user guest help ubuntu linux rust stripe bot".split())


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a channel. `author` is any stable id; `at_ms` is Unix milliseconds; `mentions` are author ids that
    the platform itself says are addressed (Discord); `reply_to` is a message id, if its author used a reply."""

    message_id: str
    author: str
    text: str
    at_ms: int
    names: tuple[str, ...] = ()
    reply_to: str | None = None
    mentions: tuple[str, ...] = ()


@dataclass(slots=True)
class Contact:
    """The last time one person spoke to another: line number, Unix ms, and how often so far."""

    line: int
    at_ms: int
    count: int = 0


@dataclass(slots=True)
class Person:
    """What the room remembers of one participant."""

    names: tuple[str, ...] = ()
    lines: int = 0
    last_line: int = -10_000
    last_ms: int = -(10**12)
    rate: float = 0.0
    """Lines, discounted by age."""
    asked: float = 0.0
    addressed: float = 0.0
    run: int = 0
    """Lines in a row up to the last one."""
    partner: str | None = None
    partner_line: int = -10_000
    heard: OrderedDict[str, Contact] = field(default_factory=OrderedDict)
    """Who addressed this person by name."""
    told: OrderedDict[str, Contact] = field(default_factory=OrderedDict)
    """Who spoke to this person, by name or as far as the thread shows."""
    profile: dict[str, float] = field(default_factory=dict)
    last_words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """One remembered line: number, id, author, the one it spoke to (if known), and its words."""

    number: int
    message_id: str
    author: str
    at_ms: int
    target: str | None
    named: tuple[str, ...]
    question: bool
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Message:
    """What all bots share about one turn before it is observed: computed once per message."""

    turn: Turn
    reading: Reading
    number: int
    opened: tuple[str, ...]
    """People named as the vocative at the start."""
    named: tuple[str, ...]
    """People named anywhere, the opener included."""
    stranger: bool
    """Opens with a name that nobody here bears."""
    target: str | None
    """The one it speaks to: named, or guessed from the thread."""
    sure: int
    """How `target` is known: 3 named, 2 answers who spoke to the author, 1 goes on with the last partner, 0 unknown."""


class Room:
    """A channel's memory. `read(turn)` looks at a turn without keeping it; `observe(turn)` keeps it. Bounded in people,
    lines, words and names, so that memory does not grow with the channel."""

    def __init__(self, roster: Mapping[str, Sequence[str]] | None = None) -> None:
        self.number = 0
        self.recent: deque[Line] = deque(maxlen=RECENT)
        self.people: OrderedDict[str, Person] = OrderedDict()
        self.roster: dict[str, tuple[str, ...]] = {}
        self._owners: dict[str, str] = {}
        self._seen_in: dict[str, int] = {}
        self._read: Message | None = None
        for author, names in (roster or {}).items():
            self.know(author, names)

    def know(self, author: str, names: Sequence[str]) -> None:
        """Keep these names of a participant for good (the roster of our bots)."""
        self.roster[author] = tuple(names)
        self._own(author, names)
        self._read = None

    def person(self, author: str) -> Person:
        """What is remembered of this participant; an empty one when nothing is."""
        return self.people.get(author) or NOBODY

    def rarity(self, word: str) -> float:
        """Inverse document frequency of a word in this channel, about 0.2 (in every line) to 8 (new)."""
        return math.log((self.number + 2.0) / (self._seen_in.get(word, 0) + 0.7))

    def read(self, turn: Turn) -> Message:
        """What the turn says and to whom, as far as the past tells; the same turn is read only once."""
        if self._read is not None and self._read.turn is turn and self._read.number == self.number:
            return self._read
        reading = read(turn.text)
        opened, named = self._named(turn, reading)
        target, sure = self._target(turn, opened or named)
        self._read = Message(turn, reading, self.number, opened, named,
                             bool(reading.opener) and not opened and reading.opener == reading.tokens[0],
                             target, sure)
        return self._read

    def observe(self, turn: Turn) -> None:
        """Keep a turn. Its names are known from now on."""
        message = self.read(turn)
        author = self._enter(turn)
        reading = message.reading
        for other in message.named:
            self._contact(self._other(other).heard, turn)
            self._contact(self._other(other).told, turn)
        if message.target is not None:
            if not message.named:
                self._contact(self._other(message.target).told, turn)
            author.partner, author.partner_line = message.target, self.number
        self._speak(author, message)
        self._learn(author, reading.words)
        self.recent.append(Line(self.number, turn.message_id, turn.author, turn.at_ms, message.target, message.named,
                                bool(reading.marks), reading.words))
        self.number += 1
        self._read = None

    def _speak(self, author: Person, message: Message) -> None:
        follows = bool(self.recent) and self.recent[-1].author == message.turn.author
        author.run = author.run + 1 if follows else 1
        fade = RATE_DECAY ** min(self.number - author.last_line, 2_000)
        author.rate = author.rate * fade + 1.0
        author.asked = author.asked * 0.95 + (1.0 if message.reading.marks else 0.0)
        author.addressed = author.addressed * 0.95 + (1.0 if message.named else 0.0)
        author.lines += 1
        author.last_line, author.last_ms = self.number, message.turn.at_ms

    def _enter(self, turn: Turn) -> Person:
        author = self.people.pop(turn.author, None) or Person()
        self.people[turn.author] = author
        names = tuple(name[:NAME_LENGTH] for name in turn.names[:NAMES])
        if names and names != author.names:
            author.names = names
            self._own(turn.author, names)
        if len(self.people) > PEOPLE:
            gone, person = self.people.popitem(last=False)
            for name in person.names:
                if gone not in self.roster and self._owners.get(_key(name)) == gone:
                    del self._owners[_key(name)]
        return author

    def _other(self, author: str) -> Person:
        person = self.people.get(author)
        if person is None:
            person = self.people[author] = Person(names=self.roster.get(author, ()))
        return person

    def _own(self, author: str, names: Sequence[str]) -> None:
        for name in names[:NAMES]:
            key = _key(name)
            if len(key) > 1 and (self._owners.get(key) not in self.roster or author in self.roster):
                self._owners[key] = author

    def _contact(self, contacts: OrderedDict[str, Contact], turn: Turn) -> None:
        contact = contacts.pop(turn.author, None) or Contact(self.number, turn.at_ms)
        contact.line, contact.at_ms, contact.count = self.number, turn.at_ms, contact.count + 1
        contacts[turn.author] = contact
        if len(contacts) > CONTACTS:
            contacts.popitem(last=False)

    def _learn(self, author: Person, words: tuple[str, ...]) -> None:
        seen, profile = self._seen_in, author.profile
        for word in words:
            seen[word] = seen.get(word, 0) + 1
        if words:
            author.last_words = words
        # Decay by raising what is new instead of lowering what is old: constant work per word.
        for word in words:
            profile.pop(word, None)
            profile[word] = float(author.lines)
        while len(profile) > PROFILE:
            del profile[next(iter(profile))]
        if len(seen) > VOCABULARY:
            self._seen_in = {word: count for word, count in seen.items() if count > 1}
            if len(self._seen_in) > VOCABULARY * 3 // 4:
                self._seen_in = {word: count // 2 for word, count in self._seen_in.items() if count > 3}

    def _named(self, turn: Turn, reading: Reading) -> tuple[tuple[str, ...], tuple[str, ...]]:
        owners, author = self._owners, turn.author
        opened: list[str] = [one for one in turn.mentions if one != author]
        named = list(opened)
        tokens = reading.tokens
        if not tokens:
            return tuple(opened), tuple(named)
        first = owners.get(reading.opener) or owners.get(tokens[0])
        plain = not reading.opener
        if first is not None and first != author and not (plain and tokens[0] in COMMON) and first not in opened:
            opened.append(first)
            named.append(first)
        for token in tokens[1:]:
            owner = owners.get(token)
            if owner is not None and owner != author and owner not in named and token not in COMMON and len(token) > 2:
                named.append(owner)
        return tuple(opened), tuple(named)

    def _target(self, turn: Turn, named: tuple[str, ...]) -> tuple[str | None, int]:
        if named:
            return named[0], 3
        author = self.people.get(turn.author)
        if author is None:
            return None, 0
        latest = next(reversed(author.told), None) if author.told else None
        if latest is not None:
            contact = author.told[latest]
            if contact.line > author.partner_line and self._fresh(contact.line, contact.at_ms, turn):
                return latest, 2
        if author.partner is not None and self._fresh(author.partner_line, author.last_ms, turn):
            return author.partner, 1
        return None, 0

    def _fresh(self, line: int, at_ms: int, turn: Turn) -> bool:
        return self.number - line <= FRESH_LINES and turn.at_ms - at_ms <= FRESH_MS


def _key(name: str) -> str:
    return name.strip().lower().split(" ")[0].strip(".,:;!?'\"`()[]{}<>*~-=/\\|")[:NAME_LENGTH]


NOBODY = Person()


class Rooms:
    """The rooms of a gateway's channels, at most `limit`; the one unused for longest is forgotten first."""

    def __init__(self, roster: Mapping[str, Sequence[str]] | None = None, limit: int = 2_000) -> None:
        self._limit = limit
        self._roster = {author: tuple(names) for author, names in (roster or {}).items()}
        self._rooms: OrderedDict[str, Room] = OrderedDict()

    def __len__(self) -> int:
        return len(self._rooms)

    def of(self, channel: str) -> Room:
        """The room of this channel; a new one that knows the roster if there is none."""
        room = self._rooms.get(channel)
        if room is None:
            room = self._rooms[channel] = Room(self._roster)
            if len(self._rooms) > self._limit:
                self._rooms.popitem(last=False)
        else:
            self._rooms.move_to_end(channel)
        return room

    def know(self, author: str, names: Sequence[str]) -> None:
        """Add a bot to the roster of every room, present and future."""
        self._roster[author] = tuple(names)
        for room in self._rooms.values():
            room.know(author, names)
