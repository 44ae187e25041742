"""Who a message mentions: `<@id>` in its text, cut down by `allowed_mentions`. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from app.loopback.records import Ping

_USER = re.compile(r"<@!?(\d+)>")
_ROLE = re.compile(r"<@&(\d+)>")
_EVERYONE = re.compile(r"@(?:everyone|here)")


@dataclass(frozen=True, slots=True)
class Mentions:
    """The users and roles that a message notifies, in the order of the text; the author
    replied to comes first."""

    users: tuple[int, ...] = ()
    roles: tuple[int, ...] = ()
    everyone: bool = False

    def all_pinged(self) -> tuple[Ping, ...]:
        """All of them in one tuple, as `Post.pinged` holds them."""
        pings: tuple[Ping, ...] = (*self.users, *self.roles)
        return (*pings, "everyone") if self.everyone else pings


@dataclass(frozen=True, slots=True)
class AllowedMentions:
    """Discord's allowed mentions object; without one in the request, everything in the
    text is allowed."""

    all_users: bool = True
    all_roles: bool = True
    everyone: bool = True
    users: frozenset[int] = frozenset()
    roles: frozenset[int] = frozenset()
    replied_user: bool = True

    @classmethod
    def parse(cls, raw: Mapping[str, object] | None) -> AllowedMentions:
        if raw is None:
            return cls()
        kinds = _list_items(raw.get("parse"))
        return cls(
            all_users="users" in kinds,
            all_roles="roles" in kinds,
            everyone="everyone" in kinds,
            users=frozenset(int(str(i)) for i in _list_items(raw.get("users"))),
            roles=frozenset(int(str(i)) for i in _list_items(raw.get("roles"))),
            replied_user=bool(raw.get("replied_user", False)),
        )

    def without_reply(self) -> AllowedMentions:
        """The same, but the author replied to is not notified."""
        return replace(self, replied_user=False)


def find_mentions(
    text: str,
    allowed: AllowedMentions,
    *,
    known_users: Collection[int],
    known_roles: Collection[int],
    replied_user: int | None = None,
) -> Mentions:
    """What Discord puts into `mentions`, `mention_roles` and `mention_everyone`.

    A mention that is not allowed stays in the text and appears in none of the three
    (discord-api-docs issue 2126).
    """
    users = dict.fromkeys(
        [replied_user] if replied_user is not None and allowed.replied_user else []
    )
    if "<@" in text:
        for user in map(int, _USER.findall(text)):
            if user in known_users and (allowed.all_users or user in allowed.users):
                users[user] = None
    roles = dict.fromkeys(
        role
        for role in (map(int, _ROLE.findall(text)) if "<@&" in text else ())
        if role in known_roles and (allowed.all_roles or role in allowed.roles)
    )
    everyone = allowed.everyone and _EVERYONE.search(text) is not None
    return Mentions(tuple(users), tuple(roles), everyone)


def _list_items(value: object) -> list[object]:
    return value if isinstance(value, list | tuple) else []  # type: ignore[return-value]
