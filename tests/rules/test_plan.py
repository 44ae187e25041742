"""When a bot speaks: tables, one row a case."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.model import ActionKind, ConversationState, Signal
from app.rules.plan import (
    Plan,
    PlanThresholds,
    Scores,
    decide,
    desire,
    proactive,
    wordless,
)

OBSERVE, REACT, REPLY, POST = (
    ActionKind.OBSERVE,
    ActionKind.REACT,
    ActionKind.REPLY,
    ActionKind.POST,
)
ENGAGED = ConversationState.ENGAGED


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        # Direct messages are always answered with words.
        (Scores(Signal.DIRECT), REPLY),
        (Scores(Signal.DIRECT, interest=-1, fatigue=1, age_s=9_000, brief=True), REPLY),
        # Won elections: words, unless words would be too much or the topic is foreign.
        (Scores(Signal.WATCHED, interest=0.3, granted=True), REPLY),
        (Scores(Signal.WATCHED, interest=0.12, granted=True), REPLY),
        (Scores(Signal.WATCHED, interest=0.05, granted=True), OBSERVE),
        (Scores(Signal.WATCHED, interest=0.05, granted=True, question=True), OBSERVE),
        (Scores(Signal.TRUSTED, interest=0.05, granted=True), REACT),
        (Scores(Signal.TRUSTED, interest=0.05, granted=True, question=True), REPLY),
        (Scores(Signal.ACTIVE, interest=0.05, granted=True, question=True), REPLY),
        (Scores(Signal.ACTIVE, interest=0.3, granted=True, brief=True), REACT),
        (
            Scores(
                Signal.ACTIVE, interest=0.3, granted=True, brief=True, question=True
            ),
            REPLY,
        ),
        (Scores(Signal.REACTIONS, interest=0.3, granted=True), REACT),
        (Scores(Signal.REACTIONS, interest=0.6, granted=True), REPLY),
        # Nobody asked: Observe is the default.
        (Scores(Signal.AMBIENT), OBSERVE),
        (Scores(Signal.AMBIENT, interest=0.24), OBSERVE),
        (Scores(Signal.AMBIENT, trust=5, question=True), OBSERVE),
        (Scores(Signal.AMBIENT, interest=0.5), REACT),
        (Scores(Signal.AMBIENT, interest=0.5, question=True), REPLY),
        (Scores(Signal.AMBIENT, interest=0.65), REPLY),
        (Scores(Signal.AMBIENT, interest=0.65, fatigue=1.0), OBSERVE),
        (Scores(Signal.AMBIENT, interest=0.65, age_s=600), OBSERVE),
        (Scores(Signal.AMBIENT, interest=0.65, brief=True), REACT),
        (Scores(Signal.TRUSTED, interest=0.3, trust=5), REPLY),
        (Scores(Signal.ACTIVE, interest=0.26, state=ENGAGED, question=True), REPLY),
        # A strong signal alone is no reason: without any interest there are no words.
        (
            Scores(Signal.TRUSTED, interest=0.0, trust=5, state=ENGAGED, question=True),
            OBSERVE,
        ),
        (
            Scores(Signal.TRUSTED, interest=0.1, trust=5, state=ENGAGED, brief=True),
            REACT,
        ),
    ],
)
def test_decisions(scores: Scores, expected: ActionKind) -> None:
    """Each row is decided as the design says, with a reason."""
    plan = decide(scores)
    assert plan.kind is expected
    assert plan.reason


@pytest.mark.parametrize(
    ("chattiness", "expected"), [(0.0, OBSERVE), (0.5, REACT), (1.0, REPLY)]
)
def test_chattiness_moves_the_limits(chattiness: float, expected: ActionKind) -> None:
    """One and the same message: a quiet character observes, a chatty one answers."""
    assert decide(Scores(Signal.AMBIENT, interest=0.5), chattiness).kind is expected


def test_the_quietest_character_answers_what_it_wants_most() -> None:
    """Chattiness moves a limit by a fifth at most: above 0.8 the quietest replies, below
    it does not."""
    wanted = [Scores(Signal.AMBIENT, interest=interest) for interest in (0.79, 0.81)]
    kinds = [decide(scores, chattiness=0.0).kind for scores in wanted]
    assert kinds == [REACT, REPLY]


def test_a_signal_or_state_without_a_weight_of_its_own_adds_nothing() -> None:
    """Weights that name no signal leave the interest alone."""
    bare = PlanThresholds(signal={}, state={})
    assert desire(Scores(Signal.TRUSTED, interest=0.5, state=ENGAGED), bare) == 0.5


@given(
    st.builds(
        Scores,
        signal=st.sampled_from(Signal),
        interest=st.floats(-1, 1),
        trust=st.integers(0, 5),
        state=st.sampled_from(ConversationState),
        age_s=st.floats(0, 1e6),
        fatigue=st.floats(0, 1),
        granted=st.booleans(),
        question=st.booleans(),
        brief=st.booleans(),
    ),
    st.floats(0, 1),
)
def test_more_interest_never_silences(scores: Scores, chattiness: float) -> None:
    """No message gets less of an answer for being more interesting; and no rule ever
    posts out of itself."""
    order = [OBSERVE, REACT, REPLY]
    fields = {name: getattr(scores, name) for name in Scores.__dataclass_fields__}
    more = Scores(**{**fields, "interest": min(1.0, scores.interest + 0.2)})
    before, after = decide(scores, chattiness), decide(more, chattiness)
    assert order.index(before.kind) <= order.index(after.kind)
    assert desire(more) >= desire(scores)


@pytest.mark.parametrize(
    ("drive", "chance", "quiet_s", "expected"),
    [
        (0.2, 0.1, 3_600, POST),
        (0.2, 0.2, 3_600, OBSERVE),
        (0.2, 0.1, 60, OBSERVE),
        (0.0, 0.0, 3_600, OBSERVE),
    ],
)
def test_a_post_of_ones_own_needs_quiet_and_drive(
    drive: float,
    chance: float,
    quiet_s: float,
    expected: ActionKind,
) -> None:
    """Nobody is disturbed in a running conversation, and a character without drive
    never begins one."""
    assert proactive(drive, chance, quiet_s).kind is expected


@pytest.mark.parametrize(
    ("kind", "expected"), [(REPLY, REACT), (REACT, REACT), (OBSERVE, OBSERVE)]
)
def test_where_it_may_not_write_words_become_a_reaction(
    kind: ActionKind, expected: ActionKind
) -> None:
    """Silence stays silence."""
    assert wordless(Plan(kind, "because", 0.7)).kind is expected


WORDS_FROM = {
    Signal.TRUSTED: 0.40,
    Signal.WATCHED: 0.45,
    Signal.ACTIVE: 0.45,
    # A burst of reactions wants twice the interest before it is worth words.
    Signal.REACTIONS: 0.48,
    Signal.GOSSIP: 0.50,
    Signal.AMBIENT: 0.60,
}
"""The least interest from which an unasked bot speaks, by what brought the message."""


@pytest.mark.parametrize("signal", WORDS_FROM)
def test_how_much_interest_words_take(signal: Signal) -> None:
    """What brought the message decides how much of an interest it has to touch; a
    reaction takes a little less."""
    least = WORDS_FROM[signal]
    assert decide(Scores(signal, interest=least)).kind is REPLY
    assert decide(Scores(signal, interest=least - 0.001)).kind is REACT


def test_a_burst_of_reactions_is_worth_one() -> None:
    """From a third of the interest that nothing else brings."""
    assert decide(Scores(Signal.REACTIONS, interest=0.33)).kind is REACT
    assert decide(Scores(Signal.REACTIONS, interest=0.32)).kind is OBSERVE


@pytest.mark.parametrize(
    ("more", "less_interest"),
    [
        ({"question": True}, 0.10),
        ({"state": ENGAGED}, 0.10),
        ({"state": ConversationState.COOLING}, 0.0),
        ({"trust": 5}, 0.15),
        ({"fatigue": 1.0}, -0.35),
        ({"age_s": 600.0}, -0.20),
    ],
)
def test_what_makes_words_take_less_interest(
    more: dict[str, Any], less_interest: float
) -> None:
    """A question, an exchange that is going on and a friend; after much of the bots'
    own, and for an old message, it takes more."""
    least = round(WORDS_FROM[Signal.AMBIENT] - less_interest, 4)
    assert decide(Scores(Signal.AMBIENT, interest=least, **more)).kind is REPLY
    below = Scores(Signal.AMBIENT, interest=least - 0.001, **more)
    assert decide(below).kind is not REPLY


LIMITS = PlanThresholds()
HERE = Scores(Signal.WATCHED, interest=0.3)
WANTED = desire(HERE)


@pytest.mark.parametrize(
    ("scores", "limits", "at", "below"),
    [
        (HERE, {"reply": WANTED}, REPLY, OBSERVE),
        (HERE, {"reply": 9.0, "react": WANTED}, REACT, OBSERVE),
        (HERE, {"reply": WANTED, "interesting": 0.3}, REPLY, OBSERVE),
        (HERE, {"reply": 9.0, "react": 0.0, "interesting": 0.3}, REACT, OBSERVE),
        (replace(HERE, granted=True), {"foreign": 0.3}, REPLY, OBSERVE),
        (
            Scores(Signal.REACTIONS, interest=0.5, granted=True),
            {"interesting": 0.25},
            REPLY,
            REACT,
        ),
    ],
    ids=["reply", "react", "interest", "brief interest", "foreign", "burst"],
)
def test_each_limit_is_reached_at_its_value(
    scores: Scores, limits: dict[str, Any], at: ActionKind, below: ActionKind
) -> None:
    """As much as it says is enough, a ten-thousandth less is not."""
    assert decide(scores, limits=replace(LIMITS, **limits)).kind is at
    (last, value), *_ = reversed(limits.items())
    beyond: Any = {**limits, last: value + 0.0001}
    assert decide(scores, limits=replace(LIMITS, **beyond)).kind is below


@pytest.mark.parametrize(
    ("chance", "quiet_s", "kind"),
    [
        (0.3, 1_800.0, POST),
        (0.3, 1_799.9, OBSERVE),
        (0.5, 1_800.0, OBSERVE),
        (0.499, 1_800.0, POST),
    ],
)
def test_a_post_of_its_own_at_its_limits(
    chance: float, quiet_s: float, kind: ActionKind
) -> None:
    """Half an hour of quiet, and a chance below the drive."""
    assert proactive(0.5, chance, quiet_s).kind is kind


@pytest.mark.parametrize(
    ("scores", "wanted"),
    [
        (Scores(Signal.TRUSTED), 0.20),
        # To be unlike a subject, or from a clock that runs ahead, says nothing.
        (Scores(Signal.TRUSTED, interest=-0.5), 0.20),
        (Scores(Signal.TRUSTED, age_s=-600.0), 0.20),
        (Scores(Signal.TRUSTED, age_s=90.0), 0.17),
        (Scores(Signal.TRUSTED, interest=0.5, question=True), 0.80),
        (Scores(Signal.DIRECT), 0.0),
    ],
)
def test_how_much_a_bot_wants_to_answer(scores: Scores, wanted: float) -> None:
    """A plan keeps it, so that candidates can be compared."""
    assert desire(scores) == wanted
    assert decide(scores).desire == wanted


@pytest.mark.parametrize(
    ("signal", "chattiness", "kind"),
    [
        (Signal.GOSSIP, 1.0, REPLY),
        (Signal.GOSSIP, 0.99, OBSERVE),
        (Signal.AMBIENT, 1.0, OBSERVE),
    ],
)
def test_the_chattiest_answers_whatever_concerns_it(
    signal: Signal, chattiness: float, kind: ActionKind
) -> None:
    """What is ambient does not."""
    assert decide(Scores(signal, granted=True), chattiness).kind is kind
