"""Cycles in plain Python: what lanes, floors and commits should answer (see
reference.py)."""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import dataclass

from app.domain.model import AuthorKind, Event
from app.store.floors import NOBODY_WAITS, TURN_MS
from tests.store.reference import Floor, Hold, Rooms, Spent

OVERRUN = 100
"""How many times what is held for it a call may take, for all that the protocol
knows."""


@dataclass(frozen=True)
class Who:
    """A cycle's call about one message."""

    lane: str
    owner: str
    bot: str
    channel: str
    event: Event
    entry: str
    before: tuple[str, ...] = ()

    @property
    def direct(self) -> bool:
        return self.lane != self.bot

    @property
    def message(self) -> str:
        return self.event.message_id


@dataclass(frozen=True)
class Draft:
    """What a commit carries."""

    grant: int
    tokens: int
    hold: str
    micro_usd: int
    entry_id: str
    read_up_to: str = ""
    final: bool = False
    reaction: bool = False
    dry_run: bool = False
    cooldown: int = 60_000
    joined: tuple[tuple[str, str], ...] = ()
    """Earlier lines of the thought: inbox entry or "", message."""


class Reference(Rooms):
    """The whole of it."""

    def take_lock(self, lane: str, owner: str) -> bool:
        return self.locks.setdefault(lane, owner) == owner

    def begin(self, lane: str, owner: str) -> bool:
        if self.locks.get(lane) != owner:
            return False
        if self.due.get(lane, math.inf) > self.now():
            del self.locks[lane]
            return False
        for marks, reached in (self.full, self.full_now), (self.poll, self.poll_now):
            if marks.get(lane, math.inf) <= self.now():
                del marks[lane]
                reached.add(lane)
        return True

    def whole(self, lane: str) -> bool:
        """Whether a cycle reads more than what was granted."""
        return lane in self.full_now | self.poll_now

    def trimmed(self, lane: str) -> set[str]:
        """What was granted to this lane and is no longer in its inbox: begin brings it
        back."""
        return (
            set()
            if ":" in lane
            else self.work.get(lane, set()) - set(self.inbox.get(lane, {}).values())
        )

    def readable(self, lane: str) -> dict[str, str]:
        """What a cycle of this lane gets to read: what was granted to it, and all where
        nothing was or a whole reading is due; what is answered leaves the unasked
        inbox."""
        inbox = self.inbox.get(lane, {})
        if ":" in lane:
            return inbox
        granted = {
            entry: message
            for entry, message in inbox.items()
            if message in self.work.get(lane, ())
        }
        if granted and not self.whole(lane):
            return granted
        for entry in [
            entry
            for entry, message in inbox.items()
            if self.closed(message) and entry not in granted
        ]:
            del inbox[entry]
        return inbox

    def finish(
        self, lane: str, owner: str, seq: int, retry: int | None, everything: bool
    ) -> str:
        if self.locks.get(lane) != owner:
            return "lost"
        due = math.inf
        if self.seq.get(lane, 0) != seq:
            due = self.at_once()
            if ":" not in lane and self.cooled(lane):
                due = self.now() + self.cooled(lane)
        for marks, reached in (
            ()
            if ":" in lane
            else ((self.full, self.full_now), (self.poll, self.poll_now))
        ):
            if everything and retry is None:
                reached.discard(lane)
            at = (
                self.now()
                if lane in reached and retry is None
                else marks.get(lane, math.inf)
            )
            if at < math.inf:
                due = min(due, max(at, self.now() + self.cooled(lane)))
        if retry is not None and everything and ":" not in lane:
            self.full_now.add(lane)
        if retry is not None:
            due = min(due, self.now() + retry if retry else self.at_once())
        left = self.inbox.get(lane) if ":" in lane else self.work.get(lane)
        if due == math.inf and left:
            due = self.now() + 1000
        del self.locks[lane]
        if due < math.inf:
            self.due[lane] = due
            return "again"
        for known in (self.due, self.seq, self.full, self.poll):
            known.pop(lane, None)
        self.full_now.discard(lane)
        self.poll_now.discard(lane)
        return "clear"

    def claim(self, w: Who) -> str:
        if self.locks.get(w.lane) != w.owner:
            return "lost_lock"
        held = self.held(w.channel)
        kind = "direct" if w.direct else "auto"
        mine = bool(
            held
            and held.bot == w.bot
            and held.message == w.message
            and held.kind == kind
            and not held.entry
        )
        refused = self._refused_claim(w)
        if refused:
            self._leave(w, held)
            return refused
        if w.direct and not mine:
            verdict = self._direct_claim(w, held)
        else:
            verdict = "granted" if w.direct else self._auto_claim(w, held, mine)
        if verdict != "granted":
            return verdict
        if w.direct:
            self.waiting.get(w.channel, {}).pop(w.bot, None)
            self.awaited.setdefault(w.channel, {})[w.bot] = self.now()
            served = self.served.get(w.channel, 0)
            self.served[w.channel] = max(served, self.turn.get(w.message, 0))
        if mine and held:
            held.until = self.now() + self.lease
        else:
            self._take(w.channel, w.bot, w.message, kind)
        return "granted"

    def _refused_claim(self, w: Who) -> str:
        if w.entry not in self.inbox.get(w.lane, {}):
            return "gone"
        if self.muted(w.bot, w.event):
            return "muted"
        if w.direct and w.bot in self.answer.get(w.message, {}):
            return "answered"
        return "gone" if w.direct and w.message in self.deleted else ""

    def _leave(self, w: Who, held: Floor | None) -> None:
        """Whoever wants the floor no more lets the next one go."""
        if not w.direct:
            return
        self.following.get(w.message, {}).pop(w.bot, None)
        waited = self.waiting.get(w.channel, {}).pop(w.bot, None)
        if waited is not None and not held:
            self.call_next(w.channel)

    def _direct_claim(self, w: Who, held: Floor | None) -> str:
        place = (
            TURN_MS * self.turn.get(w.message, 0)
            + w.event.created_ms
            + len(w.before) / 1024
        )
        counted_on = self._counted_on(w)
        if counted_on > self.now():
            if not held and self.queue(w.channel)[:1] == [w.bot]:
                self.waiting[w.channel].pop(w.bot)
                self.call_next(w.channel, asks=w.bot)
            self.following.setdefault(w.message, {})[w.bot] = place
            return self._wait(w, counted_on)
        self.following.get(w.message, {}).pop(w.bot, None)
        self.queue_up(w.channel, w.bot, place)
        if held and (held.kind == "direct" or held.entry):
            return self._wait(w, held.until)
        awaited = self.awaited.setdefault(w.channel, {})
        awaited[w.bot] = math.inf
        if self.queue(w.channel)[0] == w.bot:
            return "granted"
        self.call_next(w.channel, asks=w.bot)
        return self._wait(w, awaited[w.bot])

    def _wait(self, w: Who, until: float) -> str:
        until = max(until, self.now() + 10)
        self.awaited.setdefault(w.channel, {})[w.bot] = until
        self.retry = until - self.now()
        return "wait"

    def _counted_on(self, w: Who) -> float:
        """Until when bots named before are waited for."""
        lasts = [0.0]
        for bot in w.before:
            owes = self._owes(bot, w)
            if owes is not False:
                lasts.append((self.election(w.message).addressed or 0) + self.lease)
            if owes:
                awaited = self.awaited.get(w.channel, {}).get(bot, 0)
                lasts.append(awaited + self.lease)
        return max(lasts)

    def _owes(self, bot: str, w: Who) -> bool | None:
        """None: it has not heard the message."""
        if bot in self.answer.get(w.message, {}):
            return False
        known = {
            self.seen[subject]
            for kind in ("message", "edit")
            if (subject := (bot, w.message, kind)) in self.seen
        }
        inbox = self.inbox.get(f"{bot}:{w.channel}", {})
        if known & {"direct", "notice"} and w.message in inbox.values():
            return True
        return False if known else None

    def _auto_claim(self, w: Who, held: Floor | None, mine: bool) -> str:
        e = self.election(w.message)
        if self.closed(w.message):
            return "answered"
        if e.addressed is not None:
            return "addressed"
        if (
            e.state == "open"
            or (e.state == "granted" and e.winner != w.bot)
            or e.paid not in ("", w.bot)
        ):
            return "election_open"
        if self.cooled(w.bot) > 0:
            return "cooled"
        if held and not mine:
            return "wait"
        quiet = self.quiets.get(w.bot, self.quiet)
        if self.last_post(w.channel) + quiet > self.now():
            return "quiet"
        return "granted"

    def _holds(self, w: Who, grant: int) -> bool:
        held = self.held(w.channel)
        return bool(
            held
            and held.bot == w.bot
            and held.message == w.message
            and held.grant == grant
        )

    def reserve(
        self, w: Who, grant: int, tokens: int, micro_usd: int, hold: str
    ) -> str:
        if self.locks.get(w.lane) != w.owner:
            return "lost_lock"
        e = self.election(w.message)
        held = self.held(w.channel)
        if (
            not self._holds(w, grant)
            or (held and held.entry)
            or (not w.direct and e.paid not in ("", w.bot))
        ):
            return "lost_floor"
        before = self.holds.get(hold)
        cost = Spent(posts=0 if before else 1, tokens=tokens, micro_usd=micro_usd)
        scopes = self.payers(w.bot, w.event)
        later = before is not None
        if self._refused(w, cost) or self.days_spent(scopes, cost):
            return self._put_off(hold, self._may_fit(w, scopes, cost, hold, later))
        root, _ = self.root_of(w.event)
        excess = (OVERRUN - 1) * (
            micro_usd + (before.amount.micro_usd if before else 0)
        )
        full = [
            scope
            for scope in scopes
            if excess and self._crowded(scope, hold, excess, micro_usd)
        ]
        if full:
            goes_on = any(
                not self.holds[name].waits for name in self._running(full[0], hold)
            )
            return self._put_off(hold, not later or goes_on)
        self._hold(hold, scopes, root, cost)
        for scope in scopes if excess or tokens else ():
            self.calls.setdefault(scope, {})[hold] = (
                self.now() + self.limits.call_ms,
                excess,
            )
        if w.event.author_kind is AuthorKind.HUMAN:
            self.persons.setdefault(root, w.event.author_id)
        if not w.direct:
            e.paid = w.bot
        return "ok"

    def _refused(self, w: Who, cost: Spent) -> bool:
        """Whether the root has no room, or the person's share of the day is used up."""
        root, hops = self.root_of(w.event)
        spent = self.root_spent(root, hops, cost, owed=hops == 0 and w.direct)
        return spent or (self._shared(w) and self.share_spent(w.bot, w.event.author_id))

    def _put_off(self, hold: str, waits: bool) -> str:
        """What is told to a call without room. Who waits with a part held is known."""
        if hold in self.holds:
            self.holds[hold].waits = waits
        return "wait" if waits else "budget"

    def _running(self, scope: str, hold: str) -> list[str]:
        """Holds of calls of others that run and draw on a budget."""
        calls = self.calls.get(scope, {})
        return [
            name
            for name, (until, _) in calls.items()
            if name != hold and until > self.now()
        ]

    def _may_fit(
        self, w: Who, scopes: tuple[str, ...], cost: Spent, hold: str, later: bool
    ) -> bool:
        """Would there be room if all calls that run took nothing? A later call of a draft
        waits for none that waits itself."""
        days, roots = deepcopy(self.days), deepcopy(self.roots)
        for name in self._running("all", hold):
            held = self.holds[name]
            if later and held.waits:
                continue
            booked = [self.roots[held.root], *(self.days[one] for one in held.scopes)]
            for spent in booked:
                spent.posts -= held.amount.posts
                spent.tokens -= held.amount.tokens
                spent.micro_usd -= held.amount.micro_usd
        fits = not self._refused(w, cost) and not self.days_spent(scopes, cost)
        self.days, self.roots = days, roots
        return fits

    def _crowded(self, scope: str, hold: str, excess: int, micro_usd: int) -> bool:
        """Would more than one of the calls that run pass the cap, took each so many
        times what is held for it?"""
        others = [
            most
            for other, (until, most) in self.calls.get(scope, {}).items()
            if other != hold and until > self.now()
        ]
        worst = sum(others) + excess - max([excess, *others])
        return (
            bool(others)
            and self.days.get(scope, Spent()).micro_usd + micro_usd + worst
            > self.caps(scope)[2]
        )

    def _hold(self, name: str, scopes: tuple[str, ...], root: str, cost: Spent) -> None:
        self.book(scopes, root, cost)
        held = self.holds.setdefault(name, Hold(scopes, root))
        held.waits, amount = False, held.amount
        amount.posts += cost.posts
        amount.tokens += cost.tokens
        amount.micro_usd += cost.micro_usd

    # ---- commit and its refusals

    def _pay(self, w: Who, d: Draft, posts: int) -> None:
        """What was held is settled; without a hold the books are as if there had been
        one."""
        if self.settle(d.hold, d.tokens, d.micro_usd, posts) or not (
            posts or d.tokens or d.micro_usd
        ):
            return
        root, _ = self.root_of(w.event)
        self.book(
            self.payers(w.bot, w.event), root, Spent(posts, d.tokens, d.micro_usd)
        )
        self.mark_spent(w.bot)

    def settle(self, name: str, tokens: int, micro_usd: int, posts: int = 0) -> bool:
        """What it cost takes the place of what is held; False: nothing is."""
        held = self.holds.pop(name, None)
        if held is None:
            return False
        for calls in self.calls.values():
            calls.pop(name, None)
        amount = held.amount
        self.book(
            held.scopes,
            held.root,
            Spent(
                posts - amount.posts,
                tokens - amount.tokens,
                micro_usd - amount.micro_usd,
            ),
        )
        self.mark_spent(held.scopes[0])
        return True

    def commit(self, w: Who, d: Draft) -> str:
        refusal = self._refusal(w, d)
        root, hops = self.root_of(w.event)
        if refusal:
            self._pay(w, d, 0)
            return refusal
        now = self.now()
        self.inbox[w.lane].pop(w.entry)
        self.work.get(w.bot, set()).discard(w.message)
        for entry, line in d.joined:
            self.inbox[w.lane].pop(entry, None)
            if w.direct:
                self._stop_waiting(w, line)
            state = f"joined:{w.message}"
            if self.answer.setdefault(line, {}).setdefault(w.bot, state) == state:
                self.pass_on(w.channel, line)
        if not w.direct:
            self.elections_due.pop(w.message, None)
            if d.cooldown:
                self.cooldown[w.bot] = now + d.cooldown
        self._pay(w, d, 0 if d.reaction else 1)
        if self._shared(w) and not d.reaction:
            who = w.bot, w.event.author_id
            self.shares[who] = self.shares.get(who, 0) + 1
        if not d.reaction:
            self.recent.setdefault(w.channel, {})[d.entry_id] = now
            self.visible.add(d.entry_id)
        if d.dry_run:
            self.answer.setdefault(w.message, {})[w.bot] = "delivered:dry_run"
            self._free(w.channel, w.bot if w.direct else "")
            self.pass_on(w.channel, w.message)
            return "dry_run"
        self.answer.setdefault(w.message, {})[w.bot] = f"committed:{d.entry_id}"
        self.outbox.setdefault((w.bot, w.channel), []).append(d.entry_id)
        self.entries[d.entry_id] = w.message, root, hops + 1
        floor = self.floors[w.channel]
        floor.entry, floor.until = d.entry_id, now + self.hold
        return "committed"

    def _refusal(self, w: Who, d: Draft) -> str:
        answer, e = self.answer.get(w.message, {}), self.election(w.message)
        if self.locks.get(w.lane) != w.owner:
            return "lost_lock"
        if self.muted(w.bot, w.event):
            return "muted"
        floor = self.floors.get(w.channel)
        if not self._holds(w, d.grant) or (floor and floor.entry):
            return "lost_floor"
        if (w.bot in answer) if w.direct else self.closed(w.message):
            return "answered"
        if w.direct and w.message in self.deleted:
            return "gone"
        if not w.direct and e.addressed is not None:
            return "addressed"
        if w.entry not in self.inbox.get(w.lane, {}):
            return "gone"
        if not d.final and self._stale(w, int(d.read_up_to or w.message)):
            return "stale"
        # Reserve found room: what was paid for is not thrown away.
        if d.hold in self.holds:
            return ""
        cost = Spent(1, d.tokens, d.micro_usd)
        days_spent = self.days_spent(self.payers(w.bot, w.event), cost)
        return "budget" if self._refused(w, cost) or days_spent else ""

    def _shared(self, w: Who) -> bool:
        """Whether the answer is one of its author's share."""
        return w.event.author_kind is AuthorKind.HUMAN and not (
            w.direct and (w.bot, w.message) in self.notices
        )

    def _stale(self, w: Who, read: int) -> bool:
        again = (
            self.last_human.get((w.channel, w.event.author_id), 0)
            if w.event.author_kind is AuthorKind.HUMAN
            else 0
        )
        return (
            again > read
            or self.last_human.get((w.channel, f"re:{w.message}"), 0) > read
        )

    def give_back(self, w: Who, grant: int, keep: bool) -> str:
        self.next = NOBODY_WAITS
        if self.locks.get(w.lane) != w.owner:
            return "lost_lock"
        verdict = "kept" if keep else self._ended(w)
        floor = self.floors.get(w.channel)
        freed = bool(self._holds(w, grant) and floor and not floor.entry)
        if freed:
            self._free(w.channel, w.bot if w.direct else "")
            if keep and w.direct:
                del self.awaited[w.channel][w.bot]
        if freed or not keep:
            self.next = self.pass_on(w.channel, w.message)
        return verdict

    def _ended(self, w: Who) -> str:
        e = self.election(w.message)
        self.inbox.get(w.lane, {}).pop(w.entry, None)
        self.work.get(w.bot, set()).discard(w.message)
        if w.direct:
            self._stop_waiting(w, w.message)
        if w.direct or (e.paid == w.bot and e.addressed is None):
            self.answer.setdefault(w.message, {}).setdefault(w.bot, "declined")
            return "declined"
        if e.state == "granted" and e.winner == w.bot:
            self.elections_due[w.message] = self.at_once()
            return "handed_over"
        return "dropped"

    def _stop_waiting(self, w: Who, message: str) -> None:
        self.following.get(message, {}).pop(w.bot, None)
        if not self.inbox.get(w.lane):
            self.waiting.get(w.channel, {}).pop(w.bot, None)

    def drop(self, w: Who) -> int:
        if self.locks.get(w.lane) != w.owner:
            return -1
        self.work.get(w.bot, set()).discard(w.message)
        removed = self.inbox.get(w.lane, {}).pop(w.entry, None) is not None
        if removed and w.direct:
            self._stop_waiting(w, w.message)
            self.pass_on(w.channel, w.message)
        return int(removed)

    def renew(self, w: Who, grant: int) -> bool:
        floor = self.floors.get(w.channel)
        if not self._holds(w, grant) or not floor or floor.entry:
            return False
        floor.until = self.now() + self.lease
        return True

    def forget(self, message: str) -> bool:
        first = message not in self.deleted
        self.deleted.add(message)
        return first

    def cancel(self, bot: str, message: str, channel: str) -> bool:
        if self.election(message).addressed is None or bot in self.answer.get(
            message, {}
        ):
            return False
        self.answer.setdefault(message, {})[bot] = "cancelled"
        self.pass_on(channel, message)
        return True

    # ---- delivery, as far as the protocols above see it

    def attempted(self, bot: str, channel: str, timeout: int) -> None:
        """The oldest entry of the outbox may be in Discord as late as its request may
        last, in ms."""
        entry_id = self.outbox[bot, channel][0]
        if entry_id in self.visible:
            posts = self.recent[channel]
            posts[entry_id] = max(posts[entry_id], self.now() + timeout)

    def delivered(self, bot: str, channel: str, posted: str) -> None:
        """The oldest entry of the outbox is in Discord, as message `posted`."""
        entry_id = self.outbox[bot, channel].pop(0)
        message, root, hops = self.entries[entry_id]
        self.causes[posted] = root, hops
        self.answer.setdefault(message, {})[bot] = f"delivered:{posted}"
        if entry_id in self.visible:
            self.recent[channel][entry_id] = self.now()
        held = self.held(channel)
        if held and held.entry == entry_id:
            self._free(channel, bot if held.kind == "direct" else "")
        self.pass_on(channel, message)
