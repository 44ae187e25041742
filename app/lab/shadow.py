"""What characters would have answered in recorded chat: who, how often, at what cost,
by which policy. Nothing is sent and no model is called.

People say what they said; the characters are added to the room, hear every channel and
may speak unasked in each, where STREAM_PLACES says nothing else. Who answers is the live
decision, with thoughts of several lines, cooldowns, quiet times and daily caps on the
recorded time. What they would say is unknown: in its place the room hears a line of the
character's file.
"""

from __future__ import annotations

import functools
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from app.brain import answers, prompt
from app.brain.billing import Price
from app.domain.character import Character
from app.domain.model import Cost
from app.domain.places import Rules
from app.domain.settings import Settings
from app.lab.chatlog import LogLine
from app.lab.deciders import CastDecider, Participant, elected
from app.lab.shadow_caps import DayCaps
from app.rules.interests import Likeness
from app.rules.policy import Policy
from app.rules.room import Utterance
from app.store.limits import MICRO, limits_of

ANSWER_TOKENS = 80
"""What an answer takes: three sentences."""
LINE_TOKENS = 200
"""A longer line of the channel is shown to a model cut."""
SHOWN = 200
"""Answers, and changes, that are kept word for word: the latest."""
CHANNELS = 500
"""Channels whose rooms are remembered; of more, the one that was silent longest is
forgotten."""

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
    rules: Rules
    """What STREAM_PLACES says of it."""
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
        self._caps = DayCaps()

    def hear(self, line: LogLine) -> ShadowReply:
        """Who answers this message. Other programs' lines are heard and left alone."""
        place = self._place(line)
        now_ms = int(line.at * 1000)
        utterance = Utterance(
            message_id=line.id,
            author=line.author,
            text=line.text,
            at_ms=now_ms,
            names=(line.author,),
            reply_to=line.reply_to,
        )
        # Of a thought in several lines the last one is answered, as all of it.
        asks = replace(utterance, text=line.whole) if line.whole else utterance
        silent = line.by_bot or line.awaited
        reply = NOBODY if silent else self._decide(place, asks)
        place.decider.observe(utterance)
        place.lines.append(min(LINE_TOKENS, answers.tokens_of(line.text)))
        spoke = tuple(bot for bot in reply.bots if self._speak(place, line, bot))
        if spoke:
            self._count(line, ShadowReply(spoke, reply.asked))
        return ShadowReply(spoke, reply.asked)

    def _place(self, line: LogLine) -> _Place:
        channel = line.channel
        place = self._places.pop(channel, None)
        if place is None:
            rules = self._settings.rules_at(*line.place)
            cast = {bot: _as_in(one, rules) for bot, one in self._characters.items()}
            decider = CastDecider(self._bots, cast, self._policy, self._measure)
            lines = deque[int](maxlen=self._settings.context_messages)
            place = _Place(decider, lines, _as_they_hold(rules, line))
        # The last in the order is the one heard last.
        self._places[channel] = place
        if len(self._places) > CHANNELS:
            del self._places[next(iter(self._places))]
        return place

    def _decide(self, place: _Place, utterance: Utterance) -> ShadowReply:
        if asked := place.decider.addressed(utterance):
            return ShadowReply(asked, asked=True)
        bids = {
            bot: bid
            for bot, bid in place.decider.bids(utterance).items()
            if place.rules.watchers is None or bot in place.rules.watchers
        }
        if not bids or place.rules.speak is False:
            return NOBODY
        self.tally.prevented += len(bids) > 1
        resting = frozenset(
            bot for bot, until in self._rested_ms.items() if until > utterance.at_ms
        )
        bot = elected(bids, utterance.message_id, resting)
        if bot is None:
            return NOBODY
        waits = max(self._rested_ms.get(bot, 0), place.quiet_ms) - utterance.at_ms
        # Who rests for longer than the message is fresh leaves it.
        if waits > self._settings.election_max_age * 1000:
            self.tally.rested += 1
            return NOBODY
        return ShadowReply((bot,), asked=False)

    def _speak(self, place: _Place, line: LogLine, bot: str) -> bool:
        """Book an answer; False: one of the day's caps has no room for it."""
        cost, at_ms = self._cost(place, bot), int(line.at * 1000)
        limits = self._limits[bot].within(place.rules)
        if not self._caps.book(line, bot, cost=cost, limits=limits):
            self.tally.capped += 1
            return False
        self.tally.tokens += cost.tokens
        self.tally.micro_usd += cost.micro_usd
        begun = max(at_ms, self._rested_ms.get(bot, 0), place.quiet_ms)
        rests, quiet = self._pauses(bot, place.rules)
        self._rested_ms[bot] = begun + int(rests * 1000)
        place.quiet_ms = begun + int(quiet * 1000)
        character = self._characters[bot]
        said = character.lines[at_ms % len(character.lines)].text
        place.decider.observe(
            Utterance(
                message_id=f"{line.id}.{bot}",
                author=bot,
                text=said,
                at_ms=at_ms + 1,
                names=character.names,
                reply_to=line.id,
            )
        )
        return True

    def _pauses(self, bot: str, rules: Rules) -> tuple[float, float]:
        """Cooldown and quiet time of a bot in a place, in seconds."""
        pacing, settings = self._characters[bot].pacing, self._settings
        rests = pacing.cooldown if rules.cooldown is None else rules.cooldown
        quiet = rules.quiet_time_of(pacing.quiet_time)
        return (
            settings.cooldown if rests is None else rests,
            settings.quiet_time if quiet is None else quiet,
        )

    def _cost(self, place: _Place, bot: str) -> Cost:
        """Of one answer; nothing for the offline voice."""
        model = self._characters[bot].model
        if model is None:
            return Cost()
        wrote = min(ANSWER_TOKENS, model.max_tokens or ANSWER_TOKENS)
        price = Price(model.usd_per_million_in, model.usd_per_million_out)
        return price.of(self._prompts[bot] + sum(place.lines), wrote)

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
        text=(line.whole or line.text)[:500],
        bots=reply.bots,
        asked=reply.asked or before.asked,
        before=before.bots,
    )


def _as_in(character: Character, rules: Rules) -> Character:
    """A character as chatty as it is in a place."""
    chattiness = rules.chattiness_of(character.pacing.chattiness)
    pacing = character.pacing.model_copy(update={"chattiness": chattiness})
    return character.model_copy(update={"pacing": pacing})


def _as_they_hold(rules: Rules, line: LogLine) -> Rules:
    """The rules of a thread where threads stay quiet say that nobody speaks."""
    silent = rules.threads is False and line.place.parent is not None
    return rules.model_copy(update={"speak": False}) if silent else rules


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
