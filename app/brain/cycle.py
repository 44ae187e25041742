"""The values that the nodes of one cycle pass on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypedDict

from app.brain.brain import Brain
from app.brain.mood import MoodReading
from app.brain.ports import AnswerTurn, CyclePorts
from app.domain.model import ActionKind, InboxEntry, Signal
from app.rules.plan import Plan, Scores


class Did(StrEnum):
    """What became of a message in this cycle."""

    COMMITTED = "committed"
    DECLINED = "declined"
    DROPPED = "dropped"
    LEFT = "left"
    """Stays in the inbox for a later cycle."""
    LOST = "lost"
    """The lock or the floor was lost; somebody else takes over."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One message that may be answered, with what was found out about it."""

    entry: InboxEntry
    scores: Scores
    topic: str
    reading: MoodReading
    plan: Plan

    @property
    def direct(self) -> bool:
        """Whether it must be answered, or the journal say why not."""
        return self.entry.signal is Signal.DIRECT


@dataclass(frozen=True, slots=True)
class Chosen:
    """The message that is answered now, and its turn, which holds the floor."""

    candidate: Candidate
    turn: AnswerTurn


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one message."""

    message_id: str
    did: Did
    reason: str
    kind: ActionKind = ActionKind.OBSERVE


@dataclass(frozen=True, slots=True)
class CycleResult:
    """What one cycle did, in order. `stopped`: work may remain, as a floor was busy or a
    lock was lost."""

    outcomes: tuple[Outcome, ...] = ()
    stopped: bool = False

    @property
    def committed(self) -> tuple[Outcome, ...]:
        """The outcomes that reached the outbox."""
        return tuple(
            outcome for outcome in self.outcomes if outcome.did is Did.COMMITTED
        )


@dataclass(frozen=True, slots=True)
class Run:
    """What each node may use: the bot's brain and this cycle's ports."""

    brain: Brain
    ports: CyclePorts


class CycleState(TypedDict):
    """The graph's state. `candidates` are those still to be decided, the next first."""

    candidates: tuple[Candidate, ...]
    chosen: Chosen | None
    outcomes: tuple[Outcome, ...]
    stopped: bool


class Change(TypedDict, total=False):
    """What a node changes in the state."""

    candidates: tuple[Candidate, ...]
    chosen: Chosen | None
    outcomes: tuple[Outcome, ...]
    stopped: bool
