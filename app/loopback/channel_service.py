"""What can happen to channels and threads: made, changed, deleted, archived, joined.
Tells the gateway of each."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from app.loopback import channel_payloads, errors
from app.loopback.channels import Channel, ChannelType, ForumTag
from app.loopback.errors import Json
from app.loopback.guild_service import GuildService
from app.loopback.permissions import Overwrite, OverwriteType, Permission
from app.loopback.sessions import Intent, Session, SharedEvent
from app.loopback.state import Account, Guild, Message, Role

_ARCHIVES = (
    ChannelType.TEXT,
    ChannelType.ANNOUNCEMENT,
    ChannelType.FORUM,
    ChannelType.MEDIA,
)


class ChannelService:
    """The actions on channels and threads. They check no permissions."""

    def __init__(self, guilds: GuildService) -> None:
        self.guilds = guilds
        self.world = guilds.world
        self.hub = guilds.hub

    def add_channel(
        self, guild: Guild, channel_type: ChannelType, name: str, parent: Channel | None
    ) -> Channel:
        """Make a channel, in a category if one is given; it then begins with the
        category's overwrites."""
        channel = self.world.add_channel(guild, channel_type, name)
        if parent is not None:
            channel.parent_id = parent.id
            channel.overwrites = dict(parent.overwrites)
        self.world.forget_views()
        self._channel_event("CHANNEL_CREATE", channel)
        return channel

    def changed(self, channel: Channel) -> None:
        """Tell of a channel that is no longer as it was (name, topic, tags) or of such
        a thread."""
        if channel.is_thread:
            self._thread_event(
                "THREAD_UPDATE", channel, channel_payloads.thread(channel)
            )
        else:
            self._channel_event("CHANNEL_UPDATE", channel)

    def delete(self, channel: Channel) -> None:
        """Delete a channel with its threads, or one thread."""
        if channel.is_thread:
            shape = channel_payloads.thread(channel)
            kept = {
                name: shape[name] for name in ("id", "guild_id", "parent_id", "type")
            }
            self._thread_event("THREAD_DELETE", channel, kept)
        else:
            self._channel_event("CHANNEL_DELETE", channel)
            for thread in [
                c
                for c in self.world.channels.values()
                if c.is_thread and c.parent_id == channel.id
            ]:
                self._forget_channel(thread)
        self._forget_channel(channel)

    def set_overwrite(
        self,
        channel: Channel,
        target: Account | Role,
        allow: Permission,
        deny: Permission,
    ) -> None:
        """Write a channel's overwrite for a member or role; one that says nothing is
        removed."""
        kind = (
            OverwriteType.MEMBER if isinstance(target, Account) else OverwriteType.ROLE
        )
        with self.guilds.access_changes(self._guild_of(channel), told=channel):
            if allow or deny:
                channel.overwrites[target.id] = Overwrite(target.id, kind, allow, deny)
            else:
                channel.overwrites.pop(target.id, None)
            self.world.forget_views()
            self._channel_event("CHANNEL_UPDATE", channel)

    def deny(
        self,
        channel: Channel,
        target: Account | Role,
        denied: Permission,
        *,
        lifted: bool,
    ) -> None:
        """Add permissions to what a channel denies somebody, or lift the denial; what
        it allows besides stays."""
        place = (
            self.world.channels[channel.parent_id or 0]
            if channel.is_thread
            else channel
        )
        kind = (
            OverwriteType.MEMBER if isinstance(target, Account) else OverwriteType.ROLE
        )
        before = place.overwrites.get(target.id, Overwrite(target.id, kind))
        after = replace(
            before, deny=before.deny & ~denied if lifted else before.deny | denied
        )
        self.set_overwrite(place, target, after.allow & ~after.deny, after.deny)

    def add_tag(
        self, forum: Channel, name: str, *, moderated: bool = False
    ) -> ForumTag:
        """Give a forum one more tag."""
        tag = ForumTag(self.world.snowflakes.next(), name, moderated)
        forum.available_tags.append(tag)
        self.changed(forum)
        return tag

    def open_thread(
        self, owner: Account, parent: Channel, name: str, message: Message | None = None
    ) -> Channel:
        """Open a public thread in a channel, on a message if one is given."""
        if parent.type not in _ARCHIVES or (parent.is_forum and message is not None):
            raise errors.wrong_channel_type()
        # A thread on a message has the message's id, so that there can be only one.
        if message is not None and message.id in self.world.channels:
            raise errors.ApiError(
                400, 160004, "A thread has already been created for this message"
            )
        thread = self.world.add_thread(
            owner, parent, name, None if message is None else message.id
        )
        self._announce_thread(owner, thread)
        return thread

    def open_private_thread(
        self, owner: Account, parent: Channel, name: str, members: Sequence[Account]
    ) -> Channel:
        """Open a private thread that only these members, and who manages threads, can
        see."""
        if parent.type is not ChannelType.TEXT:
            raise errors.wrong_channel_type()
        thread = self.world.add_thread(owner, parent, name, None)
        thread.type = ChannelType.PRIVATE_THREAD
        for member in members:
            thread.member_ids[member.id] = self.world.snowflakes.next()
        self._announce_thread(owner, thread)
        return thread

    def open_post(
        self, owner: Account, forum: Channel, title: str, tags: Sequence[int]
    ) -> Channel:
        """Open a forum post; its first message, which has its id, must follow at
        once."""
        if not forum.is_forum:
            raise errors.wrong_channel_type()
        thread = self.world.add_thread(owner, forum, title, None)
        thread.applied_tags = list(tags)
        forum.last_message_id = thread.id
        self._announce_thread(owner, thread)
        return thread

    def set_state(
        self,
        thread: Channel,
        *,
        archived: bool | None = None,
        locked: bool | None = None,
    ) -> None:
        """Archive, revive, lock or unlock a thread; what is None stays."""
        if archived is not None and archived != thread.archived:
            thread.archived = archived
            thread.archived_at = time.time()
        thread.locked = thread.locked if locked is None else locked
        self.changed(thread)

    def join(self, thread: Channel, account: Account) -> None:
        """Make an account a member of a thread; one that newly sees it hears
        THREAD_CREATE."""
        if account.id in thread.member_ids:
            return
        # Asked before it joins: a member sees even a private thread.
        unseen = not self.world.can_see(account.id, thread)
        thread.member_ids[account.id] = self.world.snowflakes.next()
        self.world.forget_views()
        if unseen:
            shape = channel_payloads.thread(thread, account)
            self.hub.publish_to(
                SharedEvent.plain("THREAD_CREATE", Intent.GUILDS, shape), account.id
            )
        added = [channel_payloads.thread_member(thread, account.id)]
        self._members_event(thread, account.id, {"added_members": added})

    def leave(self, thread: Channel, account: Account) -> None:
        """Take an account out of a thread."""
        if thread.member_ids.pop(account.id, None) is None:
            return
        self._members_event(
            thread, account.id, {"removed_member_ids": [str(account.id)]}
        )
        self.world.forget_views()

    def _announce_thread(self, owner: Account, thread: Channel) -> None:
        thread.member_ids[owner.id] = self.world.snowflakes.next()
        self.world.forget_views()

        def shape_for(session: Session) -> str:
            return str(session.bot.id) if session.bot.id in thread.member_ids else ""

        def shape(name: str) -> Json:
            member = self.world.accounts[int(name)] if name else None
            return {**channel_payloads.thread(thread, member), "newly_created": True}

        self.hub.publish(
            SharedEvent("THREAD_CREATE", Intent.GUILDS, shape, shape_for), thread
        )

    def _members_event(self, thread: Channel, account_id: int, change: Json) -> None:
        """THREAD_MEMBERS_UPDATE: without the members intent a bot hears of itself
        only."""
        shape: Json = {
            "id": str(thread.id),
            "guild_id": str(thread.guild_id),
            "member_count": len(thread.member_ids),
            **change,
        }
        event = SharedEvent.plain("THREAD_MEMBERS_UPDATE", Intent.GUILD_MEMBERS, shape)
        self.hub.publish_member(event, self._guild_of(thread), account_id)

    def _channel_event(self, name: str, channel: Channel) -> None:
        """An event about a channel: those who may not view it are sent its obfuscated
        form."""
        world = self.world

        def shape_for(session: Session) -> str:
            return "seen" if world.can_see(session.bot.id, channel) else "hidden"

        def shape(name: str) -> Json:
            return (
                channel_payloads.channel(world, channel)
                if name == "seen"
                else channel_payloads.obfuscated_channel(channel)
            )

        self.hub.publish_in_guild(
            SharedEvent(name, Intent.GUILDS, shape, shape_for), self._guild_of(channel)
        )

    def _thread_event(self, name: str, thread: Channel, shape: Json) -> None:
        self.hub.publish(SharedEvent.plain(name, Intent.GUILDS, shape), thread)

    def _guild_of(self, channel: Channel) -> Guild:
        guild = self.world.guild_of(channel)
        if guild is None:
            raise errors.wrong_channel_type()
        return guild

    def _forget_channel(self, channel: Channel) -> None:
        del self.world.channels[channel.id]
        for message_id in channel.message_ids:
            del self.world.messages[message_id]
        self.world.forget_views()
