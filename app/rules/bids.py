"""How much one bot wants to answer one message, and who answers. Pure: the same
features give the same bid."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Mapping

from app.domain.model import Bid, Signal
from app.rules.features import Features, Tie, features
from app.rules.interests import Likeness
from app.rules.policy import FEW_NAMES, Policy
from app.rules.profile import NEUTRAL, Profile, Thread
from app.rules.reading import Reading, read
from app.rules.room import Room, Utterance

WORST = -64.0
NOTHING_SAID = read("")
DECIMALS = 6
"""Decimals that a score keeps."""
_OWN = frozenset({Tie.ANSWERED, Tie.CONTINUED})
_OTHERS = frozenset({Tie.ELSEWHERE_ANSWERED, Tie.ELSEWHERE_CONTINUED})


def evidence(table: Features, policy: Policy) -> dict[str, float]:
    """The fitted part of a score, in bits by term: what people did in comparable
    moments."""
    parts = {"intercept": policy.intercept}
    bins = [bisect_right(edges, table[feature]) for feature, edges in policy.cuts]
    few_names = table["room_names"] < FEW_NAMES
    singles = policy.nameless_singles if few_names else policy.singles
    for name, place, weights in singles:
        parts[name] = weights[bins[place]]
    for name, row, column, width, weights in policy.pairs:
        parts[name] = weights[bins[row] * width + bins[column]]
    return parts


def bid(
    table: Features,
    signal: Signal,
    trust: int,
    policy: Policy,
    profile: Profile = NEUTRAL,
    reading: Reading = NOTHING_SAID,
    likeness: Likeness | None = None,
    colleagues: bool = False,
    between_people: bool = False,
    reception: float = 0.0,
) -> Bid:
    """The bid of one bot. Shape: score in bits above its threshold (0 or more: it wants
    to answer), and all parts that sum to it. `trust` is the author's level (0 to 5),
    `reading` what the profile's interests are compared with, with its likeness to them if that
    was measured. `colleagues`: as far as the channel shows, it goes on with another of
    our bots; `between_people`: between two people. `reception`: what the channel makes of the bot's unasked posts, -1 to 1. An
    ambient message is never bid for."""
    parts = evidence(table, policy)
    parts["signal"] = policy.signals[signal]
    parts["trust"] = policy.trust * (trust - policy.trust_level)
    parts["reception"] = policy.reception * reception
    tired = max(0.0, table["bot_lines_near"] - policy.fatigue_lines)
    parts["fatigue"] = -policy.fatigue * tired
    parts["threshold"] = -policy.threshold
    thread = _thread(table, colleagues, between_people)
    parts.update(profile.parts(reading, likeness, thread))
    score = settled(sum(parts.values()))
    # A bot that answers everything may bid below 0: its score still ranks it.
    wants = signal is not Signal.AMBIENT and (score >= 0.0 or profile.always)
    # Not validated: every bot bids for every message, and the numbers are ours.
    return Bid.model_construct(score=score, above_threshold=wants, parts=parts)


def _thread(table: Features, colleagues: bool, between_people: bool) -> Thread:
    if table["tie"] in _OWN:
        return Thread.OWN
    if table["tie"] not in _OTHERS:
        return Thread.NOBODYS
    if colleagues:
        return Thread.COLLEAGUES
    return Thread.PEOPLES if between_people else Thread.NOBODYS


def settled(bits: float) -> float:
    """A score as it may be compared: the last bits of a sum, or of another processor's
    logarithm, must not decide."""
    return max(WORST, round(bits, DECIMALS))


def tie_break(bot: str, message: str) -> str:
    """What orders equal bids, the greater first: the digest that `election.decide` compares,
    the same in every process."""
    return hashlib.sha1(
        f"{bot}{message}".encode("utf-8", "surrogatepass"), usedforsecurity=False
    ).hexdigest()


def decide(message_id: str, bids: Mapping[str, Bid], named: Iterable[str]) -> set[str]:
    """Who answers, given all bids for one message: every named bot that is above its
    threshold; failing that, at most one bot that was not named, the best."""
    wanting = {bot: one for bot, one in bids.items() if one.above_threshold}
    called = {bot for bot in named if bot in wanting}
    if called or not wanting:
        return called
    return {
        max(wanting, key=lambda bot: (wanting[bot].score, tie_break(bot, message_id)))
    }


def who_answers(
    room: Room, utterance: Utterance, bots: Iterable[str], policy: Policy
) -> set[str]:
    """The bots that answer `utterance`, decided before the room has observed it. Names in
    the text count as addressing; everybody watches the channel and is neutral about the
    author, as in a chat log."""
    bids = {
        bot: bid(
            features(room, utterance, bot), Signal.WATCHED, policy.trust_level, policy
        )
        for bot in bots
    }
    return decide(utterance.message_id, bids, room.read(utterance).named)
