"""Rules of scripts that no state machine reaches: each is kept, and a script without it
is noticed."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

import pytest

from app.domain.lane import Lane
from app.domain.model import Action, ActionKind, Context, Cost
from app.domain.settings import Settings
from app.domain.verdicts import Claim
from app.store import floors, holds, keys, lanes, outbox, posts, scripts
from app.store.door import Store
from app.store.limits import Limits

CHANNEL = "55"
NUMBERS = itertools.count(1)
BRIEF = Settings(
    _env_file=None,
    quiet_time=0,
    contention_window=0,
    undelivered_lease=0.001,
    cooldown=0,
)
LONG = Settings(_env_file=None, quiet_time=0, contention_window=0, cooldown=0)


def committed(store: Store, bot: str, settings: Settings) -> str:
    """A post of the bot's in the outbox; it holds the floor for as long as the settings
    say. Returns the entry."""
    owner = f"{bot}-{next(NUMBERS)}"
    store.client.set(keys.lock(Lane(bot)), owner, px=10_000)
    holder = floors.Holder(Lane(bot), owner)
    one = posts.PostTarget(
        holder, posts.entry_id(bot, str(next(NUMBERS))), CHANNEL, "7", 0, False
    )
    limits = Limits.of(settings)
    claimed = store.run(posts.claim(one, limits, settings))
    # The floor of the post before it lapses by the server's clock.
    while claimed.verdict is Claim.WAIT:
        time.sleep(claimed.retry_in_ms / 1000)
        claimed = store.run(posts.claim(one, limits, settings))
    token = claimed.token
    action = Action(
        kind=ActionKind.POST, channel_id=CHANNEL, text="Been thinking about reefs."
    )
    store.run(
        posts.commit(one, action, token, "", 0, limits, settings, f"c{next(NUMBERS)}")
    )
    return one.entry_id


def burying_leaves_the_floor_of_another(store: Store) -> None:
    """Of two bots with a post in one channel, the burial of the first's does not end
    the second's floor."""
    first = committed(store, "aria", BRIEF)
    second = committed(store, "dotty", LONG)
    entry = store.run(outbox.read(first))
    assert entry is not None
    store.run(outbox.dead_letter(entry, "dead", "refused"))
    assert store.client.hget(keys.floor(CHANNEL), "entry") == second


def the_earliest_wake_stands(store: Store) -> None:
    """A lane that is due soon stays so when a later wake comes."""
    lane = Lane("elena")
    store.run(lanes.wake(lane, Context.TRIGGER, 1_000))
    due = store.client.zscore(keys.WAKES_DUE, str(lane))
    store.run(lanes.wake(lane, Context.TRIGGER, 60_000))
    assert store.client.zscore(keys.WAKES_DUE, str(lane)) == due


def a_wake_says_why(store: Store) -> None:
    """A direct lane that is woken begins with the context it was woken for."""
    lane = Lane("elena", CHANNEL)
    store.run(lanes.wake(lane, Context.DIRECT))
    assert store.client.hget(keys.wake(lane), "context") == Context.DIRECT


def a_hold_that_is_asked_for_again_is_one(store: Store) -> None:
    """A call that was sent twice, as after a lost answer, is booked once."""
    limits, cost = Limits.of(LONG), Cost(100, 10)
    for hold in ("one", "two"):
        store.run(holds.reserve_own("elena", limits, cost, hold, "the same request"))
    days = [str(key) for key in store.client.scan_iter("budget:elena:*")]
    assert [store.client.hget(day, "tokens") for day in days] == ["100"]


Check = Callable[[Store], None]
RULES: dict[str, tuple[Check, str, str, str]] = {
    "bury": (
        burying_leaves_the_floor_of_another,
        "outbox.dead_letter",
        "if holder and holder.entry == entry_id then",
        "if holder then",
    ),
    "wake": (
        the_earliest_wake_stands,
        "lane.wake",
        "keys.wakes_due, 'LT', int(due)",
        "keys.wakes_due, int(due)",
    ),
    "context": (
        a_wake_says_why,
        "lane.wake",
        "'context', context)",
        "'context', 'poll')",
    ),
    "hold": (
        a_hold_that_is_asked_for_again_is_one,
        "budget.reserve_own",
        "if earlier then",
        "if false then",
    ),
}


@pytest.mark.parametrize(
    ("check", "script", "rule", "instead"), RULES.values(), ids=RULES.keys()
)
def test_a_rule_is_kept_and_its_lack_noticed(
    store: Store,
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
    check: Check,
    script: str,
    rule: str,
    instead: str,
) -> None:
    """The script keeps the rule that the check describes; without it the check
    fails."""
    check(store)
    real = scripts.source
    assert rule in real(script)
    monkeypatch.setattr(
        scripts, "source", lambda name: real(name).replace(rule, instead)
    )
    store.client.flushdb()
    store.client.set(keys.GENERATION, "mutant")
    mutant = Store(redis_url)
    with pytest.raises(AssertionError):
        check(mutant)
    mutant.client.flushdb()
    mutant.close()
