"""Loops end, and within their money: proved for every interleaving, and refuted without
each rule."""

from __future__ import annotations

from typing import Any

import pytest

from tests.models.budget import Budget
from tests.models.explore import prove, refute

LIMIT = 200_000
World = dict[str, Any]
PAIR: World = {}
FOREIGN: World = {"foreign": True}
WORLDS: dict[str, World] = {
    "two bots": PAIR,
    "two bots and a foreign one": FOREIGN,
    "three in rotation": {"bots": 3},
    "a longer root": {"posts": 4, "hops": 3},
    "little money": {"calls": 2},
    "much": {"calls": 5},
}
LARGE: dict[str, World] = {
    "three bots and a foreign one": {"bots": 3, "foreign": True},
    "a longer root": {"posts": 4, "hops": 3, "foreign": True},
}
MORE = "more of our posts than the root's budget"
DEARER = "more calls than the root has money for"
MUTANTS = (
    (PAIR, "hops are bounded", "a chain longer than its bound"),
    (PAIR, "reserve checks and counts in one step", DEARER),
    (PAIR, "a dead cycle's hold stays booked", DEARER),
    (PAIR, "a silence is paid for", DEARER),
    (
        {"calls": 1},
        "reserve waits for calls that run",
        "refused for money that is not spent",
    ),
    (
        PAIR,
        "a post in flight is attributed + a post without a cause is exhausted",
        MORE,
    ),
    (
        PAIR,
        "commit takes the entry + a repeated commit gives its earlier verdict",
        "answered twice",
    ),
    (FOREIGN, "a foreign post is one of the root's", MORE),
)


@pytest.mark.parametrize("world", WORLDS)
def test_loops_end(world: str) -> None:
    """What one human message causes stays within its budget of posts, hops and calls,
    and comes to an end."""
    prove(f"budget, {world}", Budget(**WORLDS[world]), LIMIT)


@pytest.mark.slow
@pytest.mark.parametrize("world", LARGE)
def test_loops_end_in_larger_worlds(world: str) -> None:
    """The same with more bots, and with a longer root."""
    prove(f"budget, {world}", Budget(**LARGE[world]), 2_000_000)


@pytest.mark.parametrize(
    ("world", "rules", "reason"), MUTANTS, ids=[mutant[1] for mutant in MUTANTS]
)
def test_without_a_rule(world: World, rules: str, reason: str) -> None:
    """Each rule is needed: without it the explorer finds the promise it keeps
    broken."""
    refute(Budget(*rules.split(" + "), **world), reason, LIMIT)
