"""What pages claim names tests, and those exist."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ("security.md", "memory.md", "operations.md", "guarantees.md")
NAMED = re.compile(
    r"`(?:tests/)?(?P<file>(?:[\w/]+/)?test_\w+\.py)?(?:\.\.\.)?(?:::)?(?P<test>test_\w+)?`"
)
WITHOUT = {"What is kept", "See and forget what is kept"}
"""Sections of memory.md whose claims stand in its last one, with their tests."""


def page(name: str) -> str:
    """The text of a page."""
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


@cache
def files() -> dict[str, list[Path]]:
    """Test files by their name without a folder."""
    found: dict[str, list[Path]] = {}
    for path in (ROOT / "tests").rglob("test_*.py"):
        found.setdefault(path.name, []).append(path)
    return found


@cache
def names_in(path: Path) -> frozenset[str]:
    """Names of the tests in a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
    )


def named(text: str) -> list[tuple[str, str]]:
    """(file, test) as a page names them; without a file: that of the one before."""
    found = [match.group("file", "test") for match in NAMED.finditer(text)]
    pairs, latest = [], ""
    for file, test in found:
        if file or test:
            latest = file or latest
            pairs.append((file or (latest if test else ""), test or ""))
    return pairs


def exists(file: str, test: str) -> bool:
    """Whether there is one such file, with such a test in it if one is named."""
    paths = [
        path
        for path in files().get(file.rpartition("/")[2], [])
        if str(path.relative_to(ROOT / "tests")).endswith(file)
    ]
    return len(paths) == 1 and (not test or test in names_in(paths[0]))


@pytest.mark.parametrize("name", PAGES)
def test_every_test_that_a_page_names_exists(name: str) -> None:
    """A claim whose test was renamed or removed is noticed."""
    pairs = named(page(name))
    assert len(pairs) > 5
    assert not [pair for pair in pairs if not exists(*pair)]


@pytest.mark.parametrize("name", ["security.md", "memory.md"])
def test_every_section_names_a_test(name: str) -> None:
    """No section of these pages claims without showing."""
    sections = page(name).split("\n## ")[1:]
    bare = {
        text.partition("\n")[0]
        for text in sections
        if "|" not in text.partition("\n")[0] and not named(text)
    }
    assert bare <= WITHOUT


def literals() -> list[str]:
    """The texts of the program, with `...` for what is put into one."""
    found = []
    for path in (ROOT / "app").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = [getattr(part, "value", None) for part in node.values]
                found.append("".join(p if isinstance(p, str) else "..." for p in parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return found


def signs(text: str) -> list[str]:
    """What the first column of the table of troubles quotes from logs and commands."""
    section = text.partition("## When something is wrong")[2].partition("\n## ")[0]
    cells = re.findall(r"(?m)^\| (.+?) \|", section)
    return [sign for cell in cells for sign in re.findall(r"`([^`]+)`", cell)]


def test_every_sign_of_trouble_is_one_that_the_program_gives() -> None:
    """A line that was reworded is reworded on the page too."""
    said = "\n".join(literals()).replace("`", "")
    quoted = [sign for sign in signs(page("operations.md")) if " " in sign]
    assert len(quoted) > 10
    pieces = [piece for sign in quoted for piece in sign.split("...") if piece.strip()]
    assert [piece for piece in pieces if piece.strip() not in said] == []


def test_a_name_that_is_none_is_noticed() -> None:
    """The check can fail."""
    assert not exists("security/test_caps.py", "test_nothing_of_the_kind")
    assert not exists("store/test_caps.py", "")
    assert exists("test_caps.py", "test_a_cap_is_passed_by_one_call_at_most")
    assert named("[`test_up.py`] and `...::test_one` or `test_two`") == [
        ("test_up.py", ""),
        ("test_up.py", "test_one"),
        ("test_up.py", "test_two"),
    ]
