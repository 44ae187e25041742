"""A message that addresses k bots: they queue for the floor in the order named.

Bot 0 is named first. Each has a direct lane of its own in the channel. Time goes in
leases: one passes only when everybody who is well has asked for the floor, and nobody
of them could take it (lanes that wait are hinted many times a lease). A bot that wrote
for longer renews its lease.

- **claim** (lane's lock mine, entry there, not answered by me). Whoever asks is counted on for this lease and the next;
  whoever is called, or had its turn, for one lease; whoever gave the floor back unanswered, not until it asks again. While
  a bot named before me that owes its answer is counted on, I wait for it, and keep nobody from the floor. Else I stand in
  the queue. The floor is mine if I am the first of the queue that is counted on, and it is free or held for an
  unaddressed message and not yet committed; that holder's token is void. A floor that I hold already stays mine.
- **commit** (lock and token mine, entry there, not answered by me): entry removed, answer recorded, floor to the
  outbox.
- **decline** (lock mine, entry there): entry removed, silence recorded as the answer, the floor given back if it is
  still mine.
- **delivered** frees the floor. An outbox that is stuck holds it for a limited time. Whoever is done lets the next one
  into the queue that waits for those named before it; a floor that is free calls the first of the queue, and each after
  it a lease later.

Faults: a cycle is killed; a floor ends under a living cycle; so does its lock, and it
goes on as a zombie; a bot gives the floor back unanswered, or has no worker, for as
long as it likes; the outbox is stuck; a later direct message takes the floor where
nobody is before it. `failed` marks the bots that an order may pass over.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tests.models.explore import Model, changed_fast

FREE, UNASKED, OTHER = -1, 7, 8
"""A floor that is nobody's, held for an unaddressed message, or held for a later direct
one. Else the bot that holds it."""
OUTBOX = 10
"""Added to a holder: its answer is in the outbox."""
WAITING, COMMITTED, SETTLED = 0, 1, 2
IDLE, WRITING, DEAD = "idle", "writing", "dead"
OUTSIDE, BEHIND, QUEUED = "outside", "behind", "queued"
"""Places of a bot: none, behind those named before it, in the queue."""
ASKED, CALLED, AWAY = 2, 1, 0
"""For how many leases a bot is counted on."""


@changed_fast
class Bot(NamedTuple):
    """One addressed bot: its answer, its cycle, and a zombie that lost the lock while
    writing. `holds`: the token is good."""

    answer: int = WAITING
    entry: bool = True
    cycle: str = IDLE
    place: str = OUTSIDE
    awaited: int = CALLED
    holds: bool = False
    zombie: bool = False
    up: bool = True
    failed: bool = False
    posts: int = 0


@changed_fast
class State(NamedTuple):
    """The channel."""

    bots: tuple[Bot, ...]
    floor: int = FREE
    unasked: bool = False
    """A cycle is writing for an unaddressed message."""
    unasked_holds: bool = False
    bad: str = ""


class Addressed(Model[State]):
    """The protocol without the named rules. `returns`: a bot that has no worker gets
    one some day."""

    def __init__(
        self,
        *without: str,
        bots: int = 3,
        returns: bool = True,
        faults: tuple[str, ...] = ("paused", "floor lost", "stuck", "other", "kept"),
    ) -> None:
        self.without = frozenset(without)
        self.bots = range(bots)
        self.returns = returns
        self.faults = faults

    def has(self, rule: str) -> bool:
        return rule not in self.without

    def initial(self) -> Iterator[State]:
        bots = (Bot(),) * len(self.bots)
        yield State(bots)
        yield State(bots, floor=UNASKED, unasked=True, unasked_holds=True)

    def broken(self, s: State) -> str:
        return s.bad or (
            "a bot answered twice" if any(bot.posts > 1 for bot in s.bots) else ""
        )

    def settled(self, s: State) -> bool:
        answered = all(
            bot.answer == SETTLED or not (bot.up or self.returns) for bot in s.bots
        )
        return (
            answered
            and s.floor == FREE
            and not any(bot.cycle != IDLE for bot in s.bots)
        )

    def steps(self, s: State) -> Iterator[tuple[str, State]]:
        yield from self._channel(s)
        prompt = False
        for number, bot in enumerate(s.bots):
            if bot.up and bot.cycle == IDLE and bot.entry:
                after = self._asked(s, number)
                takes = after.bots[number].cycle == WRITING
                prompt = prompt or takes or bot.awaited != ASKED
                if after != s:
                    yield f"bot {number}: {'takes' if takes else 'asks'}", after
            yield from self._bot(s, number, bot)
        if not prompt:
            yield from self._lease_passes(s)

    # ---- the floor

    def _asked(self, s: State, me: int) -> State:
        """What a claim does."""
        bot = s.bots[me]
        if s.floor == me:
            return self._taken(s, me)
        before = [
            one
            for one in s.bots[:me]
            if one.answer == WAITING
            and one.entry
            and (one.awaited != AWAY or not self.has("pass over who is away"))
        ]
        if not self.has("count on who asks"):
            before = [one for one in before if one.place == OUTSIDE]
        if before and self.has("wait for those named before"):
            return self._with(s, me, bot._replace(place=BEHIND, awaited=ASKED))
        queued = self._with(s, me, bot._replace(place=QUEUED, awaited=ASKED))
        if not self._may_be_taken(s.floor):
            return queued
        if self._first(queued) != me and self.has("first come, first served"):
            called = self._called(queued)
            return self._with(called, me, called.bots[me]._replace(awaited=ASKED))
        return self._taken(queued, me)

    def _may_be_taken(self, floor: int) -> bool:
        if floor == UNASKED:
            return self.has("direct goes before unasked")
        return floor == FREE or (
            floor >= OUTBOX and not self.has("the outbox keeps the floor")
        )

    @staticmethod
    def _first(s: State) -> int:
        """The first of the queue that is counted on; -1: nobody."""
        return next(
            (
                number
                for number, bot in enumerate(s.bots)
                if bot.place == QUEUED and bot.awaited != AWAY
            ),
            -1,
        )

    def _called(self, s: State) -> State:
        """The floor is free: the first of the queue must come within a lease."""
        first = self._first(s)
        if first < 0:
            return s
        bot = s.bots[first]
        return self._with(s, first, bot._replace(awaited=min(bot.awaited, CALLED)))

    def _passed_on(self, s: State, me: int) -> State:
        """A bot is done: the first of those behind it goes into the queue."""
        for number, bot in enumerate(s.bots):
            if number > me and bot.place == BEHIND:
                s = self._with(s, number, bot._replace(place=QUEUED))
                break
        return self._called(s) if s.floor == FREE else s

    def _taken(self, s: State, me: int) -> State:
        taken = s if s.floor == me else self._fresh(s, me)
        bot = taken.bots[me]._replace(
            cycle=WRITING, holds=True, place=OUTSIDE, awaited=CALLED
        )
        bad = "took the floor from an undelivered answer" if s.floor >= OUTBOX else ""
        return self._with(taken, me, bot)._replace(bad=bad)

    @staticmethod
    def _fresh(s: State, floor: int) -> State:
        """The floor changes hands, or becomes free: every token is void."""
        bots = tuple(bot._replace(holds=False) for bot in s.bots)
        return s._replace(bots=bots, floor=floor, unasked_holds=False)

    def _freed(self, s: State, me: int, awaited: int = CALLED) -> State:
        """A bot is done with the floor, if it has it, and with the message."""
        if s.floor in {me, me + OUTBOX}:
            s = self._fresh(s, FREE)
            s = self._with(s, me, s.bots[me]._replace(awaited=awaited))
        return self._passed_on(s, me)

    def _channel(self, s: State) -> Iterator[tuple[str, State]]:
        before = self._first(s) >= 0
        open_to_all = not before or not self.has("first come, first served")
        if s.floor in {FREE, UNASKED} and "other" in self.faults and open_to_all:
            bad = "a later message had the floor first" if before else ""
            yield (
                "!a later direct message takes the floor",
                self._fresh(s, OTHER)._replace(bad=bad),
            )
        if s.floor == OTHER:
            yield (
                "the later message is answered",
                self._called(self._fresh(s, FREE)),
            )
        if s.unasked:
            gone = s._replace(unasked=False)
            if s.unasked_holds or not self.has("commit compares the token"):
                bad = (
                    ""
                    if s.floor == UNASKED
                    else "an unasked answer was committed without the floor"
                )
                yield (
                    "unasked answer committed",
                    self._fresh(gone, UNASKED + OUTBOX)._replace(bad=bad),
                )
            else:
                yield "unasked answer refused", gone
        if s.floor == UNASKED + OUTBOX:
            yield "unasked answer delivered", self._called(self._fresh(s, FREE))
        for number, bot in enumerate(s.bots):
            if bot.answer == COMMITTED:
                heard = self._with(s, number, bot._replace(answer=SETTLED))
                yield f"bot {number}: delivered", self._freed(heard, number)
            if s.floor == number + OUTBOX and "stuck" in self.faults:
                yield (
                    f"!bot {number}: outbox stuck, floor given up",
                    self._fresh(s, FREE),
                )

    def _lease_passes(self, s: State) -> Iterator[tuple[str, State]]:
        waits = s.floor == UNASKED and any(
            bot.up and bot.entry and bot.cycle == IDLE for bot in s.bots[:1]
        )
        bots = tuple(
            bot._replace(
                cycle=IDLE if bot.cycle == DEAD else bot.cycle,
                awaited=max(bot.awaited - 1, AWAY),
            )
            for bot in s.bots
        )
        after = s._replace(
            bots=bots,
            bad="a direct message waited behind an unasked answer"
            if waits and s.unasked_holds
            else "",
        )
        held = any(bot.holds and bot.cycle == WRITING for bot in s.bots) or (
            s.floor == UNASKED and s.unasked
        )
        if s.floor in self.bots or s.floor == UNASKED:
            after = after if held else self._fresh(after, FREE)
        yield "a lease passes", after

    # ---- one bot

    def _bot(self, s: State, number: int, bot: Bot) -> Iterator[tuple[str, State]]:
        name = f"bot {number}"
        if bot.cycle == WRITING:
            yield f"{name}: commit", self._commit(s, number, bot)
            if bot.entry:
                silent = bot._replace(
                    answer=SETTLED, entry=False, cycle=IDLE, holds=False
                )
                yield (
                    f"{name}: decline",
                    self._freed(self._with(s, number, silent), number),
                )
            yield from self._fails(s, number, bot)
        if bot.zombie:
            zombie = self._with(s, number, bot._replace(zombie=False))
            if self.has("commit checks the lock"):
                yield f"{name}: the zombie is refused", zombie
            else:
                after = self._commit(
                    zombie, number, bot._replace(zombie=False), lock=False
                )
                yield f"{name}: the zombie commits", after
        if bot.up:
            cycle = DEAD if bot.cycle == WRITING else bot.cycle
            down = bot._replace(up=False, failed=True, cycle=cycle, holds=False)
            yield f"!{name}: no worker any more", self._with(s, number, down)
        elif self.returns:
            yield (
                f"{name}: a worker again",
                self._with(s, number, bot._replace(up=True)),
            )

    def _fails(self, s: State, number: int, bot: Bot) -> Iterator[tuple[str, State]]:
        """What may go wrong while it writes."""
        name = f"bot {number}"
        lost = self._fresh(s, FREE) if s.floor == number else s
        failed = bot._replace(holds=False, failed=True)
        yield f"!{name}: killed", self._with(s, number, failed._replace(cycle=DEAD))
        if "kept" in self.faults and bot.holds:
            kept = self._with(s, number, failed._replace(cycle=IDLE))
            yield (
                f"!{name}: gives the floor back unanswered",
                self._freed(kept, number, awaited=AWAY),
            )
        if "floor lost" in self.faults and bot.holds:
            yield f"!{name}: floor ends under it", self._with(lost, number, failed)
        if "paused" in self.faults:
            zombie = failed._replace(cycle=IDLE, zombie=True)
            yield (
                f"!{name}: paused, lock and floor end",
                self._with(lost, number, zombie),
            )

    def _commit(self, s: State, number: int, bot: Bot, lock: bool = True) -> State:
        done = self._with(
            s, number, bot._replace(cycle=IDLE if lock else bot.cycle, holds=False)
        )
        if (
            not bot.holds
            and (lock or self.has("commit compares the token"))
            and self.has("commit checks the floor")
        ):
            return done
        if not bot.entry and self.has("commit takes the entry"):
            return done
        if bot.answer != WAITING and self.has("commit checks the answer"):
            return done
        bad = "" if lock else "committed by a cycle that had lost its lane"
        if s.floor != number:
            bad = "committed without the floor"
        for other in s.bots[:number]:
            if other.answer == WAITING and not other.failed:
                bad = "answered before a bot that was named first and is well"
        answered = bot._replace(
            answer=COMMITTED, entry=False, cycle=IDLE, holds=False, posts=bot.posts + 1
        )
        return self._fresh(self._with(s, number, answered), number + OUTBOX)._replace(
            bad=bad
        )

    @staticmethod
    def _with(s: State, number: int, bot: Bot) -> State:
        return s._replace(bots=(*s.bots[:number], bot, *s.bots[number + 1 :]))
