"""The code stays as readable as it is promised to be, and the measure can see."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.lab.measure import (
    PRODUCT,
    Figure,
    find_figures,
    is_one_word,
    measures_page,
    read_facts,
    read_folder,
)

ROOT = Path(__file__).parents[2]
SAMPLE = '''\
"""A module."""


def one_function(a, b):
    """Does it."""
    # Why it does.
    try:
        return call(a, b, a, b, a)
    except Exception:
        return None  # Nothing.
'''


@pytest.fixture(scope="module")
def figures() -> list[Figure]:
    """The figures of this repository. Of its tests, which have no limit, a few files do."""
    return find_figures(read_folder(ROOT, PRODUCT), read_folder(ROOT, ("tests/lab",)))


def test_the_code_keeps_its_limits(figures: list[Figure]) -> None:
    """No figure is beyond its limit; `make measure` prints the table."""
    assert [figure for figure in figures if not figure.kept] == []


def test_a_file_is_counted(tmp_path: Path) -> None:
    """Lines by what is on them, broad excepts, and calls of many positions."""
    path = tmp_path / "sample.py"
    path.write_text(SAMPLE, encoding="utf-8")
    facts = read_facts(path)
    assert (facts.lines.total, facts.lines.code) == (10, 5)
    assert (facts.lines.docstring, facts.lines.comment) == (2, 2)
    assert (facts.broad_excepts, facts.positional_calls) == (1, 1)
    assert facts.function_names == ("one_function",)
    assert facts.function_lengths == (7,)


def test_a_dense_file_breaks_its_limit(tmp_path: Path) -> None:
    """Thirty packed lines are too many; twenty may be a table."""
    packed = "pairs = [(a + b, b * a, (a, b)) for a in range(9) for b in range(a)]\n"
    named = "def one_name() -> None: ...\n"
    path = tmp_path / "dense.py"
    for lines, kept in ((20, True), (30, False)):
        path.write_text(named + packed * lines, encoding="utf-8")
        dense = find_figures([read_facts(path)], [])[3]
        assert dense.kept is kept


def test_a_long_function_breaks_its_limit(tmp_path: Path) -> None:
    """The first figure is no longer kept when one function has 51 lines."""
    path = tmp_path / "long.py"
    path.write_text("def a_b():\n" + "    pass\n" * 50, encoding="utf-8")
    found = find_figures([read_facts(path)], [])
    assert not found[0].kept


@pytest.mark.parametrize(
    ("name", "one"),
    [
        ("run", True),
        ("_run", True),
        ("run_it", False),
        ("_run_it", False),
        ("__init__", False),
    ],
)
def test_one_word_is_one_without_its_underscores(name: str, one: bool) -> None:
    """A leading underscore adds no word, and special methods are not counted."""
    assert is_one_word(name) is one


def test_the_page_has_a_row_for_each_figure(figures: list[Figure]) -> None:
    """Every figure stands on docs/measures.md, with its limit."""
    page = measures_page(figures)
    for figure in figures:
        assert f"| {figure.name} | {figure.shown_value()} |" in page
