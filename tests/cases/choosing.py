"""Which cases are played where: two files of tests, so that two workers play at
once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from tests.cases.awaited import AWAITED
from tests.cases.place import Place
from tests.cases.playing import Play
from tests.cases.reading import OWN, SHARED, Case, read_cases
from tests.cases.seeing import check

HEARD = frozenset({"addressing", "contents", "prompts"})
"""Files on what is heard; all others, the shared ones among them, are on where and how
it is answered."""
EVERY = (*read_cases(OWN), *read_cases(SHARED))


def parameters(cases: Sequence[Case]) -> Iterator[object]:
    """One for each case."""
    for case in cases:
        awaited = (
            [pytest.mark.xfail(strict=True, reason=AWAITED[case.id])]
            if case.id in AWAITED
            else []
        )
        yield pytest.param(case, id=case.id, marks=awaited)


def play(place: Place, case: Case) -> None:
    """Play a case and look for all that it expects."""
    one = Play(place, case)
    try:
        one.run()
        for expected in case.checks:
            check(one, expected)
    finally:
        one.end()
