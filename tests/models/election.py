"""Election, floor, claim, pay, commit and re-election: one unaddressed message, three bots, two workers.

Bots 0, 1, 2 bid 3, 2, 1. Times are left out: a lease may end, a cooldown may begin or a script may be called at any moment, which
covers every timing. A script that runs twice because its answer was lost is run twice here, without a request id's help.

- **admit** puts the message into the bot's inbox. The first bid opens the election and makes it due; a bid that comes
  after the election has ended counts no more.
- **elect** (anyone, while the election is due): answered or addressed: closed. Floor held: later. Else the best bidder
  that is not cooled, busy (lane locked, or work on its list) or excluded gets the message on its work list, the floor
  with a fresh token and a due lane. When nobody can act, the best bidder's lane is due at its cooldown's end and the election closed.
- **re-election**: a granted message that comes due again: answered or addressed, or paid for by the winner: nothing more to do, the winner's lane
  goes on. The winner still has the floor: later. Else the work item goes, and once the next best bidder gets it; the second time the election closes.
- **claim** (lane's lock mine): entry still there, not answered or addressed, no election open or granted to another, not
  cooled; floor free: a fresh token; floor already this bot's for this message: the same token.
- **pay** (lock mine, token mine, not answered): marks the message as paid by the bot, then the model is called.
- **commit** (lock mine, token mine, entry there, not answered or addressed): answer record, entry and work item removed, floor to the outbox, in one step.
- **decline**: after pay, every end but a lost lock (stale, muted, over budget, pre-empted) records the answer as declined: lock
  mine and paid mark mine are enough, for the floor may be gone. **hand over**: the same before pay re-elects once, without this bot.
- **finish** (lock mine): the lane stays due if a trigger came since begin or work is left; lock released in the same step.

A direct message may take the floor from an unaddressed holder at any moment; any gateway may at any moment call the message addressed;
the poll may make any lane due. `calls` counts model calls but those whose payer was killed or lost its lock, or whose floor's lease ended.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

NOBODY, DECLINED = -1, -2
FREE, DEAD = -1, -2
"""A lock: free, held by a killed worker, or the number of its worker."""
DIRECT, OUTBOX = 7, 8
"""A floor that is neither free nor a bot's: held by a direct message, or by a committed post until it is delivered."""
NONE, OPEN, GRANTED, CLOSED = "none", "open", "granted", "closed"
BEGUN, CLAIMED, PAID, DONE = "begun", "claimed", "paid", "done"
BOTS = (0, 1, 2)


class Worker(NamedTuple):
    """A cycle: `holds` says that its token is the floor's token now."""

    bot: int
    at: str
    holds: bool = False
    excused: bool = False


class State(NamedTuple):
    """Redis, the workers, and what is counted to judge them."""

    election: str = NONE
    due: bool = False
    winner: int = NOBODY
    excluded: int = NOBODY
    bids: tuple[bool, ...] = (False, False, False)
    seen: tuple[bool, ...] = (False, False, False)
    inbox: tuple[bool, ...] = (False, False, False)
    work: tuple[bool, ...] = (False, False, False)
    wake: tuple[int, ...] = (0, 0, 0)
    lock: tuple[int, ...] = (FREE, FREE, FREE)
    floor: int = FREE
    paid: int = NOBODY
    answer: int = NOBODY
    addressed: bool = False
    cooled: bool = False
    workers: tuple[Worker | None, ...] = (None, None)
    posts: int = 0
    calls: int = 0
    bad: str = ""


def put(values: tuple, index: int, value: object) -> tuple:  # type: ignore[type-arg]
    """`values` with one place changed."""
    return (*values[:index], value, *values[index + 1:])


