"""What Discord refuses a bot for good, in one line that says what to mend. Discord's
own text stays out: it may hold a token."""

from __future__ import annotations

import discord

from app.domain.errors import ConfigurationError, StreamError, TokenRefused
from app.domain.settings import token_variable

BAD_TOKEN = 4004
"""Discord's close code for a token that it does not accept."""
BAD_INTENTS = 4014
CLOSED_FOR_GOOD = {
    4010: "Discord refused the shard, and no bot of The Stream has one. Update The Stream.",
    4011: "this bot is in more servers than one connection may serve (Discord's limit is 2,500). Take it out of some.",
    4012: "Discord no longer speaks this version of its gateway. Update The Stream.",
    4013: "Discord does not know the intents that this bot asks for. Update The Stream.",
    BAD_INTENTS: "turn on the Message Content Intent in Discord's developer portal.",
}
"""Close codes after which discord.py does not connect again, and what an operator must
do."""


def refusal(bot: str, error: Exception) -> ConfigurationError | None:
    """What an operator must mend before this bot can run; None for a passing
    failure."""
    code = error.code if isinstance(error, discord.ConnectionClosed) else None
    if isinstance(error, discord.PrivilegedIntentsRequired):
        code = BAD_INTENTS
    if isinstance(error, discord.LoginFailure) or code == BAD_TOKEN:
        return TokenRefused(
            f"{bot}: Discord refused this bot's token. Mend {token_variable(bot)}."
        )
    return (
        ConfigurationError(f"{bot}: {CLOSED_FOR_GOOD[code]}")
        if code in CLOSED_FOR_GOOD
        else None
    )


def joined(ends: list[StreamError]) -> StreamError:
    """The error of a process whose bots have all ended: the last one, with the lines of
    all that ended alike."""
    last = ends[-1]
    alike = [str(end) for end in ends if type(end) is type(last)]
    return type(last)(" ".join(alike))
