"""Lines that are one thought: proved, and refuted without each rule."""

from __future__ import annotations

import pytest

from tests.models.explore import prove, refute
from tests.models.thought import Thought

LIMIT = 200_000
MUTANTS = (
    ("the rest is waited for", "an unfinished line was answered"),
    ("who went on is read again", "an answer did not know the whole thought"),
    ("one answer takes all lines", "one thought was answered twice"),
    ("an afterthought is context", "one thought is to be answered twice"),
    ("the others stay", "a line is forgotten"),
)


def test_a_thought_is_answered_once() -> None:
    """Whatever line is deleted and whichever cycle dies: one answer, which knows all
    lines, and none is forgotten."""
    prove("thought, four lines", Thought(lines=4), LIMIT)


@pytest.mark.parametrize(
    ("rule", "reason"), MUTANTS, ids=[mutant[0] for mutant in MUTANTS]
)
def test_without_a_rule(rule: str, reason: str) -> None:
    """Each rule is needed: without it the explorer finds the promise it keeps
    broken."""
    refute(Thought(rule), reason, LIMIT)
