"""Mutation testing of the rules and the scripts: `make mutants`.

A mutant is the program with one small fault: a comparison turned round, a statement
left out. Each runs against the tests that are near to it, in a copy of the tree. A
mutant that no test notices shows either a gap in the tests or code that makes no
difference; `docs/mutants.md` lists the latter.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

ROOT = Path(__file__).parents[1]
TREE = ("app", "tasks", "tests", "docs", "docker", "beat_schedule.py")
CONFIGURATION = ("setup.cfg", "pyproject.toml", "README.md", "CHANGELOG.md", "Makefile")
PYTEST = (
    *(sys.executable, "-m", "pytest", "-x", "-q", "--timeout=120"),
    *("-p", "no:randomly", "-p", "no:cacheprovider", "-m", "not slow and not llm"),
)
OF_CALLS = ("tests/rules/test_addressing.py", "tests/rules/test_calls.py")
OF_BIDS = (
    "tests/rules/test_golden.py",
    "tests/rules/test_room.py",
    "tests/rules/test_bids.py",
)
NEAREST: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("features", "room", "words", "bids", "policy"), OF_BIDS),
    "plan": ("tests/rules/test_plan.py",),
    "signals": ("tests/rules/test_signals.py",),
    "judging": ("tests/rules/test_signals.py", "tests/gateway/test_intake.py"),
    "interests": ("tests/rules/test_interests.py",),
    "profile": ("tests/rules/test_interests.py", *OF_BIDS),
    "chunking": ("tests/rules/test_chunking.py",),
    "decay": ("tests/rules/test_decay.py",),
    "identifies": ("tests/rules/test_identifies.py",),
    "moderation": ("tests/rules/test_moderation.py",),
    "trust": ("tests/rules/test_trust.py",),
    "turns": ("tests/rules/test_turns.py",),
}
"""The tests of a module of the rules; those of all others are `OF_CALLS`."""
NEAR_RULES = (
    ("tests/rules",),
    ("tests/lab/test_judge.py", "tests/gateway/test_intake.py"),
    ("tests/gateway/test_edits.py", "tests/brain/test_graph.py"),
    ("tests/brain/test_act.py", "tests/brain/test_text.py"),
)
NEAR_SCRIPTS = (
    (
        "tests/store/test_what_waits.py",
        "tests/store/test_limits.py",
        "tests/store/test_posts.py",
        "tests/store/test_protocols.py",
    ),
    ("tests/store", "--ignore=tests/store/test_mutants.py"),
    ("tests/delivery", "tests/tasks"),
)
"""Tests in the order in which a mutant meets them: what survives one group meets the
next. The proofs that scripts can be mutated look for their text, so they are left
out."""
TIMEOUT_S = 900
HEAD = re.compile(r"^\s*(--|$)")


@dataclass(frozen=True)
class Mutant:
    """One fault: the line it is on, and the file's text with it."""

    path: Path
    line: int
    what: str
    text: str

    @property
    def name(self) -> str:
        """Where it is and what it does."""
        return f"{self.path}:{self.line}  {self.what}"


# ---- Python


COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Lt: "<=",
    ast.LtE: "<",
    ast.Gt: ">=",
    ast.GtE: ">",
    ast.Eq: "!=",
    ast.NotEq: "==",
    ast.In: "not in",
    ast.NotIn: "in",
    ast.Is: "is not",
    ast.IsNot: "is",
}
ARITHMETIC: dict[type[ast.operator], str] = {
    ast.Add: "-",
    ast.Sub: "+",
    ast.Mult: "/",
    ast.Div: "*",
    ast.FloorDiv: "*",
}
SWAPPED_CALLS = {"min": "max", "max": "min", "any": "all", "all": "any"}


def mutate_python(path: Path, source: str) -> Iterator[Mutant]:
    """Every mutant of a Python file. Prose, type hints and what a module defines as
    bare text are left alone."""
    for node in ast.walk(ast.parse(source)):
        for place, instead, what in _python_edits(node):
            text = _replaced(source, place, instead)
            if text != source and _compiles(text):
                yield Mutant(path, place.lineno, what, text)


