"""Settings that would switch a promise off are refused, and what they may be is what
the scripts can keep."""

from __future__ import annotations

import re

import pytest

from app.domain import terms
from app.domain.errors import ConfigurationError
from app.domain.settings import load_settings
from app.store.door import Store
from app.store.scripts import source
from tests.store import world
from tests.store.test_interleavings import machine


@pytest.mark.parametrize(
    ("setting", "most"),
    [
        ("FLOOR_LEASE", 1_800),
        ("DELIVERY_HOLD", 1_800),
        ("BACKFILL_AGE", 1_800),
        ("ELECTION_MAX_AGE", 3_600),
    ],
)
def test_a_term_beyond_its_key_s_life_is_refused(
    monkeypatch: pytest.MonkeyPatch, setting: str, most: int
) -> None:
    """With 4,000 seconds the floor was nobody's and two bots spoke at once."""
    monkeypatch.setenv(f"STREAM_{setting}", str(most + 400))
    with pytest.raises(ConfigurationError, match=f"^STREAM_{setting}: .*{most}"):
        load_settings()
    load_settings.cache_clear()
    monkeypatch.setenv(f"STREAM_{setting}", str(most))
    assert getattr(load_settings(), setting.lower()) == most


@pytest.mark.parametrize(
    ("script", "pattern", "term"),
    [
        ("admit", r"PEXPIRE', KEYS\[1\], (\w+)\)", terms.SEEN_TTL),
        ("admit", r"PEXPIRE', KEYS\[3\], (2 \* HOUR)\)", terms.ELECTION_TTL),
        ("floor", r"PEXPIRE', key, (\w+)\)", terms.FLOOR_TTL),
        ("floor", r"until_ms > now \+ (\w+)", terms.FLOOR_TTL),
    ],
)
def test_the_scripts_keep_these_terms(script: str, pattern: str, term: int) -> None:
    """The expiries that the bounds are made of are those that stand in the scripts."""
    found = re.findall(pattern, source(script))
    assert found
    lengths = {"HOUR": terms.HOUR, "2 * HOUR": 2 * terms.HOUR}
    assert {lengths[one] for one in found} == {term}


def test_the_longest_lease_is_still_a_floor(store: Store) -> None:
    """At the greatest value that settings allow, the second bot waits."""
    m = machine(store, floor_lease=1_800)
    for bot in ("aria", "dotty"):
        m.admit(world.candidate(bot, world.event("1"), 0.5, expected=2))
    assert m.elect("1", "55")[0] == "granted"
    m.admit(world.candidate("elena", world.event("2"), 0.5, expected=1))
    assert m.elect("2", "55")[0] == "deferred"
