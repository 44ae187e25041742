"""No wake lost, no cycle without cause, one cycle at a time: proved, and refuted
without each rule."""

from __future__ import annotations

import pytest

from tests.models.explore import prove, refute
from tests.models.lanes import Lanes

LIMIT = 200_000
LOST = "its wake is lost"
IDLE = "a cycle with nothing to do"
BUSY = "a hint meets the lock of a cycle that has looked for the last time"

MUTANTS = (
    ("admit is one step", LOST),
    ("admit recognises a message", "an answered message came back"),
    ("begin checks the lock", IDLE),
    ("begin gives the lock back", BUSY),
    ("begin reads entries with the sequence", IDLE),
    ("commit checks the lock", "committed by a cycle that had lost its lane"),
    ("finish checks the lock", IDLE),
    ("finish compares the sequence", "a message that came during the cycle waits"),
    ("finish looks at what is left", LOST),
    ("finish decides and acts in one step", LOST),
    ("finish releases the lock", BUSY),
)


def test_no_wake_is_lost() -> None:
    """Whatever is killed, late or doubled: a message waits only in a lane that is due,
    and its owner answers it once."""
    prove("lanes, four messages", Lanes(messages=4), LIMIT)


@pytest.mark.slow
def test_no_wake_is_lost_among_many() -> None:
    """The same with more messages."""
    prove("lanes, seven messages", Lanes(messages=7), 1_500_000)


@pytest.mark.parametrize(
    ("rule", "reason"), MUTANTS, ids=[mutant[0] for mutant in MUTANTS]
)
def test_without_a_rule(rule: str, reason: str) -> None:
    """Each rule is needed: without it the explorer finds the promise it keeps
    broken."""
    refute(Lanes(rule), reason, LIMIT)
