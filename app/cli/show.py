"""Tables that the command line prints."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.domain.model import JournalLine
from app.domain.settings import Settings
from app.lab.docgen import setting_rows
from app.operator.ops import Sealed
from app.runtime.logs import printable, register_settings

PARTS = 6
"""Parts of a bid that are shown unless all are asked for."""
ALL_PARTS = 1_000
LONGEST_WORD = 12
"""Longer words may be broken in a column, but for those that carry an id."""
ID = re.compile(r"\d{15,}")
"""A part of an id copies nothing."""
INDENT = 2
FRAME = 3
"""Columns that the lines and blanks of one column take."""


def shown_text(value: object, style: str = "") -> Text:
    """What stands in a cell or a line: no markup, as a reason may quote somebody's
    brackets, and nothing that a terminal obeys."""
    return Text(printable(str(value), kept="\n\t"), style=style)


def show_journal(
    message: str,
    lines: Sequence[JournalLine],
    console: Console | None = None,
    parts: int = PARTS,
) -> None:
    """Print the journal of one message, oldest line first, and of each bid at most so
    many parts."""
    console = console or Console()
    if not lines:
        console.print(
            shown_text(
                f"Nothing is known of {message}: no bot saw it, or it is older than the journal."
            )
        )
        return
    rows = [
        (
            clock_time(line.at_ms),
            line.bot,
            line.step,
            line.verdict,
            line.reason + repetition(line),
            numbers_of(line.numbers, parts),
        )
        for line in sorted(lines, key=lambda line: line.at_ms)
    ]
    headings = ("time", "bot", "step", "verdict", "reason", "numbers")
    _print_rows(console, message, headings, rows, whole="time")


def clock_time(at_ms: int) -> str:
    """Local time of day, to the millisecond."""
    return datetime.fromtimestamp(at_ms / 1000).strftime("%H:%M:%S.%f")[:-3]


def repetition(line: JournalLine) -> str:
    """How often a line stands for the same decision; empty: once."""
    if line.times < 2:
        return ""
    return f" ({line.times} times, until {clock_time(line.last_ms)})"


def numbers_of(numbers: Mapping[str, float | int | str], most: int) -> str:
    """Numbers in three digits; of a bid's many parts those that moved it most, as the
    rest hardly did."""
    pieces = [
        f"{name} {_short(value)}"
        for name, value in numbers.items()
        if name != "parts" and value != ""
    ]
    return ", ".join([*pieces, *_weightiest(numbers.get("parts"), most)])


def _weightiest(parts: object, most: int) -> list[str]:
    try:
        found = {
            str(name): float(bits) for name, bits in json.loads(str(parts)).items()
        }
    except (ValueError, TypeError, AttributeError):
        return []
    first = sorted(found, key=lambda name: -abs(found[name]))[:most]
    more = [f"{len(found) - most} smaller parts"] if len(found) > most else []
    return (
        [
            "of it "
            + ", ".join([*(f"{name} {found[name]:+.2f}" for name in first), *more])
        ]
        if first
        else []
    )


def _short(value: float | int | str) -> str:
    """Three digits of a fraction, also of one that the journal keeps as text; ids and
    counts as they are."""
    try:
        return (
            f"{float(value):.3g}"
            if not str(value).lstrip("-").isdecimal()
            else str(value)
        )
    except ValueError:
        return str(value)


def show_table(
    title: str,
    headings: Sequence[str],
    rows: Sequence[Sequence[object]],
    console: Console | None = None,
) -> None:
    """Print rows under their headings; people's texts as they are, not as markup."""
    console = console or Console()
    if not rows:
        console.print(shown_text(f"{title}: nothing."))
        return
    _print_rows(console, title, headings, rows)


