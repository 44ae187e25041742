"""JSON shapes of Discord's API v10 and gateway, built from the state (source: Discord's developer documentation)."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from app.playground.loopback import defaults
from app.playground.loopback.errors import Json
from app.playground.loopback.mentions import Mentions
from app.playground.loopback.snowflake import iso_time
from app.playground.loopback.state import (
    EVERYONE_PERMISSIONS,
    Account,
    Channel,
    ChannelType,
    Guild,
    Message,
    Permission,
    World,
)

_MEMBER_OVERWRITE = 1
_MESSAGE_CONTENT_LIMITED = 1 << 19


def user(account: Account) -> Json:
    return {
        **defaults.USER,
        "id": str(account.id),
        "username": account.name,
        "global_name": None if account.is_bot else account.name,
        "discriminator": "0001" if account.is_bot else "0",
        "bot": account.is_bot,
    }


def current_user(account: Account) -> Json:
    """The answer to GET /users/@me and the `user` of READY."""
    return {**user(account), "verified": True, "mfa_enabled": False, "email": None, "locale": "en-US"}


def partial_member(account: Account, guild: Guild) -> Json:
    """A member without its user, as messages, reactions and typing carry it."""
    roles = []
    if account.moderator:
        roles.append(str(guild.moderator_role_id))
    if account.administrator:
        roles.append(str(guild.administrator_role_id))
    return {
        **defaults.MEMBER,
        "nick": None,
        "roles": roles,
        "joined_at": iso_time(account.id),
        "pending": False,
        "communication_disabled_until": None,
    }


def member(account: Account, guild: Guild) -> Json:
    return {"user": user(account), **partial_member(account, guild)}


def _role(role_id: int, name: str, permissions: Permission, position: int) -> Json:
    return {
        **defaults.ROLE,
        "id": str(role_id),
        "name": name,
        "permissions": str(int(permissions)),
        "position": position,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "managed": False,
        "mentionable": True,
    }


def roles(guild: Guild) -> list[Json]:
    """The guild's roles: @everyone (with the guild's id), Moderator and Administrator."""
    return [
        _role(guild.id, "@everyone", EVERYONE_PERMISSIONS, 0),
        _role(guild.moderator_role_id, "Moderator", EVERYONE_PERMISSIONS | Permission.MANAGE_MESSAGES, 1),
        _role(guild.administrator_role_id, "Administrator", Permission.ADMINISTRATOR, 2),
    ]


def channel(world: World, item: Channel) -> Json:
    """A text channel, thread or DM channel."""
    if item.type is ChannelType.PUBLIC_THREAD:
        return thread(item)
    last = None if item.last_message_id is None else str(item.last_message_id)
    shape: Json = {"id": str(item.id), "type": int(item.type), "last_message_id": last, "flags": 0}
    if item.type is ChannelType.DM:
        return {**shape, "recipients": [user(world.accounts[i]) for i in sorted(item.recipient_ids)]}
    return {
        **shape,
        "guild_id": str(item.guild_id),
        "name": item.name,
        "topic": None,
        "position": item.position,
        "parent_id": None,
        "nsfw": False,
        "rate_limit_per_user": 0,
        "permission_overwrites": [
            {"id": str(i), "type": _MEMBER_OVERWRITE, "allow": "0", "deny": str(int(Permission.VIEW_CHANNEL))}
            for i in sorted(item.hidden_from)
        ],
    }


def dm_channel(world: World, item: Channel, viewer: Account) -> Json:
    """A DM channel as one of the two sees it: the other is the recipient."""
    shape = channel(world, item)
    shape["recipients"] = [user(world.accounts[i]) for i in sorted(item.recipient_ids - {viewer.id})]
    return shape


def thread(item: Channel) -> Json:
    created = iso_time(item.id)
    return {
        "id": str(item.id),
        "type": int(item.type),
        "guild_id": str(item.guild_id),
        "parent_id": str(item.parent_id),
        "owner_id": str(item.owner_id),
        "name": item.name,
        "last_message_id": None if item.last_message_id is None else str(item.last_message_id),
        "message_count": item.message_count,
        "total_message_sent": item.message_count,
        "member_count": 1,
        "rate_limit_per_user": 0,
        "flags": 0,
        "thread_metadata": {
            "archived": False,
            "auto_archive_duration": 1440,
            "archive_timestamp": created,
            "create_timestamp": created,
            "locked": False,
        },
    }


def guild(item: Guild) -> Json:
    return {
        **defaults.GUILD,
        "id": str(item.id),
        "name": item.name,
        "owner_id": str(item.owner_id),
        "roles": roles(item),
    }


def guild_create(world: World, item: Guild, viewer: Account, *, all_members: bool) -> Json:
    """GUILD_CREATE for one bot. Without the members intent it lists only the bot itself, as at Discord."""
    members = world.accounts.values() if all_members else [viewer]
    return {
        **guild(item),
        "joined_at": iso_time(viewer.id),
        "large": False,
        "unavailable": False,
        "member_count": len(world.accounts),
        "members": [member(account, item) for account in members],
        "channels": [channel(world, c) for c in world.guild_channels(item)],
        "threads": [thread(t) for t in world.guild_threads(item) if world.can_see(viewer.id, t)],
        "voice_states": [],
        "presences": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "soundboard_sounds": [],
    }


def application(account: Account) -> Json:
    """The answer to GET /oauth2/applications/@me; a bot's application has the bot's id."""
    return {
        **defaults.APPLICATION,
        "id": str(account.id),
        "name": account.name,
        "flags": _MESSAGE_CONTENT_LIMITED,
        "flags_new": str(_MESSAGE_CONTENT_LIMITED),
        "owner": user(account),
        "bot": user(account),
    }


def emoji(text: str) -> Json:
    return {"id": None, "name": text}


def _author(item: Message) -> Json:
    if item.webhook_id is None:
        return user(item.author)
    return {
        **user(item.author),
        "id": str(item.webhook_id),
        "bot": True,
        "discriminator": "0000",
        "global_name": None,
        "avatar": item.webhook_avatar,
    }


def _reference(item: Message, channel_id: int, guild_id: int | None) -> Json:
    reference: Json = {"type": 0, "channel_id": str(channel_id), "message_id": str(item.reply_to)}
    if guild_id is not None:
        reference["guild_id"] = str(guild_id)
    return reference


def message(world: World, item: Message, viewer: Account | None = None, *, quoted: bool = False) -> Json:
    """A message as REST returns it: no guild, no member, no nonce. A quoted message quotes no further one."""
    shape: Json = {
        "id": str(item.id),
        "channel_id": str(item.channel.id),
        "type": item.type,
        "content": item.content,
        "author": _author(item),
        "timestamp": iso_time(item.id),
        "edited_timestamp": item.edited_at,
        "tts": False,
        "pinned": False,
        "flags": item.flags,
        "mention_everyone": item.mention_everyone,
        "mentions": [user(world.accounts[i]) for i in item.mentioned],
        "mention_roles": [str(i) for i in item.mentioned_roles],
        "attachments": item.attachments,
        "embeds": item.embeds,
        "components": [],
    }
    if item.webhook_id is not None:
        shape["webhook_id"] = str(item.webhook_id)
    if item.application_id is not None:
        shape["application_id"] = str(item.application_id)
    if item.reactions:
        shape["reactions"] = [_reaction_count(text, users, viewer) for text, users in item.reactions.items()]
    if item.reply_to is not None:
        target = world.messages.get(item.reply_to)
        # A thread's first message refers to one of the parent channel.
        home = item.channel if target is None else target.channel
        shape["message_reference"] = _reference(item, home.id, item.channel.guild_id)
        if not quoted:
            shape["referenced_message"] = None if target is None else message(world, target, viewer, quoted=True)
    return with_own_fields(shape, item, keep=defaults.MESSAGE_REQUIRED)


def with_own_fields(shape: Json, item: Message, keep: Collection[str] = ()) -> Json:
    """The message's JSON with its extra fields and without its dropped ones, `keep` excepted."""
    shape |= item.extra
    for name in item.dropped.difference(keep):
        shape.pop(name, None)
    return shape


