"""REST routes with which a bot changes names and rights: its nickname, overwrites, and
the state of threads."""

from __future__ import annotations

from aiohttp import web

from app.loopback import channel_payloads, errors, user_payloads
from app.loopback.guilds import Account, Role
from app.loopback.rest import ApiRequest, Routes, json_response, no_content
from app.loopback.state import Channel, Permission

MAX_NICK = 32

_OVERWRITE = "/channels/{channel_id}/permissions/{overwrite_id}"


class RightRoutes(Routes):
    """Handlers and their route table."""

    def route_table(self) -> list[web.RouteDef]:
        route = self._frame.route
        return [
            route("PATCH", "/guilds/{guild_id}/members/@me", self.rename_self),
            route("PUT", _OVERWRITE, self.set_overwrite),
            route("DELETE", _OVERWRITE, self.remove_overwrite),
            route("PATCH", "/channels/{channel_id}", self.change_channel),
        ]

    async def rename_self(self, call: ApiRequest) -> web.Response:
        guild = self._service.world.guilds.get(call.id("guild_id"))
        if guild is None or call.bot.id not in guild.members:
            raise errors.unknown_guild()
        if not guild.permissions(call.bot.id) & Permission.CHANGE_NICKNAME:
            raise errors.missing_permissions()
        nick = str((await call.body()).get("nick") or "")
        if len(nick) > MAX_NICK:
            raise errors.invalid_form(
                "nick", "BASE_TYPE_BAD_LENGTH", "Must be 32 or fewer in length."
            )
        self._service.guilds.set_nick(guild, call.bot, nick)
        return json_response(user_payloads.member(call.bot, guild))

    async def set_overwrite(self, call: ApiRequest) -> web.Response:
        channel, target = self._target_of_call(call)
        body = await call.body()
        allow, deny = (
            Permission(int(str(body.get(name) or 0))) for name in ("allow", "deny")
        )
        self._service.channels.set_overwrite(channel, target, allow, deny)
        return no_content()

    async def remove_overwrite(self, call: ApiRequest) -> web.Response:
        channel, target = self._target_of_call(call)
        self._service.channels.set_overwrite(
            channel, target, Permission(0), Permission(0)
        )
        return no_content()

    async def change_channel(self, call: ApiRequest) -> web.Response:
        """Name and topic of a channel; name, archiving and lock of a thread, of which
        the owner may archive."""
        channel = self._frame.visible_channel(call)
        body = await call.body()
        archives = set(body) <= {"archived"} and channel.owner_id == call.bot.id
        if not archives:
            needed = (
                Permission.MANAGE_THREADS
                if channel.is_thread
                else Permission.MANAGE_CHANNELS
            )
            self._access.demand_permissions(call.bot, channel, needed)
        if channel.archived and body.get("archived") is not False:
            raise errors.thread_is_archived()
        channel.name = str(body.get("name") or channel.name)
        if "topic" in body:
            channel.topic = None if body["topic"] is None else str(body["topic"])
        if channel.is_thread:
            archived, locked = (
                None if name not in body else bool(body[name])
                for name in ("archived", "locked")
            )
            self._service.channels.set_state(channel, archived=archived, locked=locked)
        else:
            self._service.channels.changed(channel)
        return json_response(channel_payloads.channel(self._service.world, channel))

    def _target_of_call(self, call: ApiRequest) -> tuple[Channel, Account | Role]:
        channel = self._frame.visible_channel(call)
        guild = self._service.world.guild_of(channel)
        if guild is None or channel.is_thread:
            raise errors.wrong_channel_type()
        self._access.demand_permissions(call.bot, channel, Permission.MANAGE_ROLES)
        wanted = call.id("overwrite_id")
        member = guild.members.get(wanted)
        target = guild.roles.get(wanted) if member is None else member.account
        if target is None:
            raise errors.unknown_role()
        return channel, target
