"""Calls by name as people write them, in many languages: one row a line (calls.yaml)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from app.model import Event, RosterEntry
from app.rules.addressing import addressing

TABLE = Path(__file__).with_name("calls.yaml")
HALVES = ("before", "after")


class Row(NamedTuple):
    """One line, and whether it calls the bot of this name."""

    language: str
    name: str
    half: str
    text: str
    calls: bool


def rows() -> Iterator[Row]:
    """Every row of the table, in order."""
    for part in yaml.safe_load(TABLE.read_text(encoding="utf-8")):
        for half in HALVES:
            for kind, texts in part.get(half, {}).items():
                for text in texts:
                    yield Row(part["language"], part["name"], half, text, kind == "calls")


def heard(row: Row) -> bool:
    """Whether the bot takes the line for a call."""
    roster = (RosterEntry(bot="b", user_id="11", names=(row.name,)),)
    event = Event(message_id="100", channel_id="5", author_id="22", author_name="Ann", content=row.text)
    return bool(addressing(event, roster).bots)


@pytest.mark.parametrize("row", list(rows()), ids=lambda row: f"{row.language}-{row.half}-{row.text}")
def test_a_line_of_the_table(row: Row) -> None:
    """The bot hears what calls it and nothing that only speaks about it."""
    assert heard(row) is row.calls
