"""k addressed bots answer once each, in order: proved for every interleaving, and
refuted without each rule."""

from __future__ import annotations

from typing import Any

import pytest

from tests.models.addressed import Addressed
from tests.models.explore import prove, refute

LIMIT = 200_000
World = dict[str, Any]
TWO: World = {"bots": 2}
THREE: World = {"bots": 3, "faults": ()}
WORLDS = {
    "two bots": TWO,
    "two bots, the dead stay dead": TWO | {"returns": False},
    # It finds every rule missing that the three whose workers come back do.
    "three bots, kills, the dead stay dead": THREE | {"returns": False},
}
OTHERS: World = {"bots": 3, "returns": False, "faults": ("stuck", "other")}
FIRST = "answered before a bot that was named first and is well"
MUTANTS = (
    (TWO, "wait for those named before", FIRST),
    (TWO | {"returns": False}, "pass over who is away", "never comes to rest"),
    (THREE, "count on who asks", FIRST),
    (TWO, "first come, first served", "a later message had the floor first"),
    (
        TWO,
        "direct goes before unasked",
        "a direct message waited behind an unasked answer",
    ),
    (TWO, "the outbox keeps the floor", "took the floor from an undelivered answer"),
    (
        TWO,
        "commit compares the token",
        "an unasked answer was committed without the floor",
    ),
    (TWO, "commit checks the lock", "committed by a cycle that had lost its lane"),
    (TWO, "commit checks the floor", "committed without the floor"),
)


@pytest.mark.parametrize("world", WORLDS)
def test_each_answers_once_in_order(world: str) -> None:
    """Each answers once; nobody passes a bot that is well; a dead one is passed after a
    lease, and answers when it is back."""
    prove(f"addressed, {world}", Addressed(**WORLDS[world]), LIMIT)


@pytest.mark.slow
def test_each_of_three_answers_once_in_order() -> None:
    """The same with three bots that come back."""
    prove("addressed, three bots, kills", Addressed(**THREE), LIMIT)


@pytest.mark.slow
def test_each_answers_once_in_order_among_other_messages() -> None:
    """The same with three bots, where the dead stay dead."""
    prove("addressed, three bots, the dead stay dead", Addressed(**OTHERS), LIMIT)


@pytest.mark.slow
@pytest.mark.parametrize("returns", [True, False])
def test_each_answers_once_in_order_with_every_fault(returns: bool) -> None:
    """The same with three bots and all faults at once."""
    prove(
        f"addressed, three bots, all faults, return: {returns}",
        Addressed(returns=returns),
        1_500_000,
    )


@pytest.mark.parametrize(
    ("world", "rule", "reason"), MUTANTS, ids=[mutant[1] for mutant in MUTANTS]
)
def test_without_a_rule(world: World, rule: str, reason: str) -> None:
    """Each rule is needed: without it the explorer finds the promise it keeps
    broken."""
    refute(Addressed(rule, **world), reason, LIMIT)
