"""What a Redis server tells of itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.store.calls import Call, command


def server_info() -> Call[Mapping[str, Any]]:
    """The fields of INFO by name."""
    return command("INFO", parse=dict)


KEEP_ALL = "CONFIG SET maxmemory-policy noeviction, and in its configuration file"
"""What mends `eviction_risk`."""


def eviction_risk(info: Mapping[str, Any]) -> str:
    """How this server may throw away what waits, as INFO tells; empty: it does not."""
    policy = str(info.get("maxmemory_policy", "noeviction"))
    if policy == "noeviction":
        return ""
    return f"maxmemory-policy is {policy}: a full Redis throws waiting messages and mutes away"


def evicted(info: Mapping[str, Any]) -> str:
    """That the server has thrown keys away; empty: it has not."""
    count = int(info.get("evicted_keys", 0))
    gone = f"Redis has evicted {count} keys since its start"
    return f"{gone}: messages and mutes may be lost" if count else ""


def warnings_of(info: Mapping[str, Any]) -> list[str]:
    """Both, each in one line that names the mend."""
    lines = []
    if risk := eviction_risk(info):
        lines.append(f"{risk}. {KEEP_ALL}.")
    if gone := evicted(info):
        lines.append(f"{gone}. Look at `the-stream mutes`, and at `doctor`.")
    return lines
