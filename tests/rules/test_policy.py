"""Which weights are taken, to the bound; anything else is refused with one line."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from app.domain.errors import ConfigurationError
from app.domain.model import Signal
from app.domain.safe_yaml import load_yaml
from app.rules.features import FEATURES
from app.rules.policy import Policy, parse_policy, parse_unfitted, policy_text
from tests.written_yaml import dump_yaml

BOUNDS = {
    "intercept": (-64, 64),
    "threshold": (-64, 64),
    "trust": (-64, 64),
    "trust_level": (0, 5),
    "fatigue": (0, 64),
    "fatigue_lines": (1, 20),
    "reception": (0, 64),
}


def made(**changed: Any) -> Policy:
    """The shipped policy with other values."""
    whole = {**shipped(), "terms": [term(1, [0.0, 0.0])], **changed}
    return parse_unfitted(dump_yaml(whole))


@cache
def shipped() -> dict[str, Any]:
    """The policy as it was written."""
    found: dict[str, Any] = load_yaml(policy_text())
    return found


def term(axes: int, weights: list[float], **more: Any) -> dict[str, Any]:
    """A term of the first features, each cut once."""
    cuts = [{"feature": one, "edges": [1.0]} for one in FEATURES[:axes]]
    return {"group": "g", "axes": cuts, "weights": weights, **more}


@pytest.mark.parametrize("field", BOUNDS)
def test_a_weight_may_reach_its_bounds_and_go_no_further(field: str) -> None:
    """Each that was set by hand."""
    for bound, beyond in zip(BOUNDS[field], (-1, 1), strict=True):
        assert getattr(made(**{field: bound}), field) == bound
        with pytest.raises(ConfigurationError, match=field):
            made(**{field: bound + beyond})


@pytest.mark.parametrize("number", [float("nan"), float("inf"), "no number"])
def test_a_weight_is_a_number(number: Any) -> None:
    """A score with another would be none."""
    with pytest.raises(ConfigurationError, match="trust"):
        made(trust=number)


def test_each_signal_has_a_weight() -> None:
    """A missing one would fail at the first such bid."""
    weights = shipped()["signals"]
    for signal in Signal:
        fewer = {name: one for name, one in weights.items() if name != signal}
        with pytest.raises(ConfigurationError, match=signal):
            made(signals=fewer)


@pytest.mark.parametrize(
    ("terms", "why"),
    [
        ([term(0, [0.0])], "axes"),
        ([term(3, [0.0] * 8)], "axes"),
        ([term(1, [0.0])], "needs 2 weights, has 1"),
        ([term(1, [0.0] * 3)], "needs 2 weights, has 3"),
        ([term(2, [0.0] * 3)], "needs 4 weights, has 3"),
        ([term(1, [0.0] * 2, nameless=[0.0])], "needs 2 weights, has 1"),
        ([term(2, [0.0] * 4, nameless=[0.0] * 4)], "of two features"),
        ([term(1, [0.0, 65.0])], "weights"),
    ],
)
def test_a_term_has_a_weight_for_each_bin(terms: Any, why: str) -> None:
    """No more and no fewer, of one feature or of two."""
    with pytest.raises(ConfigurationError, match=why):
        made(terms=terms)


@pytest.mark.parametrize(
    ("edges", "why"),
    [([], "edges"), ([2.0, 2.0], "must rise"), ([2.0, 1.0], "must rise")],
)
def test_edges_rise(edges: list[float], why: str) -> None:
    """A bin between two that do not would hold nothing."""
    bent = term(1, [0.0] * (len(edges) + 1))
    bent["axes"][0]["edges"] = edges
    with pytest.raises(ConfigurationError, match=why):
        made(terms=[bent])
    bent["axes"][0] = {"feature": "moon", "edges": [1.0]}
    with pytest.raises(ConfigurationError, match="no feature is called 'moon'"):
        made(terms=[bent])


def test_terms_of_one_and_of_two_features() -> None:
    """Each stands in its own list, with the cut it looks at."""
    weights = [1.0, 2.0]
    terms = [
        term(1, weights, nameless=[3.0, 4.0]),
        term(2, [5.0, 6.0, 7.0, 8.0]),
        {**term(1, weights), "axes": [{"feature": FEATURES[1], "edges": [1.0]}]},
    ]
    policy = made(terms=terms)
    first, second = FEATURES[:2]
    assert policy.cuts == ((first, (1.0,)), (second, (1.0,)))
    assert policy.singles == ((first, 0, (1.0, 2.0)), (second, 1, (1.0, 2.0)))
    assert policy.nameless_singles == ((first, 0, (3.0, 4.0)), (second, 1, (1.0, 2.0)))
    assert policy.pairs == ((f"{first}*{second}", 0, 1, 2, (5.0, 6.0, 7.0, 8.0)),)


def test_weights_of_other_features_are_refused() -> None:
    """No bid would look wrong."""
    whole = {**shipped(), "terms": [], "fingerprint": "0" * 16}
    with pytest.raises(ConfigurationError, match="refit it"):
        parse_policy(dump_yaml(whole))
    with pytest.raises(ConfigurationError, match="no YAML"):
        parse_policy("{")
