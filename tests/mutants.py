"""Mutation testing of the rules and the scripts: `make mutants`.

A mutant is the program with one small fault: a comparison turned round, a statement
left out. Each runs against the tests that reach it, in a copy of the tree. A
mutant that no test notices shows either a gap in the tests or code that makes no
difference.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests import reach
from tests.forking import HUNG, Ended

ROOT = Path(__file__).parents[1]
TREE = ("app", "tasks", "tests", "docs", "docker", "beat_schedule.py")
CONFIGURATION = ("setup.cfg", "pyproject.toml", "README.md", "CHANGELOG.md", "Makefile")
PYTEST = (
    *("-x", "-q", "--timeout=60", "-p", "no:randomly", "-p", "no:cacheprovider"),
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
STORIES = "tests/store/test_stories.py"
"""Run first, whatever they take: they look at all that a script answers and leaves."""
TESTS_OF_RULES = ("tests/rules", "tests/gateway/test_intake.py")
OF_MODULES = "tests/rules/test_values.py"
"""It looks at classes as they are defined, and runs no line of the rules."""
MOST_SECONDS = 60.0
"""Of the tests that one mutant meets, the quickest first: what they miss counts as
missed, though a slower one might have noticed it."""
NOT_OF_ONE_SCRIPT = (
    *("any_settings", "fitness", "mutants", "outages"),
    *("replication_price", "sentinels", "terms"),
)
TESTS_OF_SCRIPTS = (
    "tests/store",
    *(f"--ignore=tests/store/test_{name}.py" for name in NOT_OF_ONE_SCRIPT),
)
"""Near tests, which find most; without those of servers, which take long. The
proofs that scripts can be mutated look for their text."""


@dataclass(frozen=True)
class Part:
    """What is mutated, and the tests that it meets."""

    folder: str
    ending: str
    modules: Sequence[str]
    """Loaded before the mutant is."""
    tests: Sequence[str]


RULES = Part("app/rules", ".py", WARM_FOR_RULES, TESTS_OF_RULES)
SCRIPTS = Part("app/store/lua", ".lua", WARM_FOR_SCRIPTS, TESTS_OF_SCRIPTS)
UNKNOWN_TEST = 4
"""pytest's exit code where a test that was named is not there."""
EQUIVALENT = Path(__file__).with_name("equivalent_mutants.yaml")
PAGE = ROOT / "docs" / "mutants.md"
HEAD = re.compile(r"^\s*(--|$)")
INCLUDE = re.compile(r"^--#include (.*)$", re.MULTILINE)


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

    @property
    def key(self) -> str:
        """The same with the line itself in place of its number, which moves with every
        edit above."""
        changed = self.text.splitlines()[self.line - 1 : self.line]
        return f"{self.path}  {self.what}  in  {' '.join(changed).strip()}"


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
    # All are shuffled, so that a small sample is the beginning of a large one.
    chance.shuffle(lines)
    sample = []
    for line in lines[:count]:
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
        self.doubted: list[str] = []
        """Tests that failed on a mutant and proved nothing."""
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

    def run(self, tests: Sequence[str]) -> Ended:
        """How a run of pytest ends."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        print(json.dumps([*PYTEST, *tests]), file=self._server.stdin, flush=True)
        return Ended(*json.loads(self._server.stdout.readline()))

    def catches(self, mutant: Mutant, tests: Sequence[str]) -> bool:
        """Whether one of these tests fails on the mutant, and does not without it. On a
        busy machine a test may fail of itself, and a limit of time may run out."""
        left = list(tests)
        for _ in tests:
            ended, again = self._run_on(mutant, left)
            if ended.code in {0, HUNG}:
                return False
            # Without a test: the mutant cannot even be loaded.
            if not ended.test or self._is_proof(ended, again):
                return True
            self.doubted.append(ended.test)
            left = [test for test in left if test not in ended.test]
        return False

    def _run_on(self, mutant: Mutant, tests: Sequence[str]) -> tuple[Ended, Ended]:
        """How these tests end on the mutant, and how the one that a limit of time failed
        ends when it is run once more."""
        target = self.tree / mutant.path
        real = target.read_text(encoding="utf-8")
        target.write_text(mutant.text, encoding="utf-8")
        try:
            ended = self.run(tests)
            if ended.code == UNKNOWN_TEST:
                # A test's name may hold what the mutant changed.
                ended = self.run(sorted({test.split("::")[0] for test in tests}))
            return ended, self.run([ended.test]) if ended.late else ended
        finally:
            target.write_text(real, encoding="utf-8")

    def _is_proof(self, ended: Ended, again: Ended) -> bool:
        if again.code in {0, HUNG}:
            return False
        return self.run([ended.test]).code in {0, UNKNOWN_TEST}


class Reach:
    """Which tests reach a line or a script, the quickest first."""

    def __init__(self, found: Mapping[str, Any]) -> None:
        self._seconds: Mapping[str, float] = found["seconds"]
        self._lines: Mapping[str, Mapping[str, list[str]]] = found["lines"]
        self._scripts: Mapping[str, list[str]] = found["scripts"]

    @classmethod
    def measured(
        cls, tree: Path, tests: Sequence[str], source: str, kept: Path | None
    ) -> Reach:
        """Run the tests once, without a mutant. With `kept`, a file, only those whose
        files have changed since, as long as the mutated folder has not."""
        known = _nothing_known(_digest_of(sorted((tree / source).rglob("*.py"))))
        if kept and kept.exists():
            before = json.loads(kept.read_text(encoding="utf-8"))
            known = before if before["source"] == known["source"] else known
        digests = {
            str(file.relative_to(tree)): _digest_of([file])
            for file in _test_files(tree, tests)
        }
        stale = {name for name in digests if known["files"].get(name) != digests[name]}
        if stale:
            _merge_reach(known, _measure_reach(tree, sorted(stale)), stale)
        known["files"] = digests
        if kept:
            kept.write_text(json.dumps(known), encoding="utf-8")
        return cls(known)

    def tests_of(self, mutant: Mutant, tree: Path) -> list[str]:
        """Those that may notice the mutant."""
        if mutant.path.suffix == ".lua":
            names = scripts_with(mutant.path, tree)
            tests = {test for name in names for test in self._scripts.get(name, ())}
        else:
            lines = self._lines.get(str(mutant.path), {})
            source = (tree / mutant.path).read_text(encoding="utf-8")
            near = statement_lines(source, mutant.line)
            tests = {test for line in near for test in lines.get(str(line), ())}
            # What runs at import is in no test's share, though all of them use it.
            if not tests:
                tests = {test for found in lines.values() for test in found}
                tests |= {test for test in self._seconds if OF_MODULES in test}
        return self._quickest(tests)

    def _quickest(self, tests: Iterable[str]) -> list[str]:
        """The stories, and of the others those that fit into `MOST_SECONDS`."""
        stories = {test for test in tests if test.startswith(STORIES)}
        others = set(tests) - stories
        chosen = sorted(stories, key=lambda test: (self._seconds[test], test))
        spent = 0.0
        for test in sorted(others, key=lambda test: (self._seconds[test], test)):
            spent += self._seconds[test]
            if chosen and spent > MOST_SECONDS:
                break
            chosen.append(test)
        return chosen


def _nothing_known(source: str) -> dict[str, Any]:
    return {"source": source, "files": {}, "seconds": {}, "lines": {}, "scripts": {}}


def _digest_of(files: Iterable[Path]) -> str:
    found = hashlib.sha256()
    for file in files:
        found.update(file.read_bytes())
    return found.hexdigest()


def _test_files(tree: Path, tests: Sequence[str]) -> list[Path]:
    """The files that these arguments of pytest name."""
    ignored = {tree / one.removeprefix("--ignore=") for one in tests}
    files = []
    for name in tests:
        place = tree / name
        files += [place] if place.is_file() else sorted(place.rglob("test_*.py"))
    return [file for file in files if file not in ignored]


def _measure_reach(tree: Path, files: Sequence[str]) -> dict[str, Any]:
    target = tree / "reach.json"
    subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.reach", *PYTEST[1:], *files],
        cwd=tree,
        check=False,
        stdout=subprocess.DEVNULL,
        env=os.environ | {reach.FILE: str(target)},
    )
    found: dict[str, Any] = json.loads(target.read_text(encoding="utf-8"))
    return found


def _merge_reach(
    known: dict[str, Any], found: Mapping[str, Any], stale: Collection[str]
) -> None:
    """Put what was found of these test files in place of what was known of them."""

    def merge(before: Sequence[str], now: Sequence[str]) -> list[str]:
        kept = [test for test in before if test.split("::")[0] not in stale]
        return sorted({*kept, *now})

    known["seconds"].update(found["seconds"])
    for path in known["lines"].keys() | found["lines"]:
        before, now = known["lines"].get(path, {}), found["lines"].get(path, {})
        known["lines"][path] = {
            line: merge(before.get(line, ()), now.get(line, ()))
            for line in before.keys() | now
        }
    for name in known["scripts"].keys() | found["scripts"]:
        before, now = known["scripts"].get(name, ()), found["scripts"].get(name, ())
        known["scripts"][name] = merge(before, now)


def statement_lines(source: str, line: int) -> range:
    """The lines of the innermost statement of a function that stands on a line, without
    those of its body; none for what runs at import."""
    lines = range(0)
    for function in ast.walk(ast.parse(source)):
        if not isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        for node in ast.walk(function):
            if node is function or not isinstance(node, ast.stmt):
                continue
            body = getattr(node, "body", None)
            last = body[0].lineno - 1 if body else (node.end_lineno or node.lineno)
            own = range(node.lineno, max(last, node.lineno) + 1)
            if line in own and (not lines or len(own) <= len(lines)):
                lines = own
    return lines


def scripts_with(path: Path, tree: Path) -> set[str]:
    """The scripts whose Lua holds a file: itself, or all that include it."""
    if path.parent.name != "lib":
        return {f"{path.parent.name}.{path.stem}"}
    files = list((tree / "app/store/lua").rglob("*.lua"))
    included = {
        file: set(" ".join(INCLUDE.findall(file.read_text(encoding="utf-8"))).split())
        for file in files
    }
    holding = {path.stem}
    # A file of lib may include others of it: each round goes one deeper.
    for _ in files:
        users = [file for file in files if included[file] & holding]
        holding |= {file.stem for file in users if file.parent.name == "lib"}
    return {
        f"{file.parent.name}.{file.stem}" for file in users if file.parent.name != "lib"
    }


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
    sample: Sequence[Mutant],
    part: Part,
    report: Callable[[Mutant, bool, str], None],
    kept: Path | None,
) -> None:
    """Run each mutant against the tests that reach it, and report whether one caught
    it. `kept`: where to keep what reaches what."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        tree = Path(folder)
        copy_tree(tree)
        reach_of_tests = Reach.measured(tree, part.tests, part.folder, kept)
        runner = Runner(tree, part.modules)
        for mutant in sample:
            near = reach_of_tests.tests_of(mutant, tree)
            started = time.monotonic()
            caught = runner.catches(mutant, near)
            took = f"{len(near)} tests, {time.monotonic() - started:.0f} s"
            took += "".join(f", {test} proves nothing" for test in runner.doubted)
            runner.doubted.clear()
            report(mutant, caught, took)
        runner.close()


