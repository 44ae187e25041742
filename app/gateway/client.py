"""One bot's connection to Discord: translate and hand over. No model, no database, no
decision."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import aiohttp
import discord
import structlog

from app.domain.model import Event
from app.domain.settings import Settings
from app.gateway.identify import SessionStart
from app.gateway.intake import Intake
from app.gateway.interactions import Commands, Counter
from app.gateway.presence import (
    Readable,
    Rights,
    known,
    places_in,
    readable_in,
    rights_in,
)
from app.gateway.reactions import Bursts
from app.gateway.socket import SteadyClient
from app.gateway.translate import event_of, may_moderate, reaction_event
from app.rules.moderation import Order, find_order, is_stop_sign
from app.runtime.backoff import error_places

log = structlog.get_logger(__name__)

NO_RIGHTS = ("MESSAGE_", "TYPING_")
"""Beginnings of the names of events that change nobody's rights."""


def intents(settings: Settings) -> discord.Intents:
    """The fewest intents that the stream needs. `message_content` must be turned on in
    Discord's developer portal; typing events need no switch."""
    chosen = discord.Intents.none()
    chosen.guilds = True
    chosen.guild_messages = chosen.dm_messages = True
    chosen.guild_reactions = chosen.dm_reactions = True
    chosen.message_content = True
    waits = settings.thought_wait > 0 and settings.thought_typing > 0
    chosen.guild_typing = chosen.dm_typing = waits
    return chosen


class Sessions(Protocol):
    """Listeners for the connection's life (the backfill and the publisher)."""

    async def identifying(self, start: SessionStart | None, initial: bool) -> None:
        """A session is about to begin: return when it may."""

    def identified(self, user_id: str) -> None:
        """Logged in; no event has come yet."""

    async def answers_as(self, user_id: str) -> None:
        """Before the first session: return when nobody else answers as this account.
        What is raised here ends the client."""

    def disconnected(self) -> None:
        """The connection is gone; the next events may follow a gap."""

    def opened(self) -> None:
        """A new session has begun. Its events already come; `ready` comes later."""

    def resumed(self) -> None:
        """The session goes on without a gap."""

    def ready(self) -> None:
        """A new session is ready; messages from before it were not heard."""

    def changed(self, touched: Iterable[str] = ()) -> None:
        """Channels or permissions changed; `touched`: where rights did."""

    def made(self, channel_id: str) -> None:
        """A channel or thread was created; it is still empty."""

    def gone(self, channel_ids: Sequence[str]) -> None:
        """These channels or threads were deleted, or the bot is no longer in their
        server."""

    def returned(self, channel_ids: Sequence[str]) -> None:
        """The server of these channels is back from an outage, in which nothing was
        heard."""


