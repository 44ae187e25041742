"""The proofs can fail: each rule taken out of a script is missed by its machine within
seconds."""

from __future__ import annotations

from typing import ClassVar

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from app.store import scripts
from app.store.door import Store
from tests.store.rules_machine import Protocol
from tests.store.test_protocols import (
    Addressed,
    Budgets,
    Commits,
    Elections,
    Lanes,
    Money,
    Mutes,
    Quiet,
)


class CommittedTwice(Commits):
    """Each commit is sent a second time: the answer that is remembered for it matters
    nowhere else, and the other meanwhiles would be searched first."""

    meanwhile = ("committed twice",)


class NearlySpent(Protocol):
    """A day's tokens are enough for one call and a half."""

    settings: ClassVar = {"daily_tokens_all": 150, "cooldown": 0, "quiet_time": 0}
    channels = ("55", "66")
    addressed = (("aria",), ("dotty",))


class NearlySpentRoot(Protocol):
    """One message's tokens are enough for one call and a half."""

    settings: ClassVar = {"root_tokens": 150, "cooldown": 0, "quiet_time": 0}
    addressed = (("aria", "dotty"),)


MUTANTS = {
    "the worst bidder wins": (
        "election.decide",
        "a.score > b.score",
        "a.score < b.score",
        Elections,
    ),
    "a bidder keeps quiet for as long as the setting says": (
        "election.decide",
        "tonumber(known['quiet:' .. bot] or nil) or quiet_ms",
        "quiet_ms",
        Quiet,
    ),
    "bots that hear together count as one": (
        "message.admit",
        "counted = counted + 1",
        "counted = counted_before + 1",
        Elections,
    ),
    "of bots that hear together one bids": (
        "message.admit",
        "offers[#offers + 1], offers[#offers + 2] = one.bot, bid",
        "offers = {one.bot, bid}",
        Elections,
    ),
    "a claim takes a held floor": (
        "floor.claim",
        "if holder and not mine then return wait(",
        "if false then return wait(",
        Elections,
    ),
    "a commit leaves the entry": (
        "answer.commit",
        "redis.call('XDEL', inbox, entry_id)",
        "",
        Lanes,
    ),
    "a commit forgets its verdict": (
        "answer.commit",
        "return reply_once(request, {verdict, ''})",
        "return {verdict, ''}",
        CommittedTwice,
    ),
    "a zombie may claim": (
        "floor.claim",
        "if redis.call('GET', lock) ~= owner then",
        "if false then",
        Commits,
    ),
    "the named are skipped too soon": (
        "floor.claim",
        "latest = math.max(latest, awaited_by(channel, named) + lease_ms)",
        "",
        Addressed,
    ),
    "whoever asks first has the floor": (
        "floor.claim",
        "if queue_of(channel, lease_ms)[1] ~= bot then",
        "if false then",
        Addressed,
    ),
    "who is away is called for ever": (
        "floor.claim",
        "if awaited_by(channel, bot) > due then",
        "if true then",
        Addressed,
    ),
    "who is done calls nobody": (
        "floor.release",
        "if mine or not retry_later then",
        "if false then",
        Addressed,
    ),
    "a root is never spent": (
        "answer.commit",
        "if cost.posts > 0 and posts >= limit then",
        "if false then",
        Budgets,
    ),
    "a hold holds nothing": (
        "budget.reserve",
        "  book(budgets, root, cost, day)\n  redis",
        "  redis",
        Money,
    ),
    "calls do not know of each other": (
        "budget.reserve",
        "if #running > 0 and spent",
        "if false and spent",
        Money,
    ),
    "what is held for calls is spent": (
        "budget.reserve",
        "held[1] == value",
        "false",
        NearlySpent,
    ),
    "what a root holds for calls is spent": (
        "budget.reserve",
        "not spent(cost, held)",
        "not spent(cost, cost_of(0, 0, 0))",
        NearlySpentRoot,
    ),
    "a refused draft is free": ("answer.commit", "  pay(0)\n", "", Money),
    "a silence settles nothing": (
        "answer.commit",
        "  book(budgets, held[3], rest, held[1])\n",
        "",
        Money,
    ),
    "the muted get the floor": (
        "floor.claim",
        "if muted_by(mute_scopes) then",
        "if false then",
        Mutes,
    ),
}


@pytest.mark.parametrize(
    ("script", "rule", "instead", "machine"), MUTANTS.values(), ids=MUTANTS.keys()
)
def test_a_missing_rule_is_noticed(
    store: Store,
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
    script: str,
    rule: str,
    instead: str,
    machine: type[Protocol],
) -> None:
    """The machine that proves a protocol fails when the script lacks one rule of it."""
    real = scripts.source
    assert rule in real(script)
    monkeypatch.setattr(
        scripts, "source", lambda name: real(name).replace(rule, instead)
    )
    mutant = Store(redis_url)
    # A class of its own: Hypothesis keeps the settings of a run with the class.
    own = type(machine.__name__, (machine,), {"store": mutant})
    with pytest.raises(AssertionError):
        run_state_machine_as_test(
            own,
            settings=settings(
                max_examples=400, phases=[Phase.generate], derandomize=True
            ),
        )
    mutant.client.flushdb()
    mutant.close()
