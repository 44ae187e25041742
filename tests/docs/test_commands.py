"""Commands that pages tell of exist: of `the-stream` with their options, of make, and
modules of Python."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import click
import pytest
from typer.main import get_command

from app.cli.main import app

ROOT = Path(__file__).parents[2]
# The changelog tells of what is gone, too.
PAGES = sorted(
    str(page.relative_to(ROOT))
    for page in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"))
    if page.name != "CHANGELOG.md"
)
CALL = re.compile(r"(?:^|[\s`/(])the-stream ([a-z][^`#\n|;]*)", re.MULTILINE)
CODE = re.compile(r"(?ms)^```.*?^```|`[^`\n]+`")
TARGET = re.compile(r"(?:^|[`(]| && )(?:\w+=\S+ )*make ([a-z][a-z-]*)", re.MULTILINE)
MODULE = re.compile(r"python -m ((?:app|tests)\.[\w.]+\w)")
# Made once for all calls of all pages.
PROGRAM = get_command(app)


def code_of(page: str) -> list[str]:
    """Its blocks of code, and what stands in backticks."""
    return CODE.findall((ROOT / page).read_text(encoding="utf-8"))


def calls(page: str) -> list[str]:
    """What follows `the-stream` in the page's code."""
    return [call for code in code_of(page) for call in CALL.findall(code)]


def targets(page: str) -> set[str]:
    """What make is asked for."""
    return {name for code in code_of(page) for name in TARGET.findall(code)}


def modules(page: str) -> set[str]:
    """Modules of ours that Python is to run."""
    return {name for code in code_of(page) for name in MODULE.findall(code)}


def unknown(call: str) -> str:
    """The first word of a call that is no command, or option of it; empty: none."""
    command = PROGRAM
    for word in call.split():
        if isinstance(command, click.Group) or hasattr(command, "commands"):
            if word not in command.commands:
                return word
            command = command.commands[word]
        elif word.startswith("-"):
            option = re.match(r"--?[\w-]+", word)
            known = {
                name
                for one in command.params
                for name in (*one.opts, *one.secondary_opts)
            } | {"-h", "--help"}
            if option is None or option[0] not in known:
                return word
    return ""


@pytest.mark.parametrize("page", [page for page in PAGES if calls(page)])
def test_every_command_of_a_page_exists(page: str) -> None:
    """With each of its options."""
    assert [call for call in calls(page) if unknown(call)] == []


@pytest.mark.parametrize("page", [page for page in PAGES if targets(page)])
def test_every_target_of_a_page_exists(page: str) -> None:
    """The Makefile has it."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    made = set(re.findall(r"(?m)^([a-z-]+):", makefile))
    assert targets(page) <= made


@pytest.mark.parametrize("page", [page for page in PAGES if modules(page)])
def test_every_module_of_a_page_exists(page: str) -> None:
    """It can be found, and so run."""
    assert [name for name in modules(page) if find_spec(name) is None] == []


def test_the_check_can_fail() -> None:
    """A command, a command of a group and an option that there are not."""
    assert unknown("nope --last") == "nope"
    assert unknown("memory nope") == "nope"
    assert unknown("why --nope") == "--nope"
    assert unknown("mute bot:NAME --in channel:ID --for 2h") == ""
    assert sum(len(calls(page)) for page in PAGES) > 60
    assert {"demo", "test", "prove"} <= targets("README.md")
    assert "app.lab.experts" in modules("README.md")
