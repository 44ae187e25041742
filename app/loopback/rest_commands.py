"""REST routes of application commands, and of the answers to their uses."""

from __future__ import annotations

import json
import time
from typing import cast

from aiohttp import web

from app.loopback import errors
from app.loopback.errors import Json
from app.loopback.interactions import (
    ANSWER_WITHIN,
    EPHEMERAL,
    Interaction,
    Interactions,
)
from app.loopback.journal import Journal
from app.loopback.rest import ApiRequest, RestFrame, json_response
from app.loopback.state import Account, Guild, World

_COMMANDS = "/applications/{application_id}/guilds/{guild_id}/commands"
_CALLBACK = "/interactions/{interaction_id}/{interaction_token}/callback"
_ORIGINAL = "/webhooks/{webhook_id}/{interaction_token}/messages/@original"
_MESSAGE, _DEFERRED = 4, 5
MAX_CONTENT = 2000


class CommandRoutes:
    """Handlers and their route table. A use is answered by its token, without the
    bot's."""

    def __init__(
        self,
        world: World,
        interactions: Interactions,
        frame: RestFrame,
        journal: Journal,
    ) -> None:
        self._world = world
        self._interactions = interactions
        self._frame = frame
        self._journal = journal

    def route_table(self) -> list[web.RouteDef]:
        route, user = self._frame.route, self._user
        return [
            route("GET", _COMMANDS, self.list_commands),
            route("PUT", _COMMANDS, self.set_commands),
            route("POST", _CALLBACK, self.answer, caller=user),
            route("GET", _ORIGINAL, self.get_answer, caller=user),
            route("PATCH", _ORIGINAL, self.edit_answer, caller=user),
        ]

    async def list_commands(self, call: ApiRequest) -> web.Response:
        guild = self._guild_of_call(call)
        return json_response(self._interactions.registered(call.bot, guild))

    async def set_commands(self, call: ApiRequest) -> web.Response:
        guild = self._guild_of_call(call)
        try:
            wanted = json.loads(await call.request.text())
        except json.JSONDecodeError:
            raise errors.invalid_json() from None
        if not isinstance(wanted, list):
            raise errors.invalid_json()
        return json_response(self._interactions.register(call.bot, guild, wanted))

    async def answer(self, call: ApiRequest) -> web.Response:
        use = self._use(call.request)
        if use.acknowledged:
            raise errors.already_acknowledged()
        if time.monotonic() - use.begun > ANSWER_WITHIN:
            raise errors.unknown_interaction()
        body = await call.body()
        data = cast("Json", body.get("data") or {})
        kind = int(str(body["type"]))
        use.acknowledged = True
        use.ephemeral = bool(int(str(data.get("flags") or 0)) & EPHEMERAL)
        if kind == _MESSAGE:
            use.answer(_content(data))
        self._journal.wake_waiting()
        shape: Json = {
            "id": str(use.id),
            "type": 2,
            "response_message_id": str(use.id + 1),
            "response_message_loading": kind == _DEFERRED,
            "response_message_ephemeral": use.ephemeral,
            "channel_id": str(use.channel.id),
            "guild_id": str(use.channel.guild_id),
        }
        if call.request.query.get("with_response", "0") in {"0", "false"}:
            return web.Response(status=204)
        answered: Json = {"interaction": shape}
        if kind == _MESSAGE:
            message = self._interactions.message(use)
            answered["resource"] = {"type": kind, "message": message}
        return json_response(answered)

    async def get_answer(self, call: ApiRequest) -> web.Response:
        return json_response(self._interactions.message(self._answered(call)))

    async def edit_answer(self, call: ApiRequest) -> web.Response:
        use = self._answered(call)
        use.answer(_content(await call.body()))
        self._journal.wake_waiting()
        return json_response(self._interactions.message(use))

    def _answered(self, call: ApiRequest) -> Interaction:
        use = self._use(call.request)
        if not use.acknowledged:
            raise errors.unknown_webhook()
        return use

    def _user(self, request: web.Request) -> Account:
        """The application whose command was used."""
        return self._use(request).application

    def _use(self, request: web.Request) -> Interaction:
        token = request.match_info["interaction_token"]
        use = self._interactions.by_token.get(token)
        if use is None:
            raise errors.unknown_webhook()
        return use

    def _guild_of_call(self, call: ApiRequest) -> Guild:
        if call.id("application_id") != call.bot.id:
            raise errors.missing_access()
        guild = self._world.guilds.get(call.id("guild_id"))
        if guild is None or call.bot.id not in guild.members:
            raise errors.missing_access()
        return guild


def _content(body: Json) -> str:
    content = str(body.get("content") or "")
    if not content:
        raise errors.empty_message()
    if len(content) > MAX_CONTENT:
        raise errors.invalid_form(
            "content", "BASE_TYPE_BAD_LENGTH", "Must be 2000 or fewer in length."
        )
    return content
