"""What the Makefile runs reaches every test."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
MARK = re.compile(r"\bmark\.slow\b")


def folders_with_slow_tests() -> set[str]:
    """Folders below tests/ with a test that `make test` leaves out."""
    return {
        path.parent.name
        for path in (ROOT / "tests").rglob("test_*.py")
        if MARK.search(path.read_text(encoding="utf-8"))
    }


def test_every_slow_test_is_run_by_prove() -> None:
    """`make prove` names each folder that has a slow test."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipe = makefile.partition("\nprove:")[2].partition("\n\n")[0]
    proved = set(re.findall(r"tests/(\w+)", recipe))
    slow = folders_with_slow_tests()
    assert slow, "the mark is written as this test looks for it"
    assert slow <= proved
