"""Discord's permission bits, overwrites, and the documented way from them to what a
member may do. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import IntEnum, IntFlag


class Permission(IntFlag):
    """Discord's table of permission flags."""

    CREATE_INSTANT_INVITE = 1 << 0
    KICK_MEMBERS = 1 << 1
    BAN_MEMBERS = 1 << 2
    ADMINISTRATOR = 1 << 3
    MANAGE_CHANNELS = 1 << 4
    MANAGE_GUILD = 1 << 5
    ADD_REACTIONS = 1 << 6
    VIEW_AUDIT_LOG = 1 << 7
    PRIORITY_SPEAKER = 1 << 8
    STREAM = 1 << 9
    VIEW_CHANNEL = 1 << 10
    SEND_MESSAGES = 1 << 11
    SEND_TTS_MESSAGES = 1 << 12
    MANAGE_MESSAGES = 1 << 13
    EMBED_LINKS = 1 << 14
    ATTACH_FILES = 1 << 15
    READ_MESSAGE_HISTORY = 1 << 16
    MENTION_EVERYONE = 1 << 17
    USE_EXTERNAL_EMOJIS = 1 << 18
    VIEW_GUILD_INSIGHTS = 1 << 19
    CONNECT = 1 << 20
    SPEAK = 1 << 21
    MUTE_MEMBERS = 1 << 22
    DEAFEN_MEMBERS = 1 << 23
    MOVE_MEMBERS = 1 << 24
    USE_VAD = 1 << 25
    CHANGE_NICKNAME = 1 << 26
    MANAGE_NICKNAMES = 1 << 27
    MANAGE_ROLES = 1 << 28
    MANAGE_WEBHOOKS = 1 << 29
    MANAGE_GUILD_EXPRESSIONS = 1 << 30
    USE_APPLICATION_COMMANDS = 1 << 31
    REQUEST_TO_SPEAK = 1 << 32
    MANAGE_EVENTS = 1 << 33
    MANAGE_THREADS = 1 << 34
    CREATE_PUBLIC_THREADS = 1 << 35
    CREATE_PRIVATE_THREADS = 1 << 36
    USE_EXTERNAL_STICKERS = 1 << 37
    SEND_MESSAGES_IN_THREADS = 1 << 38
    USE_EMBEDDED_ACTIVITIES = 1 << 39
    MODERATE_MEMBERS = 1 << 40
    VIEW_CREATOR_MONETIZATION_ANALYTICS = 1 << 41
    USE_SOUNDBOARD = 1 << 42
    CREATE_GUILD_EXPRESSIONS = 1 << 43
    CREATE_EVENTS = 1 << 44
    USE_EXTERNAL_SOUNDS = 1 << 45
    SEND_VOICE_MESSAGES = 1 << 46
    SET_VOICE_CHANNEL_STATUS = 1 << 48
    SEND_POLLS = 1 << 49
    USE_EXTERNAL_APPS = 1 << 50
    PIN_MESSAGES = 1 << 51
    BYPASS_SLOWMODE = 1 << 52


def _union_of(names: Iterable[str]) -> Permission:
    union = Permission(0)
    for name in names:
        union |= Permission[name]
    return union


NOTHING = Permission(0)
EVERYTHING = _union_of(Permission.__members__)

SPEAKING_PERMISSIONS = _union_of(
    (
        "VIEW_CHANNEL",
        "SEND_MESSAGES",
        "SEND_MESSAGES_IN_THREADS",
        "ADD_REACTIONS",
        "READ_MESSAGE_HISTORY",
    )
)
"""What a bot that talks is invited with; its managed role grants it."""

# What a new Discord server grants @everyone; pinging everyone is part of it, so that a
# careless bot is seen doing so.
EVERYONE_PERMISSIONS = SPEAKING_PERMISSIONS | _union_of(
    (
        "CREATE_INSTANT_INVITE",
        "STREAM",
        "EMBED_LINKS",
        "ATTACH_FILES",
        "MENTION_EVERYONE",
        "USE_EXTERNAL_EMOJIS",
        "CONNECT",
        "SPEAK",
        "USE_VAD",
        "CHANGE_NICKNAME",
        "USE_APPLICATION_COMMANDS",
        "REQUEST_TO_SPEAK",
        "CREATE_PUBLIC_THREADS",
        "CREATE_PRIVATE_THREADS",
        "USE_EXTERNAL_STICKERS",
        "SEND_VOICE_MESSAGES",
        "SEND_POLLS",
    )
)