def _python_edits(node: ast.AST) -> Iterator[tuple[ast.expr | ast.stmt, str, str]]:
    """What may stand in place of one node: the node, the other text, its
    description."""
    match node:
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            other = COMPARISONS[type(op)]
            changed = f"{ast.unparse(left)} {other} {ast.unparse(right)}"
            yield node, f"({changed})", f"{ast.unparse(node)} -> {changed}"
        case ast.BoolOp(op=op, values=values):
            other = " or " if isinstance(op, ast.And) else " and "
            changed = other.join(f"({ast.unparse(value)})" for value in values)
            yield node, f"({changed})", f"{ast.unparse(node)} -> {changed}"
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            changed = ast.unparse(operand)
            yield node, f"({changed})", f"{ast.unparse(node)} -> {changed}"
        case ast.BinOp(left=left, op=op, right=right) if type(op) in ARITHMETIC:
            other = ARITHMETIC[type(op)]
            changed = f"({ast.unparse(left)}) {other} ({ast.unparse(right)})"
            yield node, f"({changed})", f"{ast.unparse(node)} -> {changed}"
        case ast.If(test=test) | ast.IfExp(test=test):
            for fixed in ("True", "False"):
                yield test, fixed, f"if {ast.unparse(test)} -> if {fixed}"
        case ast.Constant(value=bool(value)):
            yield node, str(not value), f"{value} -> {not value}"
        case ast.Constant(value=int(value) | float(value)):
            other = repr(_other_number(value))
            yield node, other, f"{value} -> {other}"
        case ast.Call(func=ast.Name(id=name)) if name in SWAPPED_CALLS:
            yield node.func, SWAPPED_CALLS[name], f"{name} -> {SWAPPED_CALLS[name]}"
        case ast.AugAssign() | ast.Expr(value=ast.Call()):
            yield node, "pass", f"{ast.unparse(node)[:60]} left out"


def _other_number(value: float) -> float:
    """One more, or twice as much of what one more would not be felt."""
    return value + 1 if abs(value) < 100 else value * 2


def _replaced(source: str, place: ast.expr | ast.stmt, instead: str) -> str:
    """The source with other text at a node's place. Columns count bytes."""
    lines = source.encode().splitlines(keepends=True)
    first, last = place.lineno - 1, (place.end_lineno or place.lineno) - 1
    before = b"".join(lines[:first]) + lines[first][: place.col_offset]
    after = lines[last][place.end_col_offset or 0 :] + b"".join(lines[last + 1 :])
    return (before + instead.encode() + after).decode()


def _compiles(text: str) -> bool:
    try:
        compile(text, "mutant", "exec")
    except SyntaxError:
        return False
    return True


# ---- Lua

LUA_EDITS = (
    (r" <= ", " < "),
    (r" >= ", " > "),
    (r" < ", " <= "),
    (r" > ", " >= "),
    (r" == ", " ~= "),
    (r" ~= ", " == "),
    (r" and ", " or "),
    (r" or ", " and "),
    (r"\bnot ", ""),
    (r" \+ ", " - "),
    (r" - ", " + "),
    (r" \* ", " / "),
    (r"\bmath\.min\b", "math.max"),
    (r"\bmath\.max\b", "math.min"),
    (r"'LT'", "'GT'"),
    (r"'GT'", "'LT'"),
    (r"'NX', ", ""),
    (r"'XX', ", ""),
    (r"\bif (.+) then", "if true then"),
    (r"\bif (.+) then", "if false then"),
    (r"(?<!KEYS\[)(?<!ARGV\[)\b(\d+)\b", "number"),
    (r"^\s*redis\.call\(.*\)$", ""),
    (r"^\s*journal\(.*\)$", ""),
)
"""A pattern on one line, and what comes in its place; `number` is another number."""


def mutate_lua(path: Path, source: str) -> Iterator[Mutant]:
    """Every mutant of a script, line by line. Comments, includes and the names of
    arguments are left alone."""
    lines = source.split("\n")
    for number, line in enumerate(lines):
        if HEAD.match(line) or re.search(r"\b(KEYS|ARGV)\[\d+\]\s*(,|$)", line):
            continue
        for pattern, instead in LUA_EDITS:
            for found in re.finditer(pattern, line):
                other = instead
                if instead == "number":
                    other = str(_other_number(int(found[1])))
                changed = line[: found.start()] + other + line[found.end() :]
                text = "\n".join([*lines[:number], changed, *lines[number + 1 :]])
                what = f"{line.strip()[:70]} -> {changed.strip()[:70] or 'left out'}"
                yield Mutant(path, number + 1, what, text)


# ---- Choosing and running


