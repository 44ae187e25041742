"""Python runs this as it starts, where this folder is on its path: each named point that
the program passes is written down with its time, in place of what the kill tests do there."""

from __future__ import annotations

import os
import time

from app.runtime import killpoints

FILE = os.environ.get("PYTHONPOINTS", "")


def note(name: str) -> None:
    """One short line, which other processes do not come into."""
    at = time.monotonic()
    with open(FILE, "a", encoding="utf-8") as lines:
        lines.write(f"{at:.6f} {name}\n")


if FILE:
    killpoints.reached = note
