"""The encoder's table of pieces, 65 MB of bytes, as a file that all processes of a
machine read rows of: the kernel's cache holds what is read of it once, and lets go of
it where memory is short."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from weakref import finalize

import numpy as np
import structlog
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Places = NDArray[np.int64]

FILE = "encoder-table.npy"

log = structlog.get_logger(__name__)


class TableFile:
    """The rows of a table, read from its file when they are asked for. A message has
    some twenty, which takes as many microseconds."""

    def __init__(self, file: Path, offset: int, width: int) -> None:
        """The rows begin at `offset`, and have `width` bytes each."""
        self._offset, self._width = offset, width
        self._descriptor = os.open(file, os.O_RDONLY)
        finalize(self, os.close, self._descriptor)

    def __getitem__(self, places: Places) -> Bytes:
        """The rows at these places. OSError: the file was cut short."""
        width = self._width
        read = b"".join(
            # Forks share the descriptor, but no position in it.
            os.pread(self._descriptor, width, self._offset + place * width)
            for place in places.tolist()
        )
        if len(read) < len(places) * width:
            raise OSError(f"{FILE}: is cut short")
        return np.frombuffer(read, dtype=np.uint8).reshape(len(places), width)


def shared_table(own: Bytes, folder: Path) -> Bytes | TableFile:
    """The same table, read from a file of this folder, which is written if it does not
    hold these very bytes. `own` where there can be no file, or no such folder: who was
    given none leaves nothing behind."""
    if not folder.is_dir():
        return own
    file = folder / FILE
    try:
        # Each start compares: a disk that lost power may have kept half of it.
        if not _holds(file, own):
            _write(file, own)
        offset = np.load(file, mmap_mode="r").offset
        return TableFile(file, offset, own.shape[1])
    except OSError as error:
        log.warning("the encoder's table is not shared", error=type(error).__name__)
        return own


def _holds(file: Path, own: Bytes) -> bool:
    """Whether the file is this table. What was mapped for that is let go of again."""
    try:
        return np.array_equal(np.load(file, mmap_mode="r"), own)
    # A file that is cut short, or none of numpy's.
    except (OSError, ValueError, EOFError):
        return False


def _write(file: Path, own: Bytes) -> None:
    """Whole or not at all: others may map it at this moment."""
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=FILE)
    try:
        with os.fdopen(handle, "wb") as new:
            np.save(new, own)
        Path(name).replace(file)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
