"""Admission and elections in plain Python: what each call should answer. No Redis;
times in ms come from `now`.

Each method answers the verdict that the store's call should give, and moves the
reference as the call should move Redis.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from app.domain.lane import Lane
from app.domain.model import AuthorKind, Event, Signal
from app.store.admission import AdmissionRequest
from app.store.floors import NOBODY_WAITS, Next
from app.store.limits import Limits


@dataclass
class Election:
    """What `bids:<message>` says."""

    state: str = ""
    channel: str = ""
    opened: int = 0
    counts: dict[str, int] = field(
        default_factory=lambda: {"message": 0, "reaction": 0, "edit": 0}
    )
    bids: dict[str, float] = field(default_factory=dict)
    quiets: dict[str, int] = field(default_factory=dict)
    """Of bidders with a quiet time of their own, in ms."""
    winner: str = ""
    again: str = ""
    paid: str = ""
    addressed: int | None = None


@dataclass
class Floor:
    """A channel's floor, held or free (`bot` empty) since `until`."""

    bot: str = ""
    message: str = ""
    kind: str = ""
    entry: str = ""
    until: float = 0
    grant: int = 0
    """Which grant this is; stands for the fencing token."""


@dataclass
class Spent:
    posts: int = 0
    tokens: int = 0
    micro_usd: int = 0
    foreign: int = 0


@dataclass
class Hold:
    """What is held for a draft: of which budgets and root, and how much."""

    scopes: tuple[str, ...]
    root: str
    amount: Spent = field(default_factory=Spent)
    waits: bool = False
    """Whether its draft waits to hold more."""


