"""Mutes and limits, one row each: who is stopped where, and who is not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.domain import terms
from app.domain.lane import Lane
from app.domain.settings import Settings
from app.store import keys
from app.store.door import Store
from app.store.limits import Limits
from tests.store import world
from tests.store.machine import Machine

SCOPES = ["all", "guild:7", "channel:55", "bot:aria", "bot:aria@channel:55"]
ELSEWHERE = [
    "guild:8",
    "channel:66",
    "bot:elena",
    "bot:aria@channel:66",
    "bot:elena@channel:55",
]


@pytest.mark.parametrize("scope", SCOPES + ELSEWHERE)
def test_a_mute_stops_every_step(store: Store, scope: str) -> None:
    """At admission, at the floor, at the commit; a mute of somebody else stops
    nothing."""
    m, stops = Machine(store, {}), scope in SCOPES
    m.mute(scope, True)
    assert m.admit(world.direct("aria", world.event("1"), ("aria",))) == (
        "muted" if stops else "direct"
    )
    m.mute(scope, False)
    m.admit(world.direct("aria", world.event("2", author=world.BOB), ("aria",)))
    cycle = m.begin(Lane("aria", "55"))
    assert cycle is not None
    m.mute(scope, True)
    assert m.claim(cycle, cycle.entries[0]) == ("muted" if stops else "granted")
    m.mute(scope, False)
    assert m.claim(cycle, cycle.entries[0]) == "granted"
    m.mute(scope, True)
    assert m.commit(cycle, cycle.entries[0]) == ("muted" if stops else "committed")


@pytest.mark.parametrize("scope", SCOPES + ELSEWHERE)
def test_a_mute_stops_elections(store: Store, scope: str) -> None:
    """A muted room elects nobody; a muted bot is passed over for the next best."""
    m = Machine(store, {})
    for bot, bid in (("aria", 0.9), ("dotty", 0.5)):
        m.admit(world.candidate(bot, world.event("1"), bid, expected=2))
    m.mute(scope, True)
    stopped = ("granted", "dotty") if scope.startswith("bot:aria") else ("left", "")
    outcome = stopped if scope in SCOPES else ("granted", "aria")
    assert m.elect("1", "55") == outcome


def test_a_persons_hour(store: Store) -> None:
    """One person's direct messages to one bot are counted; others and other bots are
    not touched; an hour later it is over."""
    m = Machine(store, {"person_hourly": 2})

    def say(number: int, author: str, bot: str = "aria") -> str:
        return m.admit(
            world.direct(bot, world.event(str(number), author=author), (bot,))
        )

    verdicts = [say(number, world.ALICE) for number in (1, 2, 3, 7)]
    assert verdicts == ["direct", "direct", "notice", "over_person_limit"], "told once"
    assert say(4, world.BOB) == "direct"
    assert say(5, world.ALICE, "dotty") == "direct"
    assert "limit 2" in str(store.client.lindex(keys.journal("3"), -1))
    m.world.advance(terms.HOUR + 1_000)
    m.ref.asked.clear()
    m.ref.turns.clear()
    m.ref.served.clear()
    assert say(6, world.ALICE) == "direct"


@pytest.mark.parametrize(
    ("limit", "others"),
    [
        ({"daily_posts": 1}, "direct"),
        ({"daily_posts_all": 1}, "exhausted"),
        ({"daily_tokens": 79}, "direct"),
        ({"daily_tokens_all": 79}, "exhausted"),
        ({"daily_usd": 0.0004}, "direct"),
        ({"daily_usd_all": 0.0004}, "exhausted"),
    ],
    ids=str,
)
def test_a_day_is_spent_by_posts_tokens_or_money(
    store: Store, limit: dict[str, Any], others: str
) -> None:
    """Then the bot is not even woken, and is passed over by elections; a limit of all
    bots stops them all."""
    m = Machine(store, limit)
    m.admit(world.direct("aria", world.event("1"), ("aria",)))
    cycle = m.begin(Lane("aria", "55"))
    assert cycle is not None
    m.claim(cycle, cycle.entries[0])
    m.commit(cycle, cycle.entries[0], tokens=80, micro_usd=500)
    assert m.admit(world.direct("aria", world.event("2"), ("aria",))) == "exhausted"
    assert m.admit(world.direct("dotty", world.event("3"), ("dotty",))) == others


OWN = {"daily_posts": 3, "daily_tokens": 700, "daily_usd": 0.25, "person_hourly": 2}


@pytest.mark.parametrize("own", OWN)
def test_a_characters_own_limit_is_the_one_that_holds(own: str) -> None:
    """A limit in a character's file takes the place of the setting, and of no other
    setting."""
    general = Limits.of(Settings(_env_file=None))
    pacing: dict[str, Any] = {**dict.fromkeys(OWN), own: OWN[own]}
    field = "daily_micro_usd" if own == "daily_usd" else own
    expected = 250_000 if own == "daily_usd" else OWN[own]
    changed = general.with_pacing(**pacing)
    assert getattr(changed, field) == expected != getattr(general, field)
    assert replace(changed, **{field: getattr(general, field)}) == general
