"""Each script answers and leaves in Redis what its story says, to the last field and
expiry."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.store.door import Store
from app.store.scripts import CONTRACTS
from tests.store.chapters import CHAPTERS, Play

FOLDER = Path(__file__).with_name("stories")


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_story_is_told_as_it_was(store: Store, name: str) -> None:
    """A change of a script that is meant is made in its story too: `python -m
    tests.store.write_stories`."""
    chapter, settings = CHAPTERS[name]
    play = Play(store, settings)
    chapter(play)
    kept = (FOLDER / f"{name}.txt").read_text(encoding="utf-8")
    assert play.text.splitlines() == kept.splitlines()


def test_every_script_has_a_part() -> None:
    """In one of the stories."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in FOLDER.glob("*.txt"))
    assert [name for name in CONTRACTS if f"\n{name} -> " not in text] == []
