"""Shares of a standing in Redis: counted as the rules count, once, in bounds."""

from __future__ import annotations

import json

import pytest

from app.rules.reception import HALF_LIFE_MS, SILENCE, Sign, moved
from app.store import forgetting, keys, receptions
from app.store.door import Store

BOT, HERE, THERE, KIM = "elena", "55", "5512", "4100000000000000001"


def note(store: Store, sign: Sign, request: str, where: str = HERE) -> float:
    """One sign of Kim's."""
    return store.run(receptions.note(BOT, where, KIM, sign, request))


def test_redis_counts_as_the_rules_do(store: Store) -> None:
    """After any signs the share is that of `rules.reception.moved`."""
    share = None
    signs = [Sign.LIKED, Sign.TOLD_OFF, Sign.WELCOMED, Sign.DISLIKED, Sign.IGNORED]
    for place, sign in enumerate(signs):
        share = moved(share, sign, 0)
        now = note(store, sign, f"r{place}")
        assert now == pytest.approx(share.value, abs=1e-5)
    found = store.run(receptions.everywhere(BOT))
    assert found[HERE][KIM].value == pytest.approx(now, abs=1e-5)


def test_a_repeated_request_changes_nothing(store: Store) -> None:
    """A retry after a lost answer is told the share of the first time."""
    first = note(store, Sign.LIKED, "r1")
    assert note(store, Sign.LIKED, "r1") == first
    assert note(store, Sign.LIKED, "r2") > first


def test_an_old_share_has_faded(store: Store) -> None:
    """A sign after a half-life begins from half of what was."""
    seconds, _ = store.client.time()
    old = {"value": 0.8, "at_ms": int(seconds) * 1000 - HALF_LIFE_MS}
    store.client.hset(keys.reception(BOT), f"{HERE}:{KIM}", json.dumps(old))
    assert note(store, Sign.NOTICED, "r1") == pytest.approx(0.4 * 0.96, abs=0.001)


@pytest.mark.parametrize(
    "stored", ["", "[]", '"x"', '{"value": "a", "at_ms": 1}', '{"value": 1e999}']
)
def test_what_was_edited_into_nonsense_is_worth_nothing(
    store: Store, stored: str
) -> None:
    """It is no reason to fail, neither for a reader nor for the next sign."""
    store.client.hset(keys.reception(BOT), f"{HERE}:{KIM}", stored)
    assert store.run(receptions.everywhere(BOT)).get(HERE, {}) == {}
    assert note(store, Sign.LIKED, "r1") == pytest.approx(0.05)


def test_a_value_beyond_its_bounds_is_cut(store: Store) -> None:
    """Nobody buys a standing with a number."""
    seconds, _ = store.client.time()
    much = {"value": 900, "at_ms": int(seconds) * 1000}
    store.client.hset(keys.reception(BOT), f"{HERE}:{KIM}", json.dumps(much))
    assert store.run(receptions.everywhere(BOT))[HERE][KIM].value == 1.0
    assert note(store, Sign.DISLIKED, "r1") == pytest.approx(0.9, abs=0.001)


def test_the_least_telling_share_goes_first(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The number of shares is bounded."""
    monkeypatch.setattr(receptions, "SHARES_MOST", 2)
    note(store, Sign.TOLD_OFF, "r1")
    store.run(receptions.note(BOT, HERE, SILENCE, Sign.IGNORED, "r2"))
    store.run(receptions.note(BOT, HERE, "72", Sign.LIKED, "r3"))
    assert set(store.run(receptions.everywhere(BOT))[HERE]) == {KIM, "72"}


def test_a_reset_is_of_one_channel_or_of_all(store: Store) -> None:
    """A channel whose id begins with another's is another channel."""
    note(store, Sign.LIKED, "r1", HERE)
    note(store, Sign.LIKED, "r2", THERE)
    assert store.run(receptions.reset(BOT, HERE)) == 1
    assert set(store.run(receptions.everywhere(BOT))) == {THERE}
    assert store.run(receptions.reset(BOT)) == 1
    assert store.run(receptions.everywhere(BOT)) == {}


def test_a_forgotten_person_leaves_nothing(store: Store) -> None:
    """The share goes with the person, others' stay."""
    note(store, Sign.LIKED, "r1")
    store.run(receptions.note(BOT, HERE, "72", Sign.LIKED, "r2"))
    forgetting.forget(store, KIM)
    assert set(store.run(receptions.everywhere(BOT))[HERE]) == {"72"}
