"""The table that the processes of a machine share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from app.brain.embeddings import shared_encoder
from app.likeness.encoder import Encoder, Sentences
from app.likeness.table import FILE, shared_table

OWN = np.arange(4096, dtype=np.uint8).reshape(8, 512)


@pytest.fixture
def sharing(tmp_path: Path) -> Iterator[Path]:
    """Encoders that load meanwhile share their table in this folder."""
    Sentences.shared_in = tmp_path
    yield tmp_path
    Sentences.shared_in = None


@pytest.mark.parametrize("left", [None, b"", b"no table", "half", "other"])
def test_the_file_is_the_table_whatever_was_there(
    tmp_path: Path, left: bytes | str | None
) -> None:
    """No file, one that was cut short and one of another table are written anew."""
    file = tmp_path / FILE
    if left == "half":
        np.save(file, OWN)
        file.write_bytes(file.read_bytes()[:2000])
    elif left == "other":
        np.save(file, OWN[::-1])
    elif isinstance(left, bytes):
        file.write_bytes(left)
    places = np.array([7, 0, 3, 3])
    assert np.array_equal(shared_table(OWN, tmp_path)[places], OWN[places])
    assert np.array_equal(np.load(file), OWN)
    assert [one.name for one in tmp_path.iterdir()] == [FILE]


def test_a_file_that_holds_it_is_not_written_again(tmp_path: Path) -> None:
    """Processes that start later map the file of the first."""
    shared_table(OWN, tmp_path)
    first = (tmp_path / FILE).stat().st_ino
    shared_table(OWN.copy(), tmp_path)
    assert (tmp_path / FILE).stat().st_ino == first


def test_a_file_that_is_cut_short_is_an_error(tmp_path: Path) -> None:
    """A row that is missing is never taken for another."""
    table = shared_table(OWN, tmp_path)
    os.truncate(tmp_path / FILE, 2000)
    assert np.array_equal(table[np.array([0])], OWN[:1])
    with pytest.raises(OSError, match="cut short"):
        table[np.array([0, 7])]


def test_without_a_folder_each_has_its_own(tmp_path: Path) -> None:
    """A process whose data folder nobody made goes on with its own table, and makes
    none."""
    assert shared_table(OWN, tmp_path / "data") is OWN
    assert list(tmp_path.iterdir()) == []


def test_a_shared_table_changes_no_vector(sharing: Path) -> None:
    """The vectors are the same, to the last bit."""
    shared = Encoder(Sentences).matrix(["Do whales sleep?"])
    Sentences.shared_in = None
    own = shared_encoder().backend
    assert isinstance(own, Sentences)
    assert np.array_equal(shared, Encoder(lambda: own).matrix(["Do whales sleep?"]))
    assert (sharing / FILE).stat().st_size > 65_000_000
