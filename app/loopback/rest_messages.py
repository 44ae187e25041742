"""REST routes of messages: create, read, edit, delete, react, type."""

from __future__ import annotations

from typing import cast

from aiohttp import web

from app.loopback import errors, payloads
from app.loopback.errors import Json
from app.loopback.mentions import AllowedMentions
from app.loopback.rest import (
    CREATE_MESSAGE,
    ApiRequest,
    Routes,
    json_response,
    no_content,
    raw_response,
    snowflake,
)
from app.loopback.service import NewMessage, known_spelling
from app.loopback.sessions import encode
from app.loopback.state import (
    Account,
    Channel,
    ChannelType,
    Message,
    Permission,
    history_page,
)

MAX_CONTENT = 2000
MAX_NONCE = 25
MAX_PAGE = 100

_MESSAGE = "/channels/{channel_id}/messages/{message_id}"
_REACTION = _MESSAGE + "/reactions/{emoji}"


class MessageRoutes(Routes):
    """Handlers and their route table."""

    def route_table(self) -> list[web.RouteDef]:
        route = self._frame.route
        return [
            route("POST", CREATE_MESSAGE, self.create_message),
            route("GET", CREATE_MESSAGE, self.list_messages),
            route("GET", _MESSAGE, self.get_message),
            route("PATCH", _MESSAGE, self.edit_message),
            route("DELETE", _MESSAGE, self.delete_message),
            route("POST", CREATE_MESSAGE + "/bulk-delete", self.delete_bulk),
            route("PUT", _REACTION + "/@me", self.add_reaction),
            route("DELETE", _REACTION + "/{user_id}", self.remove_reaction),
            route("GET", _REACTION, self.list_reactors),
            route("POST", "/channels/{channel_id}/typing", self.show_typing),
        ]

    async def create_message(self, call: ApiRequest) -> web.Response:
        channel = self._frame.visible_channel(call)
        self._access.check_sending(call.bot, channel)
        body = await call.body()
        if channel.type is ChannelType.DM and self._is_bots_only(channel):
            raise errors.cannot_message_user()
        self._service.refusals.check_direct(call.bot, channel.recipient_ids)
        draft = self._draft_of_call(call, channel, body)
        if draft.reply_to is not None:
            self._access.check_replying(call.bot, channel)
        if draft.attachments:
            self._access.demand_permissions(call.bot, channel, Permission.ATTACH_FILES)
        if draft.embeds:
            self._access.demand_permissions(call.bot, channel, Permission.EMBED_LINKS)
        self._service.refusals.check_text(draft.content)
        message = self._service.post(draft)
        shape = payloads.message(self._service.world, message, call.bot)
        if draft.nonce is not None:
            shape["nonce"] = draft.nonce
        return json_response(shape)

    async def list_messages(self, call: ApiRequest) -> web.Response:
        channel = self._readable_channel(call)
        raw_limit = call.request.query.get("limit", "50")
        if not raw_limit.isdecimal() or not 1 <= int(raw_limit) <= MAX_PAGE:
            raise errors.invalid_form(
                "limit", "NUMBER_TYPE_MAX", "int value should be between 1 and 100."
            )
        readable = self._access.may_read_history(call.bot, channel)
        page = history_page(
            channel.message_ids if readable else [],
            before=call.query_id("before"),
            after=call.query_id("after"),
            around=call.query_id("around"),
            limit=int(raw_limit),
        )
        messages = self._service.world.messages
        return raw_response(
            b"["
            + b",".join(self._encoded_message(messages[i], call.bot) for i in page)
            + b"]"
        )

    async def get_message(self, call: ApiRequest) -> web.Response:
        message = self._message_of_call(call)
        if not self._access.may_read_history(call.bot, message.channel):
            raise errors.missing_access()
        return raw_response(self._encoded_message(message, call.bot))

    async def edit_message(self, call: ApiRequest) -> web.Response:
        message = self._message_of_call(call)
        if message.author is not call.bot or message.webhook_id is not None:
            raise errors.foreign_message()
        self._access.check_active(message.channel)
        body = await call.body()
        if "content" in body:
            content = _checked_content(
                body, has_more=bool(message.embeds or message.attachments)
            )
            self._service.refusals.check_text(content)
            self._service.edit(message, content)
        return raw_response(self._encoded_message(message, call.bot))

    async def delete_message(self, call: ApiRequest) -> web.Response:
        message = self._message_of_call(call)
        if message.author is not call.bot:
            self._access.demand_permissions(
                call.bot, message.channel, Permission.MANAGE_MESSAGES
            )
        self._service.delete(message)
        return no_content()

    async def delete_bulk(self, call: ApiRequest) -> web.Response:
        channel = self._frame.visible_channel(call)
        self._access.demand_permissions(call.bot, channel, Permission.MANAGE_MESSAGES)
        wanted = _as_list((await call.body()).get("messages"))
        if not 2 <= len(wanted) <= MAX_PAGE:
            raise errors.invalid_form(
                "messages",
                "BASE_TYPE_BAD_LENGTH",
                "Must be between 2 and 100 in length.",
            )
        ids = dict.fromkeys(snowflake("messages", item) for item in wanted)
        self._service.delete_bulk(
            channel, [self._service.message(channel, i) for i in ids]
        )
        return no_content()

    async def add_reaction(self, call: ApiRequest) -> web.Response:
        message = self._message_of_call(call)
        emoji = known_spelling(message, call.request.match_info["emoji"])
        self._access.check_reacting(
            call.bot, message, emoji_is_there=emoji in message.reactions
        )
        self._service.react(call.bot, message, emoji)
        return no_content()

    async def remove_reaction(self, call: ApiRequest) -> web.Response:
        message = self._message_of_call(call)
        user_id = call.request.match_info["user_id"]
        account: Account | None = call.bot
        if user_id not in ("@me", str(call.bot.id)):
            self._access.demand_permissions(
                call.bot, message.channel, Permission.MANAGE_MESSAGES
            )
            account = self._service.world.accounts.get(snowflake("user_id", user_id))
        if account is None:
            raise errors.unknown_user()
        self._service.unreact(account, message, call.request.match_info["emoji"])
        return no_content()

    async def list_reactors(self, call: ApiRequest) -> web.Response:
        message = self._message_of_call(call)
        after = call.query_id("after") or 0
        limit = int(call.request.query.get("limit", "25"))
        users = sorted(
            i
            for i in message.reactions.get(call.request.match_info["emoji"], {})
            if i > after
        )
        return json_response(
            [payloads.user(self._service.world.accounts[i]) for i in users[:limit]]
        )

    async def show_typing(self, call: ApiRequest) -> web.Response:
        channel = self._frame.visible_channel(call)
        self._access.check_sending(call.bot, channel)
        self._service.type_in(call.bot, channel)
        return no_content()

    def _message_of_call(self, call: ApiRequest) -> Message:
        return self._service.message(
            self._readable_channel(call), call.id("message_id")
        )

    def _readable_channel(self, call: ApiRequest) -> Channel:
        channel = self._frame.visible_channel(call)
        self._access.check_reading(call.bot, channel)
        return channel

    def _encoded_message(self, message: Message, viewer: Account) -> bytes:
        """The message as JSON, kept until it changes; reactions differ per viewer and
        are not kept."""
        world = self._service.world
        target = (
            world.messages.get(message.reply_to)
            if message.reply_to is not None
            else None
        )
        # The kept JSON holds the whole content, which this reader must not see.
        if viewer.id in world.without_content:
            shape = payloads.message(world, message, viewer)
            return encode(
                payloads.without_hidden(
                    shape, payloads.hidden_parts(world, message, viewer.id)
                )
            )
        if message.reactions or (target is not None and target.reactions):
            return encode(payloads.message(world, message, viewer))
        if message.rest_cache is None:
            message.rest_cache = encode(payloads.message(world, message))
        return message.rest_cache

    def _is_bots_only(self, channel: Channel) -> bool:
        return all(
            self._service.world.accounts[i].is_bot for i in channel.recipient_ids
        )

    def _draft_of_call(
        self, call: ApiRequest, channel: Channel, body: Json
    ) -> NewMessage:
        embeds = _as_list(body.get("embeds"))
        attachments = [
            _attachment_payload(i, item)
            for i, item in enumerate(_as_list(body.get("attachments")))
        ]
        allowed = body.get("allowed_mentions")
        nonce = body.get("nonce")
        if nonce is not None and len(str(nonce)) > MAX_NONCE:
            raise errors.invalid_form(
                "nonce", "NONCE_TYPE_TOO_LONG", "Must be 25 or fewer in length."
            )
        return NewMessage(
            author=call.bot,
            channel=channel,
            content=_checked_content(
                body, has_more=bool(embeds or attachments or body.get("sticker_ids"))
            ),
            reply_to=self._reply_target(channel, body.get("message_reference")),
            nonce=None if nonce is None else str(nonce),
            enforce_nonce=bool(body.get("enforce_nonce")),
            allowed=AllowedMentions.parse(
                cast("Json", allowed) if isinstance(allowed, dict) else None
            ),
            flags=int(str(body.get("flags") or 0)),
            embeds=embeds,
            attachments=attachments,
        )

    def _reply_target(self, channel: Channel, reference: object) -> int | None:
        """The id of the message replied to; a deleted one is an error unless
        `fail_if_not_exists` is false."""
        if not isinstance(reference, dict) or reference.get("message_id") is None:
            return None
        target = self._service.world.messages.get(
            snowflake("message_id", reference["message_id"])
        )
        if target is not None and target.channel is channel:
            return target.id
        if reference.get("fail_if_not_exists", True):
            raise errors.invalid_form(
                "message_reference", "REPLIES_UNKNOWN_MESSAGE", "Unknown message"
            )
        return None


def _checked_content(body: Json, *, has_more: bool) -> str:
    content = body.get("content")
    text = "" if content is None else str(content).strip()
    if not text and not has_more:
        raise errors.empty_message()
    if len(text) > MAX_CONTENT:
        raise errors.invalid_form(
            "content", "BASE_TYPE_MAX_LENGTH", "Must be 2000 or fewer in length."
        )
    return text


def _as_list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _attachment_payload(index: int, item: object) -> Json:
    name = item.get("filename") if isinstance(item, dict) else None
    return attachment(index + 1, str(name or f"file{index}"))


def attachment(attachment_id: int, filename: str) -> Json:
    """An attachment without content: only its name is kept."""
    address = f"http://127.0.0.1/attachments/{filename}"
    return {
        "id": str(attachment_id),
        "filename": filename,
        "size": 0,
        "url": address,
        "proxy_url": address,
    }
