"""What waits for the end of a cooldown, and a poll that is to come: proved, and refuted
without each rule."""

from __future__ import annotations

import pytest

from tests.models.explore import prove, refute
from tests.models.whole import Whole

LIMIT = 200_000
MUTANTS = (
    ("a poll is kept apart", "a poll is lost"),
    ("finish keeps what is to come", "a poll is lost"),
    ("what is passed over is owed a cycle", "a trigger waits, and no cycle is to come"),
)


def test_nothing_that_waits_is_forgotten() -> None:
    """Whatever is granted in between, or killed: a trigger or a poll that waits has a
    cycle to come."""
    prove("whole readings", Whole(), LIMIT)


@pytest.mark.parametrize(("rule", "reason"), MUTANTS)
def test_without_a_rule(rule: str, reason: str) -> None:
    """The exploration finds what each rule is there for."""
    refute(Whole(rule), reason, LIMIT)
