"""Cases from real servers: real gateway and workers, a loopback Discord, and what people there do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cases.awaited import AWAITED
from tests.cases.place import Place, place
from tests.cases.playing import Play
from tests.cases.reading import OWN, SHARED, Case, read_cases
from tests.cases.seeing import check

CASES = [*read_cases(OWN), *read_cases(SHARED)]


def parameters() -> Iterator[object]:
    """One for each case; one that is skipped where the shared ones are missing."""
    for case in CASES:
        awaited = [pytest.mark.xfail(strict=True, reason=AWAITED[case.id])] if case.id in AWAITED else []
        yield pytest.param(case, id=case.id, marks=awaited)
    if not SHARED.exists():
        reason = f"NO SHARED CASES: {SHARED} is missing"
        yield pytest.param(None, id="shared cases", marks=pytest.mark.skip(reason=reason))


@pytest.fixture(scope="module")
def harbour(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """One server for all cases, each with channels of its own."""
    with place(tmp_path_factory.mktemp("cases"), CASES) as made:
        yield made


@pytest.mark.parametrize("case", list(parameters()))
def test_case(harbour: Place, case: Case) -> None:
    """What the case describes is what is seen."""
    play = Play(harbour, case)
    try:
        play.run()
        for expected in case.checks:
            check(play, expected)
    finally:
        play.end()


def test_every_awaited_case_is_there() -> None:
    """Nothing is awaited that is no case any more."""
    shared = {case.id for case in CASES}
    assert not SHARED.exists() or set(AWAITED) <= shared
