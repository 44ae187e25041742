"""Who answers, as something that can be scored: the interface of the room benchmark,
our own decision behind it, and the simple rules beside it.

Another project is scored by a function of its own, named as `module:function` on the
command line: it takes the bots of a room and returns a Decider for that room.
"""

from __future__ import annotations

import importlib
import random
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol, cast, runtime_checkable

from app.domain.character import Character
from app.domain.errors import ConfigurationError
from app.domain.model import Bid, Event, RosterEntry
from app.likeness.encoder import Encoder
from app.likeness.space import space_of
from app.likeness.subjects import Subjects
from app.rules.addressing import addressing
from app.rules.bids import tie_break, who_answers
from app.rules.features import features
from app.rules.interests import Likeness
from app.rules.judging import Rulebook, judge
from app.rules.policy import Policy
from app.rules.profile import Profile, profile_of
from app.rules.room import Room, Utterance
from app.rules.signals import Facts, SignalThresholds
from app.rules.talks import is_between_two
from app.rules.thoughts import Line as ThoughtLine
from app.rules.thoughts import (
    Patience,
    Thought,
    is_afterthought,
    openness,
    reading_ms,
    wait_ms,
)

CHANNEL, SOMEBODY = "5", "999"
"""Discord ids of the channel and of the speaker."""
FAR_BELOW = 3.0
"""Bits below the best bid from which a bidder does not stand in for it, as in
`election/decide.lua`."""
PEOPLE = 50
"""People lately seen whose names count as addressing them, as in a gateway."""
ANSWER_LENGTH = 80
"""Characters of an answer, which has to be read: as long as our voices' are."""
SPOKE_LATELY_MS = 300_000
SPOKEN_TO = 2_000
"""People of whom `NamedElseLast` remembers who spoke to them."""
NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Participant:
    """One bot of a room. `name` is its author in utterances; `names` are those that people
    call it by; `character` says what it cares about, None for a person of a chat log
    who stands for a bot."""

    name: str
    names: tuple[str, ...]
    character: Character | None = None


class Decider(Protocol):
    """Decides in one room, and sees nothing that lies ahead.

    It may also have `model_calls`, how many calls of a model its decisions took so far.
    """

    def decide(self, utterance: Utterance, resting: frozenset[str]) -> Collection[str]:
        """The names of the bots that answer a person's message, which is observed
        next. `resting`: those that may not speak unasked yet; one that is chosen all
        the same answers when it has rested."""

    def observe(self, utterance: Utterance) -> None:
        """Each message of the room, also the bots' own."""


@runtime_checkable
class Patient(Protocol):
    """What a decider may have beside: it waits until a person has said all of a
    thought, and is then asked once, with all of its lines as one message."""

    def wait_ms(self, lines: Sequence[Utterance]) -> int:
        """How long it waits for more after the last of these lines."""

    def is_afterthought(
        self, line: Utterance, lines: Sequence[Utterance], at_ms: int
    ) -> bool:
        """Whether a line belongs to what was answered at `at_ms`, the answer to
        `lines`, and needs none of its own."""


MakeDecider = Callable[[Sequence[Participant]], Decider]


def load_decider(path: str) -> MakeDecider:
    """The function that `module:function` names; a ConfigurationError says what is
    wrong with it."""
    module, _, name = path.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigurationError(f"{path}: {error}") from None
    if not callable(found):
        raise ConfigurationError(f"{path}: is no function")
    return cast(MakeDecider, found)


# --- ours


class Ours:
    """Makes our decision. Its likenesses are read once for all rooms of the same
    characters, unless `afresh`."""

    def __init__(
        self, policy: Policy, encoder: Encoder | None = None, *, afresh: bool = False
    ) -> None:
        self._policy = policy
        self._encoder = encoder
        self._space = space_of(encoder) if encoder is not None else None
        self._afresh = afresh
        self._subjects: dict[tuple[str, ...], Subjects] = {}
        self._read: dict[str, Mapping[str, Likeness]] = {}

    def __call__(self, bots: Sequence[Participant]) -> Decider:
        characters = {
            bot.name: bot.character for bot in bots if bot.character is not None
        }
        if not characters:
            return LogDecider(bots, self._policy)
        return CastDecider(
            bots, characters, self._policy, partial(self._likeness, characters)
        )

    def _likeness(
        self, characters: Mapping[str, Character], text: str
    ) -> Mapping[str, Likeness]:
        if self._encoder is None or self._space is None:
            return {}
        names = tuple(characters)
        if names not in self._subjects:
            # One cast at a time: its vectors are large, and casts come one after
            # another.
            self._subjects = {names: Subjects(characters, self._encoder, self._space)}
            self._read.clear()
        if self._afresh:
            return self._subjects[names].read(text)
        # Every test reads the same lines, and reading is the dear part.
        if text not in self._read:
            self._read[text] = self._subjects[names].read(text)
        return self._read[text]


