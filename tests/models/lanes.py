"""Admit, lane, hint, pump, begin and finish: one lane, a few messages, two workers.

- **admit**, one step: the message is recognised if it came before; else inbox entry, next sequence number, lane due
  now.
- A **hint** may be lost, doubled or late: here one comes whenever it likes. The pump hints a lane that is due and not
  locked.
- A worker takes the lock (NX, a lease), then **begin**, one step: lock mine? Lane not due: the lock is given back
  here. Else the sequence and the entries are read together.
- **commit** (lock mine, entry there) answers one entry and removes it. A cycle may leave entries for later (a floor
  that is held, a cooldown).
- **finish**, one step: lock no longer mine: nothing is touched. The sequence changed: due now. Entries left: due
  later. Else the lane is cleared and the sequence forgotten. The lock is released with it.

The sequence here starts anew whenever the lane was cleared, so that it repeats: the
lock's check makes even that harmless. Faults: kills, and locks that end under a living
cycle. A cycle with nothing to do is allowed only after one of these.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tests.models.explore import Model, changed_fast, put

FREE, DEAD = -1, -2
UNSENT, WAITING, ANSWERED = 0, 1, 2
NOT_DUE, LATER, NOW = 0, 1, 2
LOCKED, BEGUN, RUNNING, CLEARING, RELEASING = (
    "locked",
    "begun",
    "running",
    "clearing",
    "releasing",
)


@changed_fast
class Cycle(NamedTuple):
    """A worker's cycle: what it read when it began."""

    at: str
    seq: int = 0
    read: tuple[int, ...] = ()


@changed_fast
class State(NamedTuple):
    """One lane. `unwoken`: a gateway has written the entry and not yet the wake (only
    where admit is not one step)."""

    inbox: tuple[int, ...]
    cycles: tuple[Cycle | None, ...] = (None, None)
    due: int = NOT_DUE
    seq: int = 0
    lock: int = FREE
    unwoken: bool = False
    failed: bool = False
    bad: str = ""


