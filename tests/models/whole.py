"""One autonomous lane: a trigger that met a cooled bot, a poll that is to come, and
grants that come whenever they like.

A granted cycle reads what was granted, and the whole inbox where `full` or `poll` is
due. Times are left out: NEXT comes at any moment. Killed cycles leave the lane due.
Retries: a whole cycle may leave the trigger (its floor was held).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tests.models.explore import Model, changed_fast

NONE, NEXT, NOW = 0, 1, 2
"""When something is due: never, some time, now."""


@changed_fast
class Cycle(NamedTuple):
    """A cycle that runs: what it reads, whether something came since it began, and what
    it leaves undone."""

    everything: bool
    polls: bool
    granted: bool
    changed: bool = False
    behind: bool = False
    done: bool = False
    retry: bool = False


@changed_fast
class State(NamedTuple):
    """What is stored of the lane, and what people are owed (`waiting`, `owed`: a
    poll)."""

    waiting: bool = False
    owed: bool = False
    granted: bool = False
    full: int = NONE
    poll: int = NONE
    full_now: bool = False
    poll_now: bool = False
    due: int = NONE
    context_poll: bool = False
    cycle: Cycle | None = None


class Whole(Model[State]):
    """The protocol, or one without some of its rules."""

    def __init__(self, *without: str) -> None:
        self.without = frozenset(without)

    def has(self, rule: str) -> bool:
        """Whether the rule is kept."""
        return rule not in self.without

    def initial(self) -> Iterator[State]:
        """Nothing has come."""
        yield State()

    def broken(self, s: State) -> str:
        """Which promise this state breaks, or ""."""
        if s.cycle or s.due != NONE:
            return ""
        return (
            "a trigger waits, and no cycle is to come"
            if s.waiting
            else "a poll is lost"
            if s.owed
            else ""
        )

    def settled(self, s: State) -> bool:
        """Whether the run may rest here."""
        return not (s.waiting or s.owed or s.granted or s.cycle) and s.due == NONE

    def steps(self, s: State) -> Iterator[tuple[str, State]]:
        """All that can happen next; `!` marks what the environment does."""
        changed = s.cycle and s.cycle._replace(changed=True)
        if not s.waiting:
            yield (
                "!a trigger meets the cooled bot",
                s._replace(
                    waiting=True,
                    full=s.full or NEXT,
                    due=s.due or NEXT,
                    cycle=changed,
                    context_poll=False,
                ),
            )
        if not s.owed:
            quiet = s.cycle if self.has("a poll to come is no news") else changed
            after = s._replace(
                owed=True, due=s.due or NEXT, cycle=quiet, context_poll=True
            )
            yield (
                "!a poll is to come",
                after._replace(poll=s.poll or NEXT)
                if self.has("a poll is kept apart")
                else after._replace(full=s.full or NEXT),
            )
        if not s.granted and not s.cycle:
            yield "!a grant", s._replace(granted=True, due=NOW, context_poll=False)
        if s.due == NEXT:
            yield (
                "time passes",
                s._replace(due=NOW, full=s.full and NOW, poll=s.poll and NOW),
            )
        if s.full == NEXT and s.due == NOW:
            yield "full is due", s._replace(full=NOW)
        if s.poll == NEXT and s.due == NOW:
            yield "the poll is due", s._replace(poll=NOW)
        if s.cycle is None and s.due == NOW:
            full, poll = s.full == NOW or s.full_now, s.poll == NOW or s.poll_now
            polls = poll if self.has("a poll is kept apart") else s.context_poll
            yield (
                "begin",
                s._replace(
                    cycle=Cycle(not s.granted or full or poll, polls, s.granted),
                    full_now=full,
                    poll_now=poll,
                    full=NONE if s.full == NOW else s.full,
                    poll=NONE if s.poll == NOW else s.poll,
                ),
            )
        if s.cycle:
            yield "!killed", s._replace(cycle=None)
            yield from (
                self._decide(s, s.cycle)
                if not s.cycle.done
                else [("finish", self._finish(s, s.cycle))]
            )

    def _decide(self, s: State, c: Cycle) -> Iterator[tuple[str, State]]:
        owed = s.owed and not (c.polls and c.everything)
        if c.granted:
            behind = (
                c.everything
                and s.waiting
                and self.has("what is passed over is owed a cycle")
            )
            yield (
                "the grant is answered",
                s._replace(
                    granted=False, owed=owed, cycle=c._replace(done=True, behind=behind)
                ),
            )
        elif c.everything:
            # What came during the cycle was not read.
            yield (
                "all is decided",
                s._replace(
                    waiting=s.waiting and c.changed,
                    owed=owed,
                    cycle=c._replace(done=True),
                ),
            )
            if s.waiting:
                yield (
                    "!the trigger's floor is held",
                    s._replace(owed=owed, cycle=c._replace(done=True, retry=True)),
                )

    def _finish(self, s: State, c: Cycle) -> State:
        everything, due = c.everything and not c.behind, NOW if c.changed else NONE
        seen = everything and not c.retry
        full_now, poll_now = s.full_now and not seen, s.poll_now and not seen
        if (full_now or poll_now) and not c.retry:
            due = NOW
        if self.has("finish keeps what is to come") or not everything:
            due = max(due, s.full, s.poll) if due != NOW else due
        if c.retry:
            due = due or NEXT
            full_now = full_now or everything
        if not due:
            return s._replace(
                cycle=None,
                due=NONE,
                full=NONE,
                poll=NONE,
                full_now=False,
                poll_now=False,
            )
        return s._replace(cycle=None, due=due, full_now=full_now, poll_now=poll_now)
