"""Two unmodified client libraries behind one face, so that one test can ask both the
same things."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sized
from dataclasses import dataclass
from typing import Any, Protocol

import discord
import hikari

from app.loopback import Account, LoopbackDiscord
from tests.patience import patience

PATIENCE = 10.0
HIKARI_INTENTS = (
    hikari.Intents.ALL_UNPRIVILEGED
    | hikari.Intents.MESSAGE_CONTENT
    | hikari.Intents.GUILD_MEMBERS
)


@dataclass(frozen=True)
class Heard:
    """A message as a client gives it to its user."""

    id: int
    channel_id: int
    author_id: int
    content: str
    kind: int
    guild_id: int | None = None
    reply_to: int | None = None
    quotes: int | None = None
    mentions: tuple[int, ...] = ()
    role_mentions: tuple[int, ...] = ()
    webhook_id: int | None = None
    attachments: tuple[str, ...] = ()
    stickers: tuple[str, ...] = ()
    embeds: int = 0
    flags: int = 0


class Client(Protocol):
    """What a test asks of a client. Ids are snowflakes; `heard` maps an event's plain
    name to what came."""

    heard: defaultdict[str, list[Any]]

    async def start(self) -> None: ...
    async def close(self) -> None: ...
    def my_id(self) -> int: ...
    def channel_names(self) -> set[str]: ...
    def managed_roles(self) -> dict[int, str]: ...
    def nickname(self, guild_id: int, user_id: int) -> str | None: ...
    def session_id(self) -> str: ...
    async def say(
        self, channel_id: int, text: str, reply_to: int | None = None
    ) -> Heard: ...
    async def read(self, channel_id: int, message_id: int) -> Heard: ...
    async def history(
        self, channel_id: int, before: int | None = None, after: int | None = None
    ) -> list[Heard]: ...
    async def edit(self, channel_id: int, message_id: int, text: str) -> None: ...
    async def delete(self, channel_id: int, message_id: int) -> None: ...
    async def react(self, channel_id: int, message_id: int, emoji: str) -> None: ...
    async def type_in(self, channel_id: int) -> None: ...
    async def who_am_i(self) -> tuple[int, int]: ...
    async def collections(self, guild_id: int) -> list[int]: ...
    async def refusal(
        self, channel_id: int, text: str, reply_to: int | None = None
    ) -> tuple[int, int]: ...


async def hears(client: Client, name: str, count: int = 1) -> Any:
    """The `count`-th event of a name; TimeoutError when it does not come."""
    async with asyncio.timeout(patience(PATIENCE)):
        while len(client.heard[name]) < count:  # noqa: ASYNC110 -- two libraries, no event in common
            await asyncio.sleep(0.005)
    return client.heard[name][count - 1]


def _from_discord(message: discord.Message) -> Heard:
    reference = message.reference
    return Heard(
        id=message.id,
        channel_id=message.channel.id,
        author_id=message.author.id,
        content=message.content,
        kind=message.type.value,
        guild_id=None if message.guild is None else message.guild.id,
        reply_to=None if reference is None else reference.message_id,
        quotes=None
        if reference is None or not isinstance(reference.resolved, discord.Message)
        else reference.resolved.id,
        mentions=tuple(sorted(user.id for user in message.mentions)),
        role_mentions=tuple(message.raw_role_mentions),
        webhook_id=message.webhook_id,
        attachments=tuple(item.filename for item in message.attachments),
        stickers=tuple(item.name for item in message.stickers),
        embeds=len(message.embeds),
        flags=message.flags.value,
    )


class DiscordClient(discord.Client):
    """discord.py; its addresses are set by the `loopback` fixture."""

    def __init__(self, token: str) -> None:
        intents = discord.Intents.default()
        intents.message_content = intents.members = True
        super().__init__(intents=intents, guild_ready_timeout=0.05)
        self.heard: defaultdict[str, list[Any]] = defaultdict(list)
        self._token = token
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:  # type: ignore[override]
        self._running = asyncio.create_task(super().start(self._token))
        await hears(self, "ready")

    async def close(self) -> None:
        await super().close()
        if self._running is not None:
            await self._running

    async def on_ready(self) -> None:
        self.heard["ready"].append(True)

    async def on_message(self, message: discord.Message) -> None:
        self.heard["message"].append(_from_discord(message))

    async def on_raw_message_edit(self, event: discord.RawMessageUpdateEvent) -> None:
        self.heard["edit"].append(
            (
                event.message_id,
                event.data.get("content"),
                len(event.data.get("embeds", ())),
            )
        )

    async def on_raw_message_delete(self, event: discord.RawMessageDeleteEvent) -> None:
        self.heard["delete"].append(event.message_id)

    async def on_raw_bulk_message_delete(
        self, event: discord.RawBulkMessageDeleteEvent
    ) -> None:
        self.heard["bulk delete"].append(set(event.message_ids))

    async def on_raw_reaction_add(self, event: discord.RawReactionActionEvent) -> None:
        self.heard["reaction"].append(
            (event.message_id, event.user_id, str(event.emoji))
        )

    async def on_raw_typing(self, event: discord.RawTypingEvent) -> None:
        self.heard["typing"].append((event.channel_id, event.user_id))

    async def on_thread_create(self, thread: discord.Thread) -> None:
        self.heard["thread"].append(thread.id)

    def my_id(self) -> int:
        assert self.user is not None
        return self.user.id

    def channel_names(self) -> set[str]:
        return {channel.name for channel in self.get_all_channels()}

    def managed_roles(self) -> dict[int, str]:
        tagged = [
            role
            for guild in self.guilds
            for role in guild.roles
            if role.is_bot_managed()
        ]
        return {
            role.tags.bot_id: role.name
            for role in tagged
            if role.tags and role.tags.bot_id
        }

    def nickname(self, guild_id: int, user_id: int) -> str | None:
        guild = self.get_guild(guild_id)
        member = guild.get_member(user_id) if guild is not None else None
        return member.nick if member is not None else None

    def session_id(self) -> str:
        return str(self.ws.session_id)

    def _messageable(self, channel_id: int) -> discord.PartialMessageable:
        return self.get_partial_messageable(channel_id)

    async def say(
        self, channel_id: int, text: str, reply_to: int | None = None
    ) -> Heard:
        channel = self._messageable(channel_id)
        reference = (
            None
            if reply_to is None
            else channel.get_partial_message(reply_to).to_reference()
        )
        return _from_discord(await channel.send(text, reference=reference))  # type: ignore[arg-type]

    async def read(self, channel_id: int, message_id: int) -> Heard:
        return _from_discord(
            await self._messageable(channel_id).fetch_message(message_id)
        )

    async def history(
        self, channel_id: int, before: int | None = None, after: int | None = None
    ) -> list[Heard]:
        ends = {
            name: discord.Object(i)
            for name, i in (("before", before), ("after", after))
            if i is not None
        }
        pages = self._messageable(channel_id).history(
            limit=None, oldest_first=False, **ends
        )
        return [_from_discord(message) async for message in pages]

    async def edit(self, channel_id: int, message_id: int, text: str) -> None:
        await (
            self._messageable(channel_id)
            .get_partial_message(message_id)
            .edit(content=text)
        )

    async def delete(self, channel_id: int, message_id: int) -> None:
        await self._messageable(channel_id).get_partial_message(message_id).delete()

    async def react(self, channel_id: int, message_id: int, emoji: str) -> None:
        await (
            self._messageable(channel_id)
            .get_partial_message(message_id)
            .add_reaction(emoji)
        )

    async def type_in(self, channel_id: int) -> None:
        await self._messageable(channel_id).typing()

    async def refusal(
        self, channel_id: int, text: str, reply_to: int | None = None
    ) -> tuple[int, int]:
        try:
            await self.say(channel_id, text, reply_to)
        except discord.HTTPException as error:
            return error.status, error.code
        return 200, 0

    async def who_am_i(self) -> tuple[int, int]:
        return (await self.application_info()).id, (
            await self.fetch_user(self.my_id())
        ).id

    async def collections(self, guild_id: int) -> list[int]:
        guild = await self.fetch_guild(guild_id)
        found: list[Sized] = [
            await guild.fetch_emojis(),
            await guild.fetch_stickers(),
            await self.fetch_application_emojis(),
        ]
        return [len(items) for items in found]


def _from_hikari(message: hikari.Message) -> Heard:
    reference = message.message_reference
    return Heard(
        id=int(message.id),
        channel_id=int(message.channel_id),
        author_id=int(message.author.id),
        content=message.content or "",
        kind=int(message.type),
        guild_id=None if message.guild_id is None else int(message.guild_id),
        reply_to=None
        if reference is None or reference.id is None
        else int(reference.id),
        quotes=int(message.referenced_message.id)
        if message.referenced_message
        else None,
        mentions=tuple(sorted(int(i) for i in message.user_mentions_ids or ())),
        role_mentions=tuple(int(i) for i in message.role_mention_ids or ()),
        webhook_id=None if message.webhook_id is None else int(message.webhook_id),
        attachments=tuple(item.filename for item in message.attachments),
        stickers=tuple(item.name for item in message.stickers),
        embeds=len(message.embeds),
        flags=int(message.flags),
    )


class HikariClient:
    """hikari, whose REST address is a parameter and whose gateway address comes from
    `GET /gateway/bot`."""

    def __init__(self, token: str, api_url: str) -> None:
        self.heard: defaultdict[str, list[Any]] = defaultdict(list)
        self.bot = hikari.GatewayBot(
            token, rest_url=api_url, banner=None, logs=None, intents=HIKARI_INTENTS
        )
        for listener in (
            self._on_guild,
            self._on_message,
            self._on_edit,
            self._on_delete,
            self._on_bulk_delete,
            self._on_reaction,
            self._on_typing,
            self._on_thread,
            self._on_exception,
        ):
            self.bot.listen()(listener)

    async def start(self) -> None:
        await asyncio.wait_for(self.bot.start(check_for_updates=False), PATIENCE)
        await hears(self, "guild")

    async def close(self) -> None:
        await self.bot.close()
        assert self.heard["exception"] == []

    async def _on_guild(self, event: hikari.GuildAvailableEvent) -> None:
        self.heard["guild"].append(int(event.guild_id))

    async def _on_message(self, event: hikari.MessageCreateEvent) -> None:
        self.heard["message"].append(_from_hikari(event.message))

    async def _on_edit(self, event: hikari.MessageUpdateEvent) -> None:
        changed = event.message
        content = None if changed.content is hikari.UNDEFINED else changed.content
        embeds = 0 if changed.embeds is hikari.UNDEFINED else len(changed.embeds)
        self.heard["edit"].append((int(event.message_id), content, embeds))

    async def _on_delete(self, event: hikari.MessageDeleteEvent) -> None:
        self.heard["delete"].append(int(event.message_id))

    async def _on_bulk_delete(self, event: hikari.GuildBulkMessageDeleteEvent) -> None:
        self.heard["bulk delete"].append({int(i) for i in event.message_ids})

    async def _on_reaction(self, event: hikari.ReactionAddEvent) -> None:
        self.heard["reaction"].append(
            (int(event.message_id), int(event.user_id), str(event.emoji_name))
        )

    async def _on_typing(self, event: hikari.TypingEvent) -> None:
        self.heard["typing"].append((int(event.channel_id), int(event.user_id)))

    async def _on_thread(self, event: hikari.GuildThreadCreateEvent) -> None:
        self.heard["thread"].append(int(event.thread_id))

    async def _on_exception(self, event: hikari.ExceptionEvent[Any]) -> None:
        self.heard["exception"].append(event.exception)

    def my_id(self) -> int:
        me = self.bot.get_me()
        assert me is not None
        return int(me.id)

    def channel_names(self) -> set[str]:
        return {
            channel.name or ""
            for channel in self.bot.cache.get_guild_channels_view().values()
        }

    def managed_roles(self) -> dict[int, str]:
        roles = self.bot.cache.get_roles_view().values()
        return {
            int(role.bot_id): role.name
            for role in roles
            if role.is_managed and role.bot_id is not None
        }

    def nickname(self, guild_id: int, user_id: int) -> str | None:
        member = self.bot.cache.get_member(guild_id, user_id)
        return member.nickname if member is not None else None

    def session_id(self) -> str:
        return str(self.bot.shards[0]._session_id)  # type: ignore[attr-defined]

    async def say(
        self, channel_id: int, text: str, reply_to: int | None = None
    ) -> Heard:
        reply = hikari.UNDEFINED if reply_to is None else hikari.Snowflake(reply_to)
        return _from_hikari(
            await self.bot.rest.create_message(channel_id, text, reply=reply)
        )

    async def read(self, channel_id: int, message_id: int) -> Heard:
        return _from_hikari(await self.bot.rest.fetch_message(channel_id, message_id))

    async def history(
        self, channel_id: int, before: int | None = None, after: int | None = None
    ) -> list[Heard]:
        ends = {
            name: hikari.Snowflake(i)
            for name, i in (("before", before), ("after", after))
            if i is not None
        }
        found = [
            _from_hikari(message)
            async for message in self.bot.rest.fetch_messages(channel_id, **ends)
        ]
        return sorted(found, key=lambda message: message.id, reverse=True)

    async def edit(self, channel_id: int, message_id: int, text: str) -> None:
        await self.bot.rest.edit_message(channel_id, message_id, text)

    async def delete(self, channel_id: int, message_id: int) -> None:
        await self.bot.rest.delete_message(channel_id, message_id)

    async def react(self, channel_id: int, message_id: int, emoji: str) -> None:
        await self.bot.rest.add_reaction(channel_id, message_id, emoji)

    async def type_in(self, channel_id: int) -> None:
        await self.bot.rest.trigger_typing(channel_id)

    async def refusal(
        self, channel_id: int, text: str, reply_to: int | None = None
    ) -> tuple[int, int]:
        try:
            await self.say(channel_id, text, reply_to)
        except hikari.ClientHTTPResponseError as error:
            return int(error.status), error.code
        return 200, 0

    async def who_am_i(self) -> tuple[int, int]:
        return int((await self.bot.rest.fetch_application()).id), int(
            (await self.bot.rest.fetch_my_user()).id
        )

    async def collections(self, guild_id: int) -> list[int]:
        rest = self.bot.rest
        found = [
            await rest.fetch_guild_emojis(guild_id),
            await rest.fetch_guild_stickers(guild_id),
            await rest.fetch_application_commands(self.my_id()),
        ]
        return [len(items) for items in found]


def client_of(library: str, loopback: LoopbackDiscord, bot: Account) -> Client:
    """A client of `discord.py` or `hikari`, not yet started."""
    assert bot.token is not None
    if library == "hikari":
        return HikariClient(bot.token, loopback.api_url)
    return DiscordClient(bot.token)