class Election:
    """The protocol; `without` names the rules that a mutant leaves out."""

    def __init__(self, *without: str, poll: tuple[int, ...] = (1,), lagging: tuple[int, ...] = (0,)) -> None:
        self.without = frozenset(without)
        self.poll = poll
        self.lagging = lagging

    def has(self, rule: str) -> bool:
        return rule not in self.without

    def initial(self) -> Iterator[State]:
        """The bots whose gateways are in time have bid; or none of them cared (then only a lagging bot may bid)."""
        prompt = tuple(bot not in self.lagging for bot in BOTS)
        yield State(election=OPEN, due=True, bids=prompt, seen=prompt, inbox=prompt)
        yield State(seen=prompt, inbox=prompt)

    def broken(self, s: State) -> str:
        if s.bad:
            return s.bad
        if s.posts > 1:
            return "answered twice"
        if s.calls > 1:
            return "two paid model calls, though no payer failed"
        if s.election == OPEN and not s.due:
            return "an open election that nobody will close"
        if any(s.work[b] and not s.wake[b] for b in BOTS):
            return "granted work on a lane that is not due"
        return ""

    def settled(self, s: State) -> bool:
        over = s.answer != NOBODY or s.addressed or not any(s.inbox)
        return (over and s.workers == (None, None) and s.floor == FREE and not s.due
                and not any(s.work) and not any(s.wake) and s.lock == (FREE, FREE, FREE))

    def steps(self, s: State) -> Iterator[tuple[str, State]]:
        for label, after in self._all(s):
            one, two = after.workers
            if (one or ()) > (two or ()):
                swapped = tuple(1 - holder if holder >= 0 else holder for holder in after.lock)
                yield label, after._replace(workers=(two, one), lock=swapped)
            else:
                yield label, after

    def _all(self, s: State) -> Iterator[tuple[str, State]]:
        yield from self._admissions(s)
        if s.due:
            yield from self._elect(s)
        yield from self._outside(s)
        yield from self._leases(s)
        for number, worker in enumerate(s.workers):
            if worker is None:
                for bot in BOTS:
                    if s.wake[bot] and s.lock[bot] == FREE:
                        yield f"worker {number}: begin, bot {bot}", self._with(s, number, Worker(bot, BEGUN))._replace(
                            lock=put(s.lock, bot, number), wake=put(s.wake, bot, 1))
            else:
                yield f"!kill worker {number}", self._killed(s, number, worker)
                yield from self._cycle(s, number, worker)

    # ---- gateways, pump, leases, outside

    def _admissions(self, s: State) -> Iterator[tuple[str, State]]:
        for bot in BOTS:
            if not s.seen[bot]:
                after = s._replace(seen=put(s.seen, bot, True), inbox=put(s.inbox, bot, True))
                if s.election == NONE and (s.paid == NOBODY or self.has("first bid is by state")):
                    after = after._replace(election=OPEN, due=True)
                if after.election == OPEN:
                    after = after._replace(bids=put(s.bids, bot, True))
                yield f"admit to bot {bot}", after

    def _elect(self, s: State) -> Iterator[tuple[str, State]]:
        if s.election == OPEN:
            yield "elect", self._grant(s)
        elif s.election == GRANTED:
            paid = s.paid != NOBODY and self.has("elect leaves a paid message to its payer")
            if s.answer != NOBODY or s.addressed or paid:
                yield "elect again: nothing to do", s._replace(due=False)
            elif s.floor == s.winner and self.has("re-election waits for the floor"):
                pass
            elif s.floor == FREE or not self.has("re-election waits for the floor"):
                yield "elect again: winner lost the floor", self._regrant(s)

    def _regrant(self, s: State) -> State:
        """The winner is dead or unwilling: its work item goes, and the next best is granted once."""
        again = s.excluded == NOBODY
        work = put(s.work, s.winner, False) if self.has("re-grant takes the work back") else s.work
        after = s._replace(work=work, excluded=s.winner)
        if not again:
            return after._replace(election=CLOSED, due=False)
        return self._grant(after._replace(election=OPEN, due=True))

    def _grant(self, s: State) -> State:
        paid = s.paid != NOBODY and self.has("elect leaves a paid message to its payer")
        if (s.answer != NOBODY and self.has("elect checks the answer")) or s.addressed or paid:
            return s._replace(election=CLOSED, due=False)
        if s.floor != FREE and self.has("elect waits for the floor"):
            return s
        bidders = [b for b in BOTS if s.bids[b] and (b != s.excluded or not self.has("exclude the old winner"))]
        able = [b for b in bidders if self._able(s, b)]
        if not able:
            wake = put(s.wake, bidders[0], 2) if bidders else s.wake
            return s._replace(election=CLOSED, due=False, wake=wake)
        bot = able[0] if self.has("best bidder") else able[-1]
        bad = ""
        if s.answer != NOBODY:
            bad = "granted a message that is answered"
        elif bot == s.excluded:
            bad = "granted to the bot that had failed"
        elif any(b < bot and s.bids[b] and b != s.excluded and s.lock[b] == FREE and not s.work[b]
                 and not (b == 0 and s.cooled) for b in BOTS):
            bad = "a better bidder could act"
        elif (s.cooled and bot == 0) or s.lock[bot] != FREE:
            bad = "granted to a bot that cannot act"
        return self._fresh(s, bot)._replace(election=GRANTED, winner=bot, work=put(s.work, bot, True),
                                            wake=put(s.wake, bot, 2), bad=bad)

    def _able(self, s: State, bot: int) -> bool:
        if bot == 0 and s.cooled and self.has("elect checks the cooldown"):
            return False
        return (s.lock[bot] == FREE and not s.work[bot]) or not self.has("elect checks busy")

    def _fresh(self, s: State, floor: int) -> State:
        """The floor changes hands: every token given out before is void, and a payer that it takes by surprise has failed."""
        workers = tuple(w._replace(holds=False) if w else None for w in s.workers)
        return s._replace(floor=floor, workers=workers)

    def _outside(self, s: State) -> Iterator[tuple[str, State]]:
        if not s.addressed:
            yield "!a gateway calls the message addressed", s._replace(addressed=True)
        if s.floor in BOTS or s.floor == FREE:
            yield "!a direct message takes the floor", self._fresh(s, DIRECT)
        elif s.floor in (DIRECT, OUTBOX):
            yield "the floor's post is delivered", s._replace(floor=FREE)
        if s.cooled:
            yield "bot 0's cooldown ends", s._replace(cooled=False)
        else:
            yield "!bot 0 acts elsewhere: cooldown", s._replace(cooled=True)
        for bot in self.poll:
            if s.inbox[bot] and s.wake[bot] != 2:
                yield f"poll wakes bot {bot}", s._replace(wake=put(s.wake, bot, 2))

    def _leases(self, s: State) -> Iterator[tuple[str, State]]:
        for bot in BOTS:
            holder = s.lock[bot]
            if holder == DEAD:
                yield f"bot {bot}'s dead lock ends", s._replace(lock=put(s.lock, bot, FREE))
            elif holder >= 0:
                after = s._replace(lock=put(s.lock, bot, FREE))
                yield f"!bot {bot}'s lock ends under worker {holder}", self._excuse(after, holder)
        if s.floor in BOTS:
            holders = [number for number, w in enumerate(s.workers) if w and w.holds]
            after = s
            for number in holders:
                after = self._excuse(after, number)
            label = "!the floor's lease ends under its holder" if holders else "the floor's lease ends"
            yield label, self._fresh(after, FREE)

    def _excuse(self, s: State, number: int) -> State:
        """This payer's call does not count: it failed."""
        worker = s.workers[number]
        if worker is None or worker.at != PAID or worker.excused:
            return s
        return self._with(s, number, worker._replace(excused=True))._replace(calls=s.calls - 1)

    def _killed(self, s: State, number: int, worker: Worker) -> State:
        after = self._excuse(s, number)
        if s.lock[worker.bot] == number:
            after = after._replace(lock=put(s.lock, worker.bot, DEAD))
        return self._with(after, number, None)

    @staticmethod
    def _with(s: State, number: int, worker: Worker | None) -> State:
        return s._replace(workers=put(s.workers, number, worker))

    # ---- one cycle

    def _cycle(self, s: State, number: int, w: Worker) -> Iterator[tuple[str, State]]:
        name = f"worker {number} (bot {w.bot})"
        mine = s.lock[w.bot] == number
        done = self._with(s, number, w._replace(at=DONE))
        if w.at == DONE:
            yield from self._finish(s, number, w, mine)
        elif w.at == BEGUN:
            yield f"{name}: claim", self._claim(s, number, w, mine)
            if not s.work[w.bot] and mine and s.inbox[w.bot]:
                yield f"{name}: observe", self._dropped(done, w.bot)
        elif w.at == CLAIMED:
            yield f"{name}: pay", self._pay(s, number, w, mine)
            after = self._hand_over(s, number, w, mine)
            yield f"{name}: hand over", self._with(after, number, after.workers[number]._replace(at=DONE))  # type: ignore[union-attr]
            yield f"!{name}: hand over, answer lost", after
        else:
            after = self._commit(s, number, w, mine)
            yield f"{name}: commit", after
            yield f"!{name}: commit, answer lost", self._with(after, number, after.workers[number]._replace(at=PAID))  # type: ignore[union-attr]
            yield f"{name}: draft is stale", self._decline(done, number, w, mine)

    def _dropped(self, s: State, bot: int) -> State:
        return s._replace(inbox=put(s.inbox, bot, False), work=put(s.work, bot, False))

    def _claim(self, s: State, number: int, w: Worker, mine: bool) -> State:
        done = self._with(s, number, w._replace(at=DONE))
        if not mine and self.has("claim checks the lock"):
            return done
        if not s.inbox[w.bot]:
            return self._dropped(done, w.bot)
        if (s.answer != NOBODY and self.has("claim checks the answer")) or s.addressed:
            return self._dropped(done, w.bot)
        if (s.election == OPEN or (s.election == GRANTED and s.winner != w.bot)) and self.has("claim leaves open elections"):
            return done
        if (w.bot == 0 and s.cooled) or (s.paid not in (NOBODY, w.bot) and self.has("claim leaves a paid message to its payer")):
            return done
        claimed = w._replace(at=CLAIMED, holds=True)
        if s.floor == FREE or not self.has("claim waits for the floor"):
            return self._with(self._fresh(s, w.bot), number, claimed)
        if s.floor == w.bot:
            after = s if self.has("fresh token on every claim") else s
            return self._with(after, number, claimed)
        return done

    def _pay(self, s: State, number: int, w: Worker, mine: bool) -> State:
        done = self._with(s, number, w._replace(at=DONE))
        if (not mine and self.has("pay checks the lock")) or (not w.holds and self.has("pay checks the token")):
            return done
        if s.paid not in (NOBODY, w.bot) and self.has("pay is set once"):
            return done
        if s.answer != NOBODY:
            return self._dropped(done, w.bot)
        return self._with(s, number, w._replace(at=PAID))._replace(paid=w.bot, calls=s.calls + 1)

    def _commit(self, s: State, number: int, w: Worker, mine: bool) -> State:
        done = self._with(s, number, w._replace(at=DONE))
        if not mine and self.has("commit checks the lock"):
            return done
        if not (w.holds or (not self.has("commit compares the token") and s.floor == w.bot)) and self.has("commit checks the floor"):
            return self._decline(done, number, w, mine)
        if not s.inbox[w.bot] and self.has("commit removes the entry"):
            return done
        if (s.answer != NOBODY and self.has("commit checks the answer")) or s.addressed:
            return self._dropped(done, w.bot)
        bad = "" if mine else "committed by a cycle that had lost its lane"
        after = self._dropped(self._fresh(done, OUTBOX), w.bot)
        answer = w.bot if self.has("commit writes the answer") else NOBODY
        return after._replace(answer=answer, posts=s.posts + 1, bad=bad)

    def _decline(self, s: State, number: int, w: Worker, mine: bool) -> State:
        """After pay. `s` already has the cycle done."""
        if (not mine and self.has("decline checks the lock")) or s.paid != w.bot:
            return s
        if not self.has("a paid draft is never tried again"):
            return s._replace(floor=FREE) if s.floor == w.bot else s
        bad = s.bad
        if s.answer == NOBODY and any(o and n != number and o.at == PAID and o.holds and s.lock[o.bot] == n
                                      for n, o in enumerate(s.workers)):
            bad = "declined what another cycle is writing"
        after = self._dropped(s, w.bot)._replace(answer=DECLINED if s.answer == NOBODY else s.answer, bad=bad)
        return self._fresh(after, FREE) if s.floor == w.bot and w.holds else after

    def _hand_over(self, s: State, number: int, w: Worker, mine: bool) -> State:
        """Before pay: the entry goes; if the election had granted it, the next best gets it (once)."""
        if not mine and self.has("hand-over checks the lock"):
            return s
        after = s._replace(inbox=put(s.inbox, w.bot, False))
        if s.floor == w.bot and w.holds:
            after = self._fresh(after, FREE)
        if s.election == GRANTED and s.winner == w.bot and s.work[w.bot]:
            if any(o and n != number and o.bot == w.bot and o.at == PAID and s.lock[o.bot] == n for n, o in enumerate(s.workers)):
                after = after._replace(bad="handed over what another cycle is writing")
            if s.paid == w.bot:
                return self._dropped(after, w.bot)._replace(answer=DECLINED)
            if s.floor not in (FREE, w.bot):
                return after._replace(work=put(after.work, w.bot, False), election=OPEN, due=True, excluded=w.bot) \
                    if s.excluded == NOBODY else self._regrant(after)
            return self._regrant(after)
        return after

    def _finish(self, s: State, number: int, w: Worker, mine: bool) -> Iterator[tuple[str, State]]:
        idle = self._with(s, number, None)
        name = f"worker {number} (bot {w.bot})"
        if not mine and self.has("finish checks the lock"):
            yield f"{name}: finish, lane lost", idle
            return
        again = s.wake[w.bot] == 2 and self.has("finish compares the sequence")
        stays = again or (s.work[w.bot] and self.has("finish keeps a lane with work"))
        yield f"{name}: finish", idle._replace(lock=put(s.lock, w.bot, FREE), wake=put(s.wake, w.bot, int(stays)))
