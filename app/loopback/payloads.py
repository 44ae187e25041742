"""JSON shapes of Discord's API v10 and gateway, built from the state (source: Discord's
developer documentation)."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from app.loopback import defaults
from app.loopback.channel_payloads import channel, dm_channel, thread
from app.loopback.errors import Json
from app.loopback.guild_payloads import guild, guild_create, roles
from app.loopback.mentions import Mentions
from app.loopback.snowflake import iso_time
from app.loopback.state import Account, Guild, Message, World
from app.loopback.user_payloads import (
    application,
    current_user,
    member,
    partial_member,
    user,
)

__all__ = [
    "application",
    "channel",
    "current_user",
    "dm_channel",
    "emoji",
    "guild",
    "guild_create",
    "member",
    "mention_fields",
    "message",
    "message_event",
    "partial_member",
    "roles",
    "thread",
    "user",
    "without_content",
]


def emoji(text: str) -> Json:
    return {"id": None, "name": text}


def _author_payload(item: Message) -> Json:
    if item.webhook_id is None:
        return user(item.author)
    return {
        **user(item.author),
        "id": str(item.webhook_id),
        "username": item.author.name,
        "bot": True,
        "discriminator": "0000",
        "global_name": None,
        "avatar": item.webhook_avatar,
    }


def _reference_payload(item: Message, channel_id: int, guild_id: int | None) -> Json:
    reference: Json = {
        "type": 0,
        "channel_id": str(channel_id),
        "message_id": str(item.reply_to),
    }
    if guild_id is not None:
        reference["guild_id"] = str(guild_id)
    return reference


def message(
    world: World, item: Message, viewer: Account | None = None, *, quoted: bool = False
) -> Json:
    """A message as REST returns it: no guild, no member, no nonce. A quoted message
    quotes no further one."""
    shape: Json = {
        "id": str(item.id),
        "channel_id": str(item.channel.id),
        "type": item.type,
        "content": item.content,
        "author": _author_payload(item),
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
        shape["reactions"] = [
            _reaction_count(text, users, viewer)
            for text, users in item.reactions.items()
        ]
    if item.reply_to is not None:
        target = world.messages.get(item.reply_to)
        # A thread's first message refers to one of the parent channel.
        home = item.channel if target is None else target.channel
        shape["message_reference"] = _reference_payload(
            item, home.id, item.channel.guild_id
        )
        # One level, as at Discord, however long the chain of replies is.
        if not quoted:
            shape["referenced_message"] = (
                None if target is None else message(world, target, viewer, quoted=True)
            )
    return with_own_fields(shape, item, keep=defaults.MESSAGE_REQUIRED)


def with_own_fields(shape: Json, item: Message, keep: Collection[str] = ()) -> Json:
    """The message's JSON with its extra fields and without its dropped ones, `keep`
    excepted."""
    shape |= item.extra
    for name in item.dropped.difference(keep):
        shape.pop(name, None)
    return shape


def _reaction_count(
    text: str, users: Mapping[int, None], viewer: Account | None
) -> Json:
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
    """A message as the gateway sends it: with guild, author's member and each mentioned
    user's member."""
    shape = message(world, item)
    if item.channel.guild_id is None:
        return with_own_fields(shape, item)
    home = world.guilds[item.channel.guild_id]
    shape["guild_id"] = str(home.id)
    if item.webhook_id is None and item.author.id in home.members:
        shape["member"] = partial_member(item.author, home)
    mentioned = [world.accounts[i] for i in item.mentioned]
    shape["mentions"] = [_mentioned_user(account, home) for account in mentioned]
    return with_own_fields(shape, item)


def _mentioned_user(account: Account, home: Guild) -> Json:
    if account.id not in home.members:
        return user(account)
    return {**user(account), "member": partial_member(account, home)}


def without_content(shape: Json) -> Json:
    """A message for a bot that lacks the message content intent: its poll and what it
    forwards are left out too."""
    bare: Json = {
        **shape,
        "content": "",
        "embeds": [],
        "attachments": [],
        "components": [],
    }
    bare.pop("poll", None)
    snapshots = bare.get("message_snapshots")
    if isinstance(snapshots, list):
        bare["message_snapshots"] = [
            {"message": without_content(item["message"])} for item in snapshots
        ]
    return bare


def hidden_parts(world: World, item: Message, reader: int) -> str:
    """What is hidden from a bot without the intent: "both", "own content", "quoted" or
    "nothing".

    All bots from whom the same is hidden get the same JSON.
    """
    target = None if item.reply_to is None else world.messages.get(item.reply_to)
    quoted = target is not None and not reads_content(target, reader)
    if reads_content(item, reader):
        return "quoted" if quoted else "nothing"
    return "both" if quoted else "own content"


def without_hidden(shape: Json, hidden: str) -> Json:
    """A message's JSON without what `veil` says is hidden."""
    seen = without_content(shape) if hidden in ("both", "own content") else shape
    quoted = shape.get("referenced_message")
    if hidden in ("both", "quoted") and isinstance(quoted, dict):
        return {**seen, "referenced_message": without_content(quoted)}
    return seen


def reads_content(item: Message, reader: int) -> bool:
    """May a bot without the intent read this message: its own, one that mentions it, or
    a direct one?"""
    is_own = item.author.id == reader and item.webhook_id is None
    return is_own or reader in item.mentioned or item.channel.guild_id is None


def mention_fields(item: Message, mentions: Mentions) -> None:
    """Write what a message mentions into its state."""
    item.mentioned = mentions.users
    item.mentioned_roles = mentions.roles
    item.mention_everyone = mentions.everyone
