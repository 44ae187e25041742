"""One answer to a message that addresses nobody: proved for every interleaving, and
refuted without each rule."""

from __future__ import annotations

from typing import Any

import pytest

from tests.models.election import Election
from tests.models.explore import prove, refute

LIMIT = 200_000
World = dict[str, Any]
ROOM: World = {}
LATE: World = {"bots": 2, "lagging": (0,), "poll": (1,)}
DISTURBED: World = LATE | {"outside": ("direct",)}
COOLED: World = {"bots": 2, "outside": ("cooldown",)}

# Among two, a late bot finds the same rules missing as among three.
WORLDS: dict[str, World] = {
    "two bots, one of them late": {"bots": 2, "lagging": (0,)},
    "three bots, direct messages": {"outside": ("direct",)},
    "two bots, cooldown": COOLED,
}
LARGE: dict[str, World] = {
    "three bots, one of them late": {"lagging": (0,)},
    "two bots, one late, direct messages, poll": DISTURBED,
    "three bots, poll": {"poll": (1,)},
    "three bots, one late, direct messages": {"lagging": (0,), "outside": ("direct",)},
    "two bots, everything": DISTURBED
    | {"outside": ("direct", "addressed", "cooldown")},
}

ONE_PAID = "two paid model calls"
# Rules that back each other up are left out together.
MUTANTS = (
    (ROOM, "the best bid wins", "a better bidder could act"),
    (COOLED, "elect checks the cooldown", "granted to a bot that cannot act"),
    (LATE, "elect checks who is busy", "granted to a bot that cannot act"),
    (
        LATE,
        "elect waits for the busy",
        "gave up a message though all bidders were merely busy",
    ),
    (DISTURBED, "elect waits for the floor", "granted over the holder of the floor"),
    (
        ROOM,
        "elect checks the answer + elect leaves a paid message to its payer",
        "granted a message that is answered",
    ),
    (ROOM, "the old winner is excluded", "granted to the bot that had failed"),
    (
        ROOM,
        "re-election takes the work back",
        "granted work on the list of a bot that is not the winner",
    ),
    (ROOM, "claim leaves open elections alone", "took what an election was to decide"),
    (ROOM, "claim waits for the floor", "took the floor from its holder"),
    (ROOM, "claim checks the answer + commit checks the answer", "answered twice"),
    (ROOM, "claim checks the answer + pay checks the answer", ONE_PAID),
    (ROOM, "pay checks the lock", ONE_PAID),
    (
        DISTURBED,
        "elect leaves a paid message to its payer + claim leaves a paid message to its payer + pay is for one bot",
        ONE_PAID,
    ),
    (ROOM, "a paid draft is not written again", ONE_PAID),
    (ROOM, "commit writes the answer", "answered twice"),
    (ROOM, "commit checks the lock", "committed by a cycle that had lost its lane"),
    (ROOM, "commit checks the floor", "spoke without the floor"),
    (ROOM, "yield checks the lock", "gave up what another cycle is writing"),
    (ROOM, "finish keeps a lane with work", "granted work on a lane that is not due"),
)


@pytest.mark.parametrize("world", WORLDS)
def test_one_answer(world: str) -> None:
    """At most one answer, by the best bidder that can act; one paid call unless the
    payer failed; the room never wedges."""
    prove(f"election, {world}", Election(**WORLDS[world]), LIMIT)


@pytest.mark.slow
@pytest.mark.parametrize("world", LARGE)
def test_one_answer_in_larger_worlds(world: str) -> None:
    """The same with more at once."""
    prove(f"election, {world}", Election(**LARGE[world]), 1_500_000)


@pytest.mark.parametrize(
    ("world", "rules", "reason"), MUTANTS, ids=[mutant[1] for mutant in MUTANTS]
)
def test_without_a_rule(world: World, rules: str, reason: str) -> None:
    """Each rule is needed: without it the explorer finds the promise it keeps
    broken."""
    refute(Election(*rules.split(" + "), **world), reason, LIMIT)
