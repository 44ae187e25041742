"""Each committed action is seen once: proved for every interleaving, refuted without
each rule; and the stated limit."""

from __future__ import annotations

from typing import Any

import pytest

from tests.models.delivery import Delivery
from tests.models.explore import prove, refute

LIMIT = 200_000
World = dict[str, Any]
PLAIN: World = {}
MUTE: World = {"mute": True}
WORLDS: dict[str, World] = {
    "plain": PLAIN,
    "mute": MUTE,
    "longer window": {"window": 4, "lease": 3},
}
LARGE: dict[str, World] = {"long window, mute": {"window": 8, "lease": 5, "mute": True}}
TWICE = "posted twice"
MUTANTS = (
    (PLAIN, "the nonce is the entry's own", TWICE),
    (PLAIN, "the window counts from the first attempt", TWICE),
    (PLAIN, "the window has a margin", TWICE),
    (PLAIN, "past the window read back", TWICE),
    (PLAIN, "reading back waits out the timeout", TWICE),
    (PLAIN, "other entries' posts are left out", "called delivered and never posted"),
    (PLAIN, "attempt checks the lease", TWICE),
    (PLAIN, "only a lease that is mine is extended", TWICE),
    (PLAIN, "unsent checks the lease", TWICE),
    (MUTE, "attempt checks the mute", "posted after the mute was acknowledged"),
    (
        MUTE,
        "mute waits for what is in flight",
        "posted after the mute was acknowledged",
    ),
)


@pytest.mark.parametrize("world", WORLDS)
def test_seen_once(world: str) -> None:
    """At most one visible post, none lost, none after an acknowledged mute, whatever is
    killed, paused or lost."""
    prove(f"delivery, {world}", Delivery(**WORLDS[world]), LIMIT)


@pytest.mark.slow
@pytest.mark.parametrize("world", LARGE)
def test_seen_once_with_finer_time(world: str) -> None:
    """The same with time in finer steps."""
    prove(f"delivery, {world}", Delivery(**LARGE[world]), 1_500_000)


def test_a_zombie_past_the_nonce_window_posts_twice() -> None:
    """The stated limit: a deliverer that is frozen between its last look at the clock
    and the socket for longer than Discord remembers nonces. It needs an old permission:
    no shorter way exists."""
    violation = refute(Delivery(zombie=True), TWICE, LIMIT)
    left = len(violation.trace) - 1 - violation.trace[::-1].index("POST leaves")
    allowed = max(
        place
        for place, label in enumerate(violation.trace[:left])
        if label.startswith("attempt: send")
    )
    assert "a timeout passes" in violation.trace[allowed:left]


@pytest.mark.parametrize(
    ("world", "rule", "reason"), MUTANTS, ids=[mutant[1] for mutant in MUTANTS]
)
def test_without_a_rule(world: World, rule: str, reason: str) -> None:
    """Each rule is needed: without it the explorer finds the promise it keeps
    broken."""
    refute(Delivery(rule, **world), reason, LIMIT)
