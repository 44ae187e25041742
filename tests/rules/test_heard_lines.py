"""No line is heard otherwise than it was without anybody seeing it."""

from __future__ import annotations

from tests.rules.heard_lines import PAGE, heard_lines


def test_each_line_is_heard_as_it_was() -> None:
    """What a change of the rules does to lines shows in the diff of
    `heard_lines.txt`."""
    assert list(heard_lines()) == PAGE.read_text(encoding="utf-8").splitlines()