# Flags that mean nothing in one channel, so that losing the channel does not touch
# them.
GUILD_WIDE = _union_of(
    (
        "KICK_MEMBERS",
        "BAN_MEMBERS",
        "ADMINISTRATOR",
        "MANAGE_GUILD",
        "VIEW_AUDIT_LOG",
        "VIEW_GUILD_INSIGHTS",
        "CHANGE_NICKNAME",
        "MANAGE_NICKNAMES",
        "MANAGE_GUILD_EXPRESSIONS",
        "MODERATE_MEMBERS",
        "VIEW_CREATOR_MONETIZATION_ANALYTICS",
        "CREATE_GUILD_EXPRESSIONS",
    )
)

NEEDS_SENDING = _union_of(
    ("MENTION_EVERYONE", "SEND_TTS_MESSAGES", "ATTACH_FILES", "EMBED_LINKS")
)
"""Denied with SEND_MESSAGES, or in threads with SEND_MESSAGES_IN_THREADS."""

LEFT_IN_TIMEOUT = Permission.VIEW_CHANNEL | Permission.READ_MESSAGE_HISTORY
LEFT_IN_LOCKED_THREAD = (
    LEFT_IN_TIMEOUT | Permission.ADD_REACTIONS | Permission.USE_EXTERNAL_EMOJIS
)


class OverwriteType(IntEnum):
    """Whom an overwrite is for."""

    ROLE = 0
    MEMBER = 1


@dataclass(frozen=True, slots=True)
class Overwrite:
    """What a channel allows and denies one role or member beyond the guild's roles."""

    id: int
    type: OverwriteType
    allow: Permission = NOTHING
    deny: Permission = NOTHING

    def apply_to(self, permissions: Permission) -> Permission:
        """The permissions after this overwrite: denials first, then what is allowed."""
        return permissions & ~self.deny | self.allow


@dataclass(frozen=True, slots=True)
class PermissionHolder:
    """Whose permissions are computed: the member, the @everyone role (the guild's id)
    and the member's other roles."""

    member_id: int
    everyone_id: int
    role_ids: Collection[int]


def apply_overwrites(
    base: Permission, holder: PermissionHolder, overwrites: Collection[Overwrite]
) -> Permission:
    """Apply a channel's overwrites in Discord's order: @everyone, all roles at once,
    the member."""
    permissions = base
    roles = Overwrite(0, OverwriteType.ROLE)
    own = Overwrite(0, OverwriteType.MEMBER)
    for overwrite in overwrites:
        if overwrite.type is OverwriteType.MEMBER:
            own = overwrite if overwrite.id == holder.member_id else own
        elif overwrite.id == holder.everyone_id:
            permissions = overwrite.apply_to(permissions)
        # Gathered and applied at once: what one role allows outweighs another's denial.
        elif overwrite.id in holder.role_ids:
            roles = Overwrite(
                0,
                OverwriteType.ROLE,
                roles.allow | overwrite.allow,
                roles.deny | overwrite.deny,
            )
    return own.apply_to(roles.apply_to(permissions))


def with_implied(
    permissions: Permission, *, in_thread: bool, in_voice: bool
) -> Permission:
    """Take away what Discord denies implicitly: everything without VIEW_CHANNEL, and
    what hangs on sending.

    In voice and stage channels nothing is left without CONNECT but the view of the
    channel.
    """
    sending = (
        Permission.SEND_MESSAGES_IN_THREADS if in_thread else Permission.SEND_MESSAGES
    )
    if not permissions & sending:
        permissions &= ~NEEDS_SENDING
    if not permissions & Permission.VIEW_CHANNEL:
        return permissions & GUILD_WIDE
    if in_voice and not permissions & Permission.CONNECT:
        return permissions & (GUILD_WIDE | Permission.VIEW_CHANNEL)
    return permissions
