"""One channel as the bids see it: a bounded, pure fold over its utterances. No clock: time
comes with the utterances."""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from app.rules.reading import EDGE, LineKind, Reading, read, word_set
from app.rules.survey import NEAR, RECENT, RoomLine, Survey, survey_lines

PEOPLE = 400
CONTACTS = 32
"""People per person whose last exchange is remembered."""
PROFILE = 128
"""Words per person that are remembered."""
VOCABULARY = 6_000
NAMES = 4
NAME_LENGTH = 40
FRESH_MS = 300_000
FRESH_LINES = 40
LONG_AGO = -10_000
RATE_DECAY = 0.98
NAMES_SHARE, PRESUMED_LINES, NAMES_LINES = 0.3, 20, 500
"""How often lines of a new channel name somebody, presumed as if of so many lines, and
over how many lines that is remembered."""
HELP_DECAY = 0.97
COMMON = word_set(
    "a i the to it is in on of and for you me my no ok so all any can be not one now what how who hi hey "
    "here there root test user guest help ubuntu linux rust stripe bot"
)
"""Names that are words: they call nobody but with a colon or comma behind them, at the
start of a line."""


@dataclass(frozen=True)
class Utterance:
    """One message of a channel. `author` is any stable id; `at_ms` is Unix
    milliseconds; `mentions` are author ids that the platform itself says are addressed
    (Discord); `reply_to` is a message id, if its author used a reply."""

    message_id: str
    author: str
    text: str
    at_ms: int
    names: tuple[str, ...] = ()
    reply_to: str | None = None
    mentions: tuple[str, ...] = ()

    @cached_property
    def reading(self) -> Reading:
        """Its text, read."""
        return read(self.text)


@dataclass(slots=True)
class Contact:
    """The last time one person spoke to another: room line, Unix ms, how often so far,
    and how many lines the one spoken to had written by then."""

    line: int
    at_ms: int
    count: int = 0
    lines: int = 0


@dataclass(slots=True)
class Person:
    """What the room remembers of one participant. Lines are the room's line numbers."""

    names: tuple[str, ...] = ()
    lines: int = 0
    first_line: int = 0
    last_line: int = LONG_AGO
    last_ms: int = -(10**12)
    rate: float = 0.0
    """Own lines, discounted by age."""
    asks: float = 0.0
    """Share of questions among own lines, the latest counting most."""
    names_others: float = 0.0
    """Share of own lines that name somebody, the latest counting most."""
    run: int = 0
    """Own lines in a row up to the last one."""
    runs: int = 0
    """Bursts of own lines."""
    last_target: str | None = None
    last_marks: int = 0
    partner: str | None = None
    """Whom the last line with a known target spoke to."""
    partner_line: int = LONG_AGO
    helped: float = 0.0
    """People spoken to unasked for the first time, discounted by age."""
    helped_line: int = LONG_AGO
    volunteered: int = 0
    """Questions to nobody in particular that this person took up."""
    questions_before: int = 0
    """Questions to nobody that the room had seen before this person came."""
    replied: int = 0
    let_lie: int = 0
    named_by: OrderedDict[str, Contact] = field(default_factory=OrderedDict)
    """Who addressed this person by name."""
    addressed_by: OrderedDict[str, Contact] = field(default_factory=OrderedDict)
    """Who spoke to this person, by name or as far as the thread shows."""
    waiting: OrderedDict[str, int] = field(default_factory=OrderedDict)
    """Who named this person and was not named back yet: the line of the first time."""
    profile: dict[str, int] = field(default_factory=dict)
    """Words used, and the line of the last time."""


@dataclass(frozen=True, slots=True)
class UtteranceView:
    """What all bots share about one utterance before it is observed: computed once per
    message."""

    utterance: Utterance
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
    answers: bool
    """Somebody has just spoken to the author: an utterance that names nobody answers
    them."""
    weights: tuple[tuple[str, float], ...]
    """The content words with their rarity in this channel."""
    features: dict[str, float] = field(default_factory=dict)
    """Those that are the same for all bots, when one has asked for them."""


