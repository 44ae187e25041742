"""A message that addresses k bots: they queue for the floor in the order named.

Bot 0 is named first. Each has a direct lane of its own in the channel. Time goes in
leases: one passes only when nobody who is well could take the floor at once (lanes that
wait are hinted many times a lease). A bot that wrote for longer renews its lease.

- **claim** (lane's lock mine, entry there, not answered by me). The bots named before me that are not settled
  (delivered, dead letter, declined) count. While there are any, the floor must be free, and have been so for one
  lease for each of them, counted from the admission or from when the floor last became free, whichever is later. With
  none, a floor that is free, or held for an unaddressed message and not yet committed, is mine; its holder's token is
  void. A floor that I hold already stays mine.
- **commit** (lock and token mine, entry there, not answered by me): entry removed, answer recorded, floor to the
  outbox.
- **decline** (lock mine, entry there): entry removed, silence recorded as the answer, the floor given back if it is
  still mine.
- **delivered** frees the floor. An outbox that is stuck holds it for a limited time. A bot that is settled while the
  floor is free (delivered late, declined after its lease) restarts the count: it no longer counts for any of the bots
  after it.

Faults: a cycle is killed; a floor ends under a living cycle; so does its lock, and it
goes on as a zombie; a bot has no worker for as long as it likes; the outbox is stuck;
another direct message takes the floor. `failed` marks the bots that an order may pass
over.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

FREE, UNASKED, OTHER = -1, 7, 8
"""A floor that is nobody's, held for an unaddressed message, or held for another direct
one. Else the bot that holds it."""
OUTBOX = 10
"""Added to a holder: its answer is in the outbox."""
WAITING, COMMITTED, SETTLED = 0, 1, 2
IDLE, WRITING, DEAD = "idle", "writing", "dead"


class Bot(NamedTuple):
    """One addressed bot: its answer, its cycle, and a zombie that lost the lock while
    writing. `holds`: the token is good."""

    answer: int = WAITING
    entry: bool = True
    cycle: str = IDLE
    holds: bool = False
    zombie: bool = False
    up: bool = True
    failed: bool = False
    posts: int = 0


class State(NamedTuple):
    """The channel. `free`: leases that the floor has been free since it could be taken;
    `since`: since admission."""

    bots: tuple[Bot, ...]
    floor: int = FREE
    free: int = 0
    since: int = 0
    unasked: bool = False
    """A cycle is writing for an unaddressed message."""
    unasked_holds: bool = False
    bad: str = ""


class Addressed:
    """The protocol without the named rules. `returns`: a bot that has no worker gets
    one some day."""

    def __init__(
        self,
        *without: str,
        bots: int = 3,
        returns: bool = True,
        faults: tuple[str, ...] = ("paused", "floor lost", "stuck", "other"),
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
            ready = bot.up and bot.cycle == IDLE and bot.entry
            if ready and self._may_take(s, number):
                prompt = True
                yield f"bot {number}: claim", self._claimed(s, number)
            yield from self._bot(s, number, bot)
        if not prompt:
            yield from self._lease_passes(s)

    # ---- the floor

    def _may_take(self, s: State, me: int) -> bool:
        before = [
            bot
            for bot in s.bots[:me]
            if bot.answer != SETTLED
            and not (
                bot.answer == COMMITTED and not self.has("committed is not yet settled")
            )
        ]
        unsettled = len(before) if self.has("wait for those named before") else 0
        if s.floor == me:
            return True
        if unsettled:
            if not self.has("skip the dead"):
                return False
            clock = (
                s.free if self.has("count from when the floor became free") else s.since
            )
            return s.floor == FREE and clock >= (
                unsettled if self.has("a lease for each") else 1
            )
        if s.floor == UNASKED:
            return self.has("direct goes before unasked")
        return s.floor == FREE or (
            s.floor >= OUTBOX and not self.has("the outbox keeps the floor")
        )

    def _claimed(self, s: State, me: int) -> State:
        taken = s if s.floor == me else self._fresh(s, me)
        after = self._with(
            taken, me, taken.bots[me]._replace(cycle=WRITING, holds=True)
        )
        if (
            any(bot.answer == COMMITTED for bot in s.bots[:me])
            and s.floor == FREE
            and not s.free
        ):
            return after._replace(bad="did not wait for an answer that is on its way")
        return after._replace(
            bad="took the floor from an undelivered answer" if s.floor >= OUTBOX else ""
        )

    @staticmethod
    def _fresh(s: State, floor: int) -> State:
        """The floor changes hands, or becomes free: every token is void, and the time
        since it is free begins anew."""
        bots = tuple(bot._replace(holds=False) for bot in s.bots)
        return s._replace(bots=bots, floor=floor, free=0, unasked_holds=False)

    def _settled(self, s: State, me: int) -> State:
        if s.floor in {me, me + OUTBOX}:
            return self._fresh(s, FREE)
        return (
            s._replace(free=0)
            if s.floor == FREE and self.has("settling restarts the count")
            else s
        )

    def _channel(self, s: State) -> Iterator[tuple[str, State]]:
        if s.floor in {FREE, UNASKED} and "other" in self.faults:
            yield "!another direct message takes the floor", self._fresh(s, OTHER)
        if s.floor == OTHER:
            yield "the other message is answered", self._fresh(s, FREE)
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
            yield "unasked answer delivered", self._fresh(s, FREE)
        for number, bot in enumerate(s.bots):
            if bot.answer == COMMITTED:
                heard = self._with(s, number, bot._replace(answer=SETTLED))
                yield f"bot {number}: delivered", self._settled(heard, number)
            if s.floor == number + OUTBOX and "stuck" in self.faults:
                yield (
                    f"!bot {number}: outbox stuck, floor given up",
                    self._fresh(s, FREE),
                )

    def _lease_passes(self, s: State) -> Iterator[tuple[str, State]]:
        most = len(self.bots)
        waits = s.floor == UNASKED and any(
            bot.up and bot.entry and bot.cycle == IDLE for bot in s.bots[:1]
        )
        after = s._replace(
            since=min(s.since + 1, most),
            free=min(s.free + 1, most) if s.floor == FREE else s.free,
            bad="a direct message waited behind an unasked answer"
            if waits and s.unasked_holds
            else "",
        )
        after = after._replace(
            bots=tuple(
                bot._replace(cycle=IDLE) if bot.cycle == DEAD else bot
                for bot in after.bots
            )
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
                yield (
                    f"{name}: decline",
                    self._settled(
                        self._with(
                            s,
                            number,
                            bot._replace(
                                answer=SETTLED, entry=False, cycle=IDLE, holds=False
                            ),
                        ),
                        number,
                    ),
                )
            yield (
                f"!{name}: killed",
                self._with(
                    s, number, bot._replace(cycle=DEAD, holds=False, failed=True)
                ),
            )
            lost = self._fresh(s, FREE) if s.floor == number else s
            if "floor lost" in self.faults and bot.holds:
                yield (
                    f"!{name}: floor ends under it",
                    self._with(lost, number, bot._replace(holds=False, failed=True)),
                )
            if "paused" in self.faults:
                yield (
                    f"!{name}: paused, lock and floor end",
                    self._with(
                        lost,
                        number,
                        bot._replace(cycle=IDLE, holds=False, zombie=True, failed=True),
                    ),
                )
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
            yield (
                f"!{name}: no worker any more",
                self._with(
                    s,
                    number,
                    bot._replace(up=False, failed=True, cycle=cycle, holds=False),
                ),
            )
        elif self.returns:
            yield (
                f"{name}: a worker again",
                self._with(s, number, bot._replace(up=True)),
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
