"""Cases from real servers on where and how a bot answers, and the shared ones; those on
what it hears are in test_heard.py."""

from __future__ import annotations

import pytest

from tests.cases.awaited import AWAITED
from tests.cases.choosing import EVERY, HEARD, parameters, play
from tests.cases.place import Place
from tests.cases.reading import SHARED, Case

CASES = [case for case in EVERY if case.file not in HEARD]


@pytest.mark.parametrize("case", list(parameters(CASES)))
def test_case(harbour: Place, case: Case) -> None:
    """What the case describes is what is seen."""
    play(harbour, case)


@pytest.mark.skipif(not SHARED.exists(), reason=f"NO SHARED CASES: {SHARED} is missing")
def test_every_awaited_case_is_there() -> None:
    """Nothing is awaited that is no case any more."""
    assert set(AWAITED) <= {case.id for case in EVERY}