class Room:
    """A channel's memory. `read(utterance)` looks at an utterance without keeping it,
    `survey(utterance)` at the lines before it; `observe(utterance)` keeps it. Bounded in people, lines, words and names, so that memory
    does not grow with the channel."""

    def __init__(self, roster: Mapping[str, Sequence[str]] | None = None) -> None:
        self.number = 0
        self.questions = 0
        self.names_share = NAMES_SHARE
        """Share of lines that name somebody."""
        self.recent: deque[RoomLine] = deque(maxlen=RECENT)
        self.people: OrderedDict[str, Person] = OrderedDict()
        self.roster: dict[str, tuple[str, ...]] = {}
        self._owners: dict[str, str] = {}
        self._seen_in: dict[str, int] = {}
        self._open: OrderedDict[str, int] = OrderedDict()
        self._read: UtteranceView | None = None
        self._survey: Survey | None = None
        for author, names in (roster or {}).items():
            self.know(author, names)

    def know(self, author: str, names: Sequence[str]) -> None:
        """Keep these names of a participant for good (the roster of our bots)."""
        self.roster[author] = tuple(names)
        self._own_names(author, names)
        self._read = None

    def person(self, author: str) -> Person:
        """What is remembered of this participant; an empty one when nothing is."""
        return self.people.get(author) or NOBODY

    def rarity(self, word: str) -> float:
        """Inverse document frequency of a word in this channel, in nats: 0 or more."""
        nats = math.log((self.number + 2.0) / (self._seen_in.get(word, 0) + 0.7))
        # Rounded: the last bits of a logarithm differ between processors, and a sum of
        # these is compared with edges.
        return max(0.0, round(nats, 6))

    def read(self, utterance: Utterance) -> UtteranceView:
        """What the utterance says and to whom, as far as the past tells; the same utterance is
        read only once."""
        # What the room learns meanwhile is forgotten with what it had read.
        if self._read is not None and self._read.utterance is utterance:
            return self._read
        reading = utterance.reading
        opened, named = self._find_named(utterance, reading)
        called = next(iter(opened or named), None)
        speaker = self._last_speaker(utterance)
        self._read = UtteranceView(
            utterance=utterance,
            reading=reading,
            number=self.number,
            opened=opened,
            named=named,
            stranger=bool(reading.opener)
            and not opened
            and reading.opener == reading.tokens[0],
            target=called or speaker or self._last_partner(utterance),
            answers=speaker is not None,
            weights=tuple([(word, self.rarity(word)) for word in reading.words]),
        )
        self._survey = None
        return self._read

    def survey(self, utterance: Utterance) -> Survey:
        """The last lines beside an utterance. Only a bid asks for them, and most
        utterances get none."""
        self.read(utterance)
        if self._survey is None:
            self._survey = survey_lines(self.recent, utterance.author, utterance.at_ms)
        return self._survey

    def observe(self, utterance: Utterance) -> None:
        """Keep an utterance. Its names are known from now on."""
        # Read first: a message must not be explained by the names that it brings.
        message = self.read(utterance)
        author = self._enter_author(utterance)
        for other in message.named:
            self._note_address(utterance.author, author, other, utterance.at_ms)
        if message.target is not None:
            if not message.named:
                self._note_contact(
                    self._other_person(message.target),
                    "addressed",
                    utterance.author,
                    utterance.at_ms,
                )
            author.partner, author.partner_line = message.target, self.number
        elif message.reading.kind in {LineKind.QUESTION, LineKind.ASKING_ALL}:
            self._note_question(utterance.author)
        self._note_line(author, message)
        counted = min(PRESUMED_LINES + self.number + 1, NAMES_LINES)
        self.names_share += (bool(message.named) - self.names_share) / counted
        self._learn_words(author, message.reading.words)
        self.recent.append(
            RoomLine(
                number=self.number,
                message_id=utterance.message_id,
                author=utterance.author,
                at_ms=utterance.at_ms,
                target=message.target,
            )
        )
        self.number += 1
        self._read = None

    def _note_question(self, author: str) -> None:
        self.questions += 1
        self._open[author] = self.number
        self._open.move_to_end(author)
        # One question a line, so what is left is no more than lines near.
        while self.number - next(iter(self._open.values())) > NEAR:
            self._open.popitem(last=False)

    def _note_address(self, name: str, author: Person, other: str, at_ms: int) -> None:
        person = self._other_person(other)
        # Neither has spoken to the other before: help that nobody asked for.
        if name not in person.addressed_by and other not in author.addressed_by:
            idle = self.number - author.helped_line
            author.helped = author.helped * HELP_DECAY**idle + 1.0
            author.helped_line = self.number
            if other in self._open:
                author.volunteered += 1
        if author.waiting.pop(other, None) is not None:
            author.replied += 1
        waiting = person.waiting
        while waiting and (
            len(waiting) >= CONTACTS // 2
            or self.number - next(iter(waiting.values())) > RECENT
        ):
            waiting.popitem(last=False)
            person.let_lie += 1
        # The first time stands: who asks again has waited since then.
        waiting.setdefault(name, self.number)
        self._note_contact(person, "named", name, at_ms)
        self._note_contact(person, "addressed", name, at_ms)

    def _note_line(self, author: Person, message: UtteranceView) -> None:
        follows = (
            bool(self.recent) and self.recent[-1].author == message.utterance.author
        )
        author.run = author.run + 1 if follows else 1
        author.runs += not follows
        idle = self.number - author.last_line
        author.rate = author.rate * RATE_DECAY**idle + 1.0
        author.asks += (float(message.reading.marks > 0) - author.asks) * 0.1
        author.names_others += (float(bool(message.named)) - author.names_others) * 0.1
        author.lines += 1
        author.last_line, author.last_ms = self.number, message.utterance.at_ms
        author.last_target, author.last_marks = message.target, message.reading.marks

    def _enter_author(self, utterance: Utterance) -> Person:
        author = self.people.get(utterance.author)
        # One who was spoken to is known before the first line of their own.
        if author is None or author.lines == 0:
            author = author or Person()
            author.first_line, author.questions_before = self.number, self.questions
        self.people[utterance.author] = author
        self.people.move_to_end(utterance.author)
        names = tuple([name[:NAME_LENGTH] for name in utterance.names[:NAMES]])
        if names and names != author.names:
            author.names = names
            self._own_names(utterance.author, names)
        self._forget_people()
        return author

    def _other_person(self, author: str) -> Person:
        person = self.people.get(author)
        if person is None:
            person = self.people[author] = Person(names=self.roster.get(author, ()))
            self._forget_people()
        return person

    def _forget_people(self) -> None:
        while len(self.people) > PEOPLE:
            gone, person = self.people.popitem(last=False)
            for name in person.names:
                for key in _calling_tokens(name):
                    # A bot's name stays, as does one that somebody else bears by now.
                    if gone not in self.roster and self._owners.get(key) == gone:
                        del self._owners[key]

    def _own_names(self, author: str, names: Sequence[str]) -> None:
        for name in names[:NAMES]:
            for key in _calling_tokens(name):
                # A bot takes its name from a person; nobody takes it from the bot.
                if self._owners.get(key) not in self.roster or author in self.roster:
                    self._owners[key] = author

    def _note_contact(self, person: Person, how: str, author: str, at_ms: int) -> None:
        contacts = person.addressed_by if how == "addressed" else person.named_by
        # Taken out and put back: the order is that of the last contact.
        contact = contacts.pop(author, None) or Contact(self.number, at_ms)
        contact.line, contact.at_ms, contact.lines = self.number, at_ms, person.lines
        contact.count += 1
        contacts[author] = contact
        if len(contacts) > CONTACTS:
            contacts.popitem(last=False)

    def _learn_words(self, author: Person, words: tuple[str, ...]) -> None:
        seen, profile = self._seen_in, author.profile
        for word in words:
            seen[word] = seen.get(word, 0) + 1
            # Put back at the end: the words unused for longest go first.
            profile.pop(word, None)
            profile[word] = self.number
        while len(profile) > PROFILE:
            del profile[next(iter(profile))]
        if len(seen) > VOCABULARY:
            self._seen_in = {word: count for word, count in seen.items() if count > 1}
            # Words that recur: halved counts keep their order of rarity.
            if len(self._seen_in) > VOCABULARY * 3 // 4:
                self._seen_in = {
                    word: count // 2
                    for word, count in self._seen_in.items()
                    if count > 3
                }

    def _find_named(
        self, utterance: Utterance, reading: Reading
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        owners, author = self._owners, utterance.author
        opened = [
            one
            for one in self._replied_to(utterance) + utterance.mentions
            if one != author
        ]
        named = list(dict.fromkeys(opened))
        tokens = reading.tokens
        if not tokens:
            return tuple(opened), tuple(named)
        first = owners.get(reading.opener) or owners.get(tokens[0])
        plain = not reading.opener
        if (
            first is not None
            and first != author
            and not (plain and tokens[0] in COMMON)
            and first not in opened
        ):
            opened.append(first)
            named.append(first)
        for token in tokens[1:]:
            owner = owners.get(token)
            if (
                owner is not None
                and owner != author
                and owner not in named
                and token not in COMMON
                and len(token) > 2
            ):
                named.append(owner)
        return tuple(opened), tuple(named)

    def _replied_to(self, utterance: Utterance) -> tuple[str, ...]:
        return tuple(
            [
                line.author
                for line in self.recent
                if line.message_id == utterance.reply_to
            ]
        )

    def _last_speaker(self, utterance: Utterance) -> str | None:
        """Who spoke to the author, after whom the author spoke to."""
        author = self.person(utterance.author)
        latest = next(reversed(author.addressed_by.items()), None)
        if latest is None:
            return None
        speaker, contact = latest
        since = contact.line > author.partner_line
        fresh = self.is_fresh(contact.line, contact.at_ms, utterance)
        return speaker if since and fresh else None

    def _last_partner(self, utterance: Utterance) -> str | None:
        """Whom the author spoke to."""
        author = self.person(utterance.author)
        fresh = self.is_fresh(author.partner_line, author.last_ms, utterance)
        return author.partner if fresh else None

    def is_fresh(self, line: int, at_ms: int, utterance: Utterance) -> bool:
        """Whether what was said then still binds who says this."""
        return self.number - line <= FRESH_LINES and utterance.at_ms - at_ms <= FRESH_MS


def _calling_tokens(name: str) -> tuple[str, ...]:
    """The tokens that call somebody: the first word of a name, and the same without the
    digits and marks it ends with (`anna_`, `anna|away`, `anna42`)."""
    words = name[:NAME_LENGTH].lower().split()
    full = words[0].strip(EDGE) if words else ""
    plain = full.split("|")[0].rstrip("_`^-0123456789")
    keys = dict.fromkeys(
        key for key in (full, plain if len(plain) > 3 else full) if len(key) > 1
    )
    return tuple(keys)


NOBODY = Person()
