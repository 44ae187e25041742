"""A test seam: die or freeze at a named point, as a power cut would, to prove that
nothing is lost or doubled.

`STREAM_KILL_AT=name` kills this process there with SIGKILL; `name:skip=2` lets it pass
twice first; `name:stop` freezes it once with SIGSTOP instead. `@file` reads the same from
a file, as soon as there is one. Unset, as in every real run, a point does nothing.
"""

from __future__ import annotations

import itertools
import os
import signal
from pathlib import Path

_passed = itertools.count()


def reached(name: str) -> None:
    """Say that the program has come to this point."""
    wanted, *options = _told().split(":")
    if wanted != name:
        return
    skip = next(
        (
            int(option.removeprefix("skip="))
            for option in options
            if option.startswith("skip=")
        ),
        0,
    )
    if next(_passed) != skip:
        return
    # Raised in this thread, not sent to the process: else the thread may run on for a
    # moment.
    signal.raise_signal(signal.SIGSTOP if "stop" in options else signal.SIGKILL)


def _told() -> str:
    told = os.environ.get("STREAM_KILL_AT", "")
    if not told.startswith("@"):
        return told
    file = Path(told[1:])
    return file.read_text(encoding="utf-8") if file.exists() else ""
