"""What one cycle shares between its reading and its turns."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, TypeVar

import structlog
from structlog.contextvars import bind_contextvars

from app.brain.memory import Moment
from app.delivery.permission import SendPermission
from app.delivery.rest import NOTHING_ASKED, AnsweredMessage, DiscordRest, History
from app.domain.errors import StoreUnavailable
from app.domain.model import Event, InboxEntry
from app.domain.places import Rules
from app.domain.settings import Settings
from app.domain.verdicts import Finish
from app.store import floors, journal, lanes, refusals
from app.store.calls import Call
from app.store.door import Store
from app.store.floors import Holder, Next
from app.store.lanes import Begun
from app.store.refusals import Barred
from app.worker.holding import request
from app.worker.privacy import ask_wishes
from app.worker.served import Served

T = TypeVar("T")
log = structlog.get_logger(__name__)
REFUSED = "Discord refuses the bot here: {reason}"
Asked = tuple[str, AnsweredMessage]
"""A channel, and for whose answer it is read."""


class FloorTurn(Protocol):
    """The turn that holds a floor."""

    def renew(self) -> None:
        """Renew the floor; whether it is lost its commit finds out."""


class Ended(NamedTuple):
    """How a cycle ended, and in how many ms its lane is due again. The same round trip
    tells of the people concerned: up to when what they said is old, and who opted
    out."""

    outcome: Finish
    due_in_ms: int
    marks: Mapping[str, int] | None = None
    silent: frozenset[str] | None = None


def finish_call(
    holder: Holder,
    begun: Begun,
    retry_ms: int | None,
    *,
    everything: bool | None = None,
    after: str = "",
) -> Call[tuple[Finish, int]]:
    """Ends a cycle; see `lanes.finish`."""
    return lanes.finish(
        holder.lane,
        owner=holder.owner,
        seq=begun.seq,
        retry_ms=retry_ms,
        request=request(),
        everything=begun.everything if everything is None else everything,
        after=after,
    )


@dataclass
class Cycle:
    """One bot, one lane, one lock held, and what the cycle has done so far."""

    store: Store
    rest: DiscordRest
    settings: Settings
    served: Served
    holder: Holder
    begun: Begun
    roster_ids: Mapping[str, str]
    """Discord user id to bot name, for all our bots."""
    deliver: Callable[[str, str, SendPermission | None], None]
    """Told of each channel and outbox entry that was committed, and of the permission
    that came along. It does not wait."""
    rng: random.Random = field(default_factory=random.Random)
    run_id: str = field(default_factory=request)
    """No other cycle has it."""
    retry_ms: int | None = None
    """The soonest that a refused claim asked to come back."""
    turn: FloorTurn | None = None
    """The one that holds a floor now."""
    next_turns: list[Next] = field(default_factory=list)
    """Who became due because this cycle gave a floor back."""
    committed: bool = False
    moments: list[Moment] = field(default_factory=list)
    """What was answered, to be remembered when the cycle is over."""
    uttered: list[str] = field(default_factory=list)
    """What the offline voice said within a day, oldest first."""
    barred: dict[str, str] = field(default_factory=dict)
    """By channel why Discord refuses the bot there, as far as it was asked."""
    waiting: list[Call[Any]] = field(default_factory=list)
    """What nobody waits for: counts and lines of the journal."""
    behind: bool = False
    """The cycle answered first what an election had granted. The other triggers that it
    read are owed a cycle of their own."""
    ended: Ended | None = None
    """Set once the lane's lock is given back."""
    _reading: tuple[Asked, Future[History]] | None = None
    """Lines of a channel that Discord was asked for already."""

    @property
    def now_ms(self) -> int:
        """Redis TIME when the cycle began."""
        return self.begun.now_ms

    @property
    def discord_now_ms(self) -> int:
        """Discord's time when the cycle began: messages are as old as it says."""
        return self.begun.now_ms + self.begun.discord_ahead_ms

    def age_ms(self, entry: InboxEntry) -> int:
        """How long ago an entry came into the inbox, by Redis's clock."""
        return self.now_ms - int(entry.entry_id.partition("-")[0])

    @property
    def me(self) -> str:
        """The bot's own Discord user id."""
        return self.served.user_id

    @property
    def bot(self) -> str:
        """Whose cycle it is."""
        return self.holder.lane.bot

    def refusal_in(self, channel: str) -> str:
        """Why Discord would refuse what the bot says in a channel, or empty."""
        if channel not in self.barred:
            self.barred[channel] = self.run(refusals.may_send(self.bot, channel))
        return self.barred[channel]

    def bar(self, channel: str, reason: str) -> None:
        """Remember that Discord lets the bot say nothing in a channel."""
        self.barred[channel] = reason
        refusal = (self.bot, channel, Barred.SEND, reason, self.settings)
        if self.run(refusals.note(*refusal)):
            refusals.tell(*refusal)

    def later(self, call: Call[Any]) -> None:
        """Send with the cycle's next call, or at its end."""
        self.waiting.append(call)

    def taken(self) -> list[Call[Any]]:
        """What waits to be sent; whoever takes it sends it."""
        waiting, self.waiting = self.waiting, []
        return waiting

    def ending(
        self, entry: InboxEntry, after: str, moments: Sequence[Moment]
    ) -> tuple[Call[Any] | None, ...]:
        """The calls that end the cycle in the round trip of its commit, whose request is
        `after`. Nones: the cycle read other messages too, so it goes on."""
        begun, mine = self.begun, {one.entry_id for one in (*entry.joined, entry)}
        if begun.broken or begun.forged or self.retry_ms is not None:
            return None, None, None
        if any(one.entry_id not in mine for one in begun.entries):
            return None, None, None
        finish = finish_call(self.holder, begun, None, after=after)
        return finish, *ask_wishes(self.settings, moments)

    def heed_ending(self, *told: Any) -> None:
        """What `ending` was answered."""
        finished, *wishes = told
        if finished is not None and finished[0] is not Finish.KEPT:
            self.ended = Ended(*finished, *wishes)

    def end(self, retry_ms: int | None) -> Ended:
        """End the cycle, if no commit did."""
        if self.ended is None:
            # The marks of waiting triggers are cleared only if this cycle read them all.
            everything = self.begun.everything and not self.behind
            # Along with it: people may have wished something while the cycle ran.
            finished, *wishes = self.run_all(
                finish_call(self.holder, self.begun, retry_ms, everything=everything),
                *ask_wishes(self.settings, self.moments),
            )
            self.ended = Ended(*finished, *wishes)
        return self.ended

    def send_rest(self) -> None:
        """Send what nobody waited for and no call took along."""
        if not self.waiting:
            return
        try:
            self.store.run_all(self.taken())
        except StoreUnavailable as error:
            # The cycle is over: it must not fail for what nobody waits for.
            log.warning("not noted", bot=self.bot, reason=str(error))

    def run(self, call: Call[T]) -> T:
        """One round trip, of the cycle's own thread."""
        found: T = self.run_all(call)[0]
        return found

    def run_all(self, *calls: Call[Any] | None) -> list[Any]:
        """Several calls, one after another, in one round trip. None where there is
        nothing to ask: its answer is None."""
        asked = [call for call in calls if call is not None]
        if not asked:
            return [None for _ in calls]
        carried = self.taken()
        found = iter(self.store.run_all([*carried, *asked])[len(carried) :])
        return [None if call is None else next(found) for call in calls]

    def renew(self) -> None:
        """Renew the floor while the model writes; called by the lock's renewal
        thread."""
        # Read once: the cycle's own thread may end the turn between two reads.
        turn = self.turn
        if turn is not None:
            turn.renew()

    def renew_floor(self, channel: str, message: str, token: str) -> None:
        """Renew the lease of a floor, in a round trip of its own."""
        lease_ms = int(self.settings.floor_lease * 1000)
        self.store.run(
            floors.renew(
                channel, bot=self.bot, message=message, token=token, lease_ms=lease_ms
            )
        )

    def allowed(self, entry: InboxEntry) -> bool:
        """Whether the bot may speak unasked in the entry's channel."""
        event = entry.event
        return self.settings.may_speak(
            event.channel_id, event.parent_id, event.guild_id
        )

    def rules(self, event: Event) -> Rules:
        """What holds where an event happened."""
        return self.settings.rules_at(event.channel_id, event.parent_id, event.guild_id)

    def ask_again(self, in_ms: int) -> None:
        """Let the lane be due in so many milliseconds, or sooner."""
        self.retry_ms = min(self.retry_ms or in_ms, in_ms)

    def recent_lines(
        self, channel: str, asked: AnsweredMessage = NOTHING_ASKED
    ) -> History:
        """Discord's lines of a channel, oldest first, and what kept some away."""
        reading, self._reading = self._reading, None
        if reading is not None and reading[0] == (channel, asked):
            return self.rest.finish_context(reading[1])
        return self.rest.finish_context(self._ask_discord(channel, asked))

    def begin_reading(self, channel: str, asked: AnsweredMessage) -> None:
        """Ask Discord beside what the cycle does until it calls `recent_lines`."""
        self._reading = (channel, asked), self._ask_discord(channel, asked)

    def _ask_discord(self, channel: str, asked: AnsweredMessage) -> Future[History]:
        return self.rest.begin_context(
            self.bot,
            token=self.served.token,
            channel=channel,
            limit=self.settings.context_messages,
            ours=self.roster_ids,
            asked=asked,
        )

    def give_back(
        self, entry: InboxEntry, token: str, *, retry_later: bool, reason: str
    ) -> None:
        """End a message's turn without an answer. `retry_later`: a later cycle asks again."""
        verdict, next_turn = self.run(
            floors.release(
                self.holder,
                entry=entry,
                token=token,
                retry_later=retry_later,
                reason=reason,
                request=request(),
            )
        )
        # The election that is open again is asked when this cycle is over, not when the
        # pump comes by.
        again = entry.event.message_id if verdict == "handed_over" else ""
        self.next_turns += dict.fromkeys((next_turn, Next(election=again)))

    def note(
        self,
        entry: InboxEntry,
        step: str,
        verdict: str,
        reason: str,
        numbers: Mapping[str, float | str],
    ) -> None:
        """Write one journal line about an entry."""
        line = journal.merge(
            entry.event.message_id,
            bot=self.bot,
            step=step,
            verdict=verdict,
            reason=reason,
            numbers=numbers,
        )
        self.later(line)

    def about(self, entry: InboxEntry) -> None:
        """Name the message in the log lines that follow: a cycle reads many. Each node
        of the graph has its own context, so each names it again."""
        bind_contextvars(trace=entry.event.message_id)