class Outcomes:
    """What became of each mutant. Kept in a file, it lets a later run, with further
    tests, take only what survived."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._caught: dict[str, bool] = {}
        if file and file.exists():
            self._caught = json.loads(file.read_text(encoding="utf-8"))

    def beside(self, part: Part) -> Path | None:
        """Where what reaches that part is kept."""
        return self._file and self._file.with_suffix(f".reach{part.ending}.json")

    def caught(self, mutant: Mutant) -> bool:
        """Whether a test noticed it."""
        return self._caught.get(mutant.key, False)

    def add(self, mutant: Mutant, caught: bool, took: str) -> None:
        """Show one outcome and keep it."""
        self._caught[mutant.key] = caught
        verdict = "caught  " if caught else "SURVIVED"
        print(f"{len(self._caught)} {verdict} {mutant.name} ({took})", flush=True)
        if self._file:
            self._file.write_text(json.dumps(self._caught, indent=1), encoding="utf-8")


# ---- The page


def equivalents() -> dict[str, str]:
    """Mutants that change nothing which can be seen, by file and change, with the
    reason."""
    found = yaml.safe_load(EQUIVALENT.read_text(encoding="utf-8")) or []
    return {f"{one['file']}  {one['change']}": one["reason"] for one in found}


def share_caught(sample: Sequence[Mutant], survivors: Sequence[Mutant]) -> float:
    """In percent of those that are not equivalent."""
    same = sum(mutant.key in equivalents() for mutant in survivors)
    return 100 * (len(sample) - len(survivors)) / max(1, len(sample) - same)


PAGE_HEAD = """# What the tests do not see

