"""The turn of an answer: one message, and the floor of its channel, on the real
parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import structlog

from app.brain.memory import Moment
from app.brain.ports import Enclosed
from app.delivery.permission import SendPermission
from app.delivery.rest import AnsweredMessage
from app.domain.model import (
    Action,
    ActionKind,
    ChatLine,
    Cost,
    InboxEntry,
    MessagePart,
)
from app.domain.verdicts import Claim, Commit, Reserve
from app.rules import decay
from app.runtime.killpoints import reached
from app.store import (
    admission,
    commits,
    floors,
    holds,
    inboxes,
    memories,
    states,
    stats,
)
from app.store.calls import Call
from app.store.commits import Joined
from app.store.limits import Limits
from app.worker.cycle import REFUSED, Asked, Cycle
from app.worker.enclosing import enclosed
from app.worker.holding import request, when_free
from app.worker.naming import named, names_of
from app.worker.privacy import unwilling_among
from app.worker.sending import AtOnce

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
class StoredAnswerTurn:
    """See `app.brain.ports.AnswerTurn` for what each call promises."""

    cycle: Cycle
    entry: InboxEntry
    token: str = ""
    """The floor's fencing token; empty while it is not held."""
    read_up_to: str = ""
    """The newest message that the draft could take into account."""
    hold: str = field(default_factory=request)
    """The id under which the store holds what the draft may cost."""
    expected: Cost | None = None
    """How much that is; None: nothing is held."""
    refusal: str = ""
    place: Mapping[str, str] = field(default_factory=dict)
    lines: Sequence[ChatLine] = ()

    def claim(self) -> Claim:
        """Ask for the floor of the message's channel."""
        cycle, entry = self.cycle, self.entry
        if cycle.holder.kind == "auto" and not cycle.allowed(entry):
            return Claim.NOT_ALLOWED
        cycle.about(entry)
        if self._barred():
            return Claim.BARRED
        reached("floor_before")
        rules = cycle.rules(entry.event)
        quiet_time = cycle.served.quiet_time(cycle.settings, rules)
        claimed = cycle.run(
            floors.claim(cycle.holder, entry, cycle.settings, quiet_time)
        )
        reached("floor_after")
        if claimed.verdict is Claim.GRANTED:
            # From here on the lock's renewal thread renews the floor too.
            self.token = claimed.token
            cycle.turn = self
            # Not before the floor is ours: until then colleagues may post here. A
            # notice needs no context.
            if not entry.notice:
                cycle.begin_reading(*self._read_for())
            return claimed.verdict
        # After a final verdict the message is dropped, or another cycle has it: a
        # return would be a cycle without cause.
        if claimed.verdict not in FINAL_CLAIMS and claimed.retry_in_ms:
            cycle.ask_again(claimed.retry_in_ms)
        self.note("claim", claimed.verdict, "", {"retry_in_ms": claimed.retry_in_ms})
        return claimed.verdict

    def _read_for(self) -> Asked:
        event = self.entry.event
        return event.channel_id, AnsweredMessage(
            event.message_id, in_thread=event.parent_id is not None
        )

    def _limits(self) -> Limits:
        """The bot's, with the channel's own caps."""
        return self.cycle.served.limits.within(self.cycle.rules(self.entry.event))

    def _barred(self) -> bool:
        """Whether Discord refused the bot in this channel lately: what it would say
        could not be sent either."""
        cycle, event = self.cycle, self.entry.event
        reason = cycle.refusal_in(event.channel_id)
        if not reason:
            return False
        detail = REFUSED.format(reason=reason)
        if cycle.holder.kind == "direct":
            # Bots named after this one must not wait for it.
            cycle.run(
                admission.cancel(
                    cycle.bot,
                    message=event.message_id,
                    channel=event.channel_id,
                    step="refused",
                    reason=detail,
                )
            )
        else:
            self.note("claim", Claim.BARRED, detail, {})
        return True

    def renew(self) -> None:
        """Renew the floor while the model writes, where the turn has one."""
        # The turn may end while the renewal thread is on its way here: that is no loss.
        if not self.token:
            return
        event = self.entry.event
        self.cycle.renew_floor(event.channel_id, event.message_id, self.token)

    def context(self) -> Sequence[ChatLine]:
        """Recent lines of the channel, oldest first."""
        cycle, entry = self.cycle, self.entry
        cycle.about(entry)
        found, problem, barred = cycle.recent_lines(*self._read_for())
        if problem:
            self.note("context", "missing", problem, {})
        if barred:
            cycle.bar(entry.event.channel_id, problem)
            self.refusal = REFUSED.format(reason=problem)
        if found:
            # Also past those whose lines are left out below: they are read, though
            # nobody is told.
            self.read_up_to = max((line.message_id for line in found), key=int)
        authors = {line.author_id for line in found}
        silent, known = cycle.run_all(
            unwilling_among(cycle.settings, authors) if authors else None,
            names_of(entry.event, found, cycle.me),
        )
        willing = [line for line in found if line.author_id not in (silent or ())]
        self.lines, self.place = named(
            cycle.store, entry.event, willing, cycle.me, known or {}
        )
        return self.lines

    def enclosed(self, parts: Sequence[MessagePart]) -> Enclosed:
        """The texts and pictures among these parts that this bot can read and see."""
        model = self.cycle.served.character.model
        sees = model is not None and model.vision
        found = enclosed(self.cycle.rest, parts, vision=sees)
        for problem in found.problems:
            self.note("files", "missing", problem, {})
        return found

    def reserve(self, cost: Cost, seconds: float | None = None) -> Reserve:
        """Mark the message as paid for and hold of every budget what a call may
        cost."""
        if not self.token:
            return Reserve.LOST_FLOOR
        verdict, reason = self._hold_when_free(cost, seconds)
        self._reserved(verdict, reason, cost)
        return verdict

    def _hold_when_free(self, cost: Cost, seconds: float | None) -> tuple[Reserve, str]:
        longest = self.cycle.settings.model_timeout
        return when_free(
            lambda: self._ask_for(cost), longest if seconds is None else seconds
        )

    def _reserved(self, verdict: Reserve, reason: str, cost: Cost) -> None:
        if verdict is Reserve.OK:
            # Later calls of one draft hold more under the same id: it counts once.
            if self.expected is None:
                self.cycle.later(stats.count("model_calls"))
            self.expected = cost + (self.expected or Cost())
            reached("model_before")
        elif verdict is not Reserve.BUDGET:  # the script itself journals a spent budget
            self.note("reserve", verdict, reason, {})

    def reserve_words(self, words: str) -> tuple[Reserve, bool]:
        """As `reserve`, for words that cost nothing."""
        if not self.token:
            return Reserve.LOST_FLOOR, False
        said = memories.reserve_line(self.cycle.bot, words) if words else None
        (verdict, reason), new = self.cycle.run_all(self._reserve_call(Cost()), said)
        if verdict is Reserve.WAIT:
            verdict, reason = self._hold_when_free(Cost(), None)
        self.cycle.uttered.append(words)
        self._reserved(verdict, reason, Cost())
        return verdict, new is not False

    def _ask_for(self, cost: Cost) -> tuple[Reserve, str]:
        return self.cycle.run(self._reserve_call(cost))

    def _reserve_call(self, cost: Cost) -> Call[tuple[Reserve, str]]:
        cycle = self.cycle
        return floors.reserve(
            cycle.holder,
            entry=self.entry,
            token=self.token,
            limits=self._limits(),
            cost=cost,
            hold=self.hold,
            request=request(),
        )

    def typing(self) -> AbstractContextManager[None]:
        """Show the typing indicator until the block ends."""
        cycle = self.cycle
        # People would wait for words that a dry run never sends.
        if cycle.settings.dry_run:
            return nullcontext()
        channel = self.entry.event.channel_id
        return cycle.rest.typing(cycle.bot, cycle.served.token, channel)

    def commit(self, action: Action, *, final: bool = False) -> Commit:
        """The one atomic step from decision to outbox."""
        reached("model_after")
        cycle, entry = self.cycle, self.entry
        cycle.about(entry)
        if not self.token:
            return Commit.LOST_FLOOR
        decision = commits.Decision(
            holder=cycle.holder,
            entry=entry,
            action=action,
            token=self.token,
            read_up_to=self.read_up_to,
            final=final,
            hold=self.hold,
            cooldown=cycle.served.cooldown(cycle.settings, cycle.rules(entry.event)),
            joined=self._joined(),
        )
        asked, sending = request(), AtOnce(cycle, decision)
        moments = self._moments(action)
        reached("commit_before")
        committed, engaged, *told = cycle.run_all(
            commits.commit(decision, self._limits(), cycle.settings, asked),
            # Before the cycle's end: the lane's next one reads it.
            self._engagement(action, asked),
            *sending.ask(),
            *cycle.ending(entry, asked, moments),
        )
        cycle.heed_ending(*told[2:])
        verdict: Commit = committed.verdict
        # Whatever the verdict, the script has settled the hold: `_end` must not repeat
        # it.
        self.expected = None
        reached("commit_after")
        log.info(
            "decided",
            bot=cycle.bot,
            channel=entry.event.channel_id,
            kind=action.kind,
            verdict=verdict,
        )
        if verdict in {Commit.COMMITTED, Commit.DRY_RUN}:
            self._committed(verdict, sending.outgoing(*told[:2]))
            cycle.moments += moments
            # A server that knew only some of the scripts ran this one before the
            # commit: it is asked again.
            if engaged is False and (again := self._engagement(action)):
                cycle.later(again)
        return verdict

    def _engagement(self, action: Action, after: str = "") -> Call[bool] | None:
        """Notes that the bot spoke in the channel; None for a reaction, which says
        nothing. `after`: the commit's request."""
        if action.kind is ActionKind.REACT:
            return None
        cycle, channel = self.cycle, self.entry.event.channel_id
        engaged = decay.to_json(decay.spoke(cycle.now_ms))
        return states.remember(cycle.bot, channel, engaged, after)

    def _moments(self, action: Action) -> list[Moment]:
        """What is to be remembered of the answer. What a dry run would have said was
        heard by nobody."""
        if self.cycle.settings.dry_run or not action.text:
            return []
        event = self.entry.event
        whole = event.model_copy(update={"content": event.whole})
        entry = self.entry.model_copy(update={"event": whole})
        return [Moment(entry, action.text, tuple(self.lines))]

    def _joined(self) -> tuple[Joined, ...]:
        """The other lines of the thought: those that wait here, and those of which
        this lane's inbox holds nothing."""
        waiting = {one.event.message_id: one.entry_id for one in self.entry.joined}
        ids = [line.message_id for line in self.entry.event.earlier]
        return tuple(Joined(waiting.get(one, ""), one) for one in ids)

    def _committed(
        self, verdict: Commit, sent: tuple[str, SendPermission | None]
    ) -> None:
        cycle = self.cycle
        # First of all: somebody waits for it.
        if verdict is Commit.COMMITTED:
            cycle.deliver(self.entry.event.channel_id, *sent)
        cycle.turn, self.token = None, ""
        cycle.committed = True
        # Discord may refuse this very post: the next turn asks again.
        cycle.barred.clear()

    def decline(self, reason: str, cost: Cost | None = None) -> None:
        """Answer with silence for good."""
        self._end(reason, retry_later=False, cost=cost)

    def release(self, reason: str) -> None:
        """Give the floor back and leave the message for a later cycle."""
        self._end(reason, retry_later=True)

    def _end(self, reason: str, *, retry_later: bool, cost: Cost | None = None) -> None:
        cycle = self.cycle
        if self.expected is not None:
            # Of a cycle that failed on its way it is not known what it had paid for.
            spent = self.expected if cost is None else cost
            limits = self._limits()
            cycle.run(holds.settle(self.hold, limits, spent, request()))
            self.expected = None
        cycle.give_back(self.entry, self.token, retry_later=retry_later, reason=reason)
        if not retry_later and self.entry.joined:
            detail = f"as {self.entry.event.message_id}: {reason}"
            lines = self.entry.joined
            cycle.run(inboxes.remove(cycle.holder, lines, "yield", detail))
        cycle.turn, self.token = None, ""

    def note(
        self,
        step: str,
        verdict: str,
        reason: str,
        numbers: Mapping[str, float | str],
    ) -> None:
        """Write one journal line about the message."""
        self.cycle.note(
            self.entry, step=step, verdict=verdict, reason=reason, numbers=numbers
        )
