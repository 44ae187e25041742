"""That a bot's gateway shall read its character file again. The answer is part of the
gateway's sign of life (app/store/heartbeats.py)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.domain import terms
from app.store import keys
from app.store.calls import Call, Reply, command


def ask(bot: str, request: str) -> Call[bool]:
    """Ask the bot's gateway. `request` comes back with its answer."""
    return command("SET", keys.reload(bot), request, "PX", terms.RELOAD_TTL, parse=bool)


def requests(bots: Sequence[str]) -> Call[Mapping[str, str]]:
    """What was asked of these bots (at least one) lately, by bot."""

    def parse(reply: Reply) -> Mapping[str, str]:
        asked = zip(bots, reply, strict=True)
        return {bot: str(request) for bot, request in asked if request}

    return command("MGET", *map(keys.reload, bots), parse=parse)
