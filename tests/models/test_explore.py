"""The explorer itself: it must find what is broken, by a shortest way, and what never
ends."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.models.explore import Model, Unbounded, explore


class Walk(Model[int]):
    """From 0 by +1 and +3, in a circle of 12; a fault jumps to 100, from where `home`
    leads back."""

    def __init__(self, bad: int = -1, home: bool = True) -> None:
        self.bad, self.home = bad, home

    def initial(self) -> Iterator[int]:
        yield 0

    def steps(self, state: int) -> Iterator[tuple[str, int]]:
        if state == 100:
            yield ("home" if self.home else "!home"), 0
            return
        yield "one", (state + 1) % 12
        yield "three", (state + 3) % 12
        yield "!fall", 100

    def broken(self, state: int) -> str:
        return "stepped on the crack" if state == self.bad else ""

    def settled(self, state: int) -> bool:
        return state == 0


def test_all_states_are_visited() -> None:
    """A sound model has no violation, and every state was seen."""
    report = explore(Walk(), 20)
    assert report.violation is None
    assert report.states == 13


def test_the_trace_is_a_shortest_one() -> None:
    """A broken state is reported with a shortest way to it."""
    violation = explore(Walk(bad=7), 20).violation
    assert violation is not None
    assert violation.reason == "stepped on the crack"
    assert sorted(violation.trace) == ["one", "three", "three"]


def test_rest_must_not_need_a_fault() -> None:
    """A state from which only a fault leads to rest is stuck."""
    violation = explore(Walk(home=False), 20).violation
    assert violation is not None
    assert violation.trace == ("!fall",)


def test_a_model_that_grows_is_refused() -> None:
    """More states than allowed is an error, never a silent cut."""
    with pytest.raises(Unbounded):
        explore(Walk(), 5)
