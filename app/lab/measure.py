"""How dear the code is to read, in figures: `make measure` prints them and writes
docs/measures.md; `tests/lab/test_measure.py` holds them to their limits."""

from __future__ import annotations

import argparse
import ast
import io
import statistics
import sys
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

PRODUCT = ("app", "tasks", "beat_schedule.py")
TESTS = ("tests",)
LONG_FUNCTION = 50
"""Lines; what is longer counts as long."""
MANY_POSITIONAL = 5
"""Positional arguments from which on a call is hard to check by eye."""
DENSE_FROM = 30
"""Code lines of the shortest file whose density is limited."""
_LAYOUT = frozenset(
    {
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    }
)
_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Lines:
    """The lines of a file by what is on them. A line of code with a comment behind it
    counts as both."""

    total: int
    code: int
    docstring: int
    comment: int


@dataclass(frozen=True)
class FileFigures:
    """What is counted in one file."""

    path: Path
    lines: Lines
    nodes: int
    function_lengths: tuple[int, ...]
    function_names: tuple[str, ...]
    broad_excepts: int
    positional_calls: int


class Figure(NamedTuple):
    """One row of the table. `limit` is what the test allows at most, or at least where
    `least` is set; None: a figure to know, not to hold."""

    name: str
    value: float
    decimals: int = 0
    limit: float | None = None
    least: bool = False

    @property
    def kept(self) -> bool:
        """Whether the limit is kept."""
        if self.limit is None:
            return True
        return self.value >= self.limit if self.least else self.value <= self.limit

    def shown_value(self) -> str:
        """The value as the table prints it."""
        return f"{self.value:,.{self.decimals}f}"

    def shown_limit(self) -> str:
        """The limit as the table prints it, empty where there is none."""
        if self.limit is None:
            return ""
        return f"{'at least' if self.least else 'at most'} {self.limit:g}"


def read_facts(path: Path) -> FileFigures:
    """Count one Python file."""
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    nodes = list(ast.walk(tree))
    functions = [node for node in nodes if isinstance(node, _Function)]
    return FileFigures(
        path=path,
        lines=_count_lines(source, tree),
        nodes=len(nodes),
        function_lengths=tuple(map(_function_length, functions)),
        function_names=tuple(node.name for node in functions),
        broad_excepts=sum(map(_is_broad_except, nodes)),
        positional_calls=sum(map(_is_positional_call, nodes)),
    )


def _count_lines(source: str, tree: ast.Module) -> Lines:
    docstring: set[int] = set()
    for node in ast.walk(tree):
        # Texts below attributes count as well, which Python itself throws away.
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            docstring.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    code: set[int] = set()
    comment: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            comment.add(token.start[0])
        elif token.type not in _LAYOUT:
            code.update(range(token.start[0], token.end[0] + 1))
    return Lines(
        total=len(source.splitlines()),
        code=len(code - docstring),
        docstring=len(docstring),
        comment=len(comment),
    )


def _function_length(node: _Function) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def _is_broad_except(node: ast.AST) -> bool:
    """`except Exception`, `except BaseException` or a bare `except`."""
    if not isinstance(node, ast.ExceptHandler):
        return False
    caught = node.type
    if caught is None:
        return True
    return isinstance(caught, ast.Name) and caught.id in {"Exception", "BaseException"}


