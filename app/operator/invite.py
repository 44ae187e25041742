"""The link that lets a bot into a server, with the permissions that it needs."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping

from app.domain.character import load_character
from app.domain.errors import ConfigurationError, StreamError
from app.domain.settings import Settings, token_variable
from app.operator.ops import open_store
from app.store import roster

PERMISSION_BITS: Mapping[str, int] = {
    "Add Reactions": 6,
    "View Channels": 10,
    "Send Messages": 11,
    "Read Message History": 16,
    "Send Messages in Threads": 38,
}
"""Discord's names of what a bot needs, with their bits
(https://docs.discord.com/developers/topics/permissions)."""
PERMISSIONS = sum(1 << bit for bit in PERMISSION_BITS.values())
AUTHORIZE = "https://discord.com/oauth2/authorize"


def application_of(token: str) -> str:
    """The application id, which is the first part of a bot's token in base64; empty if
    this is no token."""
    first = token.strip().partition(".")[0]
    try:
        # Tokens come without base64's padding.
        found = base64.urlsafe_b64decode(first + "=" * (-len(first) % 4)).decode()
    except (binascii.Error, ValueError):
        return ""
    return found if found.isascii() and found.isdecimal() and len(found) > 4 else ""


def link_of(application: str) -> str:
    """The address at which a server's managers let the bot in."""
    return f"{AUTHORIZE}?client_id={application}&scope=bot&permissions={PERMISSIONS}"


def invite(bot: str, settings: Settings) -> str:
    """A bot's link: from its token in the environment, or from what its gateway told
    the roster."""
    load_character(bot, settings.characters_dir)
    variable = token_variable(bot)
    token = os.environ.get(variable, "")
    application = application_of(token) or _enlisted(bot, settings)
    if application:
        return link_of(application)
    if token.strip():
        raise ConfigurationError(
            f"{variable}: is no bot token. Reset it on the page `Bot` of Discord's "
            "developer portal and copy it whole."
        )
    raise ConfigurationError(
        f"{variable}: is not set, and no gateway of {bot} has run within a day."
    )


def _enlisted(bot: str, settings: Settings) -> str:
    """The bot's own id on the roster; empty where it is not on it, or Redis is away. A
    bot of before 2016 has an application id of its own and shows it by its token."""
    try:
        with open_store(settings) as store:
            entries = store.run(roster.roster())
    except StreamError:
        return ""
    return next((entry.user_id for entry in entries if entry.bot == bot), "")
