"""JSON shapes of channels, threads and DM channels (source: Discord's developer
documentation)."""

from __future__ import annotations

from datetime import UTC, datetime

from app.loopback.channels import Channel, ChannelFlag, ChannelType, ForumTag
from app.loopback.errors import Json
from app.loopback.guilds import Account
from app.loopback.permissions import Overwrite, OverwriteType, Permission
from app.loopback.snowflake import iso_time
from app.loopback.state import World
from app.loopback.user_payloads import user

_HIDDEN_NAME = "___hidden___"


def channel(world: World, item: Channel) -> Json:
    """A channel of any kind as those see it who may view it."""
    if item.is_thread:
        return thread(item)
    shape = _base_fields(item)
    if item.type is ChannelType.DM:
        return {
            **shape,
            "recipients": [user(world.accounts[i]) for i in sorted(item.recipient_ids)],
        }
    shape |= _in_guild(item)
    shape |= {
        "name": item.name,
        "topic": item.topic,
        "parent_id": None if item.parent_id is None else str(item.parent_id),
        "permission_overwrites": [
            _overwrite_payload(one) for one in item.overwrites.values()
        ],
    }
    if item.is_forum:
        shape["available_tags"] = [_forum_tag(tag) for tag in item.available_tags]
    return shape


def obfuscated_channel(item: Channel) -> Json:
    """A channel as Discord shows it over the gateway to those who may not view it."""
    denied = Overwrite(
        item.guild_id or 0, OverwriteType.ROLE, deny=Permission.VIEW_CHANNEL
    )
    return {
        **_base_fields(item),
        **_in_guild(item),
        "flags": int(ChannelFlag.OBFUSCATED),
        "last_message_id": None,
        "name": _HIDDEN_NAME,
        "topic": None,
        "parent_id": None if item.parent_id is None else str(item.parent_id),
        "permission_overwrites": [_overwrite_payload(denied)],
    }


def as_seen_by(world: World, item: Channel, viewer: Account) -> Json:
    """A guild's channel as the gateway shows it to one bot."""
    return (
        channel(world, item)
        if world.can_see(viewer.id, item)
        else obfuscated_channel(item)
    )


def dm_channel(world: World, item: Channel, viewer: Account) -> Json:
    """A DM channel as one of the two sees it: the other is the recipient."""
    shape = channel(world, item)
    shape["recipients"] = [
        user(world.accounts[i]) for i in sorted(item.recipient_ids - {viewer.id})
    ]
    return shape


def thread(item: Channel, viewer: Account | None = None) -> Json:
    """A thread or forum post; with its `member` when the viewer has joined it."""
    created = iso_time(item.id)
    changed = item.archived_at
    shape: Json = {
        **_base_fields(item),
        "guild_id": str(item.guild_id),
        "parent_id": str(item.parent_id),
        "owner_id": str(item.owner_id),
        "name": item.name,
        "message_count": item.message_count,
        "total_message_sent": item.message_count,
        # Discord stops counting at 50.
        "member_count": min(len(item.member_ids), 50),
        "rate_limit_per_user": 0,
        "applied_tags": [str(i) for i in item.applied_tags],
        "thread_metadata": {
            "archived": item.archived,
            "auto_archive_duration": 1440,
            "archive_timestamp": created
            if changed is None
            else datetime.fromtimestamp(changed, UTC).isoformat(),
            "create_timestamp": created,
            "locked": item.locked,
        },
    }
    if viewer is not None and viewer.id in item.member_ids:
        shape["member"] = thread_member(item, viewer.id)
    return shape


def thread_member(item: Channel, account_id: int) -> Json:
    """One member of a thread."""
    joined = iso_time(item.member_ids[account_id])
    return {
        "id": str(item.id),
        "user_id": str(account_id),
        "join_timestamp": joined,
        "flags": 0,
    }


def _base_fields(item: Channel) -> Json:
    last = None if item.last_message_id is None else str(item.last_message_id)
    return {
        "id": str(item.id),
        "type": int(item.type),
        "last_message_id": last,
        "flags": 0,
    }


def _in_guild(item: Channel) -> Json:
    """What is no secret of a channel, by its kind; a client that misses such a field
    cannot read the guild."""
    shape: Json = {
        "guild_id": str(item.guild_id),
        "position": item.position,
        "nsfw": False,
        "rate_limit_per_user": 0,
    }
    if item.is_voice:
        return shape | {
            "bitrate": 64000,
            "user_limit": 0,
            "rtc_region": None,
            "video_quality_mode": 1,
        }
    return shape | _of_forum() if item.is_forum else shape


def _of_forum() -> Json:
    return {
        "available_tags": [],
        "default_reaction_emoji": None,
        "default_sort_order": None,
        "default_forum_layout": 0,
        "default_thread_rate_limit_per_user": 0,
        "default_auto_archive_duration": 4320,
    }


def _forum_tag(tag: ForumTag) -> Json:
    return {
        "id": str(tag.id),
        "name": tag.name,
        "moderated": tag.moderated,
        "emoji_id": None,
        "emoji_name": tag.emoji,
    }


def _overwrite_payload(item: Overwrite) -> Json:
    return {
        "id": str(item.id),
        "type": int(item.type),
        "allow": str(int(item.allow)),
        "deny": str(int(item.deny)),
    }
