"""Plan: which candidate the bot answers now, by the rules and with the channel's
floor."""

from __future__ import annotations

from collections.abc import Sequence

from langgraph.runtime import Runtime

from app.brain.brain import Brain
from app.brain.cycle import Candidate, Change, Chosen, CycleState, Did, Outcome, Run
from app.brain.perceive import drop_grouped, read_mood, read_words, settled
from app.brain.ports import AnswerTurn, CyclePorts
from app.domain.model import ActionKind, Context, Signal
from app.domain.verdicts import Claim

TRIES = 5
"""Candidates for which the floor is asked in one autonomous cycle."""

STOPS = frozenset({Claim.COOLED, Claim.LOST_LOCK})
"""Nothing else can be answered now either."""
LEAVES = frozenset({Claim.WAIT, Claim.QUIET, Claim.ELECTION_OPEN})
"""This message may be answered later."""


def plan(state: CycleState, runtime: Runtime[Run]) -> Change:
    """Choose the first candidate that the rules want and whose floor is granted. Drop
    those that this bot will never answer."""
    brain, ports = runtime.context.brain, runtime.context.ports
    outcomes = list(state["outcomes"])
    wanted = _wanted(state["candidates"], brain, ports, outcomes)
    for place, candidate in enumerate(wanted):
        if not candidate.direct and place >= TRIES:
            break
        turn = ports.answer(candidate.entry)
        verdict = turn.claim()
        rest = wanted[place + 1 :]
        if verdict is Claim.GRANTED:
            taken = _with_words(candidate, brain, ports)
            _note(turn, taken)
            if not candidate.direct:
                _drop_ambient(rest, ports, outcomes)
                _note_left(rest, candidate, ports)
            return {
                "chosen": Chosen(taken, turn),
                "candidates": tuple(rest),
                "outcomes": tuple(outcomes),
            }
        outcomes.append(_refused(candidate, verdict, ports))
        if verdict in STOPS or _ends(candidate, verdict, brain):
            return {
                "chosen": None,
                "candidates": tuple(rest),
                "outcomes": tuple(outcomes),
                "stopped": True,
            }
    return {"chosen": None, "candidates": (), "outcomes": tuple(outcomes)}


def _with_words(candidate: Candidate, brain: Brain, ports: CyclePorts) -> Candidate:
    """With what its words tell, where they are still to be read."""
    if not candidate.direct:
        return candidate
    if brain.speaker is not None:
        return read_mood(candidate, brain)
    return read_words([candidate], brain, ports)[0]


def _ends(candidate: Candidate, verdict: Claim, brain: Brain) -> bool:
    """Whether the cycle must not answer anything else now. The cooldown after another
    answer would keep the bot from a message that it has won, and a later direct message
    must not be answered before an earlier one."""
    if candidate.direct:
        return verdict is Claim.WAIT and not _waits_for_others(candidate, brain)
    return verdict is Claim.QUIET and candidate.scores.granted


def _waits_for_others(candidate: Candidate, brain: Brain) -> bool:
    """Whether it may have to wait for bots named before it. Otherwise the floor is
    taken, and may become free before the next claim: a later message would then be
    answered before an earlier one."""
    addressed = candidate.entry.addressed
    return brain.character.name in addressed[1:]


def _wanted(
    candidates: Sequence[Candidate],
    brain: Brain,
    ports: CyclePorts,
    outcomes: list[Outcome],
) -> list[Candidate]:
    """Those that the rules would answer. Of the others, those are dropped that no
    election can still grant to this bot."""
    wanted = [one for one in candidates if one.plan.kind is not ActionKind.OBSERVE]
    others = [one for one in candidates if one.plan.kind is ActionKind.OBSERVE]
    final = [
        one
        for one in others
        if one.scores.granted
        or (ports.woken_by is Context.POLL and settled(one.entry, brain, ports))
    ]
    drop_grouped(ports, "plan", [(one.plan.reason, one.entry) for one in final])
    for one in others:
        did = Did.DROPPED if one in final else Did.LEFT
        outcomes.append(Outcome(one.entry.event.message_id, did, one.plan.reason))
    return wanted


def _refused(candidate: Candidate, verdict: Claim, ports: CyclePorts) -> Outcome:
    message = candidate.entry.event.message_id
    if verdict is Claim.LOST_LOCK:
        return Outcome(message, Did.LOST, verdict)
    if verdict in STOPS or verdict in LEAVES:
        return Outcome(message, Did.LEFT, verdict)
    ports.drop([candidate.entry], "claim", verdict)
    return Outcome(message, Did.DROPPED, verdict)


def _drop_ambient(
    rest: Sequence[Candidate], ports: CyclePorts, outcomes: list[Outcome]
) -> None:
    """A cycle gives one unasked answer. Messages that were merely interesting are
    dropped: a minute later an answer would be out of place."""
    reason = "another message was more interesting"
    ambient = [
        one.entry
        for one in rest
        if one.entry.signal is Signal.AMBIENT and not one.scores.granted
    ]
    if ambient:
        ports.drop(ambient, "plan", reason)
    outcomes.extend(
        Outcome(entry.event.message_id, Did.DROPPED, reason) for entry in ambient
    )


def _note_left(rest: Sequence[Candidate], chosen: Candidate, ports: CyclePorts) -> None:
    """Triggers that came together share one cycle. The journal of each says which one
    was answered."""
    triggers = [one.entry for one in rest if one.entry.signal is not Signal.AMBIENT]
    ports.defer(triggers, f"answers {chosen.entry.event.message_id} first")


def _note(turn: AnswerTurn, candidate: Candidate) -> None:
    scores = candidate.scores
    # Where nobody asked for the subject, nothing hung on it.
    subject: dict[str, float | str] = {
        "desire": round(candidate.plan.desire, 3),
        "interest": round(scores.interest, 3),
        "topic": candidate.topic,
    }
    known = subject if candidate.topic else {}
    turn.note(
        step="plan",
        verdict=candidate.plan.kind,
        reason=candidate.plan.reason,
        numbers={
            **known,
            "trust": scores.trust,
            "state": scores.state,
            "fatigue": round(scores.fatigue, 2),
            "mood": candidate.reading.mood,
        },
    )