class Rooms:
    """All of Redis that the protocols use, and what gateways do with it: admission and
    elections."""

    def __init__(
        self,
        now: Callable[[], int],
        limits: Limits,
        lease: int,
        quiet: int,
        max_age: int,
        hold: int,
    ) -> None:
        self.now, self.limits = now, limits
        self.lease, self.quiet, self.max_age, self.hold = lease, quiet, max_age, hold
        self.quiets: dict[str, int] = {}
        """Of bots with a quiet time of their own, in ms."""
        self.locks: dict[str, str] = {}
        self.seq: dict[str, int] = {}
        self.ticks = 0
        self.fresh = False
        """Whether the last election's answer was new."""
        self.next = NOBODY_WAITS
        """Whom the last call that freed a floor woke."""
        self.retry = 0.0
        """In how many ms whoever was told to wait asks again."""
        self.due: dict[str, float] = {}
        self.full: dict[str, float] = {}
        """From when on a cycle of the lane reads its whole inbox, whatever was granted
        to it."""
        self.poll: dict[str, float] = {}
        """The same, and it is a poll."""
        self.full_now: set[str] = set()
        self.poll_now: set[str] = set()
        """Lanes for which that time has come, until a cycle has ended that saw to
        it."""
        self.inbox: dict[str, dict[str, str]] = {}
        self.seen: dict[tuple[str, str, str], str] = {}
        self.elections: dict[str, Election] = {}
        self.elections_due: dict[str, float] = {}
        self.answer: dict[str, dict[str, str]] = {}
        self.deleted: set[str] = set()
        self.floors: dict[str, Floor] = {}
        self.waiting: dict[str, dict[str, float]] = {}
        """By channel: places of the bots that wait for the floor."""
        self.awaited: dict[str, dict[str, float]] = {}
        """By channel: until when a bot asks again."""
        self.following: dict[str, dict[str, float]] = {}
        """By message: places of the bots that wait for those named before them."""
        self.waiting_elections: dict[str, dict[str, float]] = {}
        self.cooldown: dict[str, float] = {}
        self.recent: dict[str, dict[str, int]] = {}
        """By channel and post: when people have seen it, or may see it."""
        self.visible: set[str] = set()
        """Entries that are posts, not reactions."""
        self.last_human: dict[tuple[str, str], int] = {}
        self.work: dict[str, set[str]] = {}
        self.mutes: set[str] = set()
        self.causes: dict[str, tuple[str, int]] = {}
        self.in_flight: dict[tuple[str, str], tuple[str, int]] = {}
        self.roots: dict[str, Spent] = {}
        self.days: dict[str, Spent] = {}
        self.day_over: set[str] = set()
        self.persons: dict[str, str] = {}
        """Who wrote the message that is a root."""
        self.holds: dict[str, Hold] = {}
        self.calls: dict[str, dict[str, tuple[int, int]]] = {}
        """By scope and hold: when the call has surely ended, and what it may take
        beyond what is held."""
        self.asked: dict[tuple[str, str], int] = {}
        self.turns: dict[tuple[str, str], int] = {}
        self.served: dict[str, int] = {}
        """The turn that is served now, by channel."""
        self.turn: dict[str, int] = {}
        """Turns of messages."""
        self.shares: dict[tuple[str, str], int] = {}
        self.told: set[tuple[str, str]] = set()
        self.notices: set[tuple[str, str]] = set()
        """(bot, message): what is answered by a notice."""
        self.entries: dict[str, tuple[str, str, int]] = {}
        self.outbox: dict[tuple[str, str], list[str]] = {}

    # ---- shared

    def closed(self, message: str) -> bool:
        """Nobody answers it unasked any more."""
        return message in self.answer or message in self.deleted

    def boundaries(self) -> Iterator[float]:
        """Every moment at which an answer may change by time alone."""
        yield from self.due.values()
        yield from self.elections_due.values()
        yield from self.cooldown.values()
        for quiet in (self.quiet, *self.quiets.values()):
            yield from (self.last_post(channel) + quiet for channel in self.recent)
        yield from (
            until for calls in self.calls.values() for until, _ in calls.values()
        )
        yield from (floor.until for floor in self.floors.values() if floor.bot)
        for awaited in self.awaited.values():
            yield from (
                by + late for by in awaited.values() for late in (0, self.lease)
            )
        for e in self.elections.values():
            yield e.opened + self.max_age
            if e.addressed is not None:
                yield e.addressed + self.lease

    def at_once(self) -> int:
        """A due time that has surely come: no boundary to keep away from."""
        return self.now() - 5_000

    def election(self, message: str) -> Election:
        return self.elections.setdefault(message, Election())

    def held(self, channel: str) -> Floor | None:
        floor = self.floors.get(channel)
        return floor if floor and floor.bot and floor.until > self.now() else None

    def wake(
        self, lane: str, due: float, full: bool = False, poll: bool = False
    ) -> None:
        self.ticks += 1
        if poll:
            self.poll[lane] = min(self.poll.get(lane, math.inf), due)
        if full:
            self.full[lane] = min(self.full.get(lane, math.inf), due)
        self.seq[lane] = self.ticks
        self.due[lane] = min(self.due.get(lane, math.inf), due)

    def muted(self, bot: str, event: Event) -> bool:
        scopes = {
            "all",
            f"guild:{event.guild_id or '-'}",
            f"channel:{event.parent_id or event.channel_id}",
            f"bot:{bot}",
            f"bot:{bot}@channel:{event.channel_id}",
        }
        return bool(scopes & self.mutes)

    def cooled(self, bot: str) -> float:
        return max(0.0, self.cooldown.get(bot, 0) - self.now())

    def _take(self, channel: str, bot: str, message: str, kind: str) -> None:
        self.ticks += 1
        self.floors[channel] = Floor(
            bot, message, kind, "", self.now() + self.lease, self.ticks
        )

    def _free(self, channel: str, bot: str = "") -> None:
        """`bot`: one that was spoken to, and is awaited again from now on; one that
        waits for its next message keeps the time by which it asks."""
        self.floors[channel] = Floor(until=self.now())
        if bot and bot not in self.waiting.get(channel, {}):
            self.awaited.setdefault(channel, {})[bot] = self.now()

    def queue(self, channel: str) -> list[str]:
        """The bots that wait for the floor, the first first; whoever is a lease late is
        away and leaves."""
        waiting, awaited = (
            self.waiting.setdefault(channel, {}),
            self.awaited.setdefault(channel, {}),
        )
        for bot in list(waiting):
            if awaited.get(bot, 0) + self.lease <= self.now():
                del waiting[bot]
        return sorted(waiting, key=lambda bot: (waiting[bot], bot))

    def call_next(self, channel: str, asks: str = "") -> Next:
        """The floor is free: the first bot is called, each after it a lease later,
        should that one not come. With none, the oldest election."""
        queue, awaited = self.queue(channel), self.awaited.setdefault(channel, {})
        for place, bot in enumerate(queue):
            due = self.now() + place * self.lease
            if awaited[bot] <= due:
                continue
            awaited[bot] = due
            if bot != asks:
                self.wake(f"{bot}:{channel}", due if place else self.at_once())
        if queue:
            return Next(Lane(queue[0], channel))
        elections = self.waiting_elections.get(channel, {})
        message = min(elections, key=lambda one: (elections[one], one), default="")
        elections.pop(message, None)
        if message in self.elections_due:
            self.elections_due[message] = self.at_once()
        return Next(election=message)

    def pass_on(self, channel: str, message: str) -> Next:
        """A bot is done with a message: who is named behind it may be next."""
        following, held = self.following.get(message, {}), self.held(channel)
        if following:
            bot = min(following, key=lambda one: (following[one], one))
            self.queue_up(channel, bot, following.pop(bot))
            awaited = self.awaited.setdefault(channel, {})
            awaited[bot] = held.until if held else math.inf
            if held:
                self.wake(f"{bot}:{channel}", held.until)
        return NOBODY_WAITS if held else self.call_next(channel)

    def queue_up(self, channel: str, bot: str, place: float) -> None:
        """A bot keeps its place until it is served."""
        waiting = self.waiting.setdefault(channel, {})
        waiting[bot] = min(place, waiting.get(bot, math.inf))

    # ---- budgets

    def root_of(self, event: Event) -> tuple[str, int]:
        if event.author_kind is AuthorKind.HUMAN:
            return event.message_id, 0
        return self.causes.get(event.message_id, ("", 0))

    def payers(self, bot: str, event: Event) -> tuple[str, ...]:
        """The budgets of a day that an answer to this event is of."""
        root, _ = self.root_of(event)
        person = (
            event.author_id
            if event.author_kind is AuthorKind.HUMAN
            else self.persons.get(root, "")
        )
        return (
            bot,
            "all",
            *([f"person:{person}"] if person and root else []),
            f"channel:{event.parent_id or event.channel_id}",
        )

    def root_spent(self, root: str, hops: int, cost: Spent, owed: bool = False) -> bool:
        spent, limits = self.roots.get(root), self.limits
        if root == "" or (hops > 0 and hops >= limits.root_hops):
            return True
        if spent is None:
            if hops > 0:
                return True
            spent = Spent()
        posts = spent.posts + (0 if owed else spent.foreign)
        return (
            (cost.posts > 0 and posts >= limits.root_posts)
            or spent.tokens + cost.tokens > limits.root_tokens
            or spent.micro_usd + cost.micro_usd > limits.root_micro_usd
        )

    def caps(self, scope: str) -> tuple[float, int, int]:
        """Posts, tokens and micro-dollars of a day."""
        limits = self.limits
        if scope == "all":
            return (
                limits.daily_posts_all,
                limits.daily_tokens_all,
                limits.daily_micro_usd_all,
            )
        if scope.startswith("person:"):
            return math.inf, limits.person_tokens, limits.person_micro_usd
        if scope.startswith("channel:"):
            return math.inf, limits.channel_tokens, limits.channel_micro_usd
        return limits.daily_posts, limits.daily_tokens, limits.daily_micro_usd

    def days_spent(self, scopes: tuple[str, ...], cost: Spent) -> bool:
        for scope in scopes:
            posts, tokens, micro_usd = self.caps(scope)
            spent = self.days.get(scope, Spent())
            if (
                cost.posts > 0 and spent.posts >= posts
            ) or spent.tokens + cost.tokens > tokens:
                return True
            if spent.micro_usd + cost.micro_usd > micro_usd:
                return True
        return False

    def day_spent(self, bot: str) -> bool:
        return self.days_spent((bot, "all"), Spent(posts=1))

    def book(self, scopes: tuple[str, ...], root: str, cost: Spent) -> None:
        for spent in (
            *(self.days.setdefault(scope, Spent()) for scope in scopes),
            self.roots.setdefault(root, Spent()),
        ):
            spent.posts += cost.posts
            spent.tokens += cost.tokens
            spent.micro_usd += cost.micro_usd

    def mark_spent(self, bot: str) -> None:
        (self.day_over.add if self.day_spent(bot) else self.day_over.discard)(bot)

    # ---- admission

    def admit(self, c: AdmissionRequest) -> str:
        message = c.event.message_id
        subject = c.bot, message, self._kind(c)
        again = False
        if c.edited:
            asked = "direct" in (
                self.seen.get(subject),
                self.seen.get((c.bot, message, "message")),
            )
            answer = self.answer.get(message, {}).get(c.bot)
            again = not asked or answer == "cancelled"
            if again and answer in ("cancelled", "declined"):
                del self.answer[message][c.bot]
                if not self.answer[message]:
                    del self.answer[message]
        if not again and (subject in self.seen or c.edited):
            return "duplicate"
        verdict = self._flooding(c) or self._admit(c)
        if verdict != "flood":
            self.seen[subject] = verdict
        return "over_person_limit" if verdict == "flood" else verdict

    def _flooding(self, c: AdmissionRequest) -> str:
        """Far beyond a person's limit nothing is written, so the same message is
        refused again."""
        if (
            not c.classified.direct
            or not c.wakes
            or c.event.author_kind is not AuthorKind.HUMAN
        ):
            return ""
        if (
            self.muted(c.bot, c.event)
            or self.asked.get((c.bot, c.event.author_id), 0)
            < 2 * self.limits.person_hourly
        ):
            return ""
        self._remember(c)
        return "flood"

    @staticmethod
    def _kind(c: AdmissionRequest) -> str:
        return "edit" if c.edited else c.event.kind

    def _admit(self, c: AdmissionRequest) -> str:
        event = c.event
        self._remember(c)
        e = self.election(event.message_id)
        if self.muted(c.bot, event):
            self._passes(c, e)
            return "muted"
        if c.classified.direct and e.addressed is None:
            e.addressed = self.now()
        if c.classified.signal is not Signal.AMBIENT and c.wakes:
            root, hops = self.root_of(event)
            human = event.author_kind is AuthorKind.HUMAN
            if (
                not human and self.root_spent(root, hops, Spent(posts=1, tokens=1))
            ) or self.day_spent(c.bot):
                self._passes(c, e)
                return "exhausted"
        if c.classified.direct:
            return self._direct(c, e)
        return self._bid(c, e)

    def _remember(self, c: AdmissionRequest) -> None:
        event, channel = c.event, c.event.channel_id
        number = int(event.message_id)
        if event.author_kind is AuthorKind.HUMAN:
            for name in (event.author_id, "#last"):
                self.last_human[channel, name] = max(
                    number, self.last_human.get((channel, name), 0)
                )
            if event.reply_to:
                answered = channel, f"re:{event.reply_to}"
                self.last_human[answered] = max(
                    number, self.last_human.get(answered, 0)
                )
        elif event.message_id not in self.causes:
            if event.author_kind is AuthorKind.OURS:
                self.causes[event.message_id] = self.in_flight.get(
                    (c.author_bot, channel), ("", 0)
                )
            else:
                known = self.causes.get(event.reply_to or "")
                root = (
                    known[0]
                    if known
                    else str(self.last_human.get((channel, "#last"), ""))
                )
                self.causes[event.message_id] = root, (known[1] if known else 0) + 1
                if root:
                    self.roots.setdefault(root, Spent()).foreign += 1

    def _passes(self, c: AdmissionRequest, e: Election) -> bool:
        e.counts[self._kind(c)] += 1
        complete = e.state == "open" and e.counts[self._kind(c)] >= c.expected
        if complete:
            self.elections_due[c.event.message_id] = self.at_once()
        return complete

    def _direct(self, c: AdmissionRequest, e: Election) -> str:
        event = c.event
        self._passes(c, e)
        if not c.wakes:
            return "passed"
        who, over, limits = (c.bot, event.author_id), False, self.limits
        if event.author_kind is AuthorKind.HUMAN:
            self.asked[who] = self.asked.get(who, 0) + 1
            over = self.asked[who] > limits.person_hourly or self.share_spent(*who)
        turn = self._turn(event)
        waiting = len(self.inbox.get(f"{c.bot}:{event.channel_id}", {}))
        crowded = waiting >= limits.waiting and (
            turn - self.served.get(event.channel_id, 0) > limits.quiet_posts
            or waiting >= 1.5 * limits.waiting
        )
        if over and (crowded or who in self.told):
            return "over_person_limit"
        if over:
            self.told.add(who)
            self.notices.add((c.bot, event.message_id))
        elif crowded:
            return "crowded"
        self.wake(f"{c.bot}:{event.channel_id}", self.at_once())
        return "notice" if over else "direct"

    def _turn(self, event: Event) -> int:
        if event.message_id not in self.turn:
            who = event.channel_id, event.author_id
            served = self.served.get(event.channel_id, 0)
            self.turn[event.message_id] = self.turns[who] = (
                max(self.turns.get(who, 0), served) + 1
            )
        return self.turn[event.message_id]

    def share_spent(self, bot: str, person: str) -> bool:
        """Whether the bot answers this person no more today."""
        used, limits = self.shares.get((bot, person), 0), self.limits
        if used >= max(
            limits.quiet_posts, int(limits.daily_posts * limits.person_share)
        ):
            return True
        posts = self.days.get(bot, Spent()).posts
        return (
            posts >= limits.daily_posts * (1 - limits.quiet_reserve)
            and used >= limits.quiet_posts
        )

    def _bid(self, c: AdmissionRequest, e: Election) -> str:
        message = c.event.message_id
        if not c.wakes or c.bid is None or self.closed(message):
            return "complete" if self._passes(c, e) else "passed"
        if e.state not in ("", "open"):
            return "late"
        e.bids[c.bot] = c.bid.score
        if c.quiet_ms is not None:
            e.quiets[c.bot] = c.quiet_ms
        e.counts[c.event.kind] += 1
        opens = not e.state
        if opens:
            e.state, e.channel, e.opened = "open", c.event.channel_id, self.now()
            self.elections_due[message] = self.now() + 10_000
        if e.counts[c.event.kind] >= c.expected:
            self.elections_due[message] = self.at_once()
            return "complete"
        return "opened" if opens else "bid"

    # ---- elections

    def _close(self, message: str, word: str) -> tuple[str, str]:
        e = self.election(message)
        self.elections_due.pop(message, None)
        self.waiting_elections.get(e.channel, {}).pop(message, None)
        self.work.get(e.winner, set()).discard(message)
        e.state = word if e.state else ""
        if not self.held(e.channel or "55"):
            self.next = self.call_next(e.channel or "55")
        return (word if word in ("cooled", "left") else "closed"), ""

    def elect(self, message: str, guild: str = "7") -> tuple[str, str]:
        e = self.election(message)
        self.fresh, self.next = False, NOBODY_WAITS
        if not e.state or self.closed(message) or e.addressed is not None:
            return self._close(message, "closed")
        if e.state not in ("open", "granted"):
            return self._close(message, e.state)
        if e.paid and not (e.state == "granted" and e.paid == e.winner):
            return self._close(message, "closed")
        held, due = self.held(e.channel), self.elections_due.get(message, self.now())
        too_old = self.now() - e.opened > self.max_age
        if e.state == "granted":
            if held and held.bot == e.winner and held.message == message:
                self.elections_due[message] = held.until + 50
                return "granted", e.winner
            if due > self.now():
                return "granted", e.winner
            if e.paid:
                if too_old:
                    return self._close(message, "left")
                self.elections_due[message] = self.now() + self.lease
                return "granted", e.winner
            self.work.get(e.winner, set()).discard(message)
            if e.again:
                return self._close(message, "left")
            e.again, e.winner, e.state = e.winner, "", "open"
        if due > self.now():
            return "not_due", ""
        if too_old or {"all", f"channel:{e.channel}", f"guild:{guild}"} & self.mutes:
            return self._close(message, "left")
        if held:
            self.waiting_elections.setdefault(e.channel, {}).setdefault(
                message, self.now()
            )
            self.elections_due[message] = held.until
            return "deferred", ""
        return self._grant(message, e)

    def last_post(self, channel: str) -> float:
        """When people last saw a bot's post there; -inf: they saw none."""
        return max(self.recent.get(channel, {}).values(), default=-math.inf)

    def _quiet_for(self, e: Election, bot: str) -> float:
        """In how many ms the bot speaks again after the last post."""
        quiet = e.quiets.get(bot, self.quiet)
        return max(0.0, self.last_post(e.channel) + quiet - self.now())

    def _grant(self, message: str, e: Election) -> tuple[str, str]:
        def rank(bot: str) -> tuple[float, str]:
            return e.bids[bot], hashlib.sha1(
                (bot + message).encode(), usedforsecurity=False
            ).hexdigest()

        ranked = [
            bot for bot in sorted(e.bids, key=rank, reverse=True) if bot != e.again
        ]
        ends = e.opened + self.max_age
        quiets = [self._quiet_for(e, bot) for bot in ranked or [""]]
        if 0 < min(quiets) <= ends - self.now():
            self.elections_due[message] = self.now() + min(quiets)
            return "deferred", ""
        later: list[tuple[float, str]] = []
        quiet_ends: list[float] = []
        busy = False
        awaited = -math.inf
        for bot in ranked:
            if e.bids[bot] < awaited - 3:
                break
            own = {f"bot:{bot}", f"bot:{bot}@channel:{e.channel}"}
            if own & self.mutes or bot in self.day_over:
                continue
            quiet = self._quiet_for(e, bot)
            if self.now() + quiet > ends:
                continue
            if self.cooled(bot) > 0:
                later.append((max(self.cooled(bot), quiet), bot))
                awaited = max(awaited, e.bids[bot])
            elif quiet > 0:
                quiet_ends.append(quiet)
                awaited = max(awaited, e.bids[bot])
            elif bot in self.locks or self.work.get(bot):
                busy = True
                awaited = max(awaited, e.bids[bot])
            else:
                e.state, e.winner = "granted", bot
                self.fresh = True
                self.waiting_elections.get(e.channel, {}).pop(message, None)
                self.work.setdefault(bot, set()).add(message)
                self._take(e.channel, bot, message, "auto")
                self.elections_due[message] = self.now() + self.lease + 50
                self.wake(bot, self.at_once())
                return "granted", bot
        if quiet_ends and min(quiet_ends) < min(later, default=(math.inf,))[0]:
            wait = min(*quiet_ends, 250 if busy else math.inf)
            self.elections_due[message] = self.now() + wait
            return "deferred", ""
        if later:
            wait, soonest = min(later, key=lambda pair: pair[0])
            self.wake(soonest, self.now() + wait, full=True)
            return self._close(message, "cooled")
        if busy:
            self.elections_due[message] = self.now() + 250
            return "deferred", ""
        return self._close(message, "left")
