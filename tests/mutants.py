"""Mutation testing of the rules and the scripts: `make mutants`.

A mutant is the program with one small fault: a comparison turned round, a statement
left out. Each runs against the tests that are near to it, in a copy of the tree. A
mutant that no test notices shows either a gap in the tests or code that makes no
difference.
"""

from __future__ import annotations

import argparse
import ast
import json
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
    *("-x", "-q", "--timeout=120", "-p", "no:randomly", "-p", "no:cacheprovider"),
    *("-m", "not slow and not llm"),
    # Plugins that are loaded before pytest keep their assertions as they are.
    *("-W", "ignore::pytest.PytestAssertRewriteWarning"),
)
WARM_FOR_RULES = (
    *("pytest", "hypothesis.stateful", "pydantic", "pydantic_settings", "yaml"),
    *("redis", "discord", "numpy", "structlog", "aiohttp", "celery", "jsonschema"),
    *("langgraph.graph", "langchain_core.messages", "cryptography.fernet"),
    *("app.domain.settings", "app.domain.model", "app.host.valkey"),
)
WARM_FOR_SCRIPTS = (
    *WARM_FOR_RULES,
    *(
        "app.store.door",
        "app.worker.worker",
        "app.gateway.start",
        "app.delivery.courier",
    ),
)
"""Loaded before the mutant is: for rules nothing that imports a rule, as the mutant
would not be seen."""
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
NEAR_RULES = (("tests/rules",),)
LONG_STORE = ("protocols", "outages", "mutants", "interleavings")
NEAR_SCRIPTS = (
    (
        "tests/store",
        *(f"--ignore=tests/store/test_{name}.py" for name in LONG_STORE),
    ),
    ("tests/store/test_protocols.py", "tests/store/test_interleavings.py"),
)
"""Tests in the order in which a mutant meets them: what survives one group meets the
next. The proofs that scripts can be mutated look for their text, so they are left
out."""
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
            if text != source:
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


def _compiles(mutant: Mutant) -> bool:
    if mutant.path.suffix != ".py":
        return True
    try:
        compile(mutant.text, "mutant", "exec")
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
    sample = []
    for line in chosen:
        mutants_here = by_line[line]
        chance.shuffle(mutants_here)
        sample += [mutant for mutant in mutants_here if _compiles(mutant)][:1]
    return sample


def all_mutants(folder: str, ending: str, root: Path = ROOT) -> list[Mutant]:
    """Every mutant of the files in a folder."""
    mutate = mutate_python if ending == ".py" else mutate_lua
    return [
        mutant
        for path in sorted((root / folder).rglob(f"*{ending}"))
        for mutant in mutate(path.relative_to(root), path.read_text(encoding="utf-8"))
    ]


class Runner:
    """Runs tests in a copy of the tree, from a warm process."""

    def __init__(self, tree: Path, modules: Sequence[str]) -> None:
        self.tree = tree
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.forking", *modules],
            cwd=tree,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        )

    def close(self) -> None:
        """End the warm process."""
        self._server.communicate()

    def fails(self, tests: Sequence[str]) -> bool:
        """Whether a test fails. A run that hangs has failed: so would the tests."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        print(json.dumps([*PYTEST, *tests]), file=self._server.stdin, flush=True)
        return int(self._server.stdout.readline()) != 0

    def catches(self, mutant: Mutant, groups: Sequence[Sequence[str]]) -> bool:
        """Whether a test of these groups fails on the mutant."""
        target = self.tree / mutant.path
        real = target.read_text(encoding="utf-8")
        target.write_text(mutant.text, encoding="utf-8")
        try:
            return any(self.fails(group) for group in groups)
        finally:
            target.write_text(real, encoding="utf-8")


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
    sample: Sequence[Mutant], modules: Sequence[str], console: Console
) -> list[Mutant]:
    """Run each mutant, and return those that survive. All tests have to pass without
    any, first: else each mutant would count as caught."""
    survivors = []
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copy_tree(Path(folder))
        runner = Runner(Path(folder), modules)
        for group in {group for mutant in sample for group in _near(mutant)}:
            if runner.fails(group):
                raise SystemExit(f"{' '.join(group)} fails without a mutant")
        for place, mutant in enumerate(sample, start=1):
            caught = runner.catches(mutant, _near(mutant))
            if not caught:
                survivors.append(mutant)
            verdict = "caught  " if caught else "SURVIVED"
            line = f"{place}/{len(sample)} {verdict} {mutant.name}"
            console.print(line, markup=False, highlight=False, soft_wrap=True)
        runner.close()
    return survivors


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
    parser.add_argument("--only", default="", help="run those whose line holds this")
    parser.add_argument("--list", action="store_true", help="show the sample, run none")
    chosen = parser.parse_args(arguments)
    rules = choose(all_mutants("app/rules", ".py"), chosen.rules, chosen.seed)
    scripts = choose(all_mutants("app/store/lua", ".lua"), chosen.scripts, chosen.seed)
    console = Console()
    os.nice(10)
    count, survivors = 0, 0
    for every, modules in ((rules, WARM_FOR_RULES), (scripts, WARM_FOR_SCRIPTS)):
        sample = [mutant for mutant in every if chosen.only in mutant.name]
        count += len(sample)
        if chosen.list:
            for mutant in sample:
                console.print(mutant.name, markup=False, soft_wrap=True)
        elif sample:
            survivors += len(run_sample(sample, modules, console))
    caught = 100 * (count - survivors) / max(1, count)
    console.print(f"{count} mutants of seed {chosen.seed}: {caught:.0f}% caught")
    return 0 if caught >= chosen.least else 1


if __name__ == "__main__":
    sys.exit(main())
