"""The one decision about a message and a bot: why it may matter, what the bot may do
about it, and its bid with every part.

Gateways judge live messages by it; `replay --judge` scores the same bid on chat logs,
with a neutral profile. Redis compares bids, and equal ones by the tie that is made
here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from app.domain.model import Addressing, Bid, Classified, Event, Signal
from app.rules.bids import bid, tie_break
from app.rules.features import Features
from app.rules.interests import Likeness
from app.rules.policy import Policy
from app.rules.profile import Profile
from app.rules.reading import LineKind, Reading
from app.rules.signals import Facts, SignalThresholds, classify

_NEVER_BID = frozenset({Signal.AMBIENT, Signal.DIRECT})


@dataclass(frozen=True, slots=True)
class Rulebook:
    """The fitted policy and the operator's settings, the same for all bots."""

    policy: Policy
    thresholds: SignalThresholds


@dataclass(frozen=True, slots=True)
class Judgement:
    """The decision. `bid` is None if the bot does not bid; `tie` orders equal bids, the
    greater first."""

    classified: Classified
    bid: Bid | None
    tie: str
    refusal: str = ""
    """Why the bot may not answer; empty: it may."""
    wordless: bool = False
    """It may not write, but offers a reaction to an open question."""

    @property
    def answerable(self) -> bool:
        """Whether the message may wake the bot."""
        return self.wordless or not self.refusal


def judge(
    event: Event,
    bot: str,
    facts: Facts,
    addressing: Addressing,
    table: Callable[[], Features],
    rules: Rulebook,
    profile: Profile,
    reading: Reading,
    likeness: Likeness | None = None,
) -> Judgement:
    """Decide about one event for one bot. Pure; `table` gives the features of the room
    and is called only for a bid. `reading`: of its text. `likeness`: to the bot's
    subjects, where it was measured in time."""
    classified = classify(event, bot, facts, addressing, rules.thresholds)
    tie = tie_break(bot, event.message_id)
    refusal = _refusal(bot, facts, classified)
    wordless = bool(refusal) and _may_nod(event, facts, classified, reading)
    if refusal and not wordless:
        return Judgement(_restrained(classified, facts, refusal), None, tie, refusal)
    if classified.signal in _NEVER_BID or not facts.unasked:
        return Judgement(classified, None, tie, refusal, wordless)
    offer = bid(
        table=table(),
        signal=classified.signal,
        trust=facts.trust,
        policy=rules.policy,
        profile=profile,
        reading=reading,
        likeness=likeness,
        colleagues=facts.colleagues,
        between_people=facts.between_people,
        reception=facts.reception,
    )
    return Judgement(
        classified, _nod(offer) if wordless else offer, tie, refusal, wordless
    )


def _refusal(bot: str, facts: Facts, classified: Classified) -> str:
    if facts.late:
        return "older than the backfill age"
    # A bot that the copy calls, and that has not answered yet, may still do so.
    if bot in facts.answered or (facts.answered and not classified.direct):
        return "a copy by a proxy of a message that is answered"
    return facts.barred


def _may_nod(
    event: Event, facts: Facts, classified: Classified, reading: Reading
) -> bool:
    """Whether a bot that may not write may answer an open question by a reaction, where
    nobody else wants to answer."""
    if classified.direct or facts.late or facts.answered or not facts.may_react:
        return False
    return reading.kind in {LineKind.QUESTION, LineKind.ASKING_ALL}


def _restrained(classified: Classified, facts: Facts, refusal: str) -> Classified:
    """The signal of an event that the bot may not answer. A direct one stays direct: the
    admission wakes nobody for it, but journals why."""
    if not classified.direct:
        return Classified(
            signal=Signal.AMBIENT, reason=refusal, addressed=classified.addressed
        )
    detail = (
        f"too old to answer: {classified.reason}"
        if facts.late
        else f"may not answer: {refusal}"
    )
    return classified.model_copy(update={"reason": detail})


def _nod(offer: Bid) -> Bid:
    """The bid for a reaction: below every bot that offers words."""
    # A bot that bids at any score is already below every bot with words.
    if offer.score <= 0:
        return offer
    return Bid(
        score=0.0,
        above_threshold=offer.above_threshold,
        parts={**offer.parts, "wordless": -offer.score},
    )
