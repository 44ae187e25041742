"""The table of calls by name (calls.yaml), what the rules make of each line, and the
page docs/names.md.

`python -m tests.rules.calls docs/names.md` writes the page.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from app.domain.model import Event, RosterEntry
from app.domain.safe_yaml import load_yaml
from app.lab.docgen import NOTE
from app.rules.addressing import addressing

TABLE = Path(__file__).with_name("calls.yaml")
MORE = TABLE.with_name("calls_more.yaml")
HALVES = ("before", "after", "fresh")


class Row(NamedTuple):
    """One line, and whether it calls the bot of this name. `reason`: why the rules are
    known to get it wrong."""

    language: str
    name: str
    half: str
    text: str
    calls: bool
    reason: str = ""


@lru_cache
def rows() -> list[Row]:
    """Every row of the table, in order."""
    return [
        row
        for part in load_yaml(TABLE.read_text(encoding="utf-8"))
        for row in _rows(part)
    ]


def _rows(part: dict[str, object]) -> Iterator[Row]:
    known = part.get("known", {})
    for half in HALVES:
        lists = part.get(half, {})
        assert isinstance(lists, dict)
        assert isinstance(known, dict)
        for kind, texts in lists.items():
            for text in texts:
                yield Row(
                    str(part["language"]),
                    str(part["name"]),
                    half,
                    text,
                    kind == "calls",
                    known.get(text, ""),
                )


@lru_cache
def more() -> dict[str, list[Row]]:
    """Further lines, by the bot's name: those that a change of the word lists must not
    lose."""
    parts = load_yaml(MORE.read_text(encoding="utf-8"))
    return {
        part["name"]: [
            Row("", part["name"], "", text, kind == "calls")
            for kind in ("calls", "others")
            for text in part[kind]
        ]
        for part in parts
    }


def heard(row: Row) -> bool:
    """Whether the bot takes the line for a call."""
    roster = (RosterEntry(bot="b", user_id="11", names=(row.name,)),)
    event = Event(
        message_id="100",
        channel_id="5",
        author_id="22",
        author_name="Ann",
        content=row.text,
    )
    return bool(addressing(event, roster).bots)


def _table(found: Sequence[Row]) -> str:
    right, total = Counter[tuple[str, str, bool]](), Counter[tuple[str, str, bool]]()
    for row in found:
        key = (row.language, row.half, row.calls)
        total[key] += 1
        right[key] += heard(row) is row.calls
    lines = [
        "| language | "
        + " | ".join(
            f"{half}: {kind}" for half in HALVES for kind in ("calls", "others")
        )
        + " |",
        "| --- |" + " --- |" * (2 * len(HALVES)),
    ]
    for language in dict.fromkeys(row.language for row in found):
        keys = [(language, half, calls) for half in HALVES for calls in (True, False)]
        lines.append(
            f"| {language} | "
            + " | ".join(f"{right[key]} of {total[key]}" for key in keys)
            + " |"
        )
    sums = [
        _sum(right, half, calls) + " of " + _sum(total, half, calls)
        for half in HALVES
        for calls in (True, False)
    ]
    return "\n".join([*lines, "| **all** | " + " | ".join(sums) + " |"])


def _sum(counts: Counter[tuple[str, str, bool]], half: str, calls: bool) -> str:
    return str(sum(count for key, count in counts.items() if key[1:] == (half, calls)))


def _cell(row: Row) -> str:
    text = row.text.replace("|", "\\|").replace("\n", " ⏎ ")
    return f"`` {text} ``" + (
        f" (wrong: {row.reason})" if heard(row) is not row.calls else ""
    )


def _lists(found: Sequence[Row]) -> str:
    parts = []
    for language in dict.fromkeys(row.language for row in found):
        ours = [row for row in found if row.language == language]
        parts.append(f"## {language}: a bot named `{ours[0].name}`")
        for half in HALVES:
            for calls, kind in ((True, "calls"), (False, "others")):
                cells = [
                    _cell(row)
                    for row in ours
                    if row.half == half and row.calls is calls
                ]
                parts += [f"{half}, {kind}: " + " · ".join(cells)] if cells else []
    return "\n\n".join(parts)


def page() -> str:
    """docs/names.md."""
    found = rows()
    note = NOTE.format(source="tests/rules/calls.yaml")
    return (
        "\n\n".join(
            (
                note,
                TABLE.with_name("calls.md").read_text(encoding="utf-8").strip(),
                _table(found),
                _lists(found),
            )
        )
        + "\n"
    )


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
