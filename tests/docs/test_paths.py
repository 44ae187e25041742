"""Pages that name files, settings and signals name what exists."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from app.domain.model import Signal
from app.domain.settings import Settings

ROOT = Path(__file__).parents[2]
PAGES = (
    "CONTRIBUTING.md",
    *(
        f"docs/{name}.md"
        for name in ("glossary", "specification", "architecture", "walks", "operations")
    ),
)
PATH = re.compile(
    r"`((?:app|tasks|tests|docs|docker)/[\w./-]+|(?:beat_schedule|setup)\.\w+)`"
)
MODULE = re.compile(r"`(?:python -m )?((?:app|tests)\.[a-z_.]+)\b")
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
SETTING = re.compile(r"`STREAM_([A-Z_]+)`")


@pytest.mark.parametrize("page", PAGES)
def test_every_path_and_setting_on_the_page_exists(page: str) -> None:
    """Files in backticks are looked up from the root, links from the page."""
    file = ROOT / page
    text = file.read_text(encoding="utf-8")
    named = [path for path in PATH.findall(text) if not (ROOT / path).exists()]
    named += [name for name in MODULE.findall(text) if find_spec(name) is None]
    linked = [link for link in LINK.findall(text) if not (file.parent / link).exists()]
    unknown = {name.lower() for name in SETTING.findall(text)} - set(
        Settings.model_fields
    )
    assert (named, linked, unknown) == ([], [], set())
    assert PATH.search(text), "no path was found at all"


def test_the_glossary_lists_every_signal() -> None:
    """In their order."""
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    *others, last = Signal
    assert f": {', '.join(others)} or {last} (" in text


def test_the_glossary_is_in_order_and_says_each_term_once() -> None:
    """One row a term, by the alphabet."""
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    terms = re.findall(r"(?m)^\| \*\*(.+?)\*\* \|", text)
    assert len(terms) >= 25
    assert terms == sorted(set(terms))