def _print_rows(
    console: Console,
    title: str,
    headings: Sequence[str],
    rows: Sequence[Sequence[object]],
    whole: str = "",
) -> None:
    """A table, or where its columns do not fit a paragraph for each row. `whole` is the
    heading of the column of which no cell is broken."""
    cells = [[_cell(value) for value in row] for row in rows]
    needed = [
        _width_needed([Text(heading), *column], heading == whole)
        for heading, *column in zip(headings, *cells, strict=True)
    ]
    if sum(needed) + FRAME * len(needed) + 1 > console.width:
        _print_paragraphs(console, title, headings, cells)
        return
    console.print(shown_text(title))
    table = Table()
    room = console.width - FRAME * len(needed) - 1
    for heading, width in zip(
        headings, _widths(headings, cells, needed, room), strict=True
    ):
        table.add_column(heading, overflow="fold", width=width)
    for row in cells:
        table.add_row(*row)
    console.print(table)


def _widths(
    headings: Sequence[str],
    cells: Sequence[Sequence[Text]],
    needed: Sequence[int],
    room: int,
) -> list[int]:
    """Columns as wide as their content where there is room, else narrower, the widest
    first: rich would cut off what does not fit."""
    widths = [
        max(Text(heading).cell_len, *(_longest_line(cell) for cell in column))
        for heading, *column in zip(headings, *cells, strict=True)
    ]
    while sum(widths) > room:
        most = max(
            width for width, least in zip(widths, needed, strict=True) if width > least
        )
        place = next(
            n for n, width in enumerate(widths) if width == most and width > needed[n]
        )
        widths[place] -= 1
    return widths


def _longest_line(cell: Text) -> int:
    """The longest line of a cell, in columns of the terminal."""
    return max((line.cell_len for line in cell.split()), default=0)


def _cell(value: object) -> Text:
    return value if isinstance(value, Text) else shown_text(value)


def _width_needed(column: Sequence[Text], whole: bool) -> int:
    """Columns of the terminal below which a column could not be read."""
    if whole:
        return max(cell.cell_len for cell in column)
    words = [word for cell in column for word in cell.plain.split()]
    ids = [word for word in words if ID.search(word)]
    longest = max(map(len, words), default=0)
    return max(min(LONGEST_WORD, longest), max(map(len, ids), default=0))


def _print_paragraphs(
    console: Console,
    title: str,
    headings: Sequence[str],
    rows: Sequence[Sequence[Text]],
) -> None:
    console.print(shown_text(title))
    for first, *others in rows:
        console.print()
        console.print(first, overflow="fold")
        for heading, cell in zip(headings[1:], others, strict=True):
            if cell.plain:
                _print_indented(console, Text.assemble(f"{heading}: ", cell))


def _print_indented(console: Console, text: Text) -> None:
    """Wrapped, behind two blanks, and without any at the end of a line: they would be
    copied along."""
    for line in text.wrap(console, console.width - INDENT, overflow="fold"):
        line.rstrip()
        console.print(Text(" " * INDENT) + line, soft_wrap=True)


def show_vault(sealed: Sequence[Sealed], console: Console | None = None) -> None:
    """Print what may be told of the vaults."""
    console = console or Console()
    if not sealed:
        console.print("Vault: nothing. A bot's gateway fills it when it starts.")
        return
    rows: list[Sequence[object]] = []
    for one in sealed:
        secrets = "\n".join(
            f"{name}  ******** ({length} characters)"
            for name, length in sorted(one.secrets.items())
        )
        hours, minutes = divmod(one.expires_in_s // 60, 60)
        expiry = f"{hours} h {minutes} min"
        rows.append((one.bot, one.user_id, secrets, one.model, expiry, one.problem))
    headings = ("bot", "user id", "secrets", "model", "expires in", "problem")
    _print_rows(console, "Vault", headings, rows)


def show_settings(settings: Settings, console: Console | None = None) -> None:
    """Print every setting with its value; a value that differs from the default is
    bold, with the default after it."""
    console = console or Console()
    # Before the first row: a password within an address is masked from here on.
    register_settings(settings)
    rows = []
    for row in setting_rows(settings):
        value = shown_text(row.value, style="bold" if row.changed else "")
        if row.changed:
            value.append(f" (default {row.default})", style="not bold dim")
        rows.append((row.name, value, row.description))
    title = "Settings (environment or .env)"
    headings = ("setting", "value", "what it does")
    _print_rows(console, title, headings, rows, whole="setting")
