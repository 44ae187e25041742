"""From events to admissions and hints, for all bots of one process. Nothing here blocks
the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypedDict
from uuid import uuid4

import structlog

from app.domain.lane import Lane
from app.domain.model import Addressing, AuthorKind, Context, Event
from app.domain.settings import Settings
from app.domain.verdicts import Admit
from app.gateway.callers import Callers
from app.gateway.elections import Elections
from app.gateway.hearing import Heard, Hearing
from app.gateway.held import HeldQueue, Job
from app.gateway.measuring import NOTHING, Measured, Measuring
from app.gateway.ports import AdmissionPorts, MessagePorts
from app.gateway.proxies import Proxies, in_place_of
from app.gateway.receptions import Receptions, Signed
from app.gateway.shedding import SHED_FROM, Shedding
from app.gateway.waits import Waits
from app.rules.judging import Judgement, Rulebook, judge
from app.rules.moderation import Order
from app.rules.policy import Policy
from app.rules.reading import Kind
from app.rules.signals import Thresholds
from app.rules.thoughts import Patience, wait_ms
from app.store.admission import Admission, Candidate

log = structlog.get_logger(__name__)


WAITING = frozenset(
    {Admit.DIRECT, Admit.NOTICE, Admit.OPENED, Admit.BID, Admit.COMPLETE}
)
"""After these somebody may answer, once the thought is over."""


class ThoughtOf(TypedDict):
    """Fields of a candidate."""

    joins: bool
    wait_ms: int
    trails: bool


def patience_of(settings: Settings) -> Patience:
    """How long the rest of a thought is waited for."""
    return Patience(
        wait_ms=round(settings.thought_wait * 1000),
        typing_ms=round(settings.thought_typing * 1000),
        most_ms=round(settings.thought_most * 1000),
    )


@dataclass(frozen=True, slots=True)
class Arrival:
    """How an event came. `late`: older than the backfill age; `history`: read back in
    order, so it moves the cursor; `edited`: its text has changed; `answered`: our bots
    that have answered the message that a proxy's copy repeats."""

    late: bool = False
    history: bool = False
    edited: bool = False
    hold_ms: int = 0
    answered: frozenset[str] = frozenset()


class Connection(Protocol):
    """What the intake asks of one bot's connection to Discord."""

    def moves(self, channel_id: str) -> bool:
        """Whether a live event of this channel may move its cursor."""

    def lost(self, channel_id: str) -> None:
        """An event could not be held: the channel must be read back."""

    def barred(self, channel_id: str) -> str:
        """Why the bot may not write in a channel, in a few words; empty: it may."""

    def may_react(self, channel_id: str) -> bool:
        """Whether the bot may react to messages in a channel."""

    def acknowledge(self, event: Event, emoji: Sequence[str]) -> None:
        """React to a message as soon as may be; returns at once."""


class IntakePorts(AdmissionPorts, MessagePorts, Protocol):
    """What the intake needs."""


