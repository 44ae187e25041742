"""A breadth-first explorer of protocol models.

A model is a start, the steps that may follow a state, what must hold in every state,
and where a run may rest. A step whose label begins with `!` is a fault (a kill, a lease
that ends under its living holder, a lost answer) or an outside event. Faults are
unlimited: a step is taken in every state that offers it.

Two checks:

- *Safety*: `broken` is empty in every reachable state. The trace found is a shortest one.
- *Recovery*: from every reachable state a resting state can be reached by steps that are no faults. In a finite graph
  this says that, once faults cease, every run that does not forever ignore a step it is offered comes to rest: such a
  run ends in a bottom component of the graph without faults, visits all of it, and the check puts a resting state
  there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

S = TypeVar("S", bound=Hashable)
N = TypeVar("N", bound=NamedTuple)


def changed_fast(cls: type[N]) -> type[N]:
    """A named tuple of many fields whose `_replace` takes half the time: models do little
    else."""
    places = {name: place for place, name in enumerate(cls._fields)}
    new = tuple.__new__

    def _replace(self: N, /, **changes: Any) -> N:
        values = [*self]
        for name, value in changes.items():
            values[places[name]] = value
        return new(cls, values)

    cls._replace = _replace  # type: ignore[method-assign, assignment]
    return cls


def put(values: tuple[Any, ...], index: int, value: object) -> tuple[Any, ...]:
    """`values` with one place changed."""
    return (*values[:index], value, *values[index + 1 :])


class Model(Protocol[S]):
    """One protocol with its faults. States are immutable and hashable."""

    def initial(self) -> Iterable[S]:
        """The states a run may start in."""

    def steps(self, state: S) -> Iterator[tuple[str, S]]:
        """Every step that may come next, as label and next state."""

    def same(self, state: S) -> S:
        """One state for all that nothing can tell apart: most models have none such."""
        return state

    def broken(self, state: S) -> str:
        """Which promise this state breaks, in a few words; empty when none."""

    def settled(self, state: S) -> bool:
        """Whether the run may rest here: everything promised has come."""


@dataclass(frozen=True)
class Violation:
    """A broken promise and a shortest way to it."""

    reason: str
    trace: tuple[str, ...]
    state: object

    def __str__(self) -> str:
        lines = [f"{number:3}. {label}" for number, label in enumerate(self.trace, 1)]
        return "\n".join(
            [f"BROKEN: {self.reason}", *lines, f"     state: {self.state}"]
        )


@dataclass(frozen=True)
class Report:
    """What an exploration saw."""

    states: int
    steps: int
    seconds: float
    violation: Violation | None


class Unbounded(AssertionError):
    """The model has more states than its test allows."""


class _Graph(Generic[S]):
    """The states found so far, how each was reached, and the faultless steps
    backwards. `number`: of each state, and of all that is the same to its model."""

    def __init__(self, same: Callable[[S], S]) -> None:
        self.same = same
        self.states: list[S] = []
        self.number: dict[S, int] = {}
        self.parent: list[tuple[int, str]] = []
        self.before: list[list[int]] = []

    def add(self, found: S, parent: int, label: str) -> int:
        """The number of a state that is not known by the form in which it was found."""
        state = self.same(found)
        number = self.number.setdefault(state, len(self.states))
        self.number[found] = number
        if number == len(self.states):
            self.states.append(state)
            self.parent.append((parent, label))
            self.before.append([])
        return number

    def violation(self, number: int, reason: str) -> Violation:
        trace: list[str] = []
        at = number
        while self.parent[at][0] >= 0:
            at, label = self.parent[at]
            trace.append(label)
        return Violation(reason, tuple(reversed(trace)), self.states[number])


def explore(model: Model[S], limit: int) -> Report:
    """Visit every state of `model`, at most `limit`; stop at the first broken
    promise."""
    began = time.perf_counter()
    graph: _Graph[S] = _Graph(model.same)
    known = graph.number.get
    for state in model.initial():
        graph.add(state, -1, "")
    visited = taken = 0
    violation: Violation | None = None
    while visited < len(graph.states) and violation is None:
        state = graph.states[visited]
        reason = model.broken(state)
        if reason:
            violation = graph.violation(visited, reason)
            break
        for label, after in model.steps(state):
            taken += 1
            number = known(after)
            if number is None:
                number = graph.add(after, visited, label)
            if number != visited and label[0] != "!":
                graph.before[number].append(visited)
        visited += 1
        if len(graph.states) > limit:
            raise Unbounded(f"more than {limit} states")
    if violation is None:
        violation = _stuck(model, graph)
    return Report(len(graph.states), taken, time.perf_counter() - began, violation)


def _stuck(model: Model[S], graph: _Graph[S]) -> Violation | None:
    reached = [model.settled(state) for state in graph.states]
    todo = [number for number, settled in enumerate(reached) if settled]
    while todo:
        for number in graph.before[todo.pop()]:
            if not reached[number]:
                reached[number] = True
                todo.append(number)
    if all(reached):
        return None
    return graph.violation(
        reached.index(False), "never comes to rest, even without further faults"
    )


def prove(name: str, model: Model[S], limit: int) -> None:
    """Explore, print the row of the table, and fail with the trace of what is
    broken."""
    report = explore(model, limit)
    print(
        f"{name}: {report.states} states, {report.steps} steps, {report.seconds:.1f} s"
    )
    assert report.violation is None, str(report.violation)


def refute(model: Model[S], reason: str, limit: int) -> Violation:
    """The violation of a model that lacks a rule; fails unless it is found, for this
    reason."""
    violation = explore(model, limit).violation
    assert violation is not None, "nothing breaks without this rule"
    assert reason in violation.reason, str(violation)
    return violation
