"""Takes the events of all bots of one process to their admission. Nothing here blocks
the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from uuid import uuid4

import structlog

from app.domain.model import AuthorKind, Event
from app.domain.settings import Settings
from app.gateway.admitting import AdmissionParts, Admitting, Arrival, BotConnection
from app.gateway.cursor_moves import CursorMoves
from app.gateway.event_queue import ALL, Job, Queues, ended
from app.gateway.hearing import ChannelMessage, Hearing
from app.gateway.measuring import Measuring
from app.gateway.ports import IntakePorts
from app.gateway.precedence import MANY, Precedence
from app.gateway.proxies import Proxies, in_place_of
from app.gateway.receptions import Receptions, Signed
from app.gateway.sharing import Sharing
from app.gateway.shedding import SHED_FROM, Shedding
from app.rules.moderation import Order
from app.rules.policy import Policy
from app.rules.thoughts import Patience

log = structlog.get_logger(__name__)

SPOKEN_TO = "bots spoken to"
"""The queue of those whom a message of a quiet channel speaks to."""


def patience_of(settings: Settings) -> Patience:
    """How long to wait for the rest of a thought, by the settings."""
    return Patience(
        wait_ms=round(settings.thought_wait * 1000),
        typing_ms=round(settings.thought_typing * 1000),
        most_ms=round(settings.thought_most * 1000),
    )


class Intake:
    """Judges and admits events. The first copy of a message is admitted for all bots of
    the process that hear its channel, through a queue that they share. What only one
    bot hears (direct messages, reactions, edits, messages read back) goes through its
    own queue. Channels take turns; within a channel events keep their order, and are
    queued while Redis is away. In a flooded channel, messages that address no bot are
    shed."""

    def __init__(
        self,
        ports: IntakePorts,
        settings: Settings,
        policy: Policy,
        measuring: Measuring | None = None,
    ) -> None:
        """Without `measuring`, interests go by words alone."""
        patience = patience_of(settings)
        self.hearing = Hearing(patience)
        self.precedence = Precedence()
        self._ports = ports
        self._settings = settings
        self._queues = Queues()
        self._connections: dict[str, BotConnection] = {}
        self._receptions = Receptions()
        self._last: dict[str, asyncio.Future[None]] = {}
        """By channel, the latest shared job that is not done."""
        self._shared: dict[str, dict[str, Sharing]] = {}
        """By channel and message, what is shared and still under way."""
        self.cursors = CursorMoves(ports, self._queues, self._last.get)
        """How far bots have read."""
        self._shedding = Shedding(self._shed)
        self._admitting = Admitting(
            ports,
            settings=settings,
            policy=policy,
            patience=patience,
            hearing=self.hearing,
            measuring=measuring,
            connections=self._connections,
            precedence=self.precedence,
        )
        self.proxies = Proxies(
            settings.proxy_applications, int(settings.proxy_delay * 1000)
        )

    def host(self, bot: str, user_id: str, connection: BotConnection) -> None:
        """Serve this bot. Its events wait until `open`."""
        self.hearing.host(bot, user_id)
        self._connections[bot] = connection
        self._queues.begin(bot)
        for name in (ALL, SPOKEN_TO):
            self._queues.begin(name).open()

    def open(self, bot: str) -> None:
        """Begin to admit this bot's events: the roster knows it now."""
        self._queues[bot].open()

    async def refresh(self) -> None:
        """Read the roster again."""
        self.hearing.learn(await self._ports.roster())

    def offer(
        self, bot: str, event: Event, *, late: bool = False, history: bool = False
    ) -> asyncio.Future[None] | None:
        """Take one bot's copy of an event. The future is done when it is admitted; None
        if it found no room, was shed, or is admitted with another bot's copy.
        `late`: older than the backfill age, so kept as context only. `history`: read
        back in order, so it moves the cursor."""
        live = event.kind == "message" and not history
        if live and self.copied(bot, event.message_id):
            return None
        repeated = self.proxies.original_of(event) if event.proxied else None
        if repeated is not None:
            # The message as heard may know more than the original: whose message it
            # replied to.
            event = in_place_of(
                self.hearing.known(repeated.message_id) or repeated, event
            )
        delay_ms = 0 if history else self.proxies.delay_ms(event)
        heard = (
            self.hearing.reacted(event)
            if event.kind == "reaction"
            else self.hearing.hear(event)
        )
        bots = self._sharing(bot, heard) if live else frozenset({bot})
        queue = ALL if len(bots) > 1 else bot
        # History waits for each admission, so it cannot flood. A proxy's copy is never
        # shed: its job cancels the original.
        if not history and repeated is None and self._floods(queue, heard):
            self._shedding.count(event)
            return None
        for one in sorted(bots) if live and not late else ():
            self._listen(one, heard)
        arrival = Arrival(late=late, history=history, delay_ms=delay_ms)
        if queue == ALL:
            return self._share(bot, bots, heard, arrival, repeated)
        return self._admit_alone(bot, heard, arrival, repeated)

    def copied(self, bot: str, message_id: str) -> bool:
        """Whether another bot's copy admits this bot for the message. If so, note that
        its own copy has come."""
        heard = self.hearing.find(message_id)
        shared = heard.shared if heard is not None else None
        if heard is None or shared is None or not self.shares(bot, message_id):
            return False
        shared.arrived.add(bot)
        self._pass(bot, heard.event, shared)
        return True

    def shares(self, bot: str, message_id: str) -> bool:
        """Whether another bot's copy of the message admits this bot, too."""
        heard = self.hearing.find(message_id)
        shared = heard.shared if heard is not None else None
        return shared is not None and bot in shared.bots

    def _sharing(self, bot: str, heard: ChannelMessage) -> frozenset[str]:
        """The bots that one bot's copy of a live message admits: those that would hear
        it themselves and have nothing of the channel waiting before it."""
        event = heard.event
        # If it was shared before, this bot did not hear then: its own copy admits it.
        if event.is_dm or heard.shared or not self._next_in_line(bot, event):
            return frozenset({bot})
        others = (
            other
            for other, connection in self._connections.items()
            if self._next_in_line(other, event) and connection.hears(event.channel_id)
        )
        return frozenset({bot, *others})

    def _next_in_line(self, bot: str, event: Event) -> bool:
        """Whether nothing of the channel waits in the bot's own queue."""
        queue = self._queues[bot]
        return (
            queue.opened
            and not queue.waiting(event.channel_id)
            # No bot hears a message of its own.
            and self.hearing.hosted[bot] != event.author_id
        )

    def _share(
        self,
        bot: str,
        bots: frozenset[str],
        heard: ChannelMessage,
        arrival: Arrival,
        repeated: Event | None,
    ) -> asyncio.Future[None] | None:
        """Queue a message once, for all bots that share it."""
        channel = heard.event.channel_id
        shared = heard.shared = Sharing(bots, {bot})
        parts = self._admitting.in_parts(bots, heard, together=len(bots) <= MANY)

        async def admit() -> None:
            await ended(first)
            with structlog.contextvars.bound_contextvars(trace=heard.event.message_id):
                how = await self._arrived(arrival, repeated)
                # Of many bots, those that it addresses do not wait until all others are
                # judged.
                await parts.admit_spoken_to(how)
                await self.precedence.passed()
                await parts.admit_others(how)
            shared.admitted = True
            for one in list(shared.arrived):
                self._pass(one, heard.event, shared)

        first = None
        if repeated is None and self._goes_first(bots, heard):
            first = self._put_first(parts, heard, arrival)
        ahead = repeated is None and self._goes_ahead(ALL, heard)
        heard.waiting |= bots
        done = self._queues.put(
            ALL, admit, channel, author=heard.event.author_id, ahead=ahead
        )
        if done is None:
            self._lose(bots, heard)
            return None
        waiting = self._shared.setdefault(channel, {})
        waiting[heard.event.message_id] = shared
        if not ahead:
            self._last[channel] = done
        done.add_done_callback(lambda done: self._ended(channel, heard, done))
        return done

    def _lose(self, bots: frozenset[str], heard: ChannelMessage) -> None:
        """There was no room for a message: the channel is read back later."""
        heard.shared = None
        for one in bots:
            heard.waiting.discard(one)
            self._connections[one].lost(heard.event.channel_id)

    def _goes_first(self, bots: frozenset[str], heard: ChannelMessage) -> bool:
        """Whether a message that many bots hear speaks to some of them, and nothing of
        its channel comes before it."""
        waits = self._queues[ALL].waiting(heard.event.channel_id)
        if len(bots) <= MANY or waits:
            return False
        return not bots.isdisjoint(self.hearing.addressing_of(heard).bots)

    def _put_first(
        self,
        parts: AdmissionParts,
        heard: ChannelMessage,
        arrival: Arrival,
    ) -> asyncio.Future[None] | None:
        """Admit those whom a message speaks to beside what waits of other channels, and
        let all that can wait do so until their hints are sent."""
        event = heard.event
        self.precedence.take(event.message_id)

        async def admit_first() -> None:
            with structlog.contextvars.bound_contextvars(trace=event.message_id):
                await parts.admit_spoken_to(arrival)
            self._ports.when_hinted(partial(self.precedence.end, event.message_id))

        return self._queues.put(SPOKEN_TO, admit_first, event.channel_id)

    def _ended(
        self, channel: str, heard: ChannelMessage, done: asyncio.Future[None]
    ) -> None:
        waiting = self._shared[channel]
        waiting.pop(heard.event.message_id, None)
        if not waiting:
            del self._shared[channel]
        if self._last.get(channel) is done:
            del self._last[channel]

    def _pass(self, bot: str, event: Event, shared: Sharing) -> None:
        """Move the bot's cursor past a shared message, if nothing before it is open."""
        if not shared.admitted:
            return  # as for most copies: its admission comes back to it
        channel = event.channel_id
        before = any(
            int(message) < int(event.message_id) and bot in other.bots
            for message, other in self._shared.get(channel, {}).items()
        )
        if (
            not before
            and not self._queues[bot].waiting(channel)
            and self._connections[bot].passes(channel, event.message_id)
        ):
            self.cursors.note(bot, channel, event.message_id)

    def _admit_alone(
        self,
        bot: str,
        heard: ChannelMessage,
        arrival: Arrival,
        repeated: Event | None,
    ) -> asyncio.Future[None] | None:
        """Queue one bot's copy. If there is no room, the channel is read back later."""
        event, history = heard.event, arrival.history
        # Made outside the job, so that a retry after a lost answer gets the verdict of
        # the first try and not a second admission.
        request, before = uuid4().hex, self._last.get(event.channel_id)

        async def admit() -> None:
            with structlog.contextvars.bound_contextvars(trace=event.message_id):
                if not history:
                    await ended(before)
                how = await self._arrived(arrival, repeated)
                how = replace(how, moves=self._passes(bot, heard.event, history))
                if event.is_dm and event.kind == "message" and not how.moves:
                    await self._mark(bot, event.channel_id)
                await self._admitting.admit([bot], heard, request, how)

        # History keeps its order, as overtaking messages move no cursor.
        ahead = not history and repeated is None and self._goes_ahead(bot, heard)
        heard.waiting.add(bot)
        done = self._queues.put(
            bot,
            admit,
            event.channel_id,
            always=history,
            author=event.author_id,
            ahead=ahead,
        )
        if done is None:
            heard.waiting.discard(bot)
            self._connections[bot].lost(event.channel_id)
        return done

    async def _mark(self, bot: str, channel: str) -> None:
        """Give a channel a cursor before all messages, if it has none. Discord lists no
        direct messages, so without a cursor missed ones would never be read."""
        await self._ports.move_cursor(bot, channel, "0")

    async def _arrived(self, arrival: Arrival, repeated: Event | None) -> Arrival:
        """Handle a message that a proxy repeats: nobody answers the original any more,
        and a bot that has answered it does not answer the copy."""
        if repeated is None:
            return arrival
        await self._ports.deleted(repeated.channel_id, repeated.message_id)
        return replace(
            arrival, answered=await self._ports.answered(repeated.message_id)
        )

    def overhear(self, event: Event) -> None:
        """Take in a bot's own message: part of the room, but no event for that bot."""
        self.hearing.hear(event)
        bot = self.hearing.ours.get(event.author_id, "")
        if bot in self.hearing.hosted:
            replied = self.hearing.addressed(event.reply_to)
            self._receptions.posted(bot, event, replied)

    def receipt(self, bot: str, channel_id: str, message_id: str, nonce: str) -> None:
        """The bot's own message appeared in Discord."""
        self._queues.put(
            bot,
            lambda: self._ports.receipt(bot, channel_id, message_id, nonce),
            channel_id,
        )

    def deleted(self, bot: str, channel_id: str, message_id: str) -> None:
        """A message was deleted. This is queued however much waits: it is tiny, nothing
        reads it back, and a bot would answer a message that is gone."""
        self._queues.put(
            bot,
            lambda: self._ports.deleted(channel_id, message_id),
            channel_id,
            always=True,
        )

    def edited(self, bot: str, edit: Event, age_s: float) -> None:
        """A message has a new text, `age_s` seconds after it was written. The bot that
        answers reads the new text from Discord; this only checks whether it now
        addresses the bot, or no longer does."""
        heard = self.hearing.revise(edit, age_s)
        if heard is None:
            return
        if not heard.noted:
            # Each bot's connection brings the edit; the journal needs it once.
            heard.noted, event = True, heard.event
            self._queues.put(bot, lambda: self._ports.edited(event), event.channel_id)
        request, asked = uuid4().hex, False
        before = self._last.get(edit.channel_id)

        async def tell() -> None:
            # Judged when its turn comes: behind the message itself, and by the latest
            # text. `asked`: an earlier try failed, and may have been admitted all the
            # same.
            nonlocal asked
            await ended(before)
            notified, spoken = (
                bot in heard.notified,
                bot in self.hearing.addressing_of(heard).bots,
            )
            if (
                spoken
                and (asked or not notified)
                and age_s <= self._settings.backfill_age
            ):
                asked = True
                how = Arrival(edited=True)
                await self._admitting.admit([bot], heard, request, how)
            elif not spoken and (asked or notified):
                await self._ports.unaddressed(bot, heard.event)
                heard.notified.discard(bot)

        self._queues.put(bot, tell, edit.channel_id, always=True)

    def typing(self, channel_id: str, person: str) -> None:
        """Somebody types: wait longer for what that person has begun to say."""
        heard, waits = self.hearing.latest_of(channel_id, person), self._admitting.waits
        for_ms = waits.prolong_ms(heard) if heard is not None else 0
        if heard is None or for_ms <= 0:
            return
        waiting = heard

        async def prolong() -> None:
            await self._ports.prolong(waiting.event.message_id, for_ms)
            waits.prolonged(waiting, for_ms)

        # The wait is the same for all bots.
        self._queues.put(ALL, prolong, channel_id)

    def nicknamed(self, guild_id: str, person: str, nickname: str | None) -> None:
        """Note what a person is called in a server, by their latest message."""
        self._ports.nicknamed(guild_id, person, nickname)

    def forget(self, gone: Callable[[str], bool]) -> None:
        """Drop everything of the people for whom `gone` is true, including what waits to
        be admitted."""
        self.hearing.forget(gone)
        self.proxies.forget(gone)
        self._receptions.forget(gone)

    def liked(self, bot: str, person: str, message_id: str) -> None:
        """A person reacted to a message of the bot's."""
        # One id for all tries: a reaction must not earn trust twice.
        request = uuid4().hex
        self._queues.put(
            bot, lambda: self._ports.liked(bot, person, message_id, request)
        )

    def reacted(self, bot: str, person: str, message_id: str, emoji: str) -> None:
        """A person reacted to a message; keep what it says about the bot's post."""
        self._receive(bot, self._receptions.reacted(bot, person, message_id, emoji))

    def _listen(self, bot: str, heard: ChannelMessage) -> None:
        """Note what a message says about the bot's latest unasked post."""
        user_id = self.hearing.hosted[bot]
        spoken_to = self.hearing.addressing_of(heard)
        self._receive(bot, self._receptions.note_line(bot, user_id, heard, spoken_to))

    def _receive(self, bot: str, signs: Sequence[Signed]) -> None:
        for signed in signs if self._settings.learns_from_people else ():
            self._queues.put(bot, self._reception_job(bot, signed), signed.channel)

    def _reception_job(self, bot: str, signed: Signed) -> Job:
        # One id for all tries: a sign must not count twice.
        request = uuid4().hex
        return lambda: self._ports.received(bot, signed, request)

    def moderate(self, bot: str, order: Order, event: Event, by: str) -> None:
        """A moderator gave an order. It is queued however much waits, and acknowledged
        when it is in force."""

        async def obey() -> None:
            emoji = await self._ports.moderate(order, event, by)
            self._connections[bot].acknowledge(event, emoji)

        self._queues.put(bot, obey, always=True)

    async def close(self, grace: float = 2.0) -> None:
        """Admit what waits for up to `grace` seconds, then stop. The backfill finds the
        rest."""
        self.cursors.flush()
        await self._queues.drain(grace)
        self._admitting.close()
        self._shedding.close()
        await self._queues.close()

    def _goes_ahead(self, name: str, heard: ChannelMessage) -> bool:
        """Whether somebody quiet speaks to one of our bots where much waits."""
        queue, event = self._queues.get(name), heard.event
        return (
            queue is not None
            and event.author_kind is AuthorKind.HUMAN
            and queue.first_of_many(event.channel_id, event.author_id)
            and bool(self.hearing.addressing_of(heard).bots)
        )

    def _floods(self, name: str, heard: ChannelMessage) -> bool:
        """Whether to shed a message: it addresses none of our bots, and its channel gets
        messages faster than they are admitted. In an outage all of them wait."""
        queue, event = self._queues.get(name), heard.event
        if (
            queue is None
            or event.is_dm
            or not queue.opened
            or queue.away
            or self._queues[SPOKEN_TO].away
            or queue.waiting(event.channel_id) < SHED_FROM
        ):
            return False
        return not self.hearing.addressing_of(heard).bots

    def _shed(self, latest: Event, messages: int) -> None:
        # Any bot's queue will do: the line is about the channel and is written once.
        for bot in list(self._queues)[:1]:
            self._queues.put(bot, lambda: self._ports.shed(latest, messages))

    def _passes(self, bot: str, event: Event, history: bool) -> bool:
        """Whether the cursor may pass this message. If it overtook others, or if shared
        messages still wait, a backfill would miss those."""
        if event.kind != "message" or self._queues[bot].overtaking:
            return False
        if history:
            return True
        if self._queues[ALL].waiting(event.channel_id):
            return False
        return self._connections[bot].passes(event.channel_id, event.message_id)
