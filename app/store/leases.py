"""The gateway lease: two processes never run one bot's gateway."""

from __future__ import annotations

from app.store import keys
from app.store.door import Call


def hold(bot: str, owner: str, lease_ms: int) -> Call[str]:
    """Take or renew the lease. Returns the holder: `owner` itself, or who has it."""
    return Call("hold", (keys.gateway_lease(bot),), (owner, lease_ms), str)


def let_go(bot: str, owner: str) -> Call[int]:
    """Give the lease back if it is still ours."""
    return Call("let_go", (keys.gateway_lease(bot),), (owner,), int)