class Waiting:
    """Our rule of what is one thought (`app.rules.thoughts`)."""

    def __init__(self, bots: Sequence[Participant]) -> None:
        self._called = [name for bot in bots for name in bot.names]
        self._patience = Patience()

    def wait_ms(self, lines: Sequence[Utterance]) -> int:
        """Nothing where a line is plainly whole."""
        return wait_ms([self._line(utterance) for utterance in lines], self._patience)

    def is_afterthought(
        self, line: Utterance, lines: Sequence[Utterance], at_ms: int
    ) -> bool:
        """Whether its author cannot have read the answer first."""
        thought = Thought(
            tuple(map(self._line, lines)),
            answered_ms=at_ms,
            reading_ms=reading_ms(ANSWER_LENGTH),
        )
        return is_afterthought(thought, self._line(line), self._patience)

    def _line(self, utterance: Utterance) -> ThoughtLine:
        return ThoughtLine(
            message_id=utterance.message_id,
            author=utterance.author,
            text=utterance.text,
            at_ms=utterance.at_ms,
            reply_to=utterance.reply_to,
            open=openness(utterance.text, self._called),
        )


class LogDecider(Waiting):
    """The people of a chat log: neutral, and without subjects."""

    def __init__(self, bots: Sequence[Participant], policy: Policy) -> None:
        super().__init__(bots)
        self._room = Room({bot.name: bot.names for bot in bots})
        self._bots = [bot.name for bot in bots]
        self._policy = policy

    def decide(self, utterance: Utterance, resting: frozenset[str]) -> Collection[str]:
        """Those who are named, else the one best bidder above the threshold."""
        return who_answers(self._room, utterance, self._bots, self._policy) - resting

    def observe(self, utterance: Utterance) -> None:
        """Keep a message."""
        self._room.observe(utterance)


class CastDecider(Waiting):
    """Characters, as gateways and Redis decide between them."""

    def __init__(
        self,
        bots: Sequence[Participant],
        characters: Mapping[str, Character],
        policy: Policy,
        likeness: Callable[[str], Mapping[str, Likeness]],
    ) -> None:
        super().__init__(bots)
        self.room = Room({bot.name: bot.names for bot in bots})
        self._profiles: dict[str, Profile] = {
            name: profile_of(one) for name, one in characters.items()
        }
        self._rules = Rulebook(policy, SignalThresholds())
        self._likeness = likeness
        self._roster = tuple(
            RosterEntry(
                bot=bot.name, user_id=str(place), names=bot.names, channels=(CHANNEL,)
            )
            for place, bot in enumerate(bots, 1)
        )

    def addressed(self, utterance: Utterance) -> tuple[str, ...]:
        """The bots that a message speaks to."""
        event = _event_of(utterance)
        spoken_to = addressing(
            event, self._roster, self._people(utterance), utterance.reading
        )
        return tuple(spoken_to.bots)

    def decide(self, utterance: Utterance, resting: frozenset[str]) -> Collection[str]:
        """The addressed bot; else the elected one, resting or not."""
        if addressed := self.addressed(utterance):
            return addressed
        bids = self.bids(utterance)
        chosen = elected(bids, utterance.message_id, resting)
        return {chosen} if chosen is not None else NOBODY

    def bids(self, utterance: Utterance) -> dict[str, Bid]:
        """The bids of all that want to answer a message that addresses none."""
        event = _event_of(utterance)
        spoken_to = addressing(
            event, self._roster, self._people(utterance), utterance.reading
        )
        target = self.room.read(utterance).target
        between_two = is_between_two(self.room, utterance)
        likeness = self._likeness(utterance.text)
        found: dict[str, Bid] = {}
        for bot, profile in self._profiles.items():
            judged = judge(
                event=event,
                bot=bot,
                facts=Facts(
                    watched=True,
                    # A line that goes on with another bot is that bot's to answer.
                    colleagues=target in self._profiles and target != bot,
                    between_people=between_two and target not in self._profiles,
                ),
                addressing=spoken_to,
                table=partial(features, self.room, utterance, bot),
                rules=self._rules,
                profile=profile,
                reading=utterance.reading,
                likeness=likeness.get(bot),
            )
            if judged.bid is not None and judged.bid.above_threshold:
                found[bot] = judged.bid
        return found

    def observe(self, utterance: Utterance) -> None:
        """Keep a message."""
        self.room.observe(utterance)

    def _people(self, utterance: Utterance) -> tuple[str, ...]:
        lately = list(self.room.people.items())[-PEOPLE:]
        return tuple(
            name
            for author, person in lately
            # Bots are called by the roster, and nobody calls themselves.
            if author not in self._profiles and author != utterance.author
            for name in person.names[:1]
        )