class Lanes(Model[State]):
    """The protocol without the named rules."""

    def __init__(self, *without: str, messages: int = 3) -> None:
        self.without = frozenset(without)
        self.messages = messages

    def has(self, rule: str) -> bool:
        return rule not in self.without

    def initial(self) -> Iterator[State]:
        yield State((UNSENT,) * self.messages)

    def broken(self, s: State) -> str:
        if s.bad:
            return s.bad
        if WAITING in s.inbox and s.due == NOT_DUE and not s.unwoken:
            return "a message waits in a lane that is not due: its wake is lost"
        last = s.cycles[s.lock] if s.lock >= 0 else None
        if s.due == NOW and last and last.at == RELEASING:
            return "a hint meets the lock of a cycle that has looked for the last time"
        return ""

    def settled(self, s: State) -> bool:
        return (
            WAITING not in s.inbox
            and s.due == NOT_DUE
            and s.lock == FREE
            and not any(s.cycles)
            and not s.unwoken
        )

    def steps(self, s: State) -> Iterator[tuple[str, State]]:
        """Workers are interchangeable, and so are messages."""
        for label, after in self._all(s):
            if (after.cycles[0] or ()) > (after.cycles[1] or ()):
                lock = 1 - after.lock if after.lock >= 0 else after.lock
                yield label, after._replace(cycles=after.cycles[::-1], lock=lock)
            else:
                yield label, after

    def _all(self, s: State) -> Iterator[tuple[str, State]]:
        yield from self._gateway(s)
        if s.due == LATER:
            yield "time passes: due", s._replace(due=NOW)
        if s.lock == DEAD:
            yield "the dead lock ends", s._replace(lock=FREE)
        elif s.lock >= 0:
            yield (
                "!the lock ends under a living cycle",
                s._replace(lock=FREE, failed=True),
            )
        for number, cycle in enumerate(s.cycles):
            if cycle is None:
                if s.lock == FREE:
                    after = self._with(s, number, Cycle(LOCKED))._replace(lock=number)
                    yield (
                        (
                            "hint, lock taken"
                            if s.due == NOW
                            else "!stray hint, lock taken"
                        ),
                        after,
                    )
            else:
                after = self._with(s, number, None)._replace(failed=True)
                yield (
                    f"!worker killed when {cycle.at}",
                    after._replace(lock=DEAD if s.lock == number else s.lock),
                )
                yield from self._cycle(s, number, cycle)

    def _gateway(self, s: State) -> Iterator[tuple[str, State]]:
        if s.unwoken:
            yield "wake, a step of its own", self._woken(s)._replace(unwoken=False)
            yield "!gateway killed before the wake", s._replace(unwoken=False)
            return
        if UNSENT in s.inbox:
            after = s._replace(inbox=put(s.inbox, s.inbox.index(UNSENT), WAITING))
            if self.has("admit is one step"):
                yield "admit", self._woken(after)
            else:
                yield "entry written", after._replace(unwoken=True)
        if ANSWERED in s.inbox and not self.has("admit recognises a message"):
            again = put(s.inbox, s.inbox.index(ANSWERED), WAITING)
            after = self._woken(s)._replace(
                inbox=again, bad="an answered message came back"
            )
            yield "!the message is delivered again", after

    @staticmethod
    def _woken(s: State) -> State:
        return s._replace(seq=s.seq + 1, due=NOW)

    @staticmethod
    def _with(s: State, number: int, cycle: Cycle | None) -> State:
        return s._replace(cycles=put(s.cycles, number, cycle))

    def _cycle(self, s: State, number: int, c: Cycle) -> Iterator[tuple[str, State]]:
        mine = s.lock == number
        idle = self._with(s, number, None)
        if c.at == LOCKED:
            yield "begin", self._begin(s, number, mine)
        elif c.at == BEGUN:
            yield "entries read, a step of its own", self._reading(s, number, c)
        elif c.at == RUNNING:
            if c.read:
                yield "commit", self._commit(s, number, c, mine)
            yield from self._finish(s, number, c, mine)
        elif c.at == CLEARING:
            yield (
                "lane cleared, a step of its own",
                idle._replace(due=NOT_DUE, seq=0, lock=FREE if mine else s.lock),
            )
        elif c.at == RELEASING:
            yield (
                "lock released, a step of its own",
                idle._replace(lock=FREE if mine else s.lock),
            )

    def _begin(self, s: State, number: int, mine: bool) -> State:
        if not mine and self.has("begin checks the lock"):
            return self._with(s, number, None)
        if s.due != NOW:
            if not self.has("begin gives the lock back"):
                return self._with(s, number, Cycle(RELEASING))
            return self._with(s, number, None)._replace(lock=FREE if mine else s.lock)
        if not self.has("begin reads entries with the sequence"):
            return self._with(s, number, Cycle(BEGUN, s.seq))
        return self._reading(s, number, Cycle(BEGUN, s.seq))

    def _reading(self, s: State, number: int, c: Cycle) -> State:
        read = tuple(m for m, status in enumerate(s.inbox) if status == WAITING)
        bad = "" if read or s.failed else "a cycle with nothing to do"
        return self._with(s, number, Cycle(RUNNING, c.seq, read))._replace(bad=bad)

    def _commit(self, s: State, number: int, c: Cycle, mine: bool) -> State:
        message, rest = c.read[0], c.read[1:]
        after = self._with(s, number, c._replace(read=rest))
        if not mine and self.has("commit checks the lock"):
            return after._replace(cycles=put(s.cycles, number, c._replace(read=())))
        if s.inbox[message] == ANSWERED:
            return (
                after
                if self.has("commit takes the entry")
                else after._replace(bad="answered twice")
            )
        return after._replace(
            inbox=put(s.inbox, message, ANSWERED),
            bad="" if mine else "committed by a cycle that had lost its lane",
        )

    def _finish(
        self, s: State, number: int, c: Cycle, mine: bool
    ) -> Iterator[tuple[str, State]]:
        """Also with entries still to do: something defers them."""
        idle = self._with(s, number, None)
        if not mine and self.has("finish checks the lock"):
            yield "finish, lane lost", idle
            return
        changed = s.seq != c.seq and self.has("finish compares the sequence")
        left = WAITING in s.inbox and self.has("finish looks at what is left")
        if changed or left:
            due = NOW if changed else LATER
            new = any(
                status == WAITING and message not in c.read
                for message, status in enumerate(s.inbox)
            )
            waits = new and not changed and mine
            after = idle._replace(
                due=due,
                bad="a message that came during the cycle waits" if waits else "",
            )
        elif not self.has("finish decides and acts in one step"):
            yield "finish decides to clear", self._with(s, number, Cycle(CLEARING))
            return
        else:
            after = idle._replace(due=NOT_DUE, seq=0, failed=False)
        if not self.has("finish releases the lock"):
            yield "finish without release", self._with(after, number, Cycle(RELEASING))
            return
        yield "finish", after._replace(lock=FREE)
