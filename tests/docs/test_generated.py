"""Documents that are made from the code say what the code says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.lab.docgen import PAGES

DOCS = Path(__file__).parents[2] / "docs"
BY_VECTORS = {"diaries.md"}
"""Pages whose words were chosen by sentence vectors: those come from a package, and
another version of it chooses others."""


@pytest.mark.parametrize("name", sorted(PAGES.keys() - BY_VECTORS))
def test_a_generated_page_is_up_to_date(name: str) -> None:
    """`make docs` would change nothing."""
    assert (DOCS / name).read_text(encoding="utf-8") == PAGES[name](), "run `make docs`"


@pytest.mark.parametrize("name", sorted(BY_VECTORS))
def test_a_page_of_choices_has_the_shape_that_the_code_gives_it(name: str) -> None:
    """Headings, dates and the words before them are the code's."""
    assert shape((DOCS / name).read_text(encoding="utf-8")) == shape(PAGES[name]()), (
        "run `make docs`"
    )


def shape(page: str) -> list[str]:
    """Each paragraph of a page, and of an entry only what it begins with."""
    return [
        re.sub(r"^(\*.+?\*) .*", r"\1", paragraph, flags=re.DOTALL)
        for paragraph in page.split("\n\n")
    ]