class StreamClient(SteadyClient):
    """discord.py with the smallest caches: the process keeps messages by itself
    (`Hearing`)."""

    def __init__(
        self,
        bot: str,
        intake: Intake,
        bursts: Bursts,
        sessions: Sessions,
        settings: Settings,
        http_trace: aiohttp.TraceConfig | None = None,
        counter: Counter | None = None,
    ) -> None:
        """`http_trace` sees each request to Discord's REST, and may delay it. Without a
        `counter` no commands are offered."""
        super().__init__(
            bot,
            sessions.identifying,
            intents=intents(settings),
            max_messages=None,
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            guild_ready_timeout=settings.guild_ready_timeout,
            allowed_mentions=discord.AllowedMentions.none(),
            http_trace=http_trace,
        )
        self._intake = intake
        self._bursts = bursts
        self._sessions = sessions
        self._dry_run = settings.dry_run
        self._reacting: set[asyncio.Task[None]] = set()
        # Needed even if no server has commands now: Discord may still know earlier ones,
        # and they must be answered.
        self._commands = None if counter is None else Commands(self, counter, settings)
        self._rights: dict[str, Rights] = {}
        parsers = self._connection.parsers
        self._parse_message = parsers["MESSAGE_CREATE"]
        parsers["MESSAGE_CREATE"] = self._unless_shared

    @property
    def user_id(self) -> str:
        """The bot's Discord id; empty before the login."""
        return str(self.user.id) if self.user is not None else ""

    def frames_wait(self) -> Awaitable[None] | None:
        precedence = self._intake.precedence
        return precedence.passed() if precedence.taken else None

    async def setup_hook(self) -> None:
        await self._sessions.answers_as(self.user_id)
        self._sessions.identified(self.user_id)

    async def on_message(self, message: discord.Message) -> None:
        self._hear(message)

    def _hear(self, message: discord.Message) -> None:
        event = self._event_of(message)
        # A frame may be parsed and yet hold no author that is one.
        author = str(getattr(message.author, "id", ""))
        if author == self.user_id:
            self._own(message, event)
        elif event is not None:
            self._learn_names(message)
            # From anybody else, the words of an order are an ordinary message.
            order = find_order(
                event,
                self._intake.hearing.roster,
                by_moderator=lambda: may_moderate(message.author, message.channel),
            )
            if order is None:
                self._intake.offer(self.bot, event)
            else:
                self._moderate(order, event, event.author_id)

    async def on_raw_reaction_add(
        self, payload: discord.RawReactionActionEvent
    ) -> None:
        hearing = self._intake.hearing
        person = str(payload.user_id)
        if person in hearing.ours or (
            payload.member is not None and payload.member.bot
        ):
            return
        message = hearing.known(str(payload.message_id))
        self._intake.reacted(
            self.bot, person, str(payload.message_id), str(payload.emoji)
        )
        if is_stop_sign(str(payload.emoji)):
            self._stop_sign(payload, message)
            return
        if message is not None and message.author_id == self.user_id:
            self._intake.liked(self.bot, person, message.message_id)
        count = (
            self._bursts.add(self.bot, str(payload.message_id), person)
            # In a direct message one person can make no burst.
            if payload.guild_id is not None
            else None
        )
        event = (
            reaction_event(payload, message, hearing.ours, count)
            if count is not None
            else None
        )
        if event is not None and event.author_id != self.user_id:
            self._intake.offer(self.bot, event)

    async def on_raw_typing(self, payload: discord.RawTypingEvent) -> None:
        self._intake.typing(str(payload.channel_id), str(payload.user_id))

    async def on_raw_message_delete(
        self, payload: discord.RawMessageDeleteEvent
    ) -> None:
        self._intake.deleted(self.bot, str(payload.channel_id), str(payload.message_id))

    async def on_raw_bulk_message_delete(
        self, payload: discord.RawBulkMessageDeleteEvent
    ) -> None:
        for message_id in payload.message_ids:
            self._intake.deleted(self.bot, str(payload.channel_id), str(message_id))

    async def on_raw_message_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        message = payload.message
        # Discord also sends an update when a link's preview appears; only edits have a
        # time.
        if message.edited_at is None or str(message.author.id) == self.user_id:
            return
        event = self._event_of(message)
        if event is not None:
            self._intake.edited(
                self.bot,
                event,
                (message.edited_at - message.created_at).total_seconds(),
            )

    async def on_connect(self) -> None:
        # At READY, also of a later session; never at RESUMED. `on_ready` waits for the
        # guilds, and events do not.
        self._sessions.opened()

    async def on_ready(self) -> None:
        self._sessions.ready()

    async def on_resumed(self) -> None:
        self._sessions.resumed()

    async def on_disconnect(self) -> None:
        self._sessions.disconnected()

    async def on_guild_channel_create(self, channel: discord.abc.Snowflake) -> None:
        self._sessions.made(str(channel.id))
        self._sessions.changed()

    on_thread_create = on_guild_channel_create

    async def on_guild_channel_delete(self, channel: discord.abc.Snowflake) -> None:
        self._sessions.gone([str(channel.id)])
        self._sessions.changed()

    async def on_raw_thread_delete(self, payload: discord.RawThreadDeleteEvent) -> None:
        # The other event is of active threads alone.
        self._sessions.gone([str(payload.thread_id)])

    async def on_guild_join(self, _: Any) -> None:
        self._sessions.changed()

    on_thread_delete = on_guild_unavailable = on_guild_join
    on_guild_role_create = on_guild_role_delete = on_guild_join

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        if self._commands is not None:
            self._commands.forget(guild.id)
        self._sessions.gone(places_in(guild))
        self._sessions.changed()

    async def on_guild_available(self, guild: discord.Guild) -> None:
        if guild.me is not None:
            self._sessions.returned([str(place.id) for place in readable_in(guild)])
        self._sessions.changed()

    async def on_guild_update(self, _before: Any, _after: Any) -> None:
        self._sessions.changed()

    async def on_guild_channel_update(
        self, before: discord.abc.GuildChannel, after: discord.abc.GuildChannel
    ) -> None:
        touched: list[str] = []
        if before.overwrites != after.overwrites:
            threads = getattr(after, "threads", ())
            touched = [str(place.id) for place in (after, *threads)]
        self._sessions.changed(touched)

    async def on_thread_update(
        self, before: discord.Thread, after: discord.Thread
    ) -> None:
        opened = before.locked != after.locked
        self._sessions.changed([str(after.id)] if opened else ())

    async def on_guild_role_update(
        self, before: discord.Role, after: discord.Role
    ) -> None:
        moved = before.permissions != after.permissions
        self._sessions.changed(places_in(after.guild) if moved else ())

    async def on_member_update(
        self, before: discord.Member, after: discord.Member
    ) -> None:
        # Without the members intent a bot hears only of its own member: roles, nickname,
        # time-out.
        if str(after.id) == self.user_id:
            moved = (before.roles, before.timed_out_until) != (
                after.roles,
                after.timed_out_until,
            )
            self._sessions.changed(places_in(after.guild) if moved else ())

    async def on_error(self, event_method: str, /, *_args: Any, **_kwargs: Any) -> None:
        error = sys.exc_info()[1]
        if error is not None:
            self._failed(event_method, error)

    def _failed(self, listener: str, error: BaseException) -> None:
        log.error(
            "a listener failed",
            bot=self.bot,
            listener=listener,
            error=type(error).__name__,
            where=error_places(error),
        )

    def rights(self, channel_id: str) -> Rights:
        """What the bot may do in a channel, as its own connection knows."""
        known = self._rights.get(channel_id)
        if known is None:
            place = self.get_channel(int(channel_id))
            known = rights_in(place)
            me = place.guild.me if isinstance(place, Readable) else None
            # No event tells when a time-out ends.
            if me is not None and not me.timed_out_until:
                self._rights[channel_id] = known
        return known

    def dispatch(self, event: str, /, *args: Any, **kwargs: Any) -> None:
        # Comes before a frame is parsed: any event but a message may change rights.
        if event == "socket_event_type" and not str(args[0]).startswith(NO_RIGHTS):
            self._rights.clear()
        if event == "message" and not self.listening and not self.is_closed():
            self._hear_at_once(*args)
        else:
            super().dispatch(event, *args, **kwargs)

    def _hear_at_once(self, message: discord.Message) -> None:
        """Call the listener without a task. A task's turn would come only after the
        copies of other connections, which wait now, were read and made objects of."""
        try:
            self._hear(message)
        except Exception as error:  # noqa: BLE001 - as discord.py does with its tasks
            self._failed("on_message", error)

    def _unless_shared(self, data: Mapping[str, Any]) -> None:
        """Parse a message, unless another bot's copy admits this bot too: making objects
        of each copy is most of what a message costs here."""
        message = str(data.get("id"))
        if not self._intake.shares(self.bot, message):
            self._parse_message(data)
            return
        guild = self.get_guild(int(data["guild_id"]))
        place = guild and guild.get_channel_or_thread(int(data["channel_id"]))
        if isinstance(place, Readable):
            place.last_message_id = int(message)
        if self.listening:
            # After the listeners of earlier events, so that no cursor passes those.
            self.loop.call_soon(self._intake.copied, self.bot, message)
        else:
            self._intake.copied(self.bot, message)

    def acknowledge(self, event: Event, emoji: Sequence[str]) -> None:
        """React to an order. Nothing waits for it: it runs beside the queue of events."""
        may_react = event.is_dm or self.rights(event.channel_id).may_react
        if self._dry_run or not may_react:
            return
        task = self.loop.create_task(self._react(event, emoji), name="acknowledge")
        # The event loop keeps only weak references to tasks.
        self._reacting.add(task)
        task.add_done_callback(self._reacting.discard)

    async def _react(self, event: Event, emoji: Sequence[str]) -> None:
        place = self.get_partial_messageable(int(event.channel_id))
        message = place.get_partial_message(int(event.message_id))
        try:
            for one in emoji:
                await message.add_reaction(one)
        except (discord.HTTPException, aiohttp.ClientError) as error:
            kind = type(error).__name__
            log.warning("an order was not acknowledged", bot=self.bot, error=kind)

    async def settle_commands(self) -> None:
        """Register the commands in the servers where this bot offers them."""
        if self._commands is not None and self.is_ready():
            await self._commands.settle(self.bot, self._intake.hearing.roster)

    def look_for_proxies(self) -> None:
        """Find the servers of this bot that have a proxy: Discord makes a role for each
        bot."""
        for guild in known(self):
            for role in guild.roles:
                if (
                    role.tags is not None
                    and str(role.tags.bot_id) in self._intake.proxies.applications
                ):
                    self._intake.proxies.at_work_in(str(guild.id))

    def _event_of(self, message: discord.Message) -> Event | None:
        return event_of(
            message, self._intake.hearing.ours, self._intake.proxies.applications
        )

    def _learn_names(self, message: discord.Message) -> None:
        """Note the nicknames of a message's author and of the people it mentions. A
        mere user (as webhooks are) may still have a nickname, so it is skipped."""
        guild = message.guild
        if guild is not None:
            for person in (message.author, *message.mentions):
                if isinstance(person, discord.Member):
                    self._intake.nicknamed(str(guild.id), str(person.id), person.nick)

    def _own(self, message: discord.Message, event: Event | None) -> None:
        # Discord repeats it to the sender alone, as a text or a number.
        nonce = str(message.nonce or "")
        if nonce:
            self._intake.receipt(
                self.bot, str(message.channel.id), str(message.id), nonce
            )
        if event is not None:
            self._intake.overhear(event)

    def _stop_sign(
        self, payload: discord.RawReactionActionEvent, message: Event | None
    ) -> None:
        channel = self.get_channel(payload.channel_id)
        # A direct message has no member: there everybody may give orders.
        if payload.guild_id is not None and not may_moderate(payload.member, channel):
            return
        event = reaction_event(payload, message, self._intake.hearing.ours, 1)
        if event is not None:
            speaker = self._intake.hearing.ours.get(event.author_id)
            order = Order(
                verdict="stop", bots=(speaker,) if speaker is not None else ()
            )
            self._moderate(order, event, str(payload.user_id))

    def _moderate(self, order: Order, event: Event, by: str) -> None:
        """Each bot of this process hears the order; those that it concerns pass it
        on."""
        if not order.bots or self.bot in order.bots:
            self._intake.moderate(self.bot, order, event, by)
