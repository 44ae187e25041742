"""The brain's ports on the real parts: the store, Discord's REST, the clock of Redis
and a source of chance."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import structlog
from structlog.contextvars import bind_contextvars

from app.brain.memory import Moment
from app.brain.ports import Enclosed, Opening
from app.delivery.rest import Asked, DiscordRest
from app.domain.model import (
    NOBODY,
    Action,
    ActionKind,
    ChatLine,
    Context,
    ConversationState,
    Cost,
    InboxEntry,
    MessagePart,
)
from app.domain.settings import Settings
from app.domain.verdicts import Claim, Commit, Reserve
from app.rules import decay
from app.runtime.killpoints import reached
from app.store import (
    admission,
    commits,
    floors,
    holds,
    journal,
    memories,
    refusals,
    states,
    stats,
    trusts,
)
from app.store.door import Store
from app.store.floors import Holder
from app.store.lanes import Begun
from app.worker.enclosing import enclosed
from app.worker.holding import request, when_free
from app.worker.naming import named
from app.worker.posting import Posting
from app.worker.privacy import heard, unwilling
from app.worker.served import Served

log = structlog.get_logger(__name__)

FINAL_CLAIMS = frozenset(
    {
        Claim.LOST_LOCK,
        Claim.GONE,
        Claim.ANSWERED,
        Claim.ADDRESSED,
        Claim.MUTED,
        Claim.NOT_ALLOWED,
    }
)


@dataclass(slots=True)
class Held:
    """The floor that the cycle holds now."""

    entry: InboxEntry
    token: str
    read_up_to: str = ""
    hold: str = field(default_factory=request)
    """Under which the store holds what the draft may cost."""
    expected: Cost | None = None
    """How much that is; None: nothing is held, as it is settled or nothing was asked
    for."""


@dataclass
class Ports:
    """One cycle's world; see `app.brain.ports.CyclePorts` for what each call
    promises."""

    store: Store
    rest: DiscordRest
    settings: Settings
    served: Served
    holder: Holder
    begun: Begun
    roster_ids: Mapping[str, str]
    """Discord user id to bot name, for all our bots."""
    rng: random.Random = field(default_factory=random.Random)
    retry_ms: int | None = None
    """The soonest that a refused claim asked to come back."""
    held: Held | None = None
    next_lanes: list[str] = field(default_factory=list)
    """Lanes and elections (`#<message>`) that became due because this cycle gave a
    floor back."""
    committed: bool = False
    behind: bool = False
    """What was granted came first: other triggers that this cycle read are owed a cycle
    of their own."""
    place: Mapping[str, str] = field(default_factory=dict)
    """Where the message was said whose context was read last: channel, topic,
    thread."""
    moments: list[Moment] = field(default_factory=list)
    """What was answered, to be remembered when the cycle is over."""
    _read: tuple[ChatLine, ...] = ()
    _states: dict[str, decay.Engagement] | None = None
    _levels: dict[str, int] | None = None

    def __post_init__(self) -> None:
        self.posting = Posting(
            store=self.store,
            rest=self.rest,
            settings=self.settings,
            served=self.served,
            holder=self.holder,
            now_ms=self.begun.now_ms,
            request=request(),
            roster_ids=self.roster_ids,
        )

    @property
    def now_ms(self) -> int:
        """Redis TIME when the cycle began."""
        return self.begun.now_ms

    @property
    def me(self) -> str:
        """The bot's own Discord user id."""
        return self.served.user_id

    @property
    def woken_by(self) -> Context:
        """What woke this cycle."""
        return self.begun.context

    @property
    def bot(self) -> str:
        """Whose cycle it is."""
        return self.holder.lane.bot

    def entries(self) -> Sequence[InboxEntry]:
        """The lane's inbox entries, oldest first, but those that nobody may answer
        yet."""
        held = [
            entry.after_ms - self.now_ms
            for entry in self.begun.entries
            if entry.after_ms > self.now_ms
        ]
        if held:
            self.retry_ms = min([*held, self.retry_ms or held[0]])
        due = [entry for entry in self.begun.entries if entry.after_ms <= self.now_ms]
        silent = {
            NOBODY,
            *unwilling(
                self.store, self.settings, {entry.event.author_id for entry in due}
            ),
        }
        dropped = [entry for entry in due if entry.event.author_id in silent]
        if dropped:
            self.drop(dropped, "perceive", "its author wants no part in this")
        return [entry for entry in due if entry.event.author_id not in silent]

    def granted(self) -> frozenset[str]:
        """Message ids that elections granted to this bot."""
        return self.begun.granted

    def states(self) -> Mapping[str, ConversationState]:
        """Conversation state by channel, decayed to now."""
        return {
            channel: decay.decayed(one, self.now_ms).state
            for channel, one in self._engagements().items()
        }

    def trust(self, person: str) -> int:
        """Trust level of a Discord user id: earned, or given by the character file if
        that is more."""
        if self._levels is None:
            given = self.served.character.trusted
            people = list(
                dict.fromkeys(entry.event.author_id for entry in self.begun.entries)
            )
            earned = self.store.run(trusts.some(self.bot, people)) if people else {}
            self._levels = {
                who: max(
                    given.get(who, 0),
                    earned[who].level(self.now_ms) if who in earned else 0,
                )
                for who in people
            }
        return self._levels.get(person, 0)

    def allowed(self, entry: InboxEntry) -> bool:
        """Whether the bot may speak unasked in the entry's channel."""
        return self.settings.may_speak(entry.event.channel_id, entry.event.parent_id)

    def claim(self, entry: InboxEntry) -> Claim:
        """Ask for the floor of the entry's channel."""
        if self.holder.kind == "auto" and not self.allowed(entry):
            return Claim.NOT_ALLOWED
        self._about(entry)
        if self._barred(entry):
            return Claim.BARRED
        reached("floor_before")
        claimed = self.store.run(
            floors.claim(
                self.holder, entry, self.settings, self.served.quiet_time(self.settings)
            )
        )
        reached("floor_after")
        if claimed.verdict is Claim.GRANTED:
            self.held = Held(entry, claimed.token)
        elif claimed.verdict not in FINAL_CLAIMS and claimed.retry_in_ms:
            self.retry_ms = min(
                self.retry_ms or claimed.retry_in_ms, claimed.retry_in_ms
            )
        if claimed.verdict is not Claim.GRANTED:
            self.note(
                entry,
                step="claim",
                verdict=claimed.verdict,
                reason="",
                numbers={"retry_in_ms": claimed.retry_in_ms},
            )
        return claimed.verdict

    def _barred(self, entry: InboxEntry) -> bool:
        """Whether Discord refused the bot in this channel lately: what it would say
        could not be sent either."""
        event = entry.event
        reason = self.store.run(refusals.may_send(self.bot, event.channel_id))
        if not reason:
            return False
        told = f"Discord refuses the bot here: {reason}"
        if self.holder.kind == "direct":
            # Whoever was named after this bot must not wait for it.
            self.store.run(
                admission.cancel(
                    self.bot,
                    message=event.message_id,
                    channel=event.channel_id,
                    step="refused",
                    reason=told,
                )
            )
        else:
            self.note(
                entry, step="claim", verdict=Claim.BARRED, reason=told, numbers={}
            )
        return True

    def renew(self) -> bool:
        """Keep the floor while the model writes; called by the lock's renewal
        thread."""
        held = self.held
        if held is None:
            return self.posting.renew()
        event = held.entry.event
        lease = int(self.settings.floor_lease * 1000)
        return self.store.run(
            floors.renew(
                event.channel_id,
                bot=self.bot,
                message=event.message_id,
                token=held.token,
                lease_ms=lease,
            )
        )

    def context(self, entry: InboxEntry) -> Sequence[ChatLine]:
        """Recent lines of the channel, oldest first."""
        self._about(entry)
        found, problem = self.rest.context(
            self.bot,
            token=self.served.token,
            channel=entry.event.channel_id,
            limit=self.settings.context_messages,
            ours=self.roster_ids,
            asked=Asked(
                entry.event.message_id, in_thread=entry.event.parent_id is not None
            ),
        )
        if problem:
            self.note(
                entry, step="context", verdict="missing", reason=problem, numbers={}
            )
        if self.held is not None and found:
            # Also past those whose lines are left out below: they are read, though
            # nobody is told.
            self.held.read_up_to = max((line.message_id for line in found), key=int)
        willing = heard(self.store, self.settings, found)
        self._read, self.place = named(self.store, entry.event, willing, self.me)
        return self._read

    def enclosed(self, entry: InboxEntry, parts: Sequence[MessagePart]) -> Enclosed:
        """The texts and pictures among these parts that this bot can read and see."""
        model = self.served.character.model
        found = enclosed(self.rest, parts, vision=model is not None and model.vision)
        for problem in found.problems:
            self.note(
                entry, step="files", verdict="missing", reason=problem, numbers={}
            )
        return found

    def reserve(self, entry: InboxEntry, cost: Cost) -> Reserve:
        """Mark the message as paid for and hold of every budget what a call may
        cost."""
        held = self.held
        if held is None:
            return Reserve.LOST_FLOOR
        limits = self.served.limits
        verdict, reason = when_free(
            lambda: self.store.run(
                floors.reserve(
                    self.holder,
                    entry=entry,
                    token=held.token,
                    limits=limits,
                    cost=cost,
                    hold=held.hold,
                    request=request(),
                )
            ),
            self.settings.model_timeout,
        )
        if verdict is Reserve.OK:
            if held.expected is None:
                self.store.run(stats.count("model_calls"))
            held.expected = cost + (held.expected or Cost())
            reached("model_before")
        elif verdict is not Reserve.BUDGET:  # the script itself journals a spent budget
            self.note(entry, step="reserve", verdict=verdict, reason=reason, numbers={})
        return verdict

    def typing(self, entry: InboxEntry) -> AbstractContextManager[None]:
        """Show the typing indicator until the block ends."""
        if self.settings.dry_run:
            return nullcontext()
        return self.rest.typing(self.bot, self.served.token, entry.event.channel_id)

    def commit(self, entry: InboxEntry, action: Action, final: bool = False) -> Commit:
        """The one atomic step from decision to outbox."""
        reached("model_after")
        self._about(entry)
        held = self.held
        if held is None:
            return Commit.LOST_FLOOR
        decision = commits.Decision(
            holder=self.holder,
            entry=entry,
            action=action,
            token=held.token,
            read_up_to=held.read_up_to,
            final=final,
            hold=held.hold,
            cooldown=self.served.cooldown(self.settings),
        )
        reached("commit_before")
        verdict, _ = self.store.run(
            commits.commit(decision, self.served.limits, self.settings, request())
        )
        held.expected = None
        reached("commit_after")
        log.info(
            "decided",
            bot=self.bot,
            channel=entry.event.channel_id,
            kind=action.kind,
            verdict=verdict,
        )
        if verdict in {Commit.COMMITTED, Commit.DRY_RUN}:
            self.held = None
            self.committed = True
            if verdict is Commit.COMMITTED and action.text:
                self.moments.append(Moment(entry, action.text, self._read))
            if action.kind is not ActionKind.REACT:
                self.store.run(
                    states.remember(
                        self.bot,
                        entry.event.channel_id,
                        decay.to_json(decay.spoke(self.now_ms)),
                    )
                )
        return verdict

    def book(self, entry: InboxEntry, cost: Cost) -> None:
        """Book what a silence cost in place of what is held for it."""
        held = self.held
        if held is not None and held.expected is not None:
            self.store.run(holds.settle(held.hold, self.served.limits, cost, request()))
            held.expected = None

    def decline(self, entry: InboxEntry, reason: str) -> None:
        """Answer with silence for good."""
        self._give_back(entry, self._token(), keep=False, reason=reason)

    def release(self, entry: InboxEntry, reason: str) -> None:
        """Give the floor back and leave the entry for a later cycle."""
        self._give_back(entry, self._token(), keep=True, reason=reason)

    def left(self, entries: Sequence[InboxEntry], reason: str) -> None:
        """Note, once each, triggers that were seen and left."""
        if entries:
            self.behind = (
                self.held is not None
                and self.held.entry.event.message_id in self.begun.granted
            )
            self.store.run(floors.left(self.holder, entries, reason))

    def drop(self, entries: Sequence[InboxEntry], step: str, reason: str) -> None:
        """Remove entries that need no answer."""
        plain = [
            entry
            for entry in entries
            if entry.event.message_id not in self.begun.granted
        ]
        if plain:
            self.store.run(floors.drop(self.holder, plain, step, reason))
        for entry in entries:
            if entry.event.message_id in self.begun.granted:
                # A rule observes before anything was paid: the next best bidder gets
                # its chance at once.
                self._give_back(
                    entry,
                    self.begun.floors[entry.event.message_id],
                    keep=False,
                    reason=reason,
                )

    def note(
        self,
        entry: InboxEntry,
        step: str,
        verdict: str,
        reason: str,
        numbers: Mapping[str, float | str],
    ) -> None:
        """Write one journal line about an entry."""
        self.store.run(
            journal.note(
                entry.event.message_id,
                bot=self.bot,
                step=step,
                verdict=verdict,
                reason=reason,
                numbers=numbers,
            )
        )

    def recent(self) -> Sequence[str]:
        """What the bot's offline voice said within about a day, in any process."""
        return self.store.run(memories.uttered(self.bot))

    def utter(self, line: str) -> bool:
        """Before the offline voice says a line; False: it said it within a day."""
        return self.store.run(memories.utter(self.bot, line))

    def openings(self) -> Sequence[Opening]:
        """Texts that wait for their post, then quiet channels."""
        return self.posting.openings()

    def claim_post(self, opening: Opening) -> Claim:
        """Ask for the channel's floor."""
        return self.posting.claim(opening)

    def lines_of(self, opening: Opening) -> Sequence[ChatLine]:
        """Recent lines of the channel."""
        return self.posting.lines(opening)

    def reserve_post(self, opening: Opening, cost: Cost) -> Reserve:
        """Hold of every budget what a call may cost."""
        return self.posting.reserve(cost)

    def commit_post(self, opening: Opening, action: Action) -> Commit:
        """From the draft to the outbox."""
        verdict = self.posting.commit(action)
        self.committed = self.committed or verdict is Commit.COMMITTED
        return verdict

    def release_post(self, opening: Opening, action: Action) -> None:
        """Give the floor back without a post."""
        self.next_lanes += [lane for lane in [self.posting.release(action)] if lane]

    def chance(self) -> float:
        """A number in [0, 1)."""
        return self.rng.random()

    def _about(self, entry: InboxEntry) -> None:
        """A cycle reads many messages: its log lines are about this one now. Each node
        of the graph has its own context, so whatever a node calls first says it
        anew."""
        bind_contextvars(trace=entry.event.message_id)

    def _token(self) -> str:
        return self.held.token if self.held is not None else ""

    def _give_back(
        self, entry: InboxEntry, token: str, keep: bool, reason: str
    ) -> None:
        if self.held is not None and self.held.expected is not None:
            # A cycle that failed on its way: what it had paid for is not known.
            self.book(entry, self.held.expected)
        verdict, next_lane = self.store.run(
            floors.give_back(
                self.holder,
                entry=entry,
                token=token,
                keep=keep,
                reason=reason,
                request=request(),
            )
        )
        self.held = None
        # The election that is open again is asked when this cycle is over, not when the
        # pump comes by.
        again = f"#{entry.event.message_id}" if verdict == "handed_over" else ""
        self.next_lanes += [lane for lane in dict.fromkeys((next_lane, again)) if lane]

    def _engagements(self) -> dict[str, decay.Engagement]:
        if self._states is None:
            stored = self.store.run(states.states(self.bot))
            self._states = {
                channel: decay.from_json(text) for channel, text in stored.items()
            }
        return self._states
