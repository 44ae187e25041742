"""What characters would have answered in recorded chat: who, how often, at what cost,
by which policy. Nothing is sent and no model is called.

People say what they said; the characters are added to the room, hear every channel and
may speak unasked in each. Who answers is the live decision, with cooldowns, quiet times
and daily caps on the recorded time. What they would say is unknown: in its place the
room hears a line of the character's file. A thought of several lines is judged line by
line.
"""

from __future__ import annotations

import functools
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from app.brain import answers, prompt
from app.brain.billing import Price
from app.domain.character import Character
from app.domain.settings import Settings
from app.lab.chatlog import LogLine
from app.lab.deciders import CastDecider, Participant, elected
from app.rules.interests import Likeness
from app.rules.policy import Policy
from app.rules.room import Turn
from app.store.limits import MICRO, Limits, limits_of

ANSWER_TOKENS = 80
"""What an answer takes: three sentences."""
LINE_TOKENS = 200
"""A longer line of the channel is shown to a model cut."""
SHOWN = 200
"""Answers, and changes, that are kept word for word: the latest."""
CHANNELS = 500
"""Channels whose rooms are remembered; of more, the one that was silent longest is
begun anew."""

Measure = Callable[[str], Mapping[str, Likeness]]
"""How like a text is to what each bot cares about."""


class ShadowReply(NamedTuple):
    """Who would have answered a message, and whether the message spoke to them."""

    bots: tuple[str, ...]
    asked: bool


NOBODY = ShadowReply((), asked=False)


class Sample(NamedTuple):
    """A message that was answered, or answered otherwise, for a reader."""

    at: float
    channel: str
    author: str
    text: str
    bots: tuple[str, ...]
    asked: bool
    before: tuple[str, ...] = ()
    """Who answered it by the other policy."""


@dataclass(slots=True)
class ShadowTally:
    """What one policy came to."""

    asked: int = 0
    unasked: int = 0
    prevented: int = 0
    """Messages that spoke to nobody, that two or more wanted to answer."""
    rested: int = 0
    """Messages that a bot would have answered, had it not just spoken."""
    capped: int = 0
    """Answers for which a day's caps had no room."""
    tokens: int = 0
    micro_usd: int = 0
    bots: Counter[str] = field(default_factory=Counter)
    channels: Counter[str] = field(default_factory=Counter)
    days: Counter[str] = field(default_factory=Counter)
    hours: Counter[int] = field(default_factory=Counter)
    """In UTC."""
    samples: deque[Sample] = field(default_factory=lambda: deque(maxlen=SHOWN))

    def as_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "answers": self.asked + self.unasked,
            "asked": self.asked,
            "unasked": self.unasked,
            "pile_ons_prevented": self.prevented,
            "rested": self.rested,
            "capped": self.capped,
            "tokens": self.tokens,
            "usd": round(self.micro_usd / MICRO, 6),
            "by_bot": dict(self.bots.most_common()),
            "by_channel": dict(self.channels.most_common()),
            "by_day": dict(sorted(self.days.items())),
            "by_hour": {str(hour): self.hours[hour] for hour in range(24)},
            "samples": [one._asdict() for one in self.samples],
        }


@dataclass(slots=True)
class _Place:
    """One channel: its room, until when it is quiet, and the tokens of its last
    lines."""

    decider: CastDecider
    lines: deque[int]
    quiet_ms: int = 0


