"""Election, floor, claim, pay, commit and re-election: one message that addresses
nobody.

Bot 0 bids most, then bot 1, then bot 2. Times are left out: a lease may end, a cooldown
begin or a script be called at any moment, which covers every timing. A script whose
answer is lost is run again, without a request id's help.

- **admit** puts the message into the bot's inbox. The first bid opens the election and makes it due; a bid that comes
  after the election has ended counts no more.
- **elect** (anyone, while the election is due): answered, addressed or paid for: closed. Floor held: later. Else the
  best bidder that is not cooled, busy (lane locked, or work on its list) or excluded is granted: work item, floor
  with a fresh token, lane due. When all bidders are merely busy, it stays open and is asked again; when nobody can
  act and some are cooled, a bidder's lane (here the best one's) is due when it can, and the election closed.
- **re-election**: a granted message that comes due again. The winner still has the floor: later. Paid for: the
  winner's own lane goes on. Else the winner's work item goes and the election is open once more, without it; the
  second time it closes.
- **claim** (lane's lock mine): entry still there; not answered, addressed, or paid for by another bot; no election
  open or granted to another; not cooled. A free floor gives a fresh token; a floor that is this bot's for this
  message, the same.
- **pay** (lock and token mine; not answered, nor paid for by another): marks the message as paid for, before the
  model is called.
- **commit** (lock and token mine, entry there, not answered, not addressed): answer record, entry and work item
  removed, floor to the outbox. Some drafts are free (a reaction, a voice without a model) and are committed without
  pay.
- **yield** (lock mine): entry and work item go, and the floor if it is still mine. After pay the answer is recorded
  as declined, whatever became of the floor; before pay a granted message is due for re-election at once.
- **finish** (lock mine): the lane stays due if a trigger came since begin or work is left; the lock is released in
  the same step.

Outside: a direct message may take the floor from an unaddressed holder, a gateway may
call the message addressed, bot 0 may become cooled, the poll may make a lane due.
`calls` counts model calls, except those whose payer failed: it was killed, lost its
lock, or let the floor's lease end.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tests.models.explore import Model, changed_fast, put

NOBODY, DECLINED = -1, -2
FREE, DEAD = -1, -2
"""A lock is free, held by a killed worker, or else the number of its worker."""
DIRECT, OUTBOX = 7, 8
"""A floor that is neither free nor a bot's: held by a direct message, or by a committed
post until it is delivered."""
NONE, OPEN, GRANTED, CLOSED = "none", "open", "granted", "closed"
BEGUN, CLAIMED, PAID, DONE = "begun", "claimed", "paid", "done"


@changed_fast
class Worker(NamedTuple):
    """A cycle. `holds`: its token is the floor's token now (tokens never repeat).
    `excused`: it paid and failed."""

    bot: int
    at: str
    holds: bool = False
    excused: bool = False


@changed_fast
class State(NamedTuple):
    """Redis, the workers, and what is counted to judge them. Tuples have a place for
    each bot."""

    bids: tuple[bool, ...]
    seen: tuple[bool, ...]
    inbox: tuple[bool, ...]
    work: tuple[bool, ...]
    wake: tuple[int, ...]
    """0: lane not due; 1: due, and the running cycle knows; 2: due by a trigger that no
    cycle has read."""
    lock: tuple[int, ...]
    workers: tuple[Worker | None, ...]
    election: str = NONE
    due: bool = False
    winner: int = NOBODY
    excluded: int = NOBODY
    floor: int = FREE
    paid: int = NOBODY
    answer: int = NOBODY
    addressed: bool = False
    cooled: bool = False
    posts: int = 0
    calls: int = 0
    bad: str = ""


class Election(Model[State]):
    """The protocol without the named rules (a mutant leaves some out), in a world of so
    many bots and workers."""

    def __init__(
        self,
        *without: str,
        bots: int = 3,
        workers: int = 2,
        poll: tuple[int, ...] = (),
        lagging: tuple[int, ...] = (),
        outside: tuple[str, ...] = (),
    ) -> None:
        self.without = frozenset(without)
        self.bots = range(bots)
        self.workers = workers
        self.poll = poll
        self.lagging = lagging
        self.outside = outside

    def has(self, rule: str) -> bool:
        return rule not in self.without

    def initial(self) -> Iterator[State]:
        """The bots whose gateways are in time have bid; or none of them cared, and only
        a late bot may bid."""
        prompt = tuple(bot not in self.lagging for bot in self.bots)
        none = tuple(False for _ in self.bots)
        start = State(
            prompt,
            prompt,
            prompt,
            none,
            (0,) * len(none),
            (FREE,) * len(none),
            (None,) * self.workers,
        )
        yield start._replace(election=OPEN, due=True)
        if self.lagging and self.poll:
            yield start._replace(bids=none)

    def broken(self, s: State) -> str:
        if s.bad:
            return s.bad
        if s.posts > 1:
            return "answered twice"
        if s.calls > 1:
            return "two paid model calls, though no payer failed"
        if s.election in {OPEN, GRANTED} and not s.due:
            return "an election that nobody will close"
        for bot in self.bots:
            if s.work[bot] and not s.wake[bot]:
                return "granted work on a lane that is not due"
            if s.work[bot] and s.winner != bot:
                return "granted work on the list of a bot that is not the winner"
        return ""

    def settled(self, s: State) -> bool:
        open_for_poll = (
            any(s.inbox[bot] for bot in self.poll)
            and s.answer == NOBODY
            and not s.addressed
        )
        return (
            not open_for_poll
            and not s.due
            and not any(s.workers)
            and s.floor == FREE
            and not any(s.work)
            and not any(s.wake)
            and all(holder == FREE for holder in s.lock)
        )

    def same(self, s: State) -> State:
        """Nothing can tell apart: workers by another order, what only a running cycle or
        an election that is not over would read, a cycle that is done and has lost its
        lock."""
        workers = tuple(
            None if w and w.at == DONE and s.lock[w.bot] != n else w
            for n, w in enumerate(s.workers)
        )
        lock = s.lock
        if len(workers) == 2 and self._turned(workers, lock):
            workers = workers[::-1]
            lock = tuple(1 - holder if holder >= 0 else holder for holder in lock)
        wake = tuple(
            2 if due and lock[bot] < 0 else due for bot, due in enumerate(s.wake)
        )
        if s.due or (s.answer == NOBODY and not s.addressed):
            return s._replace(workers=workers, lock=lock, wake=wake)
        winner = s.winner if any(s.work) else NOBODY
        return s._replace(
            workers=workers,
            lock=lock,
            wake=wake,
            winner=winner,
            election=CLOSED,
            excluded=NOBODY,
            paid=NOBODY,
            bids=(False,) * len(s.bids),
        )

    @staticmethod
    def _turned(workers: tuple[Worker | None, ...], lock: tuple[int, ...]) -> bool:
        """Whether two workers stand in the wrong order."""
        first, second = workers
        if first and first == second:
            return lock[first.bot] == 1
        return (first or ()) > (second or ())

    def steps(self, s: State) -> Iterator[tuple[str, State]]:
        yield from self._admissions(s)
        yield from self._elect(s)
        yield from self._outside(s)
        yield from self._leases(s)
        # Which of the idle workers begins is all the same.
        idle = s.workers.index(None) if None in s.workers else NOBODY
        for number, worker in enumerate(s.workers):
            if worker is None:
                for bot in self.bots:
                    if number == idle and s.wake[bot] and s.lock[bot] == FREE:
                        yield (
                            f"bot {bot}: begin",
                            self._with(s, number, Worker(bot, BEGUN))._replace(
                                lock=put(s.lock, bot, number), wake=put(s.wake, bot, 1)
                            ),
                        )
            else:
                yield (
                    f"!bot {worker.bot}: killed when {worker.at}",
                    self._killed(s, number, worker),
                )
                yield from self._cycle(s, number, worker)

    # ---- gateways, pump, leases, outside

    def _admissions(self, s: State) -> Iterator[tuple[str, State]]:
        for bot in self.lagging:
            if not s.seen[bot]:
                after = s._replace(
                    seen=put(s.seen, bot, True), inbox=put(s.inbox, bot, True)
                )
                if s.election == NONE and s.answer == NOBODY:
                    after = after._replace(election=OPEN, due=True)
                if after.election == OPEN:
                    after = after._replace(bids=put(s.bids, bot, True))
                yield f"bot {bot}: admit, late", after

    def _elect(self, s: State) -> Iterator[tuple[str, State]]:
        if not s.due:
            return
        if (s.answer != NOBODY and self.has("elect checks the answer")) or s.addressed:
            work = put(s.work, s.winner, False) if s.winner != NOBODY else s.work
            yield (
                "elect: answered or addressed",
                s._replace(election=CLOSED, due=False, work=work),
            )
        elif s.paid != NOBODY and self.has("elect leaves a paid message to its payer"):
            yield "elect: paid for", s._replace(election=CLOSED, due=False)
        elif s.floor != FREE and self.has("elect waits for the floor"):
            return
        elif s.election == OPEN:
            yield "elect", self._grant(s)
        elif s.election == GRANTED:
            yield "elect: the winner failed", self._grant_again(s)

    def _grant_again(self, s: State) -> State:
        work = (
            put(s.work, s.winner, False)
            if self.has("re-election takes the work back")
            else s.work
        )
        after = s._replace(work=work, election=OPEN, excluded=s.winner)
        if s.excluded != NOBODY and self.has("re-election comes once"):
            return after._replace(election=CLOSED, due=False)
        return self._grant(after)

    def _grant(self, s: State) -> State:
        excluded = s.excluded if self.has("the old winner is excluded") else NOBODY
        bidders = [b for b in self.bots if s.bids[b] and b != excluded]
        able = [b for b in bidders if self._able(s, b)]
        busy = bool(bidders) and not (s.cooled and 0 in bidders)
        if not able and busy and self.has("elect waits for the busy"):
            return s
        if not able:
            wake = put(s.wake, bidders[0], 2) if bidders else s.wake
            bad = (
                "gave up a message though all bidders were merely busy" if busy else ""
            )
            return s._replace(election=CLOSED, due=False, wake=wake, bad=bad)
        bot = able[0] if self.has("the best bid wins") else able[-1]
        after = self._fresh(s, bot)
        return after._replace(
            election=GRANTED,
            winner=bot,
            work=put(s.work, bot, True),
            wake=put(s.wake, bot, 2),
            bad=self._misjudged(s, bot),
        )

    def _able(self, s: State, bot: int) -> bool:
        if bot == 0 and s.cooled and self.has("elect checks the cooldown"):
            return False
        return not self._busy(s, bot) or not self.has("elect checks who is busy")

    @staticmethod
    def _busy(s: State, bot: int) -> bool:
        return not (bot == 0 and s.cooled) and (s.lock[bot] != FREE or s.work[bot])

    def _misjudged(self, s: State, bot: int) -> str:
        idle = [
            b
            for b in self.bots
            if s.bids[b] and b != s.excluded and s.lock[b] == FREE and not s.work[b]
        ]
        if s.answer != NOBODY:
            return "granted a message that is answered"
        if s.floor != FREE:
            return "granted over the holder of the floor"
        if bot == s.excluded:
            return "granted to the bot that had failed"
        if bot not in idle or (bot == 0 and s.cooled):
            return "granted to a bot that cannot act"
        return (
            "a better bidder could act"
            if any(b < bot and not (b == 0 and s.cooled) for b in idle)
            else ""
        )

    @staticmethod
    def _fresh(s: State, floor: int) -> State:
        """The floor changes hands, and every token given out before is void."""
        return s._replace(
            floor=floor,
            workers=tuple(
                w._replace(holds=False) if w and w.holds else w for w in s.workers
            ),
        )

    def _outside(self, s: State) -> Iterator[tuple[str, State]]:
        if "addressed" in self.outside and not s.addressed:
            yield "!a gateway calls the message addressed", s._replace(addressed=True)
        if "direct" in self.outside and s.floor not in {DIRECT, OUTBOX}:
            yield "!a direct message takes the floor", self._fresh(s, DIRECT)
        if "cooldown" in self.outside and not s.cooled:
            yield "!bot 0: acts elsewhere, cooldown begins", s._replace(cooled=True)
        if s.floor in {DIRECT, OUTBOX}:
            yield "the floor's post is delivered", s._replace(floor=FREE)
        if s.cooled:
            yield "bot 0: cooldown ends", s._replace(cooled=False)
        for bot in self.poll:
            if s.inbox[bot] and not s.wake[bot]:
                yield f"bot {bot}: poll", s._replace(wake=put(s.wake, bot, 2))

    def _leases(self, s: State) -> Iterator[tuple[str, State]]:
        for bot in self.bots:
            holder = s.lock[bot]
            after = s._replace(lock=put(s.lock, bot, FREE))
            if holder == DEAD:
                yield f"bot {bot}: dead lock ends", after
            elif holder >= 0:
                yield (
                    f"!bot {bot}: lock ends under a living cycle",
                    self._excuse(after, holder),
                )
        if s.floor in self.bots:
            holders = [number for number, w in enumerate(s.workers) if w and w.holds]
            after = s
            for number in holders:
                after = self._excuse(after, number)
            label = (
                "!the floor's lease ends under its holder"
                if holders
                else "the floor's lease ends"
            )
            yield label, self._fresh(after, FREE)

    def _excuse(self, s: State, number: int) -> State:
        worker = s.workers[number]
        if worker is None or worker.at != PAID or worker.excused:
            return s
        return self._with(s, number, worker._replace(excused=True))._replace(
            calls=s.calls - 1
        )

    def _killed(self, s: State, number: int, worker: Worker) -> State:
        after = self._excuse(s, number)
        lock = put(s.lock, worker.bot, DEAD) if s.lock[worker.bot] == number else s.lock
        return self._with(after, number, None)._replace(lock=lock)

    @staticmethod
    def _with(s: State, number: int, worker: Worker | None) -> State:
        return s._replace(workers=put(s.workers, number, worker))

    # ---- one cycle

    def _cycle(self, s: State, number: int, w: Worker) -> Iterator[tuple[str, State]]:
        mine = s.lock[w.bot] == number
        if w.at == DONE:
            yield f"bot {w.bot}: finish", self._finish(s, number, w, mine)
        elif w.at == BEGUN:
            yield f"bot {w.bot}: claim", self._claim(s, number, w, mine)
            yield f"bot {w.bot}: observe", self._yield(s, number, w, mine)
        else:
            if w.at == CLAIMED:
                yield f"bot {w.bot}: pay", self._pay(s, number, w, mine)
            after = self._commit(s, number, w, mine)
            yield f"bot {w.bot}: commit", after
            yield (
                f"!bot {w.bot}: commit, answer lost",
                self._with(after, number, w._replace(holds=False)),
            )
            yield f"bot {w.bot}: yield", self._yield(s, number, w, mine)

    def _done(self, s: State, number: int, w: Worker) -> State:
        return self._with(s, number, Worker(w.bot, DONE))

    @staticmethod
    def _dropped(s: State, bot: int) -> State:
        return s._replace(inbox=put(s.inbox, bot, False), work=put(s.work, bot, False))

    def _claim(self, s: State, number: int, w: Worker, mine: bool) -> State:
        done = self._done(s, number, w)
        if not mine and self.has("claim checks the lock"):
            return done
        if (
            not s.inbox[w.bot]
            or s.addressed
            or (s.answer != NOBODY and self.has("claim checks the answer"))
        ):
            return self._dropped(done, w.bot)
        decided = s.election not in {OPEN, GRANTED} or (
            s.election == GRANTED and s.winner == w.bot
        )
        if not decided and self.has("claim leaves open elections alone"):
            return done
        if s.paid not in {NOBODY, w.bot} and self.has(
            "claim leaves a paid message to its payer"
        ):
            return done
        if w.bot == 0 and s.cooled:
            return done
        if s.floor not in {FREE, w.bot} and self.has("claim waits for the floor"):
            return done
        after = self._with(
            s if s.floor == w.bot else self._fresh(s, w.bot),
            number,
            w._replace(at=CLAIMED, holds=True),
        )
        if not decided:
            return after._replace(bad="took what an election was to decide")
        return after._replace(
            bad="" if s.floor in {FREE, w.bot} else "took the floor from its holder"
        )

    def _pay(self, s: State, number: int, w: Worker, mine: bool) -> State:
        done = self._done(s, number, w)
        if (not mine and self.has("pay checks the lock")) or (
            not w.holds and self.has("pay checks the token")
        ):
            return done
        if s.paid not in {NOBODY, w.bot} and self.has("pay is for one bot"):
            return done
        if s.answer != NOBODY and self.has("pay checks the answer"):
            return self._dropped(done, w.bot)
        return self._with(s, number, w._replace(at=PAID))._replace(
            paid=w.bot, calls=s.calls + 1
        )

    def _commit(self, s: State, number: int, w: Worker, mine: bool) -> State:
        done = self._done(s, number, w)
        if not mine and self.has("commit checks the lock"):
            return done
        if not w.holds and self.has("commit checks the floor"):
            return self._yield(s, number, w, mine) if w.at == PAID else done
        if not s.inbox[w.bot] and self.has("commit takes the entry"):
            return done
        if s.addressed or (s.answer != NOBODY and self.has("commit checks the answer")):
            return self._dropped(done, w.bot)
        bad = "" if s.floor == w.bot else "spoke without the floor"
        if not mine:
            bad = "committed by a cycle that had lost its lane"
        after = self._dropped(self._fresh(done, OUTBOX), w.bot)
        answer = w.bot if self.has("commit writes the answer") else NOBODY
        open_still = answer == NOBODY
        return after._replace(
            answer=answer,
            election=s.election if open_still else CLOSED,
            due=s.due and open_still,
            posts=s.posts + 1,
            bad=bad,
        )

    def _yield(self, s: State, number: int, w: Worker, mine: bool) -> State:
        """Silence: for good after pay; before it, a granted message is handed over."""
        done = self._done(s, number, w)
        if not mine and self.has("yield checks the lock"):
            return done
        writing = any(
            other
            and n != number
            and other.bot == w.bot
            and other.holds
            and s.lock[w.bot] == n
            for n, other in enumerate(s.workers)
        )
        if s.paid == w.bot and not self.has("a paid draft is not written again"):
            return self._fresh(done, FREE) if w.holds else done
        after = self._dropped(self._fresh(done, FREE) if w.holds else done, w.bot)
        if s.paid == w.bot and s.answer == NOBODY:
            after = after._replace(answer=DECLINED)
        return after._replace(
            bad="gave up what another cycle is writing" if writing else ""
        )

    def _finish(self, s: State, number: int, w: Worker, mine: bool) -> State:
        idle = self._with(s, number, None)
        if not mine:
            return idle
        stays = (s.wake[w.bot] == 2 and self.has("finish compares the sequence")) or (
            s.work[w.bot] and self.has("finish keeps a lane with work")
        )
        return idle._replace(
            lock=put(s.lock, w.bot, FREE), wake=put(s.wake, w.bot, int(stays))
        )
