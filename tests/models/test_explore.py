"""The explorer itself: it must find what is broken, by a shortest way, and what never
ends."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest

from tests.models.budget import Budget
from tests.models.delivery import Delivery
from tests.models.election import Election
from tests.models.explore import Model, Unbounded, explore
from tests.models.hearsay import Hearsay


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


def onward(model: Model[Any], state: Any) -> set[Any]:
    """What may follow a state, or a state that is the same and follows it."""
    same, forms, after = model.same(state), [state], set[Any]()
    # A list that grows meanwhile.
    for form in forms:
        for _, found in model.steps(form):
            if model.same(found) != same:
                after.add(model.same(found))
            elif found not in forms:
                forms.append(found)
    return after


@pytest.mark.parametrize(
    "model",
    [
        Budget(),
        Budget(calls=2, bots=3),
        Budget(foreign=True),
        Delivery(),
        Election(),
        Election(bots=2, outside=("cooldown", "direct"), lagging=(0,), poll=(1,)),
        Hearsay(messages=1),
        Hearsay(messages=2),
    ],
    ids=lambda model: type(model).__name__,
)
def test_what_is_the_same_has_one_future(model: Model[Any]) -> None:
    """Of states that a model calls the same, each step leads to the same states, and
    one promise is broken or none, in whatever form they are found."""
    found = list(model.initial())
    # A list that grows meanwhile.
    for state in islice(found, 400):
        same = model.same(state)
        assert model.same(same) == same
        assert model.broken(state) == model.broken(same)
        assert model.settled(state) == model.settled(same)
        assert onward(model, state) == onward(model, same)
        known = set(found)
        after = dict.fromkeys(after for _, after in model.steps(state))
        found += [one for one in after if one not in known]
    assert any(model.same(state) != state for state in found)