`make mutants` puts one small fault at a time into `app/rules` and into the scripts of
`app/store/lua`, runs the tests that reach it, and writes this page. A mutant that is
equivalent changes nothing that anybody can see: `tests/equivalent_mutants.yaml` names
it with the reason, and it does not count. A test that fails on a mutant has to pass
without it, and a limit of time has to run out twice: a busy machine proves nothing.
"""


def write_page(
    seed: int, sample: Sequence[Mutant], survivors: Sequence[Mutant]
) -> None:
    """Write docs/mutants.md."""
    reasons = equivalents()
    same = [mutant for mutant in survivors if mutant.key in reasons]
    missed = [mutant for mutant in survivors if mutant.key not in reasons]
    counts = (
        f"Seed {seed}: {len(sample)} mutants, {len(sample) - len(survivors)} caught, "
        f"{len(same)} equivalent, {len(missed)} missed. "
        f"That is {share_caught(sample, survivors):.0f}%."
    )
    lines = [PAGE_HEAD, counts, ""]
    if missed:
        lines += ["## Missed", "", *(f"- `{one.key}`" for one in missed), ""]
    if same:
        lines += ["## Equivalent", ""]
        lines += [f"- `{one.key}`: {reasons[one.key]}" for one in same]
        lines += [""]
    PAGE.write_text("\n".join(lines), encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when at least `--least` percent of the sample are caught."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rules", type=int, default=75, help="mutants of app/rules")
    parser.add_argument("--scripts", type=int, default=75, help="mutants of scripts")
    parser.add_argument("--least", type=float, default=90, help="percent to be caught")
    parser.add_argument("--only", default="", help="run those whose line holds this")
    parser.add_argument("--list", action="store_true", help="show the sample, run none")
    parser.add_argument("--resume", type=Path, help="keep outcomes in this file")
    chosen = parser.parse_args(arguments)
    outcomes = Outcomes(chosen.resume)
    every: list[Mutant] = []
    os.nice(10)
    for part, count in ((RULES, chosen.rules), (SCRIPTS, chosen.scripts)):
        sample = choose(all_mutants(part.folder, part.ending), count, chosen.seed)
        sample = [one for one in sample if chosen.only in one.name]
        every += sample
        if chosen.list:
            print(*(mutant.name for mutant in sample), sep="\n")
        elif uncaught := [one for one in sample if not outcomes.caught(one)]:
            run_sample(uncaught, part, outcomes.add, outcomes.beside(part))
    survivors = [mutant for mutant in every if not outcomes.caught(mutant)]
    if chosen.list:
        return 0
    caught = share_caught(every, survivors)
    print(f"{len(every)} mutants of seed {chosen.seed}: {caught:.0f}% caught")
    if not chosen.only:
        write_page(chosen.seed, every, survivors)
    return 0 if caught >= chosen.least else 1


if __name__ == "__main__":
    sys.exit(main())
