"""Lines for people: wrapped on a terminal, whole in a pipe."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap

from app.cli.common import print_line

NARROWEST = 20


def terminal_width() -> int | None:
    """Columns of the terminal, or COLUMNS; None where lines stay whole, for a program
    that reads them."""
    if os.environ.get("COLUMNS", "").isdecimal() or sys.stdout.isatty():
        return max(NARROWEST, shutil.get_terminal_size().columns)
    return None


def print_wrapped(text: str, indent: int = 0) -> None:
    """Print one line of text, wrapped; further lines begin with so many blanks."""
    columns = terminal_width()
    if columns is None:
        print_line(text)
        return
    # A name of a channel or a link that is longer stays whole, to be copied.
    lines = textwrap.wrap(
        text,
        columns,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
    )
    for line in lines or [""]:
        print_line(line)
