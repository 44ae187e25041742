"""The policy of who answers, as data: `policy.yaml` holds what was fitted and what was
set by hand.

All weights are bits (base-2 log odds): one bit doubles the odds that people would have
answered here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache
from importlib import resources
from itertools import pairwise, product
from typing import Annotated

import yaml
from pydantic import Field, ValidationError, model_validator

from app.domain.errors import ConfigurationError
from app.domain.model import Frozen, Signal
from app.domain.safe_yaml import load_yaml
from app.rules.features import FAR, FEATURES, LONGEST, Tie
from app.rules.reading import LineKind

NUMBERED = {
    name: {member.name: member.value for member in numbers}
    for name, numbers in (("Tie", Tie), ("Kind", LineKind))
}
"""The enumerations that are features, whose numbers choose the bins. Their names here
are part of each fingerprint, so they outlive a rename of the classes."""
BY_HAND = ("signals", "trust", "reception", "fatigue")
"""The parts of a score that no log tells of. A further one moves every score against
the fitted threshold."""

FEW_NAMES = 0.25
"""Share of a channel's lines that name somebody (`room_names`), below which the
`nameless` weights count. People answer by other signs there."""

Cuts = Sequence[tuple[str, Sequence[float]]]
"""The features of one term, each with its edges."""

Singles = tuple[tuple[str, int, tuple[float, ...]], ...]
"""Terms of one feature: name, the place of its cut, weights."""
Pairs = tuple[tuple[str, int, int, int, tuple[float, ...]], ...]
"""Terms of two features: name, the places of their cuts, columns, weights row by
row."""

Bits = Annotated[float, Field(ge=-64, le=64, allow_inf_nan=False)]
Size = Annotated[float, Field(ge=0, le=64, allow_inf_nan=False)]
"""Bits that add or take as a rule says. Of two bounds of one kind pydantic keeps the
last: a field of `Bits` with `ge=0` would take -1."""


class Axis(Frozen):
    """One feature cut into bins: value v falls into the bin numbered by how many edges
    are at or below v."""

    feature: str
    edges: tuple[float, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _sane(self) -> Axis:
        if self.feature not in FEATURES:
            raise ValueError(f"no feature is called {self.feature!r}")
        if any(low >= high for low, high in pairwise(self.edges)):
            raise ValueError(f"the edges of {self.feature} must rise")
        return self


class Term(Frozen):
    """One additive part of the score: a table over the bins of one feature, or of two
    (row by row). `nameless`: the same in a channel where few lines name anybody, if it
    differs there."""

    group: str
    axes: tuple[Axis, ...] = Field(min_length=1, max_length=2)
    weights: tuple[Bits, ...]
    nameless: tuple[Bits, ...] = ()

    @model_validator(mode="after")
    def _sized(self) -> Term:
        cells = len(tuple(product(*(range(len(axis.edges) + 1) for axis in self.axes))))
        for weights in (self.weights, self.nameless or self.weights):
            if len(weights) != cells:
                raise ValueError(
                    f"{self.name} needs {cells} weights, has {len(weights)}"
                )
        if self.nameless and len(self.axes) > 1:
            raise ValueError(f"{self.name} is of two features: no nameless weights")
        return self

    @property
    def name(self) -> str:
        """How the part is called in a bid: `feature`, or `feature*feature`."""
        return "*".join(axis.feature for axis in self.axes)

    @property
    def cuts(self) -> Cuts:
        """What the weights are cut by."""
        return [(axis.feature, axis.edges) for axis in self.axes]


class Policy(Frozen):
    """All weights. A bot wants to answer from `threshold` on, named or not; `signals`,
    `trust`, `reception` and `fatigue` are set by hand (a chat log knows nothing of them)."""

    fingerprint: str = Field(
        description="of the features that the weights were fitted on, see `fingerprint`"
    )
    intercept: Bits
    threshold: Bits
    signals: dict[Signal, Bits]
    trust: Bits = Field(description="bits per trust level above or below `trust_level`")
    trust_level: int = Field(ge=0, le=5)
    fatigue: Size = Field(
        description="bits off per own line beyond `fatigue_lines` among the last 20 lines",
    )
    fatigue_lines: int = Field(ge=1, le=20)
    reception: Size = Field(
        description="bits that what a channel makes of a bot's unasked posts adds or takes at most",
    )
    terms: tuple[Term, ...]

    @model_validator(mode="after")
    def _complete(self) -> Policy:
        # Refused at the start: a missing weight would fail at the first such bid.
        missing = [signal for signal in Signal if signal not in self.signals]
        if missing:
            raise ValueError(f"signals lack {', '.join(missing)}")
        return self

    @cached_property
    def cuts(self) -> tuple[tuple[str, tuple[float, ...]], ...]:
        """Each feature with the edges that some term cuts it by, once: a value's bin is
        looked up once for all terms that share it."""
        axes = [axis for term in self.terms for axis in term.axes]
        return tuple(dict.fromkeys((axis.feature, axis.edges) for axis in axes))

    @cached_property
    def singles(self) -> Singles:
        """The terms of one feature."""
        return tuple(
            (term.name, self._place(term.axes[0]), term.weights)
            for term in self.terms
            if len(term.axes) == 1
        )

    @cached_property
    def nameless_singles(self) -> Singles:
        """The same in a channel where few lines name anybody."""
        return tuple(
            (term.name, self._place(term.axes[0]), term.nameless or term.weights)
            for term in self.terms
            if len(term.axes) == 1
        )

    @cached_property
    def pairs(self) -> Pairs:
        """The terms of two features."""
        return tuple(
            (
                term.name,
                self._place(term.axes[0]),
                self._place(term.axes[1]),
                len(term.axes[1].edges) + 1,
                term.weights,
            )
            for term in self.terms
            if len(term.axes) == 2
        )

    def _place(self, axis: Axis) -> int:
        return self.cuts.index((axis.feature, axis.edges))


def fingerprint(terms: Iterable[Cuts]) -> str:
    """What weights were fitted on, in 16 hex digits: the features in their order, the
    numbers of their enumerations, the edges of each term, and the names of the parts
    that stand beside them.

    Weights say nothing once one of these has changed, and no bid would look wrong.
    """
    cuts = [
        [[feature, [float(edge) for edge in edges]] for feature, edges in term]
        for term in terms
    ]
    known = {
        "features": FEATURES,
        "numbers": NUMBERED,
        "bounds": [FAR, LONGEST, FEW_NAMES],
        "terms": cuts,
        "by_hand": BY_HAND,
    }
    text = json.dumps(known, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def parse_policy(text: str) -> Policy:
    """A policy from YAML text; anything wrong is a ConfigurationError of one line."""
    policy = parse_unfitted(text)
    expected = fingerprint(term.cuts for term in policy.terms)
    if policy.fingerprint != expected:
        raise ConfigurationError(
            f"policy.yaml was fitted to other features (its fingerprint is "
            f"{policy.fingerprint}, theirs {expected}): refit it, see docs/policy.md"
        )
    return policy


def parse_unfitted(text: str) -> Policy:
    """The same, where what the weights were fitted on does not matter: a refit keeps
    what was set by hand alone."""
    try:
        return Policy.model_validate(load_yaml(text))
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise ConfigurationError(f"policy.yaml is no YAML: {reason}") from None
    except ValidationError as error:
        raise ConfigurationError(_explain_first(error)) from None


def _explain_first(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    # What concerns the file as a whole has no place in it.
    place = f"policy.yaml, {where}" if where else "policy.yaml"
    return f"{place}: {first['msg'].removeprefix('Value error, ')}"


def policy_text() -> str:
    """The YAML of the policy that comes with the program (package data)."""
    source = resources.files("app.rules").joinpath("policy.yaml")
    return source.read_text(encoding="utf-8")


@lru_cache
def shipped_policy() -> Policy:
    """The policy that comes with the program, read once."""
    return parse_policy(policy_text())
