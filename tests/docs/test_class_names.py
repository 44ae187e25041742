"""One class, one name: whoever reads a name need not look up which of two it is."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_no_two_public_classes_share_a_name() -> None:
    """Each public class of the product has a name of its own."""
    places = defaultdict(list)
    for path in sorted((ROOT / "app").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(str(path.relative_to(ROOT)))
    assert places["StreamClient"], "no class was found"
    twice = {name: found for name, found in places.items() if len(found) > 1}
    assert not twice, f"classes of one name: {twice}"
