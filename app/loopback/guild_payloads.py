"""JSON shapes of guilds and roles (source: Discord's developer documentation)."""

from __future__ import annotations

from app.loopback import defaults
from app.loopback.channel_payloads import as_seen_by, thread
from app.loopback.errors import Json
from app.loopback.guilds import Account, Guild, Role
from app.loopback.snowflake import iso_time
from app.loopback.state import World
from app.loopback.user_payloads import member


def role(item: Role) -> Json:
    shape: Json = {
        **defaults.ROLE,
        "id": str(item.id),
        "name": item.name,
        "permissions": str(int(item.permissions)),
        "position": item.position,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "managed": item.bot_id is not None,
        "mentionable": item.mentionable,
    }
    if item.bot_id is not None:
        shape["tags"] = {"bot_id": str(item.bot_id)}
    return shape


def roles(guild: Guild) -> list[Json]:
    """The guild's roles; @everyone has the guild's id."""
    return [role(item) for item in guild.roles.values()]


def guild(item: Guild) -> Json:
    """A guild as REST returns it."""
    return {
        **defaults.GUILD,
        "id": str(item.id),
        "name": item.name,
        "owner_id": str(item.owner_id),
        "roles": roles(item),
    }


def guild_create(
    world: World,
    item: Guild,
    viewer: Account,
    *,
    all_members: bool,
    joined: bool = False,
) -> Json:
    """GUILD_CREATE for one bot. Without the members intent it lists only the bot
    itself, as at Discord.

    `joined`: the bot was not in the guild before, which clients tell by the missing
    `unavailable`.
    """
    own = item.members[viewer.id]
    members = item.members.values() if all_members else [own]
    return {
        **guild(item),
        "joined_at": iso_time(own.joined),
        "large": False,
        **({} if joined else {"unavailable": False}),
        "member_count": len(item.members),
        "members": [member(one.account, item) for one in members],
        "channels": [as_seen_by(world, c, viewer) for c in world.guild_channels(item)],
        "threads": [
            thread(t, viewer)
            for t in world.guild_threads(item)
            if world.can_see(viewer.id, t)
        ],
        "voice_states": [],
        "presences": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "soundboard_sounds": [],
    }
