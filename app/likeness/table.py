"""The encoder's table of pieces, 65 MB of bytes, as a file that all processes of a
machine map: the kernel holds its pages once."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
import structlog
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

FILE = "encoder-table.npy"

log = structlog.get_logger(__name__)


def shared_table(own: Bytes, folder: Path) -> Bytes:
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
        mapped = np.load(file, mmap_mode="r")
    except OSError as error:
        log.warning("the encoder's table is not shared", error=type(error).__name__)
        return own
    return np.asarray(mapped)


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
