"""The gates of `make check`: sizes, and what stands at the top level.

No function over 50 lines or 40 statements, no file over 280 statements. Statements are
counted, as packing lines cannot cheat them. A file at the top level that nobody meant to
add, such as the output of a mistyped command, does not pass.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

MAX_FUNCTION_LINES = 50
MAX_FUNCTION = 40
MAX_FILE = 280
TOP_LEVEL = frozenset(
    (
        ".ci",
        ".git-blame-ignore-revs",
        ".gitignore",
        ".pre-commit-config.yaml",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "LICENSE",
        "Makefile",
        "README.md",
        "app",
        "beat_schedule.py",
        "docker",
        "docs",
        "pyproject.toml",
        "requirements.lock",
        "setup.cfg",
        "tasks",
        "tests",
    )
)


def statements(tree: ast.AST) -> int:
    """Statements in a piece of code, docstrings and other bare strings left out."""
    return sum(
        isinstance(node, ast.stmt) and not _is_prose(node) for node in ast.walk(tree)
    )


def _is_prose(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def oversized(path: Path) -> Iterator[str]:
    """What is too long in one Python file, as `path:line: reason`."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = statements(tree)
    if found > MAX_FILE:
        yield f"{path}:1: {found} statements; a file has at most {MAX_FILE}"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _oversized_function(path, node)


def _oversized_function(
    path: Path, node: ast.FunctionDef | ast.AsyncFunctionDef
) -> Iterator[str]:
    where = f"{path}:{node.lineno}: {node.name} has"
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    if lines > MAX_FUNCTION_LINES:
        yield f"{where} {lines} lines; a function has at most {MAX_FUNCTION_LINES}"
    found = statements(node) - 1
    if found > MAX_FUNCTION:
        yield f"{where} {found} statements; a function has at most {MAX_FUNCTION}"


def strangers(top: Path) -> list[str]:
    """What a checkout tracks at its top level and should not, as `name: reason`. A tree
    without Git's records has none."""
    if not (top / ".git").exists():
        return []
    listed = subprocess.run(
        ["git", "ls-files", "-z"],  # noqa: S607, whichever git the machine has
        cwd=top,
        capture_output=True,
        text=True,
        check=False,
    )
    names = {path.split("/")[0] for path in listed.stdout.split("\0") if path}
    return [f"{name}: the top level is fixed" for name in sorted(names - TOP_LEVEL)]


def main(roots: list[str]) -> int:
    """0 when everything fits; else 1, with one line for each thing that does not."""
    files = [
        file
        for root in map(Path, roots)
        for file in ([root] if root.is_file() else sorted(root.rglob("*.py")))
    ]
    found = [line for file in files for line in oversized(file)]
    found += strangers(Path.cwd())
    print("\n".join(found) if found else f"Sizes kept: {len(files)} files.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
