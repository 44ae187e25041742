"""The steps that Hypothesis may choose from, and the promises that hold after each and
at the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from app.domain.lane import Lane
from app.domain.model import AuthorKind, InboxEntry
from app.store.door import Store
from tests.store import agreement, world
from tests.store.machine import FIRST_ID, Machine
from tests.store.world import ALICE, BOB, BOTS, LATER_MS, Cycle

LOST = st.sampled_from([False, False, False, True])
BID = st.sampled_from([None, 0.2, 0.5, 0.5, 0.9])
ODD = (
    "claim",
    "reserve",
    "commit",
    "commit final",
    "commit unread",
    "react",
    "keep",
    "give back",
    "drop",
    "renew",
    "settle",
    "finish",
)


MEANWHILE = (
    "nothing",
    "nothing",
    "wrote again",
    "somebody answered",
    "usurped",
    "lease ended",
    "addressed",
    "deleted",
    "edited",
    "muted",
    "dropped",
    "renewed",
    "committed twice",
)

FAULTS = (
    "hear again",
    "crash",
    "unlock",
    "usurp",
    "usurp",
    "poll",
    "poll",
    "mute",
    "mute",
    "forget",
    "edit",
    "edit",
    "flood",
)


class Protocol(RuleBasedStateMachine):
    """Two channels, three bots, people and bots that write, workers that die.
    Subclasses choose what happens."""

    store: ClassVar[Store]
    meanwhile: ClassVar[tuple[str, ...]] = MEANWHILE
    """What may happen between a model call and its commit."""
    settings: ClassVar[dict[str, Any]] = {}
    bots: ClassVar[tuple[str, ...]] = BOTS
    channels: ClassVar[tuple[str, ...]] = ("55",)
    addressed: ClassVar[tuple[tuple[str, ...], ...]] = ((),)
    """Whom messages address."""
    authors: ClassVar[tuple[AuthorKind, ...]] = (AuthorKind.HUMAN,)
    mutes: ClassVar[tuple[str, ...]] = ()
    quiets: ClassVar[dict[str, int]] = {}
    """Quiet times in ms of bots that have their own."""
    dead: ClassVar[tuple[str, ...]] = ()
    """Bots that no worker serves."""
    changes: ClassVar[bool] = False
    """Whether authors edit and delete messages."""
    passing: ClassVar[tuple[int, ...]] = (11_000, LATER_MS, 61_000)
    tokens: ClassVar[tuple[int, ...]] = (80,)
    micro_usd: ClassVar[int] = 0
    held_usd: ClassVar[int] = 0
    """Micro-dollars that are held for a draft."""

    def __init__(self) -> None:
        super().__init__()
        self.m = Machine(self.store, self.settings)
        self.m.ref.quiets.update(self.quiets)

    # ---- what people and bots say

    def _say(
        self,
        channel: str,
        author: AuthorKind,
        addressed: tuple[str, ...],
        data: Any,
        who: str = "",
        reply_to: str | None = None,
    ) -> None:
        self.m.count += 1
        # Ids of any age and order: no script may trust the clock in them.
        message = str(
            FIRST_ID + self.m.count
            if who or data.draw(st.booleans(), "young")
            else 10**10 + self.m.count
        )
        known = [c.event.message_id for c in self.m.heard]
        reply_to = reply_to or data.draw(
            st.sampled_from([None, None, *known[-2:]]), "reply_to"
        )
        person = who or data.draw(st.sampled_from([ALICE, BOB]), "who")
        who = {AuthorKind.HUMAN: person, AuthorKind.FOREIGN: "700"}.get(author, "800")
        said = world.event(message, channel, who, author_kind=author, reply_to=reply_to)
        self._hear(said, addressed, data)

    def _hear(self, said: Any, addressed: tuple[str, ...], data: Any) -> None:
        """Bots of one process hear it together, in one call; others by themselves."""
        together: list[Any] = []
        shared = data.draw(st.booleans(), "one process")
        for bot in data.draw(st.permutations(self.bots), "order"):
            author_bot = BOTS[0] if said.author_kind is AuthorKind.OURS else ""
            more = {
                "expected": len(self.bots),
                "author_bot": author_bot,
                "wakes": data.draw(st.sampled_from([True] * 7 + [False])),
            }
            if bot in addressed:
                c = world.direct(bot, said, addressed, **more)
            else:
                more["quiet_ms"] = self.quiets.get(bot)
                c = world.candidate(bot, said, data.draw(BID, "bid"), **more)
            if not data.draw(st.sampled_from([True, True, False]), "in time"):
                self.m.late.append(c)
                continue
            self.m.heard.append(c)
            if shared:
                together.append(c)
            else:
                self.m.admit(c, data.draw(LOST))
        if together:
            self.m.admit_together(together, data.draw(LOST))

    @initialize(data=st.data())
    def first(self, data: Any) -> None:
        self.say(data)

    @rule(data=st.data())
    def say(self, data: Any) -> None:
        """A message comes; some gateways lag."""
        if len(self.m.heard) < 24:
            self._say(
                data.draw(st.sampled_from(self.channels)),
                data.draw(st.sampled_from(self.authors)),
                data.draw(st.sampled_from(self.addressed)),
                data,
            )

    @precondition(lambda self: self.m.late)
    @rule(data=st.data(), lost=LOST)
    def lag(self, data: Any, lost: bool) -> None:
        """A lagging gateway catches up."""
        c = self.m.late.pop(data.draw(st.integers(0, len(self.m.late) - 1)))
        self.m.admit(c, lost)
        self.m.heard.append(c)

    # ---- elections, cycles, deliveries

    @rule(data=st.data(), steps=st.integers(1, 6))
    def progress(self, data: Any, steps: int) -> None:
        """Anybody whose turn may be next goes on: a closer of elections, a worker, a
        cycle, a deliverer."""
        for _ in range(steps):
            m = self.m
            due = any(
                at <= m.at and lane not in m.ref.locks for lane, at in m.ref.due.items()
            )
            options: list[Callable[[Any, bool], None]] = [self._begin] * (
                3 if due else 1
            )
            if m.ref.elections:
                options.append(self._elect)
            if any(not self._writing(cycle) for cycle in m.cycles):
                options.append(self._go_on)
            if any(self._writing(cycle) for cycle in m.cycles):
                options += [self._answer_meanwhile] * 3
            if m.posting or any(m.ref.outbox.values()):
                options.append(self._post)
            data.draw(st.sampled_from(options), "who")(data, data.draw(LOST, "lost"))

    @rule(data=st.data())
    def drafts(self, data: Any) -> None:
        """All goes well for a while: elections are closed, due lanes served, and each
        cycle gets as far as its draft."""
        for message in sorted(self.m.ref.elections_due):
            self.m.elect(message, self.m.ref.elections[message].channel or "55")
        for lane in [lane for lane in self.m.pump() if lane.bot not in self.dead]:
            self.m.begin(lane)
        for cycle in self.m.cycles.copy():
            while cycle in self.m.cycles and not self._writing(cycle):
                self._step(cycle)

    @precondition(lambda self: any(self._writing(cycle) for cycle in self.m.cycles))
    @rule(data=st.data(), lost=LOST)
    def answer(self, data: Any, lost: bool) -> None:
        """A draft is ready."""
        self._answer_meanwhile(data, lost)

    def _elect(self, data: Any, lost: bool) -> None:
        due = sorted(self.m.ref.elections_due)
        message = data.draw(st.sampled_from(due * 3 + sorted(self.m.ref.elections)))
        self.m.elect(message, self.m.ref.elections[message].channel or "55", lost)

    def _lanes(self) -> list[Lane]:
        every = [
            Lane(bot, channel)
            for bot in self.bots
            for channel in (None, *self.channels)
        ]
        return [lane for lane in every if lane.bot not in self.dead]

    def _begin(self, data: Any, lost: bool) -> None:
        """The pump finds what is due and a worker takes one of it; or a hint comes that
        nobody needs."""
        due = (
            []
            if lost
            else [lane for lane in self.m.pump() if lane.bot not in self.dead]
        )
        self.m.begin(data.draw(st.sampled_from(due or self._lanes())))

    def _go_on(self, data: Any, lost: bool) -> None:
        """A cycle does what a good one does next, as far as the end of its model
        call."""
        cycle = data.draw(
            st.sampled_from(
                [cycle for cycle in self.m.cycles if not self._writing(cycle)]
            )
        )
        for _ in range(data.draw(st.integers(1, 3))):
            if cycle in self.m.cycles and not self._writing(cycle):
                self._step(cycle, lost)

    @staticmethod
    def _writing(cycle: Cycle) -> list[InboxEntry]:
        """What a cycle has paid for and not answered."""
        return [
            e
            for e in cycle.entries
            if e.entry_id in cycle.paid and e.entry_id not in cycle.done
        ]

    def _answer_meanwhile(self, data: Any, lost: bool) -> None:
        """A cycle's draft is ready; something may have happened while the model
        wrote."""
        cycle = data.draw(
            st.sampled_from([cycle for cycle in self.m.cycles if self._writing(cycle)])
        )
        entry = self._writing(cycle)[0]
        what = data.draw(st.sampled_from(self.meanwhile), "meanwhile")
        said = entry.event
        if what == "wrote again":
            self._say(said.channel_id, said.author_kind, (), data, said.author_id)
        elif what == "somebody answered":
            self._say(said.channel_id, AuthorKind.HUMAN, (), data, BOB, said.message_id)
        elif what == "usurped":
            self.m.unlock(cycle.lane)
            if other := self.m.begin(cycle.lane):
                self._step(other)
        elif what == "lease ended":
            self.m.world.advance(LATER_MS)
        elif what == "addressed":
            for c in [c for c in self.m.late if c.event == said][:1]:
                self.m.late.remove(c)
                self.m.admit(world.direct(c.bot, said, (c.bot,), expected=c.expected))
        elif what == "deleted" and self.changes:
            self.m.forget(said.message_id)
        elif what == "edited" and self.changes:
            # A bot that was late to hear of it is not on the list.
            for told in [
                c for c in self.m.heard if c.bot == cycle.lane.bot and c.event == said
            ][:1]:
                self.m.edit(told, data.draw(st.booleans(), "named"))
        elif what == "muted" and self.mutes:
            self.m.mute(data.draw(st.sampled_from(self.mutes)), True)
        elif what == "dropped":
            self.m.drop(cycle, entry)
        elif what == "renewed":
            self.m.renew(cycle, entry)
        elif what == "committed twice":
            self.m.commit(cycle, entry, lost, final=True)
        self._answer(cycle, entry, lost, data.draw(st.sampled_from(self.tokens)))

    @precondition(lambda self: self.m.ref.elections_due)
    @rule(data=st.data(), dies=st.booleans())
    def lapse(self, data: Any, dies: bool) -> None:
        """The holder of a floor is silent for longer than its lease, or dead, and
        somebody asks for an election again."""
        message = data.draw(st.sampled_from(sorted(self.m.ref.elections_due)))
        winner = self.m.ref.elections[message].winner
        if dies and winner:
            self.m.cycles = [
                cycle for cycle in self.m.cycles if str(cycle.lane) != winner
            ]
            self.m.unlock(Lane(winner))
        self.m.world.advance(LATER_MS)
        self.m.elect(message, self.m.ref.elections[message].channel)

    def _step(self, cycle: Cycle, lost: bool = False, tokens: int = 80) -> None:
        entry = next((e for e in cycle.entries if e.entry_id not in cycle.done), None)
        if entry is None:
            self.m.finish(cycle, lost)
        elif entry.entry_id in cycle.paid:
            self._answer(cycle, entry, lost, tokens)
        elif entry.entry_id in cycle.tokens:
            verdict = self.m.reserve(cycle, entry, 100, lost, self.held_usd)
            ids = [
                c.event.message_id
                for c in self.m.heard
                if c.event.channel_id == entry.event.channel_id
            ]
            cycle.read_up_to = max(ids, key=int)
            if verdict != "ok":
                self._end(cycle, entry, verdict)
        else:
            verdict = self.m.claim(cycle, entry, lost)
            if verdict in ("wait", "quiet", "cooled", "election_open"):
                cycle.done.add(entry.entry_id)
                # Whoever an election grants is woken by it; the others leave its
                # message alone.
                cycle.retry = cycle.retry if verdict == "election_open" else LATER_MS
            elif verdict != "granted":
                self._end(cycle, entry, verdict)

    def _answer(self, cycle: Cycle, entry: InboxEntry, lost: bool, tokens: int) -> None:
        direct = cycle.lane.channel is not None
        draft = {"tokens": tokens, "micro_usd": self.micro_usd}
        verdict = self.m.commit(
            cycle, entry, lost, read_up_to=cycle.read_up_to, **draft
        )
        if verdict == "stale" and direct:
            verdict = self.m.reserve(cycle, entry, 100, lost, self.held_usd)
            if verdict == "ok":
                verdict = self.m.commit(cycle, entry, lost, final=True, **draft)
        if verdict == "committed":
            cycle.done.add(entry.entry_id)
        else:
            self._end(cycle, entry, verdict)

    def _end(self, cycle: Cycle, entry: InboxEntry, verdict: str) -> None:
        """A good cycle's last word on an entry that it does not answer."""
        cycle.done.add(entry.entry_id)
        if verdict == "lost_lock":
            return
        if verdict == "lost_floor" and entry.entry_id not in cycle.paid:
            cycle.retry = 0
        elif entry.entry_id in cycle.tokens:
            self.m.give_back(cycle, entry, keep=False)
        else:
            self.m.drop(cycle, entry)

    @precondition(lambda self: any(cycle.entries for cycle in self.m.cycles))
    @rule(
        data=st.data(),
        ops=st.lists(st.sampled_from(ODD), min_size=1, max_size=3),
        lost=LOST,
    )
    def odd(self, data: Any, ops: list[str], lost: bool) -> None:
        """A cycle does anything at all, in any order."""
        cycle = data.draw(
            st.sampled_from([cycle for cycle in self.m.cycles if cycle.entries])
        )
        entry = data.draw(st.sampled_from(cycle.entries))
        for op in ops:
            if cycle in self.m.cycles:
                self._odd(cycle, entry, op, lost)

    def _odd(self, cycle: Cycle, entry: InboxEntry, op: str, lost: bool) -> None:
        if op == "claim":
            self.m.claim(cycle, entry, lost)
        elif op == "reserve":
            self.m.reserve(cycle, entry, 100, lost, self.held_usd)
        elif op.startswith("commit") or op == "react":
            read = str(FIRST_ID + 10**6) if op != "commit unread" else ""
            self.m.commit(
                cycle,
                entry,
                lost,
                read_up_to=read,
                final=op.endswith("final"),
                react=op == "react",
            )
        elif op in ("keep", "give back"):
            self.m.give_back(cycle, entry, op == "keep", lost)
        elif op == "drop":
            self.m.drop(cycle, entry)
        elif op == "renew":
            self.m.renew(cycle, entry)
        elif op == "settle":
            self.m.settle(cycle, entry, 50, self.micro_usd, lost)
        else:
            # What it leaves is for the next cycle, whether it says so or not.
            cycle.retry = LATER_MS if lost else None
            self.m.finish(cycle, lost)

    # ---- faults, time, moderators

    @rule(data=st.data(), what=st.sampled_from(FAULTS))
    def fault(self, data: Any, what: str) -> None:
        """Something happens that no cycle asked for."""
        m = self.m
        if what == "hear again" and m.heard:
            # Discord or a backfill brings a message a second time.
            assert m.admit(data.draw(st.sampled_from(m.heard))) == "duplicate"
        elif what == "crash" and m.cycles:
            # Its lock stays until the lease ends.
            m.cycles.remove(data.draw(st.sampled_from(m.cycles)))
        elif what == "unlock" and m.ref.locks:
            # The lease ends, under a dead cycle or a living one that goes on all the
            # same.
            m.unlock(Lane.parse(data.draw(st.sampled_from(sorted(m.ref.locks)))))
        elif what == "usurp" and m.cycles:
            # The same, and another worker takes the lane at once: two cycles believe
            # that it is theirs.
            lane = data.draw(st.sampled_from(m.cycles)).lane
            m.unlock(lane)
            m.begin(lane)
        elif what == "poll":
            bot = data.draw(st.sampled_from(self.bots))
            m.poll(bot)
            if bot not in self.dead:
                m.begin(Lane(bot))
        elif what == "flood":
            m.flood(data.draw(st.sampled_from(self.bots)))
        elif what == "mute" and self.mutes:
            scope = data.draw(st.sampled_from(self.mutes))
            m.mute(scope, scope not in m.ref.mutes)
        elif what == "forget" and m.heard and self.changes:
            m.forget(data.draw(st.sampled_from(m.heard)).event.message_id)
        elif what == "edit" and m.heard and self.changes:
            m.edit(
                data.draw(st.sampled_from(m.heard)),
                data.draw(st.booleans(), "named"),
                data.draw(LOST),
            )

    @rule(ms=st.integers(0, 2))
    def wait(self, ms: int) -> None:
        """Time passes."""
        self.m.world.advance(self.passing[ms])

    def _post(self, data: Any, at_once: bool) -> None:
        """An answer reaches Discord, where the others may see it before its receipt is
        noted."""
        m = self.m
        if m.posting and (at_once or not any(m.ref.outbox.values())):
            m.receipt(*data.draw(st.sampled_from(sorted(m.posting))))
            return
        box = data.draw(
            st.sampled_from(sorted(box for box, ids in m.ref.outbox.items() if ids))
        )
        posted = None if m.ref.mutes else m.post(*box)
        if posted is not None and box[0] == BOTS[0] and AuthorKind.OURS in self.authors:
            self._hear(posted, (), data)
        if posted is not None and at_once:
            m.receipt(*box)

    # ---- promises

    @invariant()
    def same(self) -> None:
        """Redis holds what the reference holds."""
        found = agreement.differences(self.m.world, self.m.ref)
        assert not found, found
        for scope, spent in self.m.ref.days.items():
            over = spent.micro_usd - self.m.ref.caps(scope)[2]
            assert over <= self.micro_usd, (
                f"{scope} is {over} micro-dollars over its cap"
            )

    def teardown(self) -> None:
        """Faults cease; the pump and good workers go on until nothing is due. Then
        nothing may be left undone."""
        self.drain()
        ref = self.m.ref
        left = {
            lane: inbox
            for lane, inbox in ref.inbox.items()
            if ":" in lane and inbox and lane.partition(":")[0] not in self.dead
        }
        assert not left, f"direct messages that nobody will answer: {left}"
        assert all(Lane.parse(lane).bot in self.dead for lane in ref.due), (
            f"still due: {ref.due}"
        )
        assert not ref.elections_due, (
            f"elections that nobody will close: {ref.elections_due}"
        )
        assert not any(ref.work.values()), f"granted and forgotten: {ref.work}"
        self.same()

    def drain(self) -> None:
        """Good conduct only."""
        for scope in sorted(self.m.ref.mutes):
            self.m.mute(scope, False)
        self.m.cycles.clear()
        for lane in sorted(self.m.ref.locks):
            self.m.unlock(Lane.parse(lane))
        for _ in range(60):
            for box in sorted(box for box, ids in self.m.ref.outbox.items() if ids):
                if box in self.m.posting or self.m.post(*box):
                    self.m.receipt(*box)
            for message in sorted(self.m.ref.elections_due):
                self.m.elect(message, self.m.ref.elections[message].channel or "55")
            for woken in self.m.pump():
                cycle = self.m.begin(woken) if woken.bot not in self.dead else None
                while cycle in self.m.cycles:
                    self._step(cycle)
            if not self.m.ref.elections_due and all(
                Lane.parse(lane).bot in self.dead for lane in self.m.ref.due
            ):
                return
            self.m.world.advance(LATER_MS)
