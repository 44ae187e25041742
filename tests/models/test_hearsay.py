"""One copy for all bots of a process: proved, and refuted without each rule."""

from __future__ import annotations

import pytest

from tests.models.explore import prove, refute
from tests.models.hearsay import Hearsay

LIMIT = 400_000
PASSED = "a cursor has passed what was not admitted"
MUTANTS = (
    ("who shares hears", "who does not hear was admitted"),
    ("the own copy has come", PASSED),
    ("it is admitted", PASSED),
    ("nothing waits before it", PASSED),
)


def test_no_cursor_passes_what_was_not_admitted() -> None:
    """Whatever session ends or process dies: a bot's cursor stays behind what it was
    not admitted for, nobody is admitted who does not hear, and everything comes."""
    prove("hearsay, two messages", Hearsay(messages=2), LIMIT)


@pytest.mark.parametrize(
    ("rule", "reason"), MUTANTS, ids=[mutant[0] for mutant in MUTANTS]
)
def test_without_a_rule(rule: str, reason: str) -> None:
    """Each rule is needed: without it the explorer finds the promise it keeps
    broken."""
    refute(Hearsay(rule), reason, LIMIT)
