"""The secrets of a gateway's bots, read from its environment: Discord tokens and the
keys of language models."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable

from app.domain.errors import ConfigurationError
from app.domain.settings import token_variable
from app.runtime import logs

MODEL_KEY = re.compile(r"^STREAM_KEY_([A-Z0-9_]+)$")


def token_of(bot: str) -> str:
    """The bot's Discord token from STREAM_TOKEN_<NAME>."""
    name = token_variable(bot)
    token = os.environ.get(name, "").strip()
    if not token:
        raise ConfigurationError(
            f"{name}: is not set; copy the bot's token from Discord's developer portal."
        )
    logs.register_secret(token)
    return token


def tokens_of(bots: Iterable[str]) -> dict[str, str]:
    """The tokens of bots that run together; ConfigurationError: one has none, or two
    have the same."""
    found = {bot: token_of(bot) for bot in bots}
    bots_of: dict[str, list[str]] = {}
    for bot, token in found.items():
        bots_of.setdefault(token, []).append(bot)
    for same in bots_of.values():
        if len(same) > 1:
            names = " and ".join(map(token_variable, same))
            raise ConfigurationError(
                f"{names}: hold one and the same token. Each bot needs a Discord application of its own (docs/discord.md)."
            )
    return found


def model_keys(bot: str) -> dict[str, str]:
    """Provider to key: STREAM_KEY_<PROVIDER>, or STREAM_KEY_<BOT>_<PROVIDER> for one
    bot alone."""
    own = bot.upper().replace("-", "_") + "_"
    found: dict[str, str] = {}
    for name, value in sorted(os.environ.items()):
        match = MODEL_KEY.match(name)
        if match is None or not value:
            continue
        logs.register_secret(value)
        if match[1].startswith(own):
            found[match[1].removeprefix(own).lower()] = value
        # With an underscore it is another bot's own key; the bot's own wins.
        elif "_" not in match[1]:
            found.setdefault(match[1].lower(), value)
    return found
