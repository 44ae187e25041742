"""What can happen to guilds and their members: joining, names, time-outs, roles,
outages. Tells the gateway of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from app.loopback import channel_payloads, guild_payloads, user_payloads
from app.loopback.errors import Json
from app.loopback.gateway import Hub
from app.loopback.permissions import NOTHING, Permission
from app.loopback.sessions import Intent, SharedEvent
from app.loopback.state import Account, Channel, Guild, Role, World


class GuildService:
    """The actions on guilds. They check no permissions."""

    def __init__(self, world: World, hub: Hub) -> None:
        self.world = world
        self.hub = hub
        self._invited: dict[int, Permission] = {}

    def add_guild(
        self, name: str, members: Sequence[Account], owner: Account | None = None
    ) -> Guild:
        """A guild with these members, and its owner among them."""
        guild = self.world.add_guild(name)
        if owner is not None:
            guild.owner_id = owner.id
        for account in dict.fromkeys((*members, *([] if owner is None else [owner]))):
            self._enter_guild(guild, account)
        self.hub.publish_guild(guild, joined=True)
        return guild

    def invite(self, bot: Account, permissions: Permission) -> None:
        """Say what a bot asks for when it joins guilds; without any permission it
        brings no role along."""
        self._invited[bot.id] = permissions

    def join(self, guild: Guild, account: Account) -> None:
        """Let an account join: it hears GUILD_CREATE, the others of a member and of the
        role of a bot."""
        role = self._enter_guild(guild, account)
        if role is not None:
            self._role_event("GUILD_ROLE_CREATE", guild, role)
        shape = {**user_payloads.member(account, guild), "guild_id": str(guild.id)}
        self.hub.publish_in_guild(
            SharedEvent.plain("GUILD_MEMBER_ADD", Intent.GUILD_MEMBERS, shape), guild
        )
        self.hub.publish_guild(guild, account.id, joined=True)

    def kick(self, guild: Guild, account: Account) -> None:
        """Remove a member. A bot hears GUILD_DELETE, and its role goes with it."""
        del guild.members[account.id]
        self.world.forget_views()
        role = guild.managed_role(account)
        if role is not None:
            self.delete_role(guild, role)
        shape: Json = {"guild_id": str(guild.id), "user": user_payloads.user(account)}
        self.hub.publish_in_guild(
            SharedEvent.plain("GUILD_MEMBER_REMOVE", Intent.GUILD_MEMBERS, shape), guild
        )
        self.hub.publish_to(
            SharedEvent.plain("GUILD_DELETE", Intent.GUILDS, {"id": str(guild.id)}),
            account.id,
        )

    def set_unavailable(self, guild: Guild, unavailable: bool) -> None:
        """Begin or end an outage of one guild: GUILD_DELETE with `unavailable`, later
        GUILD_CREATE."""
        if unavailable:
            shape: Json = {"id": str(guild.id), "unavailable": True}
            self.hub.publish_in_guild(
                SharedEvent.plain("GUILD_DELETE", Intent.GUILDS, shape), guild
            )
        guild.unavailable = unavailable
        if not unavailable:
            self.hub.publish_guild(guild)

    def set_nick(self, guild: Guild, account: Account, nick: str | None) -> None:
        """Change the name of a member in one guild; None takes it away."""
        guild.members[account.id].nick = nick or None
        self._member_changed(guild, account)

    def time_out(self, guild: Guild, account: Account, until: float | None) -> None:
        """Silence a member until a moment (Unix seconds); None ends it."""
        guild.members[account.id].timed_out_until = until
        self.world.forget_views()
        self._member_changed(guild, account)

    def add_role(
        self, guild: Guild, name: str, permissions: Permission, *, mentionable: bool
    ) -> Role:
        """Make a role that nobody has yet."""
        role = self.world.add_role(guild, name, permissions)
        role.mentionable = mentionable
        self._role_event("GUILD_ROLE_CREATE", guild, role)
        return role

    def change_role(
        self, guild: Guild, role: Role, permissions: Permission | None, name: str | None
    ) -> None:
        """Give a role other permissions or another name; what is None stays."""
        with self.access_changes(guild):
            role.permissions = role.permissions if permissions is None else permissions
            role.name = name or role.name
            self._role_event("GUILD_ROLE_UPDATE", guild, role)

    def delete_role(self, guild: Guild, role: Role) -> None:
        """Delete a role: members lose it, and channels forget its overwrites."""
        with self.access_changes(guild):
            del guild.roles[role.id]
            for member in guild.members.values():
                if role.id in member.role_ids:
                    member.role_ids.remove(role.id)
            for channel in self.world.guild_channels(guild):
                channel.overwrites.pop(role.id, None)
            shape: Json = {"guild_id": str(guild.id), "role_id": str(role.id)}
            self.hub.publish_in_guild(
                SharedEvent.plain("GUILD_ROLE_DELETE", Intent.GUILDS, shape), guild
            )

    def set_role(self, guild: Guild, account: Account, role: Role, given: bool) -> None:
        """Give a member a role or take it."""
        current = guild.members[account.id].role_ids
        if (role.id in current) == given:
            return
        with self.access_changes(guild):
            if given:
                current.append(role.id)
            else:
                current.remove(role.id)
            self._member_changed(guild, account)

    @contextmanager
    def access_changes(
        self, guild: Guild, told: Channel | None = None
    ) -> Iterator[None]:
        """Around a change of rights: bots for which a channel appears or vanishes hear
        CHANNEL_UPDATE of it.

        Of a channel that appears they hear the threads too. `told` is a channel whose
        CHANNEL_UPDATE is sent anyway.
        """
        self.world.forget_views()
        before = self._visible_pairs(guild)
        try:
            yield
        finally:
            self.world.forget_views()
        after = self._visible_pairs(guild)
        for bot_id, channel_id in sorted(before ^ after):
            channel = self.world.channels.get(channel_id)
            if channel is None:
                continue
            if channel is not told:
                self._tell_channel(channel, bot_id)
            if (bot_id, channel_id) in after:
                self._tell_threads(guild, channel, bot_id)

    def _visible_pairs(self, guild: Guild) -> set[tuple[int, int]]:
        channels = self.world.guild_channels(guild)
        bots = [bot for bot in self.hub.bots() if bot.id in guild.members]
        return {
            (bot.id, c.id)
            for bot in bots
            for c in channels
            if self.world.can_see(bot.id, c)
        }

    def _tell_channel(self, channel: Channel, bot_id: int) -> None:
        shape = channel_payloads.as_seen_by(
            self.world, channel, self.world.accounts[bot_id]
        )
        self.hub.publish_to(
            SharedEvent.plain("CHANNEL_UPDATE", Intent.GUILDS, shape), bot_id
        )

    def _tell_threads(self, guild: Guild, channel: Channel, bot_id: int) -> None:
        bot = self.world.accounts[bot_id]
        threads = [
            t for t in self.world.guild_threads(guild) if t.parent_id == channel.id
        ]
        seen = [t for t in threads if self.world.can_see(bot_id, t)]
        joined = [t for t in seen if bot_id in t.member_ids]
        shape: Json = {
            "guild_id": str(guild.id),
            "channel_ids": [str(channel.id)],
            "threads": [channel_payloads.thread(t, bot) for t in seen],
            "members": [channel_payloads.thread_member(t, bot_id) for t in joined],
        }
        self.hub.publish_to(
            SharedEvent.plain("THREAD_LIST_SYNC", Intent.GUILDS, shape), bot_id
        )

    def _enter_guild(self, guild: Guild, account: Account) -> Role | None:
        member = self.world.add_member(guild, account)
        permissions = self._invited.get(account.id, NOTHING)
        if not permissions:
            return None
        role = self.world.add_role(
            guild, account.username, permissions, bot_id=account.id
        )
        member.role_ids.append(role.id)
        return role

    def _member_changed(self, guild: Guild, account: Account) -> None:
        shape = {**user_payloads.member(account, guild), "guild_id": str(guild.id)}
        event = SharedEvent.plain("GUILD_MEMBER_UPDATE", Intent.GUILD_MEMBERS, shape)
        self.hub.publish_member(event, guild, account.id)

    def _role_event(self, name: str, guild: Guild, role: Role) -> None:
        shape: Json = {"guild_id": str(guild.id), "role": guild_payloads.role(role)}
        self.hub.publish_in_guild(SharedEvent.plain(name, Intent.GUILDS, shape), guild)
