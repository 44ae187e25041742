"""Settings that would switch a promise off are refused, and what they may be is what
the scripts can keep."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain import terms
from app.domain.errors import ConfigurationError
from app.domain.lane import Lane
from app.domain.settings import Settings, load_settings
from app.store import scripts
from app.store.door import Store
from tests.store import world
from tests.store.test_interleavings import begun, machine
from tests.store.test_scripts import FILES, FOLDER

leases = st.integers(5, int(terms.most_s("floor_lease")))
"""Seconds, up to the bound itself."""


@pytest.mark.parametrize("bound", terms.BOUNDS, ids=lambda bound: str(bound.setting))
def test_a_setting_beyond_its_bound_is_refused(
    monkeypatch: pytest.MonkeyPatch, bound: terms.Bound
) -> None:
    """With a floor lease of 4,000 seconds the floor was nobody's and two bots spoke at
    once. At the bound itself the setting is taken."""
    name, most = f"STREAM_{bound.setting.upper()}", int(bound.most_s)
    monkeypatch.setenv(name, str(most + 400))
    with pytest.raises(ConfigurationError, match=f"^{name}: .*{most}"):
        load_settings()
    load_settings.cache_clear()
    monkeypatch.setenv(name, str(most))
    assert getattr(load_settings(), bound.setting) == most


@pytest.mark.parametrize(("smaller", "greater", "why"), terms.BELOW)
def test_a_setting_that_must_stay_below_another_is_refused_at_it(
    monkeypatch: pytest.MonkeyPatch, smaller: str, greater: str, why: str
) -> None:
    """In one line that names both, and says why."""
    for name in (smaller, greater):
        monkeypatch.setenv(f"STREAM_{name.upper()}", "100")
    with pytest.raises(
        ConfigurationError, match=f"{smaller.upper()} .*{greater.upper()}, or {why}"
    ):
        load_settings()
    load_settings.cache_clear()
    monkeypatch.setenv(f"STREAM_{smaller.upper()}", "99")
    assert getattr(load_settings(), smaller) == 99


def test_a_bound_is_at_most_half_of_its_term() -> None:
    """And the default is within it."""
    for bound in terms.BOUNDS:
        assert bound.most_s * 2_000 <= getattr(terms, bound.term)
        assert Settings.model_fields[bound.setting].default <= bound.most_s


@pytest.mark.parametrize(("longer", "shorter", "why"), terms.OUTLIVES)
def test_a_term_outlives_what_depends_on_it(
    longer: str, shorter: str, why: str
) -> None:
    """For the reason that the table gives."""
    assert getattr(terms, longer) > getattr(terms, shorter), why


def test_every_term_is_described_and_used() -> None:
    """By a script or by the store's Python."""
    named = {name for name in vars(terms) if name.endswith(("_TTL", "_LEASE"))}
    assert named == terms.KEPT.keys()
    python = "".join(
        path.read_text(encoding="utf-8") for path in FOLDER.parent.glob("*.py")
    )
    text = "".join(FILES.values()) + python
    assert not [name for name in named if name not in text]


@pytest.mark.parametrize(
    ("script", "pattern", "term"),
    [
        ("message.admit", r"PEXPIRE', seen, (\w+)\)", "SEEN_TTL"),
        ("message.admit", r"PEXPIRE', election, (\w+)\)", "ELECTION_TTL"),
        ("message.admit", r"PEXPIRE', bids, (\w+)\)", "ELECTION_TTL"),
        ("floor.claim", r"until_ms > now \+ (\w+)", "FLOOR_TTL"),
        ("floor.claim", r"PEXPIRE', floor, (\w+)\)", "FLOOR_TTL"),
        (
            "budget.reserve",
            r"PEXPIRE', keys\.calls\(budget\.scope\), (\w+)\)",
            "CALLS_TTL",
        ),
        ("outbox.attempt", r"in_flight, (\w+_TTL)\)", "(IN_FLIGHT|CAUSE)_TTL"),
    ],
)
def test_the_scripts_keep_these_terms(script: str, pattern: str, term: str) -> None:
    """The lives that the bounds are made of are those of these keys."""
    found = set(re.findall(pattern, scripts.source(script)))
    assert found
    assert all(re.fullmatch(term, one) for one in found)


def test_any_setting_within_its_bounds_keeps_the_floor(
    store: Store,
) -> None:
    """Whatever an operator sets: while one bot holds the floor, or its post waits to be
    delivered, no election and no claim gives it to another."""

    @settings(max_examples=15)
    @given(
        floor_lease=leases,
        undelivered_lease=leases,
        election_max_age=st.integers(60, int(terms.most_s("election_max_age"))),
    )
    def holds(**drawn: int) -> None:
        m = machine(store, quiet_time=0, **drawn)
        for bot in ("aria", "dotty"):
            m.admit(world.candidate(bot, world.event("1"), 0.5, expected=2))
        verdict, winner = m.elect("1", "55")
        assert verdict == "granted"
        second = world.event("2", author=world.BOB)
        m.admit(world.candidate("elena", second, 0.5, expected=1))
        assert m.elect("2", "55")[0] == "deferred"
        cycle, entry = begun(m, Lane(winner))
        assert m.claim(cycle, entry) == "granted"
        assert m.commit(cycle, entry) == "committed"
        assert m.elect("2", "55")[0] in {"deferred", "not_due"}

    holds()