def choose(mutants: Sequence[Mutant], count: int, seed: int) -> list[Mutant]:
    """A sample, the same for the same seed: at most one mutant a line, every line as
    likely as another."""
    chance = random.Random(seed)
    by_line: dict[tuple[Path, int], list[Mutant]] = {}
    for mutant in mutants:
        by_line.setdefault((mutant.path, mutant.line), []).append(mutant)
    lines = sorted(by_line)
    chosen = chance.sample(lines, min(count, len(lines)))
    return [chance.choice(by_line[line]) for line in chosen]


def all_mutants(folder: str, ending: str, root: Path = ROOT) -> list[Mutant]:
    """Every mutant of the files in a folder."""
    mutate = mutate_python if ending == ".py" else mutate_lua
    return [
        mutant
        for path in sorted((root / folder).rglob(f"*{ending}"))
        for mutant in mutate(path.relative_to(root), path.read_text(encoding="utf-8"))
    ]


def is_caught(tree: Path, mutant: Mutant, groups: Sequence[Sequence[str]]) -> bool:
    """Whether a test of these groups fails on the mutant. A run that hangs counts as
    caught: the tests would not pass."""
    target = tree / mutant.path
    real = target.read_text(encoding="utf-8")
    target.write_text(mutant.text, encoding="utf-8")
    try:
        return any(_fails(tree, group) for group in groups)
    finally:
        target.write_text(real, encoding="utf-8")


def _fails(tree: Path, tests: Sequence[str]) -> bool:
    try:
        run = subprocess.run(
            [*PYTEST, *tests],
            cwd=tree,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
            env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        )
    except subprocess.TimeoutExpired:
        return True
    return run.returncode != 0


def copy_tree(target: Path) -> None:
    """What the tests need, beside the installed packages."""
    for name in TREE:
        source = ROOT / name
        if source.is_dir():
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, target / name, ignore=ignore)
        else:
            shutil.copy(source, target / name)
    for name in CONFIGURATION:
        shutil.copy(ROOT / name, target / name)


def run_sample(
    sample: Sequence[Mutant], console: Console, is_checked: bool
) -> list[Mutant]:
    """Run each mutant, and return those that survive. `is_checked`: the tests have to
    pass without any, first."""
    survivors = []
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        tree = Path(folder)
        copy_tree(tree)
        if is_checked:
            _refuse_red_tests(tree, sample)
        for place, mutant in enumerate(sample, start=1):
            caught = is_caught(tree, mutant, _near(mutant))
            if not caught:
                survivors.append(mutant)
            verdict = "caught  " if caught else "SURVIVED"
            line = f"{place}/{len(sample)} {verdict} {mutant.name}"
            console.print(line, markup=False, highlight=False, soft_wrap=True)
    return survivors


def _refuse_red_tests(tree: Path, sample: Sequence[Mutant]) -> None:
    """End when a test fails without any mutant: each mutant would count as caught."""
    for group in {group for mutant in sample for group in _near(mutant)}:
        if _fails(tree, group):
            raise SystemExit(f"{' '.join(group)} fails without a mutant")


def _near(mutant: Mutant) -> tuple[tuple[str, ...], ...]:
    if mutant.path.suffix == ".lua":
        return NEAR_SCRIPTS
    return (NEAREST.get(mutant.path.stem, OF_CALLS), *NEAR_RULES)


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when at least `--least` percent of the sample are caught."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rules", type=int, default=75, help="mutants of app/rules")
    parser.add_argument("--scripts", type=int, default=75, help="mutants of scripts")
    parser.add_argument("--least", type=float, default=90, help="percent to be caught")
    parser.add_argument(
        "--unchecked", action="store_true", help="the tests are known to be green"
    )
    parser.add_argument("--only", default="", help="run those whose line holds this")
    parser.add_argument("--list", action="store_true", help="show the sample, run none")
    chosen = parser.parse_args(arguments)
    rules = all_mutants("app/rules", ".py")
    scripts = all_mutants("app/store/lua", ".lua")
    sample = [
        *choose(rules, chosen.rules, chosen.seed),
        *choose(scripts, chosen.scripts, chosen.seed),
    ]
    sample = [mutant for mutant in sample if chosen.only in mutant.name]
    console = Console()
    if chosen.list:
        for mutant in sample:
            console.print(mutant.name, markup=False, highlight=False, soft_wrap=True)
        return 0
    os.nice(10)
    survivors = run_sample(sample, console, not chosen.unchecked)
    caught = 100 * (len(sample) - len(survivors)) / max(1, len(sample))
    console.print(f"{len(sample)} mutants of seed {chosen.seed}: {caught:.0f}% caught")
    return 0 if caught >= chosen.least else 1


if __name__ == "__main__":
    sys.exit(main())