def _is_positional_call(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and len(node.args) >= MANY_POSITIONAL


def is_one_word(name: str) -> bool:
    """Whether a function's name is a single word. Python gives the names of its special
    methods, so those are not ours to count."""
    return "_" not in name.strip("_") and not name.startswith("__")


def read_folder(root: Path, names: Sequence[str]) -> list[FileFigures]:
    """Count the Python files of these files and folders of the repository."""
    return [read_facts(path) for name in names for path in _python_files(root / name)]


def _python_files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
    else:
        yield from sorted(path.rglob("*.py"))


def find_figures(
    product: Sequence[FileFigures], tests: Sequence[FileFigures]
) -> list[Figure]:
    """The rows of the table: first what the test holds, then what is good to know."""
    names = [name for facts in product for name in facts.function_names]
    named_by_us = [name for name in names if not name.startswith("__")]
    code = _sum_code(product)
    lines = sum(facts.lines.total for facts in product)
    lengths = [length for facts in product for length in facts.function_lengths]
    return [
        Figure(
            f"functions over {LONG_FUNCTION} lines",
            sum(length > LONG_FUNCTION for length in lengths),
            limit=0,
        ),
        Figure(
            "broad excepts per 1,000 code lines",
            1000 * sum(facts.broad_excepts for facts in product) / code,
            decimals=2,
            limit=0.8,
        ),
        *_density_figures(product),
        Figure(
            "functions with a name of one word, %",
            100 * sum(map(is_one_word, named_by_us)) / len(named_by_us),
            limit=50,
        ),
        Figure(
            f"calls with {MANY_POSITIONAL} or more positional arguments per 1,000 code lines",
            1000 * sum(facts.positional_calls for facts in product) / code,
            decimals=2,
            limit=1.5,
        ),
        Figure(
            "lines with a comment, %",
            100 * sum(facts.lines.comment for facts in product) / lines,
            decimals=1,
            limit=2,
            least=True,
        ),
        *_further_figures(product, tests, lengths),
    ]


def _density_figures(product: Sequence[FileFigures]) -> list[Figure]:
    nodes = sum(facts.nodes for facts in product)
    densities = [
        facts.nodes / facts.lines.code
        for facts in product
        # One table makes a shorter file dense.
        if facts.lines.code >= DENSE_FROM
    ]
    return [
        Figure("syntax nodes a code line", nodes / _sum_code(product), 1, limit=8),
        Figure(
            f"nodes a code line in the densest file of {DENSE_FROM} or more",
            max(densities, default=0),
            decimals=1,
            limit=11.6,
        ),
    ]


def _further_figures(
    product: Sequence[FileFigures], tests: Sequence[FileFigures], lengths: Sequence[int]
) -> list[Figure]:
    sizes = [facts.lines.total for facts in product]
    docstring = sum(facts.lines.docstring for facts in product)
    code = _sum_code(product)
    return [
        Figure("lines of docstrings, %", 100 * docstring / sum(sizes), decimals=1),
        Figure("files", len(product)),
        Figure("code lines", code),
        Figure("lines of the median file", statistics.median(sizes)),
        Figure("lines of the largest file", max(sizes)),
        Figure("lines of the median function", statistics.median(lengths)),
        Figure("code lines of tests per code line", _sum_code(tests) / code, 2),
    ]


def _sum_code(found: Iterable[FileFigures]) -> int:
    return sum(facts.lines.code for facts in found)


PAGE_HEAD = """\
# What the code costs to read

`make measure` counts this in `app`, `tasks` and `beat_schedule.py`, and writes this page; a test holds the limits. A code line
is a line with a token that is no comment and no docstring; a node is one of Python's syntax tree. Names of special methods
(`__init__`) are not counted. Tests are type-checked as the product is (`mypy --strict`); the branches of rules, store, brain, gateway
and delivery that tests reach are at least 89% (`make coverage`, `fail_under` in `setup.cfg`); how many small faults in rules and
scripts the tests notice, `make mutants` counts: [mutants](mutants.md).

For comparison, measured alike: docket 67f9394, procrastinate f099a75, svcs 7d56b11, python-discord/bot 35d9e45, temporal's
Python SDK 3a464f9.
"""
ANCHORS: dict[str, tuple[str, ...]] = {
    "functions over": ("41", "18", "2", "80", "165"),
    "broad excepts": ("2.33", "1.73", "2.59", "0.94", "2.60"),
    "syntax nodes": ("5.9", "5.8", "5.8", "7.5", "5.7"),
    "functions with a name": ("58", "28", "69", "28", "27"),
    "calls with": ("1.5", "0.2", "1.9", "3.2", "0.7"),
    "lines with a comment": ("3.9", "3.0", "2.1", "3.9", "3.7"),
    "lines of docstrings": ("23.1", "18.4", "25.1", "13.3", "17.7"),
    "files": ("37", "63", "8", "147", "176"),
    "lines of the median file": ("215", "45", "273", "125", "216"),
    "lines of the largest file": ("1,388", "1,042", "1,199", "1,632", "3,990"),
    "lines of the median function": ("9", "8", "10", "12", "10"),
    "code lines of tests": ("2.07", "1.60", "1.35", "0.34", "1.27"),
}
"""What others have, by how a figure's name begins."""
COLUMNS = (
    "figure",
    "here",
    "limit",
    "docket",
    "procrastinate",
    "svcs",
    "python-discord",
    "temporal",
)


def table_rows(figures: Sequence[Figure]) -> list[tuple[str, ...]]:
    """The table's cells, row by row in the order of `COLUMNS`."""
    blank = ("",) * (len(COLUMNS) - 3)
    rows = []
    for figure in figures:
        others = next(
            (
                cells
                for start, cells in ANCHORS.items()
                if figure.name.startswith(start)
            ),
            blank,
        )
        rows.append((figure.name, figure.shown_value(), figure.shown_limit(), *others))
    return rows


def measures_page(figures: Sequence[Figure]) -> str:
    """docs/measures.md."""
    table = [COLUMNS, ("---",) * len(COLUMNS), *table_rows(figures)]
    lines = ["| " + " | ".join(row) + " |" for row in table]
    return PAGE_HEAD + "\n" + "\n".join(lines) + "\n"


def print_figures(figures: Sequence[Figure], console: Console) -> None:
    """Print the first columns of the table; what is beyond its limit is red."""
    table = Table(*COLUMNS[:3])
    for figure, row in zip(figures, table_rows(figures), strict=True):
        table.add_row(*row[:3], style=None if figure.kept else "red")
    console.print(table)


def main(root: Path, page: Path) -> int:
    """Measure the repository at `root`; 1 when a limit is broken."""
    figures = find_figures(read_folder(root, PRODUCT), read_folder(root, TESTS))
    print_figures(figures, Console())
    page.write_text(measures_page(figures), encoding="utf-8")
    return 0 if all(figure.kept for figure in figures) else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path, help="the page that is written")
    sys.exit(main(Path(), parser.parse_args().page))
