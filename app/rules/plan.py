"""Whether to speak: rules over scores. A model judges this badly, so it may veto the
plan and never escalate it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.domain.model import ActionKind, ConversationState, Signal

DECIMALS = 4
"""Decimals that a desire keeps: the last bits of a sum must not decide."""


@dataclass(frozen=True, slots=True)
class Scores:
    """What is known about one message, for one bot."""

    signal: Signal
    interest: float = 0.0
    """Largest cosine to the character's example sentences, -1 to 1."""
    trust: int = 0
    """Of the author, 0 to 5."""
    state: ConversationState = ConversationState.IDLE
    """Of the bot in the channel."""
    age_s: float = 0.0
    fatigue: float = 0.0
    """Share of the channel's newest lines that our bots wrote, 0 to 1."""
    granted: bool = False
    """Whether an election gave the message to this bot."""
    question: bool = False
    brief: bool = False
    """Thanks, praise, joy or a laugh: words would be too much."""


@dataclass(frozen=True, slots=True)
class PlanThresholds:
    """Weights and limits of `decide`; desires are sums around 0 to 1.5."""

    interesting: float = 0.24
    """Cosine from which a message touches an interest (measured for the sentence
    encoder)."""
    foreign: float = 0.10
    """Cosine below which even a granted message has nothing to do with the
    character."""
    reply: float = 0.60
    """Desire from which an unasked reply is worth it, at chattiness 0.5."""
    react: float = 0.48
    """Desire from which a reaction is."""
    chattiness: float = 0.40
    """How far the two limits above move between chattiness 0 and 1."""
    interest: float = 1.0
    trust: float = 0.03
    question: float = 0.10
    fatigue: float = 0.35
    age: float = 0.02
    """Lost for each minute of age."""
    signal: Mapping[Signal, float] = field(
        default_factory=lambda: {
            Signal.TRUSTED: 0.20,
            Signal.WATCHED: 0.15,
            Signal.ACTIVE: 0.15,
            Signal.REACTIONS: 0.15,
            Signal.GOSSIP: 0.10,
            Signal.AMBIENT: 0.0,
        }
    )
    state: Mapping[ConversationState, float] = field(
        default_factory=lambda: {
            ConversationState.IDLE: 0.0,
            ConversationState.ENGAGED: 0.10,
            ConversationState.COOLING: 0.0,
        }
    )


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do about one message, why, and how much the bot wants to (to compare
    candidates)."""

    kind: ActionKind
    reason: str
    desire: float = 0.0


DEFAULTS = PlanThresholds()


def desire(scores: Scores, limits: PlanThresholds = DEFAULTS) -> float:
    """How much the bot wants to answer; 0.6 is the usual limit for words."""
    wanted = (
        limits.interest * max(0.0, scores.interest)
        + limits.signal.get(scores.signal, 0.0)
        + limits.state.get(scores.state, 0.0)
        + limits.trust * scores.trust
        + (limits.question if scores.question else 0.0)
        - limits.fatigue * scores.fatigue
        - limits.age * max(0.0, scores.age_s) / 60
    )
    return round(wanted, DECIMALS)


def decide(
    scores: Scores, chattiness: float = 0.5, limits: PlanThresholds = DEFAULTS
) -> Plan:
    """Observe, react or reply. Observe is the default; direct messages are always
    answered, won elections mostly."""
    want = desire(scores, limits)
    if scores.signal is Signal.DIRECT:
        return Plan(ActionKind.REPLY, "addressed directly", want)
    if chattiness >= 1 and scores.signal is not Signal.AMBIENT:
        return Plan(ActionKind.REPLY, "answers everything", want)
    if scores.granted:
        return _plan_granted(scores, want, limits)
    shift = (0.5 - chattiness) * limits.chattiness
    # Rounded as desires are: the last bits of a sum must not miss a limit.
    reply, react = (
        round(limits.reply + shift, DECIMALS),
        round(limits.react + shift, DECIMALS),
    )
    if (
        want >= reply
        and scores.interest >= limits.interesting
        and not _is_wordless(scores, limits)
    ):
        return Plan(ActionKind.REPLY, "touches an interest", want)
    if want >= react and (scores.brief or scores.interest >= limits.interesting):
        return Plan(ActionKind.REACT, "worth a reaction, not words", want)
    return Plan(ActionKind.OBSERVE, "not interesting enough", want)


def _is_wordless(scores: Scores, limits: PlanThresholds) -> bool:
    burst = (
        scores.signal is Signal.REACTIONS and scores.interest < 2 * limits.interesting
    )
    return burst or (scores.brief and not scores.question)


def _plan_granted(scores: Scores, want: float, limits: PlanThresholds) -> Plan:
    if _is_wordless(scores, limits):
        return Plan(ActionKind.REACT, "worth a reaction, not words", want)
    known = scores.signal in {Signal.TRUSTED, Signal.ACTIVE}
    if scores.interest >= limits.foreign or (known and scores.question):
        return Plan(ActionKind.REPLY, "won the election", want)
    if known:
        return Plan(ActionKind.REACT, "known company, foreign topic", want)
    return Plan(ActionKind.OBSERVE, "won the election, but the topic is foreign", want)


def wordless(plan: Plan) -> Plan:
    """The same plan where the bot may not write: a reaction in place of words."""
    if plan.kind is not ActionKind.REPLY:
        return plan
    return Plan(
        ActionKind.REACT, f"{plan.reason}, but it may not write there", plan.desire
    )


def proactive(
    drive: float, chance: float, quiet_s: float, least_quiet_s: float = 1_800.0
) -> Plan:
    """Whether to open a conversation in a channel quiet for `quiet_s` seconds; `chance`
    is in [0, 1)."""
    if quiet_s < least_quiet_s:
        return Plan(ActionKind.OBSERVE, "the channel is not quiet")
    if chance >= drive:
        return Plan(ActionKind.OBSERVE, "no drive")
    return Plan(ActionKind.POST, "quiet channel and drive", drive)
