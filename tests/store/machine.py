"""One machine for all protocols: every call goes to the real store and to the
reference, and both must answer the same.

Scripts are atomic, so any interleaving of processes is a sequence of calls: the machine
holds many cycles in the middle of their work and lets Hypothesis choose whose call
comes next, which answers are lost, who dies and how much time passes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from hypothesis import currently_in_test_context
from hypothesis import note as note_step

from app.domain.lane import Lane
from app.domain.model import AuthorKind, Context, Cost, Event, InboxEntry
from app.store import (
    admission,
    commits,
    elections,
    floors,
    holds,
    inboxes,
    keys,
    lanes,
    mutes,
    outbox,
)
from app.store.calls import Call
from app.store.door import Store
from tests.store import world
from tests.store.cycle_reference import Draft, Reference, Who
from tests.store.judge import Judge
from tests.store.world import Cycle, World

NEAR_MS, JUST_MS = 2_000, 1_000
"""No call is made when its answer would change within the first or has changed within
the second: time is let pass before."""
KEPT_DIRECT = {"direct", "notice"}
KEPT = {"opened", "bid", "complete", "passed", "late", "exhausted"}
FIRST_ID = 10**17
reached: Counter[tuple[str, str]] = Counter()


class Machine:
    """The two sides, and each call on both."""

    def __init__(self, store: Store, settings: dict[str, Any]) -> None:
        self.world = World(store, **settings)
        s = self.world.settings
        self.at = self.world.tick()
        self.ref = Reference(
            lambda: self.at,
            self.world.limits,
            int(s.floor_lease * 1000),
            int(s.quiet_time * 1000),
            int(s.election_max_age * 1000),
            int(s.undelivered_lease * 1000),
        )
        self.judge = Judge()
        self.cycles: list[Cycle] = []
        self.heard: list[admission.AdmissionRequest] = []
        self.late: list[admission.AdmissionRequest] = []
        self.posting: dict[tuple[str, str], tuple[str, str]] = {}
        self.count = 0

    def note(self, step: str, verdict: object) -> None:
        """A line of the story that a failing example tells, and a count of what was
        reached."""
        reached[step.split(" ")[1], str(verdict)] += 1
        if currently_in_test_context():
            note_step(f"    {step}: {verdict}")

    # ---- both sides of each call

    def fresh(self) -> str:
        """A new id."""
        self.count += 1
        return f"request-{self.count}"

    def steady(self) -> None:
        """Let time pass until nothing is about to change by itself, and note the time
        of the call that follows."""
        self.at = self.world.tick()
        while near := [
            at
            for at in self.ref.boundaries()
            if self.at - JUST_MS < at < self.at + NEAR_MS
        ]:
            self.world.advance(int(max(near) - self.at) + JUST_MS + 1)
            self.at = self.world.tick()

    def run(self, call: Call[Any], lost: bool = False) -> Any:
        """The store's answer; `lost`: the first is lost on its way and the same call is
        made again."""
        if lost:
            first = self.world.store.run(call)
            again = self.world.store.run(call)
            assert first == again, f"{call.script} answered {first}, and then {again}"
            return again
        return self.world.store.run(call)

    def admit(self, c: admission.AdmissionRequest, lost: bool = False) -> str:
        self.steady()
        expected = self.ref.admit(c)
        if expected == "duplicate":
            lost = False
        call = admission.admit(c, self.fresh(), self.world.limits, self.world.settings)
        real = self.run(call, lost)
        assert real.verdict == expected, f"admit: {real}, expected {expected}"
        self._note_kept(c, expected, real.entry_id)
        return expected

    def _note_kept(
        self, c: admission.AdmissionRequest, verdict: str, entry: str
    ) -> None:
        self.note(
            f"{c.bot} admits {c.event.message_id} {c.classified.signal} bid {c.bid and c.bid.score}",
            verdict,
        )
        if verdict in KEPT_DIRECT | KEPT:
            lane = Lane(c.bot, c.event.channel_id if verdict in KEPT_DIRECT else None)
            self.ref.inbox.setdefault(str(lane), {})[entry] = c.event.message_id

    def admit_together(
        self, heard: Sequence[admission.AdmissionRequest], lost: bool
    ) -> None:
        """Several bots of one process: the same as one after another."""
        self.steady()
        expected = [self.ref.admit(c) for c in heard]
        call = admission.admit_all(
            heard,
            self.fresh(),
            [self.world.limits] * len(heard),
            self.world.settings,
        )
        # What is a duplicate, or a flood, is not remembered as this request's.
        real = self.run(
            call, lost and not {"duplicate", "over_person_limit"} & {*expected}
        )
        for c, told, verdict in zip(heard, real, expected, strict=True):
            assert told.verdict == verdict, f"{c.bot}: {told}, expected {verdict}"
            self._note_kept(c, verdict, told.entry_id)

    def elect(self, message: str, channel: str, lost: bool = False) -> tuple[str, str]:
        self.steady()
        for _ in range(2 if lost else 1):
            expected = self.ref.elect(message)
            real = self.world.store.run(
                elections.decide(message, channel, self.world.settings)
            )
            self.note(f"anybody elects {message}", expected)
            assert (real.verdict, real.winner) == expected, (
                f"elect: {real}, expected {expected}"
            )
            assert (real.fresh, real.next) == (self.ref.fresh, self.ref.next), (
                f"{real}, expected next {self.ref.next}"
            )
        if real.winner:
            self.judge.elected(message, real.winner)
        return expected

    def begin(self, lane: Lane) -> Cycle | None:
        """A worker takes the lane's lock, if it is free, and begins."""
        owner = self.fresh()
        assert self.world.lock(lane, owner) == self.ref.take_lock(str(lane), owner)
        if self.ref.locks[str(lane)] != owner:
            return None
        self.steady()
        expected = self.ref.begin(str(lane), owner)
        begun = self.world.store.run(lanes.begin(lane, owner))
        self.note(f"{lane} begins", expected)
        assert begun.due == expected, f"begin: {begun.due}, expected {expected}"
        if not begun.due:
            return None
        trimmed = self.ref.trimmed(str(lane))
        restored = {
            e.entry_id: e.event.message_id
            for e in begun.entries
            if e.event.message_id in trimmed
        }
        assert set(restored.values()) == trimmed
        self.ref.inbox.setdefault(str(lane), {}).update(restored)
        inbox = self.ref.readable(str(lane))
        assert {e.entry_id: e.event.message_id for e in begun.entries} == inbox
        assert begun.granted or [e.entry_id for e in begun.entries] == list(inbox), (
            "entries come oldest first"
        )
        assert begun.granted == self.ref.work.get(lane.bot, set())
        whole = (
            lane.channel is not None or not begun.granted or self.ref.whole(str(lane))
        )
        assert begun.everything == whole
        cycle = Cycle(
            lane,
            owner,
            begun.seq,
            self.ref.seq.get(str(lane), 0),
            list(begun.entries),
            everything=begun.everything,
        )
        self.cycles.append(cycle)
        return cycle

    def who(self, cycle: Cycle, entry: InboxEntry) -> Who:
        bot = cycle.lane.bot
        before = (
            entry.addressed[: entry.addressed.index(bot)]
            if bot in entry.addressed
            else ()
        )
        return Who(
            str(cycle.lane),
            cycle.owner,
            bot,
            entry.event.channel_id,
            entry.event,
            entry.entry_id,
            before,
        )

    def claim(self, cycle: Cycle, entry: InboxEntry, lost: bool = False) -> str:
        self.steady()
        expected = self.ref.claim(self.who(cycle, entry))
        quiet_ms = self.ref.quiets.get(cycle.lane.bot, self.ref.quiet)
        call = floors.claim(cycle.holder, entry, self.world.settings, quiet_ms / 1000)
        real = self.world.store.run(call)
        if lost:
            again = self.world.store.run(call)
            assert (again.verdict, again.token) == (real.verdict, real.token), (
                f"claim answered {real}, and then {again}"
            )
        self.note(f"{cycle.lane} claims {entry.event.message_id}", expected)
        if expected == "wait" and cycle.lane.channel is not None:
            late = real.retry_in_ms - self.ref.retry
            assert abs(late) <= 1, f"asks again {late} ms late"
        assert real.verdict == expected, f"claim: {real}, expected {expected}"
        if expected == "granted":
            grant = self.ref.floors[entry.event.channel_id].grant
            self.judge.floor_granted(entry.event.channel_id, real.token, grant)
            cycle.tokens[entry.entry_id] = real.token, grant
        return expected

    def reserve(
        self,
        cycle: Cycle,
        entry: InboxEntry,
        tokens: int = 100,
        lost: bool = False,
        micro_usd: int = 0,
    ) -> str:
        self.steady()
        token, grant = cycle.tokens.get(entry.entry_id, ("", -1))
        hold = cycle.hold(entry)
        expected = self.ref.reserve(
            self.who(cycle, entry), grant, tokens, micro_usd, hold
        )
        call = floors.reserve(
            cycle.holder,
            entry,
            token,
            self.world.limits,
            Cost(tokens, micro_usd),
            hold,
            self.fresh(),
        )
        real, _ = self.run(call, lost)
        self.note(f"{cycle.lane} reserves for {entry.event.message_id}", expected)
        assert real == expected, f"reserve: {real}, expected {expected}"
        if real == "ok":
            cycle.paid.add(entry.entry_id)
            self.judge.paid(
                entry.event.message_id, cycle.lane.bot, cycle.lane.channel is not None
            )
        return expected

    def settle(
        self,
        cycle: Cycle,
        entry: InboxEntry,
        tokens: int,
        micro_usd: int,
        lost: bool = False,
    ) -> None:
        """A silence: it cost so much."""
        hold = cycle.hold(entry)
        expected = self.ref.settle(hold, tokens, micro_usd)
        self.note(f"{cycle.lane} settles {entry.event.message_id}", expected)
        assert (
            self.run(
                holds.settle(
                    hold, self.world.limits, Cost(tokens, micro_usd), self.fresh()
                ),
                lost,
            )
            == expected
        )

    def commit(
        self, cycle: Cycle, entry: InboxEntry, lost: bool = False, **more: Any
    ) -> str:
        """`more`: tokens, micro_usd, read_up_to, final, react."""
        self.steady()
        token, grant = cycle.tokens.get(entry.entry_id, ("", -1))
        hold = cycle.hold(entry)
        d = world.decision(
            cycle,
            entry,
            token,
            hold=hold,
            cooldown=self.world.settings.cooldown,
            **more,
        )
        draft = Draft(
            grant,
            d.action.tokens,
            d.hold,
            d.action.micro_usd,
            d.entry_id,
            d.read_up_to,
            d.final,
            d.action.kind == "react",
            cooldown=int(d.cooldown * 1000),
            joined=tuple((one.entry_id, one.message_id) for one in d.joined),
        )
        before = self._state_of(entry, cycle)
        expected = self.ref.commit(self.who(cycle, entry), draft)
        call = commits.commit(d, self.world.limits, self.world.settings, self.fresh())
        real = self.run(call, lost)
        self.note(f"{cycle.lane} commits {entry.event.message_id}", expected)
        assert real.verdict == expected, f"commit: {real}, expected {expected}"
        message, is_direct = entry.event.message_id, cycle.lane.channel is not None
        if expected == "committed":
            self.judge.committed(message, cycle.lane.bot, is_direct, d.entry_id)
            root, _ = self.ref.root_of(entry.event)
            self.judge.posted(
                cycle.lane.bot, "" if draft.reaction else root, self.world.limits
            )
        else:
            assert self._state_of(entry, cycle) == before, (
                f"a commit refused as {expected} left something behind"
            )
        return expected

    def _state_of(self, entry: InboxEntry, cycle: Cycle) -> list[Any]:
        """Everything that a commit may change but the journal and the money, which a
        refused draft has cost all the same."""
        bot, channel, message = (
            cycle.lane.bot,
            entry.event.channel_id,
            entry.event.message_id,
        )
        pipe = self.world.store.client.pipeline(transaction=False)
        pipe.xrange(keys.inbox(cycle.lane))
        for key in (
            keys.work(bot),
            keys.answer(message),
            keys.floor(channel),
            keys.election(message),
            keys.bids(message),
        ):
            pipe.hgetall(key)
        pipe.lrange(keys.outbox(bot, channel), 0, -1)
        pipe.zrange(keys.recent_bot_posts(channel), 0, -1)
        pipe.exists(keys.cooldown(bot))
        return pipe.execute()

    def give_back(
        self, cycle: Cycle, entry: InboxEntry, keep: bool, lost: bool = False
    ) -> str:
        self.steady()
        token, grant = cycle.tokens.get(entry.entry_id, ("", -1))
        expected = self.ref.give_back(self.who(cycle, entry), grant, keep)
        real, woken = self.run(
            floors.release(cycle.holder, entry, token, keep, "no", self.fresh()), lost
        )
        assert woken == self.ref.next
        self.note(
            f"{cycle.lane} returns {entry.event.message_id}, keep {keep}", expected
        )
        assert real == expected, f"give_back: {real}, expected {expected}"
        if real == "declined":
            self.judge.declined(entry.event.message_id, cycle.lane.channel is not None)
        return expected

    def drop(self, cycle: Cycle, entry: InboxEntry) -> None:
        self.steady()
        expected = self.ref.drop(self.who(cycle, entry))
        assert (
            self.world.store.run(
                inboxes.remove(cycle.holder, [entry], "perceive", "not for me")
            )
            == expected
        )

    def renew(self, cycle: Cycle, entry: InboxEntry) -> None:
        self.steady()
        token, grant = cycle.tokens.get(entry.entry_id, ("0", -1))
        who = self.who(cycle, entry)
        call = floors.renew(
            who.channel,
            who.bot,
            who.message,
            token,
            int(self.world.settings.floor_lease * 1000),
        )
        assert self.world.store.run(call) == self.ref.renew(who, grant)

    def finish(self, cycle: Cycle, lost: bool = False) -> str:
        self.steady()
        expected = self.ref.finish(
            str(cycle.lane),
            cycle.owner,
            cycle.reference_seq,
            cycle.retry,
            cycle.everything,
        )
        call = lanes.finish(
            cycle.lane,
            cycle.owner,
            cycle.seq,
            cycle.retry,
            self.fresh(),
            everything=cycle.everything,
        )
        real, _ = self.run(call, lost)
        self.note(f"{cycle.lane} finishes, retry {cycle.retry}", expected)
        assert real == expected, f"finish: {real}, expected {expected}"
        self.cycles.remove(cycle)
        return expected

    # ---- what happens around cycles

    def unlock(self, lane: Lane) -> None:
        """The lease of a lock ends: its holder is dead, or lives on and believes that
        it still has it."""
        self.note(f"{lane} unlocked", "yes")
        self.world.unlock(lane)
        self.ref.locks.pop(str(lane), None)

    def poll(self, bot: str) -> None:
        self.steady()
        self.world.store.run(lanes.wake(Lane(bot), Context.POLL))
        self.ref.wake(bot, self.ref.at_once(), poll=True)

    def pump(self) -> list[Lane]:
        """Every lane that is due and not locked."""
        self.steady()
        found = self.world.store.run(lanes.sweep(0))
        due = {
            lane
            for lane, at in self.ref.due.items()
            if at <= self.at and lane not in self.ref.locks
        }
        assert {str(lane) for lane, _ in found.lanes} == due
        assert set(found.elections) == {
            m for m, at in self.ref.elections_due.items() if at <= self.at
        }
        return sorted((lane for lane, _ in found.lanes), key=str)

    def flood(self, bot: str) -> None:
        """Chatter elsewhere pushes everything out of the bot's inbox."""
        self.note(f"{bot} flooded", "yes")
        self.world.store.client.xtrim(
            keys.inbox(Lane(bot)), maxlen=0, approximate=False
        )
        self.ref.inbox.pop(bot, None)

    def mute(self, scope: str, on: bool) -> None:
        self.world.store.run(mutes.mute(scope, "mod") if on else mutes.unmute(scope))
        (self.ref.mutes.add if on else self.ref.mutes.discard)(scope)

    def forget(self, message: str) -> None:
        assert self.world.store.run(admission.mark_deleted(message)) == self.ref.forget(
            message
        )

    def edit(
        self, told: admission.AdmissionRequest, named: bool, lost: bool = False
    ) -> None:
        """Its author edits what a bot heard, so that it speaks to the bot from now on,
        or no longer."""
        bot, said = told.bot, told.event
        if named and said.author_kind is AuthorKind.HUMAN:
            self.admit(
                world.direct(bot, said, (bot,), expected=told.expected, edited=True),
                lost,
            )
        elif told.classified.direct:
            self.steady()
            call = admission.cancel(
                bot, said.message_id, said.channel_id, "edit", "released"
            )
            assert bool(self.world.store.run(call)) == self.ref.cancel(
                bot, said.message_id, said.channel_id
            )
            self.note(f"{bot} is no longer spoken to in {said.message_id}", "yes")

    def post(self, bot: str, channel: str) -> Event | None:
        """A deliverer sends the oldest entry; Discord has it, the receipt is still out.
        What others see of it."""
        head = self.world.store.run(outbox.head(bot, channel))
        assert head == next(iter(self.ref.outbox.get((bot, channel), ())), None)
        if head is None or (bot, channel) in self.posting:
            return None
        entry = self.world.store.run(outbox.read(head))
        assert entry is not None
        assert self.world.store.run(outbox.acquire(bot, channel, "deliverer", 10_000))
        if (
            self.world.store.run(
                outbox.attempt(entry, 0, "deliverer", self.world.settings, False)
            ).verdict
            != "send"
        ):
            return None
        timeout = int(self.world.settings.discord_timeout * 1000)
        self.ref.attempted(bot, channel, timeout)
        self.count += 1
        posted = str(FIRST_ID + self.count)
        self.posting[bot, channel] = head, posted
        _, root, hops = self.ref.entries[head]
        self.ref.in_flight[bot, channel] = root, hops
        return world.event(
            posted, channel, f"80{world.BOTS.index(bot)}", author_kind=AuthorKind.OURS
        )

    def receipt(self, bot: str, channel: str) -> None:
        """The post is known to have arrived."""
        self.steady()
        head, posted = self.posting.pop((bot, channel))
        entry = self.world.store.run(outbox.read(head))
        assert entry is not None
        self.ref.delivered(bot, channel, posted)
        self.world.store.run(
            outbox.record_delivery(entry, 0, posted, "post", "2026-01-01")
        )
        self.world.store.run(outbox.release(bot, channel, "deliverer", 0))
