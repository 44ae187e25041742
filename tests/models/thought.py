"""Lines of one author to one bot that are one thought: what waits, what one answer takes
with it, what is left when a line is deleted or a draft is too old.

- **say**: a line is admitted. It waits for the rest, or it is whole and ends the wait of
  all. One that comes when what it belongs to is answered is an afterthought: context.
- **begin**: a cycle reads all lines that wait, once the latest says that they may.
- **commit**: it answers the last line that it read and takes the others with it. Stale:
  the author went on meanwhile, and all is put back. Gone: the last line was deleted.
- **delete**: a line is deleted, whoever works on it.

Faults: the death of a cycle, a line that is deleted. Time is that a wait ends at any
moment.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tests.models.explore import Model, changed_fast, put

NONE, WAITS, ANSWERED, JOINED, CONTEXT, DELETED = range(6)
"""What became of a line."""


@changed_fast
class State(NamedTuple):
    """`lines` have a place for each line. `open`: the latest line waits for the rest.
    `reads`: what the cycle has read; None: none runs. `answers`: how many were given,
    by the line that they answer; `knew`: the lines that the last answer had read."""

    lines: tuple[int, ...]
    open: bool = False
    reads: tuple[int, ...] | None = None
    answers: tuple[int, ...] = ()
    bad: str = ""

    @property
    def said(self) -> tuple[int, ...]:
        """Lines that were written."""
        return tuple(n for n, line in enumerate(self.lines) if line != NONE)

    @property
    def waiting(self) -> tuple[int, ...]:
        """Lines in the inbox."""
        return tuple(n for n, line in enumerate(self.lines) if line == WAITS)


class Thought(Model[State]):
    """The protocol without the named rules, for so many lines."""

    def __init__(self, *without: str, lines: int = 3) -> None:
        self.without = frozenset(without)
        self.lines = lines

    def _has(self, rule: str) -> bool:
        return rule not in self.without

    def initial(self) -> Iterator[State]:
        """Nothing was said."""
        yield State(lines=(NONE,) * self.lines)

    def steps(self, s: State) -> Iterator[tuple[str, State]]:
        """Whatever may come next."""
        number = len(s.said)
        if number < self.lines:
            for whole in (True, False):
                yield f"!say {number}, whole: {whole}", self._said(s, number, whole)
        if s.open:
            yield "the wait ends", s._replace(open=False)
        if s.reads is None and s.waiting and self._may_begin(s):
            yield "begin", s._replace(reads=s.waiting)
        if s.reads is not None:
            yield "!the cycle dies", s._replace(reads=None)
            yield "commit", self._committed(s, s.reads)
        for line in s.waiting:
            yield f"!delete {line}", s._replace(lines=put(s.lines, line, DELETED))

    def _may_begin(self, s: State) -> bool:
        return not s.open or not self._has("the rest is waited for")

    def _said(self, s: State, number: int, whole: bool) -> State:
        before = [s.lines[one] for one in s.said if s.lines[one] != DELETED]
        over = bool(before) and before[-1] in {ANSWERED, JOINED, CONTEXT}
        if over and self._has("an afterthought is context"):
            return s._replace(lines=put(s.lines, number, CONTEXT))
        return s._replace(lines=put(s.lines, number, WAITS), open=not whole)

    def _committed(self, s: State, reads: tuple[int, ...]) -> State:
        last, others = reads[-1], reads[:-1]
        idle = s._replace(reads=None)
        if s.lines[last] == DELETED:
            # The others stay where they are, and the next cycle reads them.
            kept = idle.waiting if self._has("the others stay") else ()
            lost = [one for one in idle.waiting if one not in kept]
            for one in lost:
                idle = idle._replace(lines=put(idle.lines, one, NONE))
            return idle
        went_on = [one for one in s.waiting if one > last]
        if went_on and self._has("who went on is read again"):
            return idle
        return self._answered(idle, last, others)

    def _answered(self, s: State, last: int, others: tuple[int, ...]) -> State:
        earlier = s.open and not self._has("the rest is waited for")
        lines = put(s.lines, last, ANSWERED)
        for line in others:
            if lines[line] == WAITS and self._has("one answer takes all lines"):
                lines = put(lines, line, JOINED)
        bad = s.bad
        if [one for one in s.waiting if one > last]:
            bad = "an answer did not know the whole thought"
        if earlier:
            bad = "an unfinished line was answered"
        return s._replace(lines=lines, answers=(*s.answers, last), bad=bad)

    def broken(self, s: State) -> str:
        """A thought has one answer, which knows all of it; no line is forgotten."""
        if s.bad:
            return s.bad
        if len(s.answers) > 1:
            return "one thought was answered twice"
        if s.answers and any(line > s.answers[0] for line in s.waiting):
            return "one thought is to be answered twice"
        gaps = [n for n in range(max(s.said, default=-1)) if s.lines[n] == NONE]
        return "a line is forgotten" if gaps else ""

    def settled(self, s: State) -> bool:
        """Each line that was written has come to its end."""
        return not s.waiting and s.reads is None
