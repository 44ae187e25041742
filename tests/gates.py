"""The size gate of `make check`: no function over 50 lines, no file over 400."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

MAX_FUNCTION = 50
MAX_FILE = 400


def oversized(path: Path) -> Iterator[str]:
    """What is too long in one Python file, as `path:line: reason`."""
    text = path.read_text(encoding="utf-8")
    lines = len(text.splitlines())
    if lines > MAX_FILE:
        yield f"{path}:1: {lines} lines; a file has at most {MAX_FILE}"
    for node in ast.walk(ast.parse(text)):
        if (
            isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and node.end_lineno is not None
        ):
            length = node.end_lineno - node.lineno + 1
            if length > MAX_FUNCTION:
                yield f"{path}:{node.lineno}: {node.name} has {length} lines; a function has at most {MAX_FUNCTION}"


def main(roots: list[str]) -> int:
    """0 when everything fits; else 1, with one line for each thing that does not."""
    files = [
        file
        for root in map(Path, roots)
        for file in ([root] if root.is_file() else sorted(root.rglob("*.py")))
    ]
    found = [line for file in files for line in oversized(file)]
    print("\n".join(found) if found else f"Sizes kept: {len(files)} files.")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
