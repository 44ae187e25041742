"""Standard output on a full disk: what a process prints is lost, and the process goes
on."""

from __future__ import annotations

import sys
from typing import Any, TextIO, cast


class _LossyStream:
    """A stream whose writes cannot fail. All else is the real one's, but for its number:
    whoever has that writes past us, as Celery's handler of SIGTERM does, which then
    never ends its worker."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, or lose the text."""
        try:
            return self._stream.write(text)
        except OSError:
            return len(text)

    def flush(self) -> None:
        """Flush, or try again with the next one."""
        try:
            self._stream.flush()
        except OSError:
            return

    def __getattr__(self, name: str) -> Any:
        if name == "fileno":
            raise AttributeError(name)
        return getattr(self._stream, name)


def outlive_full_disk() -> None:
    """From now on no print ends this process. Celery's worker and beat print a banner at
    the start, and would end with a trace when it cannot be written."""
    for name in ("stdout", "stderr"):
        for known in (name, f"__{name}__"):
            stream = getattr(sys, known)
            # None: a process without one.
            if stream is not None and not isinstance(stream, _LossyStream):
                setattr(sys, known, cast("TextIO", _LossyStream(stream)))