def _event_of(utterance: Utterance) -> Event:
    return Event(
        message_id=utterance.message_id,
        channel_id=CHANNEL,
        author_id=SOMEBODY,
        author_name=utterance.author,
        content=utterance.text,
    )


def elected(
    bids: Mapping[str, Bid], message_id: str, resting: frozenset[str]
) -> str | None:
    """As `election/decide.lua` chooses, of bots that differ in their cooldowns alone:
    the best that has rested and is not far below, else the best, who waits."""
    ranked = sorted(
        bids,
        key=lambda bot: (bids[bot].score, tie_break(bot, message_id)),
        reverse=True,
    )
    # A bot with a far lower bid does not stand in for an expert who rests.
    able = [
        bot for bot in ranked if bids[bot].score >= bids[ranked[0]].score - FAR_BELOW
    ]
    free = [bot for bot in able if bot not in resting]
    return next(iter(free or able), None)


# --- simple rules


class SimpleRule:
    """Base of the simple rules: a room that knows the bots' names."""

    def __init__(self, bots: Sequence[Participant]) -> None:
        self._bots = frozenset(bot.name for bot in bots)
        self._room = Room({bot.name: bot.names for bot in bots})

    def decide(self, utterance: Utterance, resting: frozenset[str]) -> Collection[str]:
        """Those whom the message names."""
        return {one for one in self._room.read(utterance).named if one in self._bots}

    def observe(self, utterance: Utterance) -> None:
        """Keep a message."""
        self._room.observe(utterance)


class Named(SimpleRule):
    """A bot answers when it is named."""


class NamedElseLast(SimpleRule):
    """The named ones; else the bot that last spoke to the author by name, within
    five minutes."""

    def __init__(self, bots: Sequence[Participant]) -> None:
        super().__init__(bots)
        self._spoke_to: OrderedDict[str, tuple[str, int]] = OrderedDict()

    def decide(self, utterance: Utterance, resting: frozenset[str]) -> Collection[str]:
        """See the class."""
        named = super().decide(utterance, resting)
        bot, at_ms = self._spoke_to.get(utterance.author, ("", 0))
        lately = {bot} if bot and utterance.at_ms - at_ms <= SPOKE_LATELY_MS else NOBODY
        return named or lately

    def observe(self, utterance: Utterance) -> None:
        """Remember to whom a bot spoke."""
        if utterance.author in self._bots:
            for other in self._room.read(utterance).named:
                self._spoke_to[other] = (utterance.author, utterance.at_ms)
                self._spoke_to.move_to_end(other)
            while len(self._spoke_to) > SPOKEN_TO:
                self._spoke_to.popitem(last=False)
        super().observe(utterance)


class Last(SimpleRule):
    """The bot that spoke last answers everything."""

    def __init__(self, bots: Sequence[Participant]) -> None:
        super().__init__(bots)
        self._last: frozenset[str] = NOBODY

    def decide(self, utterance: Utterance, resting: frozenset[str]) -> Collection[str]:
        """See the class."""
        return self._last

    def observe(self, utterance: Utterance) -> None:
        """Remember who spoke."""
        if utterance.author in self._bots:
            self._last = frozenset({utterance.author})
        super().observe(utterance)


class All(SimpleRule):
    """Every bot answers everything: a pile-on."""

    def decide(self, utterance: Utterance, resting: frozenset[str]) -> Collection[str]:
        """See the class."""
        return self._bots


class AtRandom:
    """Makes deciders that let one bot answer by chance, as often as `rate` says; the
    same in every run."""

    def __init__(self, rate: float, seed: int = 1) -> None:
        self._rate = rate
        # One for all rooms: each would else begin with the same choice.
        self._chance = random.Random(seed)

    def __call__(self, bots: Sequence[Participant]) -> Decider:
        return _Random(bots, self._rate, self._chance)


class _Random(SimpleRule):
    def __init__(
        self, bots: Sequence[Participant], rate: float, chance: random.Random
    ) -> None:
        super().__init__(bots)
        self._rate = rate
        self._chance = chance

    def decide(self, utterance: Utterance, resting: frozenset[str]) -> Collection[str]:
        if self._chance.random() >= self._rate:
            return NOBODY
        # Sorted: a set has another order in each process, and the page must come out
        # alike.
        return {self._chance.choice(sorted(self._bots))}
