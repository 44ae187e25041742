"""JSON shapes of accounts, members and applications (source: Discord's developer
documentation)."""

from __future__ import annotations

from datetime import UTC, datetime

from app.loopback import defaults
from app.loopback.errors import Json
from app.loopback.guilds import Account, Guild, Member
from app.loopback.snowflake import iso_time

_MESSAGE_CONTENT_LIMITED = 1 << 19


def user(account: Account) -> Json:
    return {
        **defaults.USER,
        "id": str(account.id),
        "username": account.username,
        "global_name": account.global_name,
        "discriminator": "0001" if account.is_bot else "0",
        "bot": account.is_bot,
    }


def current_user(account: Account) -> Json:
    """The answer to GET /users/@me and the `user` of READY."""
    return {
        **user(account),
        "verified": True,
        "mfa_enabled": False,
        "email": None,
        "locale": "en-US",
    }


def partial_member(account: Account, guild: Guild) -> Json:
    """A member without its user, as messages, reactions and typing carry it."""
    item = guild.members.get(account.id) or Member(account, account.id)
    until = item.timed_out_until
    return {
        **defaults.MEMBER,
        "nick": item.nick,
        "roles": [str(i) for i in item.role_ids],
        "joined_at": iso_time(item.joined),
        "pending": False,
        "communication_disabled_until": None
        if until is None
        else datetime.fromtimestamp(until, UTC).isoformat(),
    }


def member(account: Account, guild: Guild) -> Json:
    return {"user": user(account), **partial_member(account, guild)}


def application(account: Account) -> Json:
    """The answer to GET /applications/@me; a bot's application has the bot's id."""
    return {
        **defaults.APPLICATION,
        "id": str(account.id),
        "name": account.username,
        "flags": _MESSAGE_CONTENT_LIMITED,
        "flags_new": str(_MESSAGE_CONTENT_LIMITED),
        "owner": user(account),
        "bot": user(account),
    }
