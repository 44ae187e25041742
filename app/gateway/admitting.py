"""From a message that was heard to what is done about it: judged for each bot, admitted
for all of them in one call, then hints and elections."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Protocol, TypedDict
from uuid import uuid4

import structlog

from app.domain.lane import Lane
from app.domain.model import Addressing, AuthorKind, Context, Event
from app.domain.settings import Settings
from app.domain.verdicts import Admit
from app.gateway.callers import Callers
from app.gateway.elections import Elections
from app.gateway.hearing import ChannelMessage, Hearing
from app.gateway.measuring import NOTHING, Measured, Measuring
from app.gateway.ports import AdmissionPorts, MessagePorts
from app.gateway.precedence import Precedence
from app.gateway.waits import Waits
from app.rules.judging import Judgement, Rulebook, judge
from app.rules.policy import Policy
from app.rules.reading import LineKind
from app.rules.signals import SignalThresholds
from app.rules.thoughts import Patience, wait_ms
from app.runtime.traces import Value, root_span
from app.store.admission import Admission, AdmissionRequest

log = structlog.get_logger(__name__)

AT_ONCE = 16
"""Judgements, after which others on the event loop have their turn."""

WAITING = frozenset(
    {Admit.DIRECT, Admit.NOTICE, Admit.OPENED, Admit.BID, Admit.COMPLETE}
)
"""After these somebody may answer, once the thought is over."""


class BotConnection(Protocol):
    """What is asked of one bot's connection to Discord."""

    def hears(self, channel_id: str) -> bool:
        """Whether all that is said in a channel now reaches the bot: its session is
        live and without a gap there, and it may read the channel."""

    def passes(self, channel_id: str, message_id: str) -> bool:
        """Whether the channel's cursor may pass this live event."""

    def lost(self, channel_id: str) -> None:
        """An event found no room in the queue: the channel must be read back."""

    def barred(self, channel_id: str) -> str:
        """Why the bot may not write in a channel, in a few words; empty: it may."""

    def may_react(self, channel_id: str) -> bool:
        """Whether the bot may react to messages in a channel."""

    def acknowledge(self, event: Event, emoji: Sequence[str]) -> None:
        """React to a message as soon as may be; returns at once."""


class ThoughtOf(TypedDict):
    """Fields of a candidate."""

    joins: bool
    wait_ms: int
    trails: bool


