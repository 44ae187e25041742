"""The composition root: the only place where objects are built and rooms meet."""

from __future__ import annotations

from app.model import JournalLine
from app.settings import Settings


def run_gateway(bots: list[str], settings: Settings) -> None:
    """Run the gateways of some bots in this process until it is told to stop."""
    from app.bootstrap.gateway import run

    run(bots, settings)


def why(message: str, settings: Settings) -> list[JournalLine]:
    """All that was decided about a message, given its id or its link."""
    from app.bootstrap import ops

    return ops.why(message, settings)
