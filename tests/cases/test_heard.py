"""Cases from real servers on what a bot hears: real gateway and workers, a loopback
Discord, and what people there do."""

from __future__ import annotations

import pytest

from tests.cases.choosing import EVERY, HEARD, parameters, play
from tests.cases.place import Place
from tests.cases.reading import Case

CASES = [case for case in EVERY if case.file in HEARD]


@pytest.mark.parametrize("case", list(parameters(CASES)))
def test_case(harbour: Place, case: Case) -> None:
    """What the case describes is what is seen."""
    play(harbour, case)
