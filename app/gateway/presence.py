"""What a bot is and may do in its servers, as discord.py knows it: its names, its
roles, where it may read and write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import discord

Readable = (
    discord.TextChannel | discord.VoiceChannel | discord.StageChannel | discord.Thread
)
Vocal = discord.VoiceChannel | discord.StageChannel


@dataclass(frozen=True, slots=True)
class Presence:
    """One bot in Discord. All ids are decimal strings."""

    user_id: str
    username: str = ""
    nicknames: Mapping[str, str] = field(default_factory=dict)
    """By server."""
    roles: tuple[str, ...] = ()
    """Those that Discord made for the bot, one for each server."""
    channels: tuple[str, ...] = ()
    """Channels and threads that it can read."""
    writable: frozenset[str] = frozenset()
    """Those of them in which it may write."""
    reactable: frozenset[str] = frozenset()
    """Those in which it may react."""
    referable: frozenset[str] = frozenset()
    """Those in which it may reply to a message by a reference."""
    touched: frozenset[str] = frozenset()
    """Those where rights were changed since the last presence, maybe there and back."""
    names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By server: what its channels and roles are called, by id; `topic:<id>` is what a
    channel is for."""


class Rights(NamedTuple):
    """What a member may do in a channel."""

    may_read: bool = False
    barred: str = ""
    """Why it may not write, in a few words; empty: it may, or nobody can tell."""
    may_react: bool = False


def rights_in(place: object) -> Rights:
    """What the bot whose client knows this channel may do in it. Of a private channel,
    or where a server is unavailable, nobody can tell."""
    if not isinstance(place, Readable) or place.guild.me is None:
        return Rights()
    me = place.guild.me
    reads = not place.guild.unavailable and may_read(place, me)
    return Rights(reads, barred(place, me), may_react(place, me))


def presence_of(client: discord.Client) -> Presence:
    """A client's presence now. Empty before the login."""
    if client.user is None:
        return Presence("")
    places = readable(client)
    return Presence(
        user_id=str(client.user.id),
        username=client.user.name,
        nicknames={
            str(guild.id): guild.me.nick for guild in known(client) if guild.me.nick
        },
        roles=tuple(
            str(role.id)
            for guild in known(client)
            for role in [own_role(guild)]
            if role is not None
        ),
        channels=tuple(str(place.id) for place in places),
        writable=frozenset(
            [
                *(
                    str(place.id)
                    for place in places
                    if not barred(place, place.guild.me)
                ),
                # A forum holds no messages itself, but may stand in
                # STREAM_SPEAK_CHANNELS.
                *_forums(client),
            ]
        ),
        reactable=_ids(place for place in places if may_react(place, place.guild.me)),
        referable=_ids(place for place in places if may_refer(place, place.guild.me)),
        names={str(guild.id): _names(guild) for guild in known(client)},
    )


def _ids(places: Iterable[Readable]) -> frozenset[str]:
    return frozenset(str(place.id) for place in places)


def _forums(client: discord.Client) -> list[str]:
    """Forums in whose posts a client may write."""
    return [
        str(forum.id)
        for guild in known(client)
        for forum in guild.forums
        if forum.permissions_for(guild.me).send_messages_in_threads
    ]


def known(client: discord.Client) -> list[discord.Guild]:
    """The servers that Discord has described: one that is unavailable has no members,
    not even the bot."""
    return [
        guild
        for guild in client.guilds
        if not guild.unavailable and guild.me is not None
    ]


def own_role(guild: discord.Guild) -> discord.Role | None:
    """The role that Discord made for the bot when it was let in."""
    return next(
        (
            role
            for role in guild.roles
            if role.tags is not None and role.tags.bot_id == guild.me.id
        ),
        None,
    )


def _names(guild: discord.Guild) -> dict[str, str]:
    found = {str(role.id): role.name for role in guild.roles}
    for place in [*guild.channels, *guild.threads]:
        found[str(place.id)] = place.name
        topic = getattr(place, "topic", None)
        if topic:
            found[f"topic:{place.id}"] = str(topic)[:300]
    return found


def readable(client: discord.Client) -> list[Readable]:
    """The channels and threads with messages that this client may read."""
    return [place for guild in known(client) for place in readable_in(guild)]


def places_in(guild: discord.Guild) -> list[str]:
    """The ids of a server's channels and threads."""
    return [str(place.id) for place in (*guild.channels, *guild.threads)]


def readable_in(guild: discord.Guild) -> list[Readable]:
    """Those of one server that Discord has described."""
    places: list[Readable] = [
        *guild.text_channels,
        *guild.voice_channels,
        *guild.stage_channels,
        *guild.threads,
    ]
    return [place for place in places if may_read(place, guild.me)]


def may_read(place: Readable, me: discord.Member) -> bool:
    """Whether this member hears what is said in a channel. Without the right to read
    history a bot hears what is new, and Discord answers every look at the past with an
    empty list."""
    try:
        permissions = place.permissions_for(me)
    except discord.ClientException:
        # A thread whose parent is not cached: nobody can tell, so nothing is read.
        return False
    return permissions.view_channel and (
        permissions.connect or not isinstance(place, Vocal)
    )


def barred(place: object, me: discord.Member) -> str:
    """Why this member may not write in a channel or thread, in a few words; empty: it
    may, or nobody can tell."""
    if not isinstance(place, Readable):
        return ""
    if me.is_timed_out():
        # Asked first: discord.py takes a time-out off the permissions, which would
        # then tell of a missing right.
        return "it is timed out in this server"
    try:
        return _missing(place, place.permissions_for(me))
    except discord.ClientException:
        return ""


def may_react(place: object, me: discord.Member) -> bool:
    """Whether this member may react to messages in a channel or thread, also where it
    may not write."""
    if not isinstance(place, Readable) or me.is_timed_out():
        return False
    try:
        permissions = place.permissions_for(me)
    except discord.ClientException:
        return False
    return permissions.add_reactions and permissions.read_message_history


def may_refer(place: Readable, me: discord.Member) -> bool:
    """Whether this member may reply by a reference: Discord asks for the right to read
    the history."""
    try:
        return place.permissions_for(me).read_message_history
    except discord.ClientException:
        return False


def _missing(place: Readable, permissions: discord.Permissions) -> str:
    """What a member with these permissions lacks to write in a channel or thread;
    empty: nothing."""
    if isinstance(place, discord.Thread):
        if place.locked and not permissions.manage_threads:
            return "the thread is locked"
        return (
            ""
            if permissions.send_messages_in_threads
            else "it may not write in threads here"
        )
    if isinstance(place, Vocal) and not permissions.connect:
        return "it may not connect to this voice channel"
    return "" if permissions.send_messages else "it may not write in this channel"