def _reaction_count(text: str, users: Mapping[int, None], viewer: Account | None) -> Json:
    mine = viewer is not None and viewer.id in users
    details: Json = {"burst": 0, "normal": len(users)}
    return {
        "emoji": emoji(text),
        "count": len(users),
        "count_details": details,
        "me": mine,
        "me_burst": False,
        "burst_colors": [],
    }


def message_event(world: World, item: Message) -> Json:
    """A message as the gateway sends it: with guild, author's member and each mentioned user's member."""
    shape = message(world, item)
    if item.channel.guild_id is None:
        return with_own_fields(shape, item)
    home = world.guilds[item.channel.guild_id]
    shape["guild_id"] = str(home.id)
    if item.webhook_id is None:
        shape["member"] = partial_member(item.author, home)
    mentioned = [world.accounts[i] for i in item.mentioned]
    shape["mentions"] = [{**user(account), "member": partial_member(account, home)} for account in mentioned]
    return with_own_fields(shape, item)


def without_content(shape: Json) -> Json:
    """A message for a bot that lacks the message content intent: its poll and what it forwards are left out too."""
    bare: Json = {**shape, "content": "", "embeds": [], "attachments": [], "components": []}
    bare.pop("poll", None)
    snapshots = bare.get("message_snapshots")
    if isinstance(snapshots, list):
        bare["message_snapshots"] = [{"message": without_content(item["message"])} for item in snapshots]
    return bare


def for_reader(world: World, item: Message, shape: Json, reader: int) -> Json:
    """A message, and the one that it quotes, as a bot without the message content intent gets them."""
    seen = shape if reads_content(item, reader) else without_content(shape)
    quoted = shape.get("referenced_message")
    target = None if item.reply_to is None else world.messages.get(item.reply_to)
    if not isinstance(quoted, dict) or target is None or reads_content(target, reader):
        return seen
    return {**seen, "referenced_message": without_content(quoted)}


def reads_content(item: Message, reader: int) -> bool:
    """May a bot without the intent read this message: its own, one that mentions it, or a direct one?"""
    is_own = item.author.id == reader and item.webhook_id is None
    return is_own or reader in item.mentioned or item.channel.guild_id is None


def mention_fields(item: Message, mentions: Mentions) -> None:
    """Write what a message mentions into its state."""
    item.mentioned = mentions.users
    item.mentioned_roles = mentions.roles
    item.mention_everyone = mentions.everyone