class Shadow:
    """One cast under one policy. Feed it the messages in the order of time."""

    def __init__(
        self,
        characters: Mapping[str, Character],
        policy: Policy,
        settings: Settings,
        measure: Measure,
    ) -> None:
        self.tally = ShadowTally()
        self._characters = characters
        self._policy = policy
        self._settings = settings
        self._measure = measure
        self._bots = [
            Participant(bot, one.names, one) for bot, one in characters.items()
        ]
        self._limits = {
            bot: limits_of(one, settings) for bot, one in characters.items()
        }
        self._prompts = {
            bot: answers.tokens_of(prompt.system(one))
            for bot, one in characters.items()
        }
        self._places: dict[str, _Place] = {}
        self._rested_ms: dict[str, int] = {}
        self._today = ""
        self._spent: dict[str, Counter[str]] = {}

    def hear(self, line: LogLine) -> ShadowReply:
        """Who answers this message. Other programs' lines are heard and left alone."""
        place = self._place(line.channel)
        now_ms = int(line.at * 1000)
        turn = Turn(
            message_id=line.id,
            author=line.author,
            text=line.text,
            at_ms=now_ms,
            names=(line.author,),
            reply_to=line.reply_to,
        )
        reply = NOBODY if line.by_bot else self._decide(place, turn)
        place.decider.observe(turn)
        place.lines.append(min(LINE_TOKENS, answers.tokens_of(line.text)))
        spoke = tuple(bot for bot in reply.bots if self._speak(place, turn, bot))
        if spoke:
            self._count(line, ShadowReply(spoke, reply.asked))
        return ShadowReply(spoke, reply.asked)

    def _place(self, channel: str) -> _Place:
        place = self._places.pop(channel, None)
        if place is None:
            decider = CastDecider(
                self._bots, self._characters, self._policy, self._measure
            )
            place = _Place(decider, deque(maxlen=self._settings.context_messages))
        # The last in the order is the one heard last.
        self._places[channel] = place
        if len(self._places) > CHANNELS:
            del self._places[next(iter(self._places))]
        return place

    def _decide(self, place: _Place, turn: Turn) -> ShadowReply:
        if asked := place.decider.addressed(turn):
            return ShadowReply(asked, asked=True)
        bids = place.decider.bids(turn)
        if not bids:
            return NOBODY
        self.tally.prevented += len(bids) > 1
        resting = frozenset(
            bot for bot, until in self._rested_ms.items() if until > turn.at_ms
        )
        bot = elected(bids, turn.message_id, resting)
        if bot is None:
            return NOBODY
        waits = max(self._rested_ms.get(bot, 0), place.quiet_ms) - turn.at_ms
        # Who rests for longer than the message is fresh leaves it.
        if waits > self._settings.election_max_age * 1000:
            self.tally.rested += 1
            return NOBODY
        return ShadowReply((bot,), asked=False)

    def _speak(self, place: _Place, turn: Turn, bot: str) -> bool:
        """Book an answer; False: the day's caps have no room for it."""
        character = self._characters[bot]
        tokens, micro_usd = self._cost(place, bot)
        spent = self._spent_on(turn.at_ms, bot)
        if not _has_room(self._limits[bot], spent, tokens, micro_usd):
            self.tally.capped += 1
            return False
        spent.update(posts=1, tokens=tokens, micro_usd=micro_usd)
        self.tally.tokens += tokens
        self.tally.micro_usd += micro_usd
        pacing, settings = character.pacing, self._settings
        rests = settings.cooldown if pacing.cooldown is None else pacing.cooldown
        quiet = settings.quiet_time if pacing.quiet_time is None else pacing.quiet_time
        begun = max(turn.at_ms, self._rested_ms.get(bot, 0), place.quiet_ms)
        self._rested_ms[bot] = begun + int(rests * 1000)
        place.quiet_ms = begun + int(quiet * 1000)
        said = character.lines[turn.at_ms % len(character.lines)].text
        place.decider.observe(
            Turn(
                message_id=f"{turn.message_id}.{bot}",
                author=bot,
                text=said,
                at_ms=turn.at_ms + 1,
                names=character.names,
                reply_to=turn.message_id,
            )
        )
        return True

    def _cost(self, place: _Place, bot: str) -> tuple[int, int]:
        """Tokens and micro-USD of one answer; nothing for the offline voice."""
        model = self._characters[bot].model
        if model is None:
            return 0, 0
        wrote = min(ANSWER_TOKENS, model.max_tokens or ANSWER_TOKENS)
        price = Price(model.usd_per_million_in, model.usd_per_million_out)
        cost = price.of(self._prompts[bot] + sum(place.lines), wrote)
        return cost.tokens, cost.micro_usd

    def _spent_on(self, at_ms: int, bot: str) -> Counter[str]:
        day = datetime.fromtimestamp(at_ms / 1000, UTC).date().isoformat()
        if day != self._today:
            self._today, self._spent = day, {}
        return self._spent.setdefault(bot, Counter())

    def _count(self, line: LogLine, reply: ShadowReply) -> None:
        tally, when = self.tally, datetime.fromtimestamp(line.at, UTC)
        if reply.asked:
            tally.asked += len(reply.bots)
        else:
            tally.unasked += len(reply.bots)
        tally.bots.update(reply.bots)
        tally.channels[line.channel] += len(reply.bots)
        tally.days[when.date().isoformat()] += len(reply.bots)
        tally.hours[when.hour] += len(reply.bots)
        tally.samples.append(sample_of(line, reply))


