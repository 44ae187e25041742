"""Documents that are made from the code say what the code says."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.docgen import PAGES

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_up_to_date(name: str) -> None:
    """`make docs` would change nothing."""
    assert (DOCS / name).read_text(encoding="utf-8") == PAGES[name](), "run `make docs`"
