"""A message of an unknown shape is read as far as it goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.content.plain import parse_tolerantly

ASKED = {"content": "hi", "mentions": [], "mention_roles": [], "components": []}
"""Fields without which discord.py makes no whole Message."""


def parse(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Chokes on what discord.py chokes on: a poll without an end."""
    if "poll" in data:
        raise TypeError("unsupported operand")
    if "author" not in data:
        raise KeyError("author")
    return data


def test_what_cannot_be_parsed_is_left_out() -> None:
    """The words stay; fields that are not essential go."""
    data = {"id": "1", "author": {}, "content": "hi", "poll": {"expiry": None}}
    assert parse_tolerantly(parse)(data) == {"id": "1", "author": {}, **ASKED}


def test_what_can_be_parsed_stays_whole() -> None:
    """Nothing is left out without need."""
    data = {"id": "1", "author": {}, "position": 3, **ASKED}
    assert parse_tolerantly(parse)(data) is data


@pytest.mark.parametrize("data", [{"id": "1"}, {"id": "1", "position": 3}])
def test_a_message_without_its_essence_is_an_error(data: Mapping[str, Any]) -> None:
    """The caller skips it."""
    with pytest.raises(KeyError):
        parse_tolerantly(parse)(data)


@pytest.mark.parametrize(
    ("found", "told"),
    [("1", "1"), ("the token is x", None), (1, None), (["a"], None), (None, None)],
)
def test_a_log_names_a_message_by_its_id_alone(found: object, told: str | None) -> None:
    """What stands where an id should may be anything that somebody wrote."""
    with capture_logs() as lines:
        parse_tolerantly(parse)({"id": found, "author": {}, "poll": {}})
    (line,) = lines
    assert line["message"] == told