def sample_of(
    line: LogLine, reply: ShadowReply, before: ShadowReply = NOBODY
) -> Sample:
    """A message as the report shows it."""
    return Sample(
        at=line.at,
        channel=line.channel,
        author=line.author,
        text=line.text[:500],
        bots=reply.bots,
        asked=reply.asked or before.asked,
        before=before.bots,
    )


def _has_room(limits: Limits, spent: Counter[str], tokens: int, micro_usd: int) -> bool:
    return (
        spent["posts"] < limits.daily_posts
        and spent["tokens"] + tokens <= limits.daily_tokens
        and spent["micro_usd"] + micro_usd <= limits.daily_micro_usd
    )


class SharedMeasure:
    """The likeness of a text, read once for all policies that ask in a row. What reads
    it is loaded at the first text: a wrong file is told of before."""

    def __init__(self, load: Callable[[], Measure]) -> None:
        self._read = functools.cache(load)
        self._last: tuple[str, Mapping[str, Likeness]] = ("", {})

    def __call__(self, text: str) -> Mapping[str, Likeness]:
        if text != self._last[0]:
            self._last = (text, self._read()(text))
        return self._last[1]


def measure_of(characters: Mapping[str, Character], settings: Settings) -> Measure:
    """As the settings want interests measured: by the sentence encoder, or by words."""
    if settings.interest == "words":
        return lambda _: {}
    from app.likeness.subjects import load

    subjects = load(characters)
    return (lambda _: {}) if subjects is None else functools.partial(_read_by, subjects)


def _read_by(subjects: Any, text: str) -> Mapping[str, Likeness]:
    found: Mapping[str, Likeness] = subjects.read(text)
    return found


@dataclass(slots=True)
class Heard:
    """What was in the files."""

    messages: int = 0
    by_programs: int = 0
    people: set[str] = field(default_factory=set)
    channels: set[str] = field(default_factory=set)
    first: float = 0.0
    last: float = 0.0

    def add(self, line: LogLine) -> None:
        """Count one message."""
        self.messages += 1
        self.by_programs += line.by_bot
        if not line.by_bot:
            self.people.add(line.author)
        self.channels.add(line.channel)
        self.first = self.first or line.at
        self.last = line.at

    def as_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "messages": self.messages,
            "by_programs": self.by_programs,
            "people": len(self.people),
            "channels": len(self.channels),
            "first": self.first,
            "last": self.last,
        }


@dataclass(slots=True)
class Comparison:
    """What differs between two policies."""

    changed: int = 0
    more: int = 0
    """Messages that only the first policy answers."""
    fewer: int = 0
    samples: deque[Sample] = field(default_factory=lambda: deque(maxlen=SHOWN))

    def add(self, line: LogLine, reply: ShadowReply, before: ShadowReply) -> None:
        """Compare the answers to one message."""
        if sorted(reply.bots) == sorted(before.bots):
            return
        self.changed += 1
        self.more += bool(reply.bots) and not before.bots
        self.fewer += bool(before.bots) and not reply.bots
        self.samples.append(sample_of(line, reply, before))

    def as_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "changed": self.changed,
            "more": self.more,
            "fewer": self.fewer,
            "samples": [one._asdict() for one in self.samples],
        }


def names_shown(characters: Mapping[str, Character], bots: Sequence[str]) -> str:
    """Display names, for a person."""
    return ", ".join(characters[bot].display_name for bot in bots)
