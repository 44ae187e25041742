"""REST routes of everything but messages: the bot itself, users, guilds, members,
channels, threads, the gateway."""

from __future__ import annotations

from aiohttp import web

from app.loopback import errors, payloads
from app.loopback.channel_payloads import thread_member
from app.loopback.errors import Json
from app.loopback.gateway import Hub
from app.loopback.rest import ApiRequest, RestFrame, json_response, snowflake
from app.loopback.service import Service
from app.loopback.state import Account, ChannelType, Guild


class ChannelRoutes:
    """Handlers and their route table."""

    def __init__(self, service: Service, frame: RestFrame, hub: Hub) -> None:
        self._service = service
        self._world = service.world
        self._frame = frame
        self._hub = hub

    def route_table(self) -> list[web.RouteDef]:
        route = self._frame.route
        return [
            route("GET", "/gateway", self.get_gateway),
            route("GET", "/gateway/bot", self.gateway_for_bot),
            route("GET", "/oauth2/applications/@me", self.get_application),
            route("GET", "/applications/@me", self.get_application),
            route("GET", "/applications/{application_id}/commands", self.no_commands),
            route(
                "GET",
                "/applications/{application_id}/emojis",
                self.no_application_emoji,
            ),
            route("GET", "/guilds/{guild_id}/emojis", self.nothing_in_guild),
            route("GET", "/guilds/{guild_id}/stickers", self.nothing_in_guild),
            route("GET", "/users/@me", self.get_own_user),
            route("GET", "/users/@me/guilds", self.my_guilds),
            route("POST", "/users/@me/channels", self.open_dm),
            route("GET", "/users/{user_id}", self.get_user),
            route("GET", "/guilds/{guild_id}", self.get_guild),
            route("GET", "/guilds/{guild_id}/channels", self.guild_channels),
            route("GET", "/guilds/{guild_id}/roles", self.guild_roles),
            route("GET", "/guilds/{guild_id}/members", self.list_members),
            route("GET", "/guilds/{guild_id}/members/{user_id}", self.get_member),
            route("GET", "/guilds/{guild_id}/threads/active", self.active_threads),
            route("GET", "/channels/{channel_id}", self.get_channel),
        ]

    async def get_gateway(self, call: ApiRequest) -> web.Response:
        return json_response({"url": self._hub.resume_url})

    async def gateway_for_bot(self, call: ApiRequest) -> web.Response:
        limit = self._hub.handshakes.starts.state(call.bot)
        return json_response(
            {"url": self._hub.resume_url, "shards": 1, "session_start_limit": limit}
        )

    async def get_application(self, call: ApiRequest) -> web.Response:
        shape = payloads.application(call.bot)
        if call.bot.id in self._world.without_content:
            shape |= {"flags": 0, "flags_new": "0"}
        return json_response(shape)

    async def no_commands(self, call: ApiRequest) -> web.Response:
        """The bots of this server have no commands; another application's are nobody's
        business."""
        if call.id("application_id") != call.bot.id:
            raise errors.missing_access()
        return json_response([])

    async def no_application_emoji(self, call: ApiRequest) -> web.Response:
        if call.id("application_id") != call.bot.id:
            raise errors.missing_access()
        return json_response({"items": []})

    async def nothing_in_guild(self, call: ApiRequest) -> web.Response:
        """Servers have no emoji or stickers of their own."""
        self._guild_of_call(call)
        return json_response([])

    async def get_own_user(self, call: ApiRequest) -> web.Response:
        return json_response(payloads.current_user(call.bot))

    async def my_guilds(self, call: ApiRequest) -> web.Response:
        joined = [
            guild
            for guild in self._world.guilds.values()
            if call.bot.id in guild.members
        ]
        after = call.query_id("after") or 0
        later = sorted(
            (guild for guild in joined if guild.id > after), key=lambda guild: guild.id
        )
        return json_response([_listed_guild(guild, call.bot) for guild in later])

    async def open_dm(self, call: ApiRequest) -> web.Response:
        body = await call.body()
        other = self._account_of(body.get("recipient_id"))
        return json_response(
            payloads.dm_channel(
                self._world, self._world.open_dm(call.bot, other), call.bot
            )
        )

    async def get_user(self, call: ApiRequest) -> web.Response:
        return json_response(payloads.user(self._account_of(call.id("user_id"))))

    async def get_guild(self, call: ApiRequest) -> web.Response:
        return json_response(payloads.guild(self._guild_of_call(call)))

    async def guild_channels(self, call: ApiRequest) -> web.Response:
        """Hidden channels are left out, as at Discord."""
        channels = self._world.guild_channels(self._guild_of_call(call))
        seen = [
            channel for channel in channels if self._world.can_see(call.bot.id, channel)
        ]
        return json_response(
            [payloads.channel(self._world, channel) for channel in seen]
        )

    async def guild_roles(self, call: ApiRequest) -> web.Response:
        return json_response(payloads.roles(self._guild_of_call(call)))

    async def list_members(self, call: ApiRequest) -> web.Response:
        guild = self._guild_of_call(call)
        after = call.query_id("after") or 0
        limit = int(call.request.query.get("limit", "1"))
        accounts = [
            member.account for i, member in sorted(guild.members.items()) if i > after
        ]
        return json_response(
            [payloads.member(account, guild) for account in accounts[:limit]]
        )

    async def get_member(self, call: ApiRequest) -> web.Response:
        guild = self._guild_of_call(call)
        member = guild.members.get(call.id("user_id"))
        if member is None:
            raise errors.unknown_member()
        return json_response(payloads.member(member.account, guild))

    async def active_threads(self, call: ApiRequest) -> web.Response:
        threads = self._world.guild_threads(self._guild_of_call(call))
        seen = [
            thread for thread in threads if self._world.can_see(call.bot.id, thread)
        ]
        members = [
            thread_member(one, call.bot.id)
            for one in seen
            if call.bot.id in one.member_ids
        ]
        shapes = [payloads.thread(one, call.bot) for one in seen]
        return json_response({"threads": shapes, "members": members, "has_more": False})

    async def get_channel(self, call: ApiRequest) -> web.Response:
        channel = self._frame.visible_channel(call)
        if channel.type is ChannelType.DM:
            return json_response(payloads.dm_channel(self._world, channel, call.bot))
        return json_response(payloads.channel(self._world, channel))

    def _guild_of_call(self, call: ApiRequest) -> Guild:
        guild = self._world.guilds.get(call.id("guild_id"))
        if guild is None or call.bot.id not in guild.members:
            raise errors.unknown_guild()
        return guild

    def _account_of(self, raw: object) -> Account:
        account = self._world.accounts.get(snowflake("user_id", raw))
        if account is None:
            raise errors.unknown_user()
        return account


def _listed_guild(guild: Guild, bot: Account) -> Json:
    return {
        "id": str(guild.id),
        "name": guild.name,
        "icon": None,
        "banner": None,
        "owner": guild.owner_id == bot.id,
        "permissions": str(int(guild.permissions(bot.id))),
        "features": [],
    }
