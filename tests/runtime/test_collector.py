"""What was freed goes back to the system."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from app.runtime.collector import trim_memory

PIECE = 4_096
PIECES = 20_000
STATUS = Path("/proc/self/statm")


def resident_bytes() -> int:
    """What this process holds of the machine's memory."""
    pages = int(STATUS.read_text().split()[1])
    return pages * resource.getpagesize()


@pytest.mark.skipif(not STATUS.exists(), reason="only Linux tells it there")
def test_freed_memory_is_given_back() -> None:
    """Half of what was taken is freed below what is still in use, and leaves the
    process."""
    pieces = [bytes(PIECE) for _ in range(PIECES)]
    kept = [bytes(PIECE) for _ in range(10)]
    held = resident_bytes()
    pieces.clear()
    trim_memory()
    assert held - resident_bytes() > PIECE * PIECES // 2
    assert len(kept) == 10