class Intake:
    """Judges and admits. Each bot has a queue of its own: its events are admitted
    channel by channel in turn, in each channel in order, and held while Redis is away.
    Of a flooded channel, what speaks to nobody is shed."""

    def __init__(
        self,
        ports: IntakePorts,
        settings: Settings,
        policy: Policy,
        measuring: Measuring | None = None,
    ) -> None:
        """Without `measuring`, interests go by words alone."""
        self._patience = patience_of(settings)
        self.hearing = Hearing(self._patience)
        self._waits = Waits(self._hint, self._patience)
        self._measuring = measuring
        self._ports = ports
        self._settings = settings
        self._rules = Rulebook(
            policy,
            Thresholds(
                trusted_level=settings.trusted_level,
                reaction_burst=settings.reaction_burst,
            ),
        )
        self._elections = Elections(ports)
        self._queues: dict[str, HeldQueue] = {}
        self._workers: dict[str, asyncio.Task[None]] = {}
        self._connections: dict[str, Connection] = {}
        self._callers = Callers()
        self._receptions = Receptions()
        self._shedding = Shedding(self._shed)
        self.proxies = Proxies(
            settings.proxy_applications, int(settings.proxy_delay * 1000)
        )

    def host(self, bot: str, user_id: str, connection: Connection) -> None:
        """Serve this bot. Its events wait until `open`."""
        self.hearing.host(bot, user_id)
        self._connections[bot] = connection
        if bot not in self._queues:
            queue = self._queues[bot] = HeldQueue(bot)
            self._workers[bot] = asyncio.get_running_loop().create_task(
                queue.run(), name=f"intake {bot}"
            )

    def open(self, bot: str) -> None:
        """The roster knows the bot: begin to admit its events."""
        self._queues[bot].open()

    async def refresh(self) -> None:
        """Read the roster anew."""
        self.hearing.learn(await self._ports.roster())

    def offer(
        self, bot: str, event: Event, *, late: bool = False, history: bool = False
    ) -> asyncio.Future[None] | None:
        """Take one bot's copy of an event; the future is done when it is admitted.
        `late`: older than the backfill age, so kept as context only. `history`: read
        back in order, so it moves the cursor. None: it could not be held, or was
        shed."""
        repeated = self.proxies.original_of(event) if event.proxied else None
        if repeated is not None:
            # What was heard may know more than the original: whose message it replied
            # to.
            event = in_place_of(
                self.hearing.known(repeated.message_id) or repeated, event
            )
        hold_ms = 0 if history else self.proxies.hold_ms(event)
        heard = (
            self.hearing.reacted(event)
            if event.kind == "reaction"
            else self.hearing.hear(event)
        )
        # Made outside the job: a retry after a lost answer must get the verdict of the
        # first try, not a second admission.
        request = uuid4().hex
        # History waits for each admission, so it cannot flood. A copy is never shed:
        # its job is what cancels the original.
        if not history and repeated is None and self._floods(bot, heard):
            self._shedding.count(event)
            return None

        async def admit() -> None:
            with structlog.contextvars.bound_contextvars(trace=event.message_id):
                answered = (
                    await self._replaced(repeated)
                    if repeated is not None
                    else frozenset()
                )
                await self._admit(
                    bot,
                    heard,
                    request,
                    Arrival(
                        late=late, history=history, hold_ms=hold_ms, answered=answered
                    ),
                )

        if not late and not history and event.kind == "message":
            self._listen(bot, heard)
        # History keeps its order: what overtakes others moves no cursor.
        ahead = not history and repeated is None and self._goes_ahead(bot, heard)
        return self._queued(bot, heard, admit, always=history, ahead=ahead)

    def _queued(
        self, bot: str, heard: Heard, admit: Job, *, always: bool, ahead: bool
    ) -> asyncio.Future[None] | None:
        """Queue one bot's copy. Without room for it the channel is read back later."""
        event = heard.event
        heard.waiting.add(bot)
        done = self._put(
            bot,
            admit,
            event.channel_id,
            always=always,
            author=event.author_id,
            ahead=ahead,
        )
        if done is None:
            heard.waiting.discard(bot)
            self._connections[bot].lost(event.channel_id)
        return done

    def overhear(self, event: Event) -> None:
        """A bot's own message: part of the room, never an event for that bot."""
        self.hearing.hear(event)
        bot = self.hearing.ours.get(event.author_id, "")
        if bot in self.hearing.hosted:
            replied = self.hearing.addressed(event.reply_to)
            self._receptions.posted(bot, event, replied)

    def receipt(self, bot: str, channel_id: str, message_id: str, nonce: str) -> None:
        """The bot's own message appeared in Discord."""
        self._put(
            bot,
            lambda: self._ports.receipt(bot, channel_id, message_id, nonce),
            channel_id,
        )

    def deleted(self, bot: str, channel_id: str, message_id: str) -> None:
        """A message was deleted: held, however much waits. It is tiny, and nothing
        reads it back: whoever answers would answer a message that is gone."""
        self._put(
            bot,
            lambda: self._ports.deleted(channel_id, message_id),
            channel_id,
            always=True,
        )

    def edited(self, bot: str, edit: Event, age_s: float) -> None:
        """A message has a new text, `age_s` seconds after it was written. Who answers
        it reads the new text from Discord; here it is only asked whether it now speaks
        to the bot, or no longer does."""
        heard = self.hearing.revise(edit, age_s)
        if heard is None:
            return
        if not heard.noted:
            # Each bot's connection brings the edit; the journal needs it once.
            heard.noted, event = True, heard.event
            self._put(bot, lambda: self._ports.edited(event), event.channel_id)
        request, asked = uuid4().hex, False

        async def tell() -> None:
            # Judged when its turn comes: behind the bot's own copy, and by the latest
            # text. `asked`: an earlier try failed, and may have been admitted all the
            # same.
            nonlocal asked
            told, spoken = bot in heard.told, bot in self.hearing.judge(heard).bots
            if spoken and (asked or not told) and age_s <= self._settings.backfill_age:
                asked = True
                await self._admit(bot, heard, request, Arrival(edited=True))
            elif not spoken and (asked or told):
                await self._ports.unaddressed(bot, heard.event)
                heard.told.discard(bot)

        self._put(bot, tell, edit.channel_id, always=True)

    def typing(self, channel_id: str, person: str) -> None:
        """Somebody types: what that person has begun to say is waited for."""
        heard = self.hearing.latest_of(channel_id, person)
        for_ms = self._waits.prolong_ms(heard) if heard is not None else 0
        if heard is None or for_ms <= 0:
            return
        waiting = heard

        async def prolong() -> None:
            await self._ports.prolong(waiting.event.message_id, for_ms)
            self._waits.prolonged(waiting, for_ms)

        # Any bot's queue will do: the wait is the same for all.
        for bot in list(self._queues)[:1]:
            self._put(bot, prolong, channel_id)

    def nicknamed(self, guild_id: str, person: str, nickname: str | None) -> None:
        """What a person is called in a server, as its latest message tells."""
        self._ports.nicknamed(guild_id, person, nickname)

    def forget(self, gone: Callable[[str], bool]) -> None:
        """Drop what this process holds of the people of whom `gone` is true, also what
        waits to be admitted."""
        self.hearing.forget(gone)
        self.proxies.forget(gone)
        self._receptions.forget(gone)

    def liked(self, bot: str, person: str, message_id: str) -> None:
        """A person reacted to a message of the bot's."""
        # One id for all tries: a reaction must not earn trust twice.
        request = uuid4().hex
        self._put(bot, lambda: self._ports.liked(bot, person, message_id, request))

    def reacted(self, bot: str, person: str, message_id: str, emoji: str) -> None:
        """A person reacted to a message; what it says of the bot's post is kept."""
        self._receive(bot, self._receptions.reacted(bot, person, message_id, emoji))

    def _listen(self, bot: str, heard: Heard) -> None:
        """What a message says about the bot's latest unasked post."""
        user_id = self.hearing.hosted[bot]
        spoken_to = self.hearing.judge(heard)
        self._receive(bot, self._receptions.heard(bot, user_id, heard, spoken_to))

    def _receive(self, bot: str, signs: Sequence[Signed]) -> None:
        for signed in signs if self._settings.learns_from_people else ():
            self._put(bot, self._reception_job(bot, signed), signed.channel)

    def _reception_job(self, bot: str, signed: Signed) -> Job:
        # One id for all tries: a sign must not count twice.
        request = uuid4().hex
        return lambda: self._ports.received(bot, signed, request)

    def moderate(self, bot: str, order: Order, event: Event, by: str) -> None:
        """A moderator gave an order: held, however much waits. It is acknowledged once
        it holds."""

        async def obey() -> None:
            emoji = await self._ports.moderate(order, event, by)
            self._connections[bot].acknowledge(event, emoji)

        self._put(bot, obey, always=True)

    def move_cursor(
        self, bot: str, channel_id: str, job: Job
    ) -> asyncio.Future[None] | None:
        """Queue a move of a channel's cursor behind the events that are before it."""
        return self._put(bot, job, channel_id, always=True)

    async def close(self, grace: float = 2.0) -> None:
        """Admit what waits, as far as `grace` seconds allow, and stop. The backfill
        finds the rest."""
        waiting = [
            asyncio.ensure_future(queue.drained()) for queue in self._queues.values()
        ]
        if waiting:
            _, late = await asyncio.wait(waiting, timeout=grace)
            for task in late:
                task.cancel()
        # An election whose timer ends here stays due in Redis: a pump closes it.
        self._elections.stop()
        self._waits.close()
        self._shedding.close()
        if self._measuring is not None:
            self._measuring.close()
        for worker in self._workers.values():
            worker.cancel()
        await asyncio.gather(*self._workers.values(), return_exceptions=True)

    def _put(
        self,
        bot: str,
        job: Job,
        channel: str = "",
        *,
        always: bool = False,
        author: str = "",
        ahead: bool = False,
    ) -> asyncio.Future[None] | None:
        queue = self._queues.get(bot)
        done = (
            queue.put(job, channel, always=always, author=author, ahead=ahead)
            if queue is not None
            else None
        )
        if done is None:
            log.warning("no room to hold more", bot=bot)
        return done

    def _goes_ahead(self, bot: str, heard: Heard) -> bool:
        """Whether somebody quiet speaks to one of our bots where much waits."""
        queue, event = self._queues.get(bot), heard.event
        return (
            queue is not None
            and event.author_kind is AuthorKind.HUMAN
            and queue.first_of_many(event.channel_id, event.author_id)
            and bool(self.hearing.judge(heard).bots)
        )

    def _floods(self, bot: str, heard: Heard) -> bool:
        """Whether a message that speaks to none of our bots comes faster than its
        channel's are admitted. In an outage all are held: nobody floods."""
        queue, event = self._queues.get(bot), heard.event
        if (
            queue is None
            or event.is_dm
            or not queue.opened
            or queue.away
            or queue.waiting(event.channel_id) < SHED_FROM
        ):
            return False
        return not self.hearing.judge(heard).bots

    def _shed(self, latest: Event, messages: int) -> None:
        # Any bot's queue will do: the line is about the channel, and is written once.
        for bot in list(self._queues)[:1]:
            self._put(bot, lambda: self._ports.shed(latest, messages))

    async def _replaced(self, original: Event) -> frozenset[str]:
        """A proxy said a message again: nobody answers the original any more. Returns
        the bots that have."""
        await self._ports.deleted(original.channel_id, original.message_id)
        return await self._ports.answered(original.message_id)

    async def _admit(
        self, bot: str, heard: Heard, request: str, arrival: Arrival
    ) -> None:
        event = heard.event
        addressing = self.hearing.judge(heard)
        judgement = await self._judged(bot, heard, addressing, arrival)
        classified = judgement.classified
        if arrival.edited and not classified.direct:
            # A bot's message, or one of whoever is ignored: its copy is in the inbox
            # already.
            return
        candidate = Candidate(
            bot=bot,
            event=event,
            classified=classified,
            bid=judgement.bid,
            author_bot=self.hearing.ours.get(event.author_id, "")
            if event.author_kind is AuthorKind.OURS
            else "",
            expected=self.hearing.expected(event),
            wakes=judgement.answerable
            and (classified.direct or self._settings.gateway_wakes),
            wordless=judgement.wordless,
            hold_ms=arrival.hold_ms,
            edited=arrival.edited,
            move_cursor=self._moves(bot, event, arrival),
            **self._thought(bot, heard, arrival),
        )
        outcome = await self._ports.admit(candidate, request)
        if outcome.verdict in WAITING:
            self._waits.begin(
                heard, candidate.wait_ms, bot if classified.direct else ""
            )
        # The admission comes first: it tells the journal why nobody is woken.
        if judgement.refusal and classified.direct and not arrival.late:
            # Whoever was named after this bot must not wait for an answer that never
            # comes.
            await self._ports.unanswerable(bot, event, judgement.refusal)
        self._admitted(bot, heard, addressing, outcome)

    def _thought(self, bot: str, heard: Heard, arrival: Arrival) -> ThoughtOf:
        """What of the message's thought the bot's admission needs."""
        own = self._ports.profile(bot, heard.event).thought_wait
        patience = self._patience
        if own is not None:
            patience = replace(patience, wait_ms=round(own * 1000))
        # What is read back was said long ago: its rest is read back too.
        at_once = arrival.late or arrival.history or not heard.lines
        # Alone it would be owed nothing, and it asks nothing.
        trails = not heard.event.is_dm and not (heard.own and heard.own.bots)
        asks = heard.reading.kind in {Kind.QUESTION, Kind.ASKING_ALL}
        return ThoughtOf(
            joins=not patience.off,
            wait_ms=0 if at_once else wait_ms(heard.lines, patience),
            trails=trails and not asks,
        )

    def _moves(self, bot: str, event: Event, arrival: Arrival) -> bool:
        """Whether the cursor may pass this message. One that has overtaken others would
        hide them from whoever reads the channel back."""
        if event.kind != "message" or self._queues[bot].overtaking:
            return False
        return arrival.history or self._connections[bot].moves(event.channel_id)

    async def _judged(
        self, bot: str, heard: Heard, addressing: Addressing, arrival: Arrival
    ) -> Judgement:
        event, connection, user_id = (
            heard.event,
            self._connections[bot],
            self.hearing.hosted[bot],
        )
        known = await self._ports.facts(bot, event)
        profile = self._ports.profile(bot, event)
        facts = known.model_copy(
            update={
                "named": bot in addressing.spoken_of,
                "touches": profile.touched(heard.whole),
                "afterthought": heard.afterthought and not event.is_dm,
                "user_id": user_id,
                "unasked": known.unasked and self._settings.gateway_wakes,
                "colleagues": self.hearing.with_colleague(heard, user_id),
                "barred": "" if event.is_dm else connection.barred(event.channel_id),
                "may_react": not event.is_dm and connection.may_react(event.channel_id),
                "late": arrival.late,
                "answered": arrival.answered,
            }
        )
        measured = await self._measured(heard, addressing, arrival)
        return judge(
            event=event,
            bot=bot,
            facts=facts,
            addressing=addressing,
            table=lambda: heard.table(user_id),
            rules=self._rules,
            profile=profile,
            reading=heard.whole,
            likeness=measured.get(bot),
        )

    async def _measured(
        self, heard: Heard, addressing: Addressing, arrival: Arrival
    ) -> Measured:
        """How like it is to the subjects of the bots; only what is everybody's is
        worth the time."""
        spoken_to = addressing.bots or addressing.somebody_else
        if self._measuring is None or spoken_to or arrival.late:
            return NOTHING
        return await self._measuring.of(heard)

    def _admitted(
        self, bot: str, heard: Heard, addressing: Addressing, outcome: Admission
    ) -> None:
        event = heard.event
        if bot in addressing.bots:
            heard.told.add(bot)
        else:
            heard.told.discard(bot)
        heard.waiting.discard(bot)
        # Chatter and further bids are in the journal; at INFO they would drown what
        # starts something.
        say = log.info if outcome.verdict in {Admit.DIRECT, Admit.OPENED} else log.debug
        say("admitted", bot=bot, channel=event.channel_id, verdict=outcome.verdict)
        self._act(bot, event, outcome)

    def _hint(self, bot: str, event: Event) -> None:
        """Ask for an answer; ahead of others for who called the bot little lately, in
        whatever channels."""
        lane = Lane(bot, event.channel_id)
        if self._callers.called_little(bot, event.author_id):
            self._ports.hint_first(lane)
        else:
            self._ports.hint(lane, Context.DIRECT)

    def _act(self, bot: str, event: Event, outcome: Admission) -> None:
        match outcome.verdict:
            # Held for a proxy (ADR 19) or for the rest of a thought: the lane is due
            # only then, and a worker that came sooner would find nothing to do.
            case Admit.DIRECT | Admit.NOTICE:
                self._waits.hint_in(bot, event, outcome.elect_in_ms)
            case Admit.OPENED:
                self._elections.close_in(
                    event.message_id, event.channel_id, outcome.elect_in_ms
                )
            # All bots of the channel have bid or passed: nothing is left to wait for.
            case Admit.COMPLETE:
                self._elections.close_in(event.message_id, event.channel_id, 0)
            case _:
                pass