class AdmittingPorts(AdmissionPorts, MessagePorts, Protocol):
    """What admitting needs."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """How an event came. `late`: older than the backfill age; `history`: read back in
    order; `edited`: its text has changed; `moves`: the bots' cursors may pass it with
    the admission; `answered`: our bots that have answered the message that a proxy's
    copy repeats."""

    late: bool = False
    history: bool = False
    edited: bool = False
    moves: bool = False
    delay_ms: int = 0
    answered: frozenset[str] = frozenset()


class Admitting:
    """Judges and admits, for the bots of one process."""

    def __init__(
        self,
        ports: AdmittingPorts,
        settings: Settings,
        policy: Policy,
        patience: Patience,
        hearing: Hearing,
        measuring: Measuring | None,
        connections: Mapping[str, BotConnection],
        precedence: Precedence,
    ) -> None:
        """Without `measuring`, interests go by words alone."""
        self._ports = ports
        self._settings = settings
        self._hearing = hearing
        self._measuring = measuring
        self._connections = connections
        self._precedence = precedence
        self._rules = Rulebook(
            policy,
            SignalThresholds(
                trusted_level=settings.trusted_level,
                reaction_burst=settings.reaction_burst,
            ),
        )
        self._elections = Elections(ports)
        self._callers = Callers()
        self._patience = patience
        self.waits = Waits(self._hint, patience)

    def close(self) -> None:
        """End what goes on by itself."""
        # An election whose timer ends here stays due in Redis: a pump closes it.
        self._elections.stop()
        self.waits.close()
        if self._measuring is not None:
            self._measuring.close()

    def in_parts(
        self, bots: Set[str], heard: ChannelMessage, *, together: bool
    ) -> AdmissionParts:
        """A message that is to be admitted for these bots, of which some come first;
        `together`: in one call."""
        return AdmissionParts(self, self._hearing, heard, set(bots), together)

    async def admit(
        self, bots: Sequence[str], heard: ChannelMessage, request: str, arrival: Arrival
    ) -> None:
        """Judge a message for these bots, and admit it for all of them in one call."""
        event = heard.event
        values: dict[str, Value] = {
            "gen_ai.conversation.id": event.channel_id,
            "stream.bots": len(bots),
        }
        with root_span("admit message", event.message_id, values) as noted:
            verdicts = await self._admit(bots, heard, request, arrival)
            noted.note({"stream.verdicts": verdicts})

    async def _admit(
        self, bots: Sequence[str], heard: ChannelMessage, request: str, arrival: Arrival
    ) -> tuple[str, ...]:
        """What became of it, as `bot: verdict`."""
        addressing, event = self._hearing.addressing_of(heard), heard.event
        measured = await self._measured(heard, addressing, arrival)
        judged: list[tuple[Judgement, AdmissionRequest]] = []
        for place, bot in enumerate(bots, 1):
            judgement = await self._judged(bot, heard, addressing, measured, arrival)
            # A bot's message, or one of an ignored person: where it is edited its copy
            # is in the inbox already.
            if judgement.classified.direct or not arrival.edited:
                candidate = self._candidate(bot, heard, judgement, arrival)
                judged.append((judgement, candidate))
            if place % AT_ONCE == 0:
                await asyncio.sleep(0)
                await self._precedence.give_way(event.message_id)
        if not judged:
            return ()
        outcomes = await self._ports.admit([one for _, one in judged], request)
        for (judgement, candidate), outcome in zip(judged, outcomes, strict=True):
            self._wait(heard, candidate, outcome)
            await self._refused(judgement, candidate, arrival)
            self._admitted(candidate.bot, heard, addressing, outcome)
        return tuple(
            f"{candidate.bot}: {outcome.verdict}"
            for (_, candidate), outcome in zip(judged, outcomes, strict=True)
        )

    def _wait(
        self, heard: ChannelMessage, candidate: AdmissionRequest, outcome: Admission
    ) -> None:
        if outcome.verdict in WAITING:
            owes = candidate.bot if candidate.classified.direct else ""
            self.waits.begin(heard, candidate.wait_ms, owes)

    async def _refused(
        self, judgement: Judgement, candidate: AdmissionRequest, arrival: Arrival
    ) -> None:
        """Bots named after one that may not answer must not wait for it."""
        # The admission came first: it tells the journal why nobody is woken.
        if judgement.refusal and candidate.classified.direct and not arrival.late:
            await self._ports.unanswerable(
                candidate.bot, candidate.event, judgement.refusal
            )

    def _candidate(
        self, bot: str, heard: ChannelMessage, judgement: Judgement, arrival: Arrival
    ) -> AdmissionRequest:
        event, classified = heard.event, judgement.classified
        ours = event.author_kind is AuthorKind.OURS
        # Who is named behind a bot that cannot hear this would wait for it in vain.
        hearers = self._hearing.hearers(event, classified.addressed)
        if hearers != classified.addressed:
            classified = classified.model_copy(update={"addressed": hearers})
        return AdmissionRequest(
            bot=bot,
            event=event,
            classified=classified,
            bid=judgement.bid,
            author_bot=self._hearing.ours.get(event.author_id, "") if ours else "",
            expected=self._hearing.expected(event),
            wakes=judgement.answerable
            and (judgement.classified.direct or self._settings.gateway_wakes),
            wordless=judgement.wordless,
            delay_ms=arrival.delay_ms,
            edited=arrival.edited,
            move_cursor=arrival.moves,
            **self._thought(bot, heard, arrival),
        )

    def _thought(self, bot: str, heard: ChannelMessage, arrival: Arrival) -> ThoughtOf:
        """What of the message's thought the bot's admission needs."""
        own = self._ports.profile(bot, heard.event).thought_wait
        patience = self._patience
        if own is not None:
            patience = replace(patience, wait_ms=round(own * 1000))
        # What is read back was said long ago, and so was its rest: where there is one,
        # it is heard already, and admitted in a moment.
        more = arrival.history and self._hearing.has_later_line(heard)
        read_back = arrival.history and not more
        at_once = arrival.late or read_back or not heard.lines
        # Alone it would be owed nothing, and it asks nothing.
        trails = not heard.event.is_dm and not (heard.own and heard.own.bots)
        asks = heard.reading.kind in {LineKind.QUESTION, LineKind.ASKING_ALL}
        return ThoughtOf(
            joins=not patience.off,
            wait_ms=0 if at_once else wait_ms(heard.lines, patience, more=more),
            trails=trails and not asks,
        )

    async def _judged(
        self,
        bot: str,
        heard: ChannelMessage,
        addressing: Addressing,
        measured: Measured,
        arrival: Arrival,
    ) -> Judgement:
        event, connection = heard.event, self._connections[bot]
        user_id = self._hearing.hosted[bot]
        known = await self._ports.facts(bot, event)
        profile = self._ports.profile(bot, event)
        facts = known.model_copy(
            update={
                "named": bot in addressing.spoken_of,
                "touches": profile.touched(heard.whole),
                "afterthought": heard.afterthought,
                "user_id": user_id,
                "unasked": known.unasked and self._settings.gateway_wakes,
                "colleagues": self._hearing.with_colleague(heard, user_id),
                "between_people": self._hearing.between_people(heard),
                "barred": "" if event.is_dm else connection.barred(event.channel_id),
                "may_react": not event.is_dm and connection.may_react(event.channel_id),
                "late": arrival.late,
                "answered": arrival.answered,
            }
        )
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
        self, heard: ChannelMessage, addressing: Addressing, arrival: Arrival
    ) -> Measured:
        """How like it is to the subjects of the bots; only what is everybody's, and
        may be answered unasked, is worth the time."""
        spoken_to = addressing.bots or addressing.somebody_else
        if self._measuring is None or spoken_to or arrival.late:
            return NOTHING
        if not self._settings.gateway_wakes or not self._ports.may_speak(heard.event):
            return NOTHING
        present = self._hearing.hosted_there(heard.event)
        return await self._measuring.of(heard, present)

    def _admitted(
        self,
        bot: str,
        heard: ChannelMessage,
        addressing: Addressing,
        outcome: Admission,
    ) -> None:
        event = heard.event
        if bot in addressing.bots:
            heard.notified.add(bot)
        else:
            heard.notified.discard(bot)
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
                self.waits.hint_in(bot, event, outcome.elect_in_ms)
            case Admit.OPENED:
                self._elections.close_in(
                    event.message_id, event.channel_id, outcome.elect_in_ms
                )
            # All bots of the channel have bid or passed: nothing is left to wait for.
            case Admit.COMPLETE:
                self._elections.close_in(event.message_id, event.channel_id, 0)
            case _:
                pass


@dataclass(slots=True)
class AdmissionParts:
    """One message for bots that share it: whom it speaks to, then all others. A part
    that failed may be tried again; whoever is admitted is not `pending` any more."""

    admitting: Admitting
    hearing: Hearing
    heard: ChannelMessage
    pending: set[str]
    together: bool
    """Whether a message that speaks to some is admitted for all in one call."""
    request: str = field(default_factory=lambda: uuid4().hex)

    async def admit_spoken_to(self, how: Arrival) -> None:
        """Admit it for the bots that it addresses, as far as is known by now; the
        others are in the same call, after them, or wait."""
        addressed = self.hearing.addressing_of(self.heard).bots
        bots = [one for one in addressed if one in self.pending]
        if bots and self.together:
            bots += sorted(self.pending.difference(bots))
        await self._admit(bots, how)

    async def admit_others(self, how: Arrival) -> None:
        """Admit it for whoever is left."""
        await self._admit(sorted(self.pending), how)

    async def _admit(self, bots: Sequence[str], how: Arrival) -> None:
        if bots:
            await self.admitting.admit(bots, self.heard, self.request, how)
            self.pending.difference_update(bots)
