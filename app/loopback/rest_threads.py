"""REST routes of threads and forum posts: open, change, join, leave."""

from __future__ import annotations

from datetime import datetime
from typing import cast

from aiohttp import web

from app.loopback import channel_payloads, errors, payloads
from app.loopback.errors import Json
from app.loopback.rest import ApiRequest, Routes, json_response, no_content
from app.loopback.service import NewMessage
from app.loopback.state import Channel, Permission

MAX_THREAD_NAME = 100

_MEMBERS = "/channels/{channel_id}/thread-members"


class ThreadRoutes(Routes):
    """Handlers and their route table."""

    def route_table(self) -> list[web.RouteDef]:
        route = self._frame.route
        return [
            route("POST", "/channels/{channel_id}/threads", self.open),
            route(
                "POST",
                "/channels/{channel_id}/messages/{message_id}/threads",
                self.open,
            ),
            route(
                "GET",
                "/channels/{channel_id}/threads/archived/public",
                self.list_archived,
            ),
            route("GET", _MEMBERS, self.list_members),
            route("PUT", _MEMBERS + "/@me", self.join_thread),
            route("DELETE", _MEMBERS + "/@me", self.leave_thread),
        ]

    async def open(self, call: ApiRequest) -> web.Response:
        parent = self._frame.visible_channel(call)
        body = await call.body()
        name = str(body.get("name") or "")
        if not 1 <= len(name) <= MAX_THREAD_NAME:
            raise errors.invalid_form(
                "name", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length."
            )
        self._service.refusals.check_title(name)
        if parent.is_forum:
            return self._open_post(call, parent, name, body)
        self._access.demand_permissions(
            call.bot, parent, Permission.CREATE_PUBLIC_THREADS
        )
        on_message = "message_id" in call.request.match_info
        message = (
            self._service.message(parent, call.id("message_id")) if on_message else None
        )
        thread = self._service.open_thread(call.bot, parent, name, message)
        return json_response(channel_payloads.thread(thread, call.bot), status=201)

    def _open_post(
        self, call: ApiRequest, forum: Channel, title: str, body: Json
    ) -> web.Response:
        self._access.demand_permissions(call.bot, forum, Permission.SEND_MESSAGES)
        first = cast("Json", body.get("message") or {})
        content = str(first.get("content") or "").strip()
        if not content:
            raise errors.empty_message()
        self._service.refusals.check_text(content)
        known = {tag.id for tag in forum.available_tags}
        asked = cast("list[object]", body.get("applied_tags") or [])
        tags = [tag for tag in (int(str(one)) for one in asked) if tag in known]
        message = self._service.open_post(
            forum, title, tags, NewMessage(call.bot, forum, content)
        )
        shape = channel_payloads.thread(message.channel, call.bot)
        shape["message"] = payloads.message(self._service.world, message, call.bot)
        return json_response(shape, status=201)

    async def list_archived(self, call: ApiRequest) -> web.Response:
        """The archived public threads of a channel, the latest archived first; they are
        history."""
        parent = self._frame.visible_channel(call)
        self._access.demand_permissions(
            call.bot, parent, Permission.READ_MESSAGE_HISTORY
        )
        limit = int(call.request.query.get("limit", "50"))
        raw = call.request.query.get("before")
        before = (
            float("inf") if raw is None else datetime.fromisoformat(raw).timestamp()
        )
        threads = [
            t
            for t in self._service.world.archived_threads(parent)
            if (t.archived_at or 0.0) < before
        ]
        page = threads[:limit]
        members = [
            channel_payloads.thread_member(t, call.bot.id)
            for t in page
            if call.bot.id in t.member_ids
        ]
        shapes = [channel_payloads.thread(t, call.bot) for t in page]
        return json_response(
            {"threads": shapes, "members": members, "has_more": len(threads) > limit}
        )

    async def list_members(self, call: ApiRequest) -> web.Response:
        thread = self._thread_of_call(call)
        return json_response(
            [channel_payloads.thread_member(thread, i) for i in thread.member_ids]
        )

    async def join_thread(self, call: ApiRequest) -> web.Response:
        thread = self._thread_of_call(call)
        self._access.check_active(thread)
        self._service.channels.join(thread, call.bot)
        return no_content()

    async def leave_thread(self, call: ApiRequest) -> web.Response:
        thread = self._thread_of_call(call)
        self._access.check_active(thread)
        self._service.channels.leave(thread, call.bot)
        return no_content()

    def _thread_of_call(self, call: ApiRequest) -> Channel:
        channel = self._frame.visible_channel(call)
        if not channel.is_thread:
            raise errors.wrong_channel_type()
        return channel
