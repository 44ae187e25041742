"""A script of exchanges to be read: the same each time, on any folder."""

from __future__ import annotations

import shutil
from importlib import resources
from pathlib import Path

import pytest

from app.brain.embeddings import shared_encoder
from app.domain.character import load_characters
from app.lab.exchanges import ExchangeLine, Play, read_script


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The shipped characters, and no labelled lines."""
    shipped = Path(str(resources.files("app") / "characters"))
    shutil.copytree(shipped, tmp_path / "characters")
    return tmp_path


def played(folder: Path, seed: int = 7, count: int = 12) -> list[list[ExchangeLine]]:
    """Some exchanges of the folder's characters."""
    characters = load_characters(folder / "characters")
    lines = read_script(folder, characters)
    return list(Play(characters, lines, shared_encoder(), seed).exchanges(count))


def test_the_same_seed_gives_the_same_room(folder: Path) -> None:
    """Word for word; another seed gives another room."""
    assert played(folder) == played(folder)
    assert played(folder) != played(folder, seed=8)


def test_every_exchange_begins_with_a_person_and_has_one_answer_at_most(
    folder: Path,
) -> None:
    """Bots speak only to what a person said; most questions of these characters' own
    subjects are answered."""
    exchanges = played(folder, count=24)
    for person, *answers in exchanges:
        assert not person.bot
        assert all(one.bot for one in answers)
        assert len(answers) <= 1
    assert sum(len(exchange) > 1 for exchange in exchanges) >= 10
