"""What a Redis server tells of itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.store.calls import Call, command


def server_info() -> Call[Mapping[str, Any]]:
    """The fields of INFO by name."""
    return command("INFO", parse=dict)
