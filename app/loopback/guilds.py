"""Accounts, and the guilds that they are members of: roles, nicknames, time-outs."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from app.loopback.permissions import EVERYTHING, NOTHING, Permission


@dataclass(frozen=True, slots=True, eq=False)
class Account:
    """A bot or a person. `name` is what everybody sees who has no nickname for it;
    `token` is None for a person.

    `username` is the unique handle. `global_name` is the display name; without one the
    username is displayed.
    """

    id: int
    name: str
    is_bot: bool
    token: str | None = field(default=None, repr=False)
    moderator: bool = False
    administrator: bool = False
    username: str = ""
    global_name: str | None = None

    @property
    def mention(self) -> str:
        """The text that mentions this account."""
        return f"<@{self.id}>"


@dataclass(slots=True, eq=False)
class Role:
    """A role of a guild. `bot_id` marks the managed role that a bot brings along."""

    id: int
    name: str
    permissions: Permission = NOTHING
    position: int = 1
    mentionable: bool = False
    bot_id: int | None = None

    @property
    def mention(self) -> str:
        """The text that mentions this role."""
        return f"<@&{self.id}>"


@dataclass(slots=True, eq=False)
class Member:
    """An account in a guild. `joined` is a snowflake; `timed_out_until` is Unix
    seconds."""

    account: Account
    joined: int
    nick: str | None = None
    role_ids: list[int] = field(default_factory=list)
    timed_out_until: float | None = None

    @property
    def timed_out(self) -> bool:
        """Does a time-out silence this member now?"""
        return self.timed_out_until is not None and self.timed_out_until > time.time()


@dataclass(slots=True, eq=False)
class Guild:
    """A server. The role of @everyone has the guild's own id, as at Discord.
    `unavailable`: Discord has an outage."""

    id: int
    name: str
    owner_id: int
    moderator_role_id: int
    administrator_role_id: int
    roles: dict[int, Role] = field(default_factory=dict)
    members: dict[int, Member] = field(default_factory=dict)
    unavailable: bool = False

    def managed_role(self, bot: Account) -> Role | None:
        """The role that this bot brought along; None for a person and for a bot that
        was invited without rights."""
        return next(
            (role for role in self.roles.values() if role.bot_id == bot.id), None
        )

    def permissions(self, account_id: int) -> Permission:
        """What a member may do before any channel has its say; nothing for those who
        are no members."""
        member = self.members.get(account_id)
        if member is None:
            return NOTHING
        if account_id == self.owner_id:
            return EVERYTHING
        granted = self.roles[self.id].permissions
        for role_id in member.role_ids:
            granted |= self.roles[role_id].permissions
        return EVERYTHING if granted & Permission.ADMINISTRATOR else granted
