"""What the fitted weights stand on does not move unseen: features, enum numbers, edges
and bids."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from app.domain.errors import ConfigurationError
from app.rules import policy as policies
from app.rules.features import FEATURES, Tie
from app.rules.policy import parse_policy, policy_text, shipped_policy
from app.rules.reading import LineKind
from app.rules.room import CONTACTS, PEOPLE, PROFILE, Room
from app.rules.survey import RECENT
from tests.rules.busy_room import BOTS, STRETCH, busy_checksums, busy_utterances
from tests.rules.golden import (
    BIDS_FILE,
    BUSY_FILE,
    FEATURES_FILE,
    Recorded,
    bids_page,
    features_page,
    recorded_bids,
    recorded_utterances,
)

ANEW = "if this is meant, refit the policy and run `python -m tests.rules.golden`"


@pytest.fixture(scope="module")
def utterances() -> list[Recorded]:
    """The recorded utterances as the features see them today."""
    return recorded_utterances()


def test_every_feature_of_every_recorded_turn_is_as_it_was(
    utterances: list[Recorded],
) -> None:
    """The weights of policy.yaml were fitted on these numbers."""
    golden = json.loads(FEATURES_FILE.read_text(encoding="utf-8"))
    found = features_page(utterances)
    assert found["names"] == golden["names"], ANEW
    assert found["vectors"].keys() == golden["vectors"].keys()
    for name, vector in golden["vectors"].items():
        seen = found["vectors"][name]
        moved = {
            feature: (was, now)
            for feature, was, now in zip(FEATURES, vector, seen, strict=True)
            if now != pytest.approx(was, abs=1e-9)
        }
        assert moved == {}, f"{name}: {ANEW}"


def test_a_long_busy_channel_is_seen_as_it_was() -> None:
    """What a room forgets, fades and evicts moves features too: 2,400 utterances of 460
    people, all features of both bots at each."""
    golden = json.loads(BUSY_FILE.read_text(encoding="utf-8"))
    moved = [
        f"utterances {STRETCH * place} to {STRETCH * (place + 1) - 1}"
        for place, (was, now) in enumerate(zip(golden, busy_checksums(), strict=True))
        if now != was
    ]
    assert moved == [], ANEW


def test_the_busy_channel_reaches_what_a_room_is_bounded_by() -> None:
    """Each bound of a room is met on the way, or the checksums would not see it."""
    room = Room(BOTS)
    for utterance in busy_utterances():
        room.observe(utterance)
    people = room.people.values()
    assert len(people) == PEOPLE
    assert len(room.recent) == RECENT
    assert max(len(person.addressed_by) for person in people) == CONTACTS
    assert sum(person.let_lie for person in people) > 0
    assert max(len(person.profile) for person in people) == PROFILE


def test_every_recorded_bid_is_as_it_was(utterances: list[Recorded]) -> None:
    """Score, will and each part of 21 bids."""
    golden = json.loads(BIDS_FILE.read_text(encoding="utf-8"))
    found = bids_page(recorded_bids(utterances))
    assert len(golden) == 21
    assert found.keys() == golden.keys()
    for name, was in golden.items():
        now = found[name]
        assert now["wants"] is was["wants"], f"{name}: {ANEW}"
        assert now["score"] == pytest.approx(was["score"], abs=1e-6), f"{name}: {ANEW}"
        assert now["parts"] == pytest.approx(was["parts"], abs=1e-9), f"{name}: {ANEW}"


def test_the_recorded_utterances_tell_the_features_apart(
    utterances: list[Recorded],
) -> None:
    """No feature has one value throughout, so that none can become a constant
    unseen."""
    assert len({one.utterance.message_id for one in utterances}) >= 20
    still = [
        name for name in FEATURES if len({one.table[name] for one in utterances}) < 2
    ]
    assert still == []
    assert {Tie(int(one.table["tie"])) for one in utterances} == set(Tie)
    assert {LineKind(int(one.table["kind"])) for one in utterances} >= {
        LineKind.STATEMENT,
        LineKind.QUESTION,
        LineKind.ASKING_ALL,
        LineKind.THANKS,
        LineKind.COMMAND,
    }


def test_the_numbers_behind_the_names_are_fixed() -> None:
    """Weights are chosen by these numbers."""
    assert [(kind.name, int(kind)) for kind in LineKind] == [
        ("STATEMENT", 0),
        ("QUESTION", 1),
        ("ASKING_ALL", 2),
        ("THANKS", 3),
        ("ACK", 4),
        ("GREETING", 5),
        ("COMMAND", 6),
    ]
    assert [int(tie) for tie in Tie] == list(range(10))


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("FEATURES", (*FEATURES[1:], FEATURES[0])),
        ("FEATURES", (*FEATURES, "new")),
        ("NUMBERED", {"Kind": {"ACK": 3}}),
        ("BY_HAND", ("signals", "trust", "fatigue")),
    ],
)
def test_a_policy_of_other_features_is_refused(
    monkeypatch: pytest.MonkeyPatch, part: str, value: Any
) -> None:
    """Features that were renamed, moved or renumbered since the fit do not load, nor
    does a score of other parts."""
    monkeypatch.setattr(policies, part, value)
    with pytest.raises(ConfigurationError, match="fitted to other features"):
        parse_policy(policy_text())


def test_a_policy_with_other_edges_is_refused() -> None:
    """An edge that was edited by hand leaves the weights of its bins behind."""
    text = policy_text().replace(
        "{feature: words, edges: [0.5,", "{feature: words, edges: [0.6,", 1
    )
    assert text != policy_text()
    with pytest.raises(ConfigurationError, match="fitted to other features"):
        parse_policy(text)


def test_a_policy_without_a_fingerprint_is_refused() -> None:
    """One line says what is missing."""
    text = re.sub(r"(?m)^fingerprint: .*\n", "", policy_text())
    assert text != policy_text()
    with pytest.raises(ConfigurationError, match=r"^policy.yaml, fingerprint: "):
        parse_policy(text)


def test_other_weights_keep_the_fingerprint() -> None:
    """What is set by hand may be set by hand."""
    text = policy_text().replace("trust_level: 1", "trust_level: 2")
    assert parse_policy(text).fingerprint == shipped_policy().fingerprint
