"""The one decision about a message and a bot: who bids, who may not, and why."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.model import Addressing, Bid, Event, Signal
from app.rules.bids import bid, tie_break
from app.rules.features import features
from app.rules.interests import Interests
from app.rules.judging import Judgement, Rulebook, _nod, judge
from app.rules.policy import shipped_policy
from app.rules.profile import BETWEEN_BITS, HAND_OVER_BITS, Profile
from app.rules.reading import read
from app.rules.room import Room, Utterance
from app.rules.signals import Facts, SignalThresholds

NOBODY = Addressing(reason="addresses nobody")
TO_ELENA = Addressing(bots=("elena",), reason="mentioned")
RULES = Rulebook(shipped_policy(), SignalThresholds())
START_MS = 1_700_000_000_000
QUESTION, REMARK = "does anybody know how old whales get?", "whales get very old"


def judged(
    text: str = QUESTION, addressing: Addressing = NOBODY, **known: Any
) -> Judgement:
    """About a message in a watched channel, for a bot that answers everything."""
    event = Event(
        message_id="100",
        channel_id="5",
        author_id="22",
        author_name="Ann",
        content=text,
    )
    utterance = Utterance("100", "22", text, 1_700_000_000_000)
    return judge(
        event=event,
        bot="elena",
        facts=Facts(**{"watched": True, "user_id": "11", **known}),
        addressing=addressing,
        table=lambda: features(Room(), utterance, "11"),
        rules=RULES,
        profile=Profile(chattiness=1.0),
        reading=read(text),
    )


def test_who_watches_bids() -> None:
    """Where nothing is said against it, unasked too; the tie is what Redis compares."""
    found = judged()
    assert found.classified.signal is Signal.WATCHED
    assert found.bid is not None
    assert found.answerable
    assert found.tie == tie_break("elena", "100")


@pytest.mark.parametrize(
    "known", [{"unasked": False}, {"watched": False}], ids=["not unasked", "ambient"]
)
def test_who_may_not_speak_unasked_offers_nothing(known: dict[str, Any]) -> None:
    """It is no refusal: a message that calls the bot would be answered."""
    found = judged(**known)
    assert found.bid is None
    assert found.refusal == ""
    assert judged(addressing=TO_ELENA, **known).classified.direct


@pytest.mark.parametrize(
    ("known", "why"),
    [
        ({"late": True}, "older than the backfill age"),
        ({"answered": frozenset({"aria"})}, "a copy by a proxy"),
        ({"barred": "no permission"}, "no permission"),
    ],
)
def test_who_may_not_answer_is_told_why(known: dict[str, Any], why: str) -> None:
    """The signal becomes ambient, and nobody is woken."""
    found = judged(**known)
    assert found.classified.signal is Signal.AMBIENT
    assert why in found.refusal
    assert why in found.classified.reason
    assert found.bid is None
    assert not found.answerable


def test_a_call_stays_one_where_the_bot_may_not_answer() -> None:
    """The journal says why nobody answers whoever called."""
    late = judged(addressing=TO_ELENA, late=True)
    barred = judged(addressing=TO_ELENA, barred="no permission")
    assert late.classified.direct
    assert late.classified.reason == "too old to answer: mentioned"
    assert barred.classified.reason == "may not answer: no permission"
    assert not late.answerable
    assert not barred.answerable


def test_a_bot_that_a_copy_calls_may_yet_answer() -> None:
    """Others have answered the original, it has not."""
    others = judged(addressing=TO_ELENA, answered=frozenset({"aria"}))
    itself = judged(addressing=TO_ELENA, answered=frozenset({"elena"}))
    assert others.answerable
    assert not itself.answerable


def test_who_may_not_write_nods_to_an_open_question() -> None:
    """Below everybody who has words, and only where a reaction is allowed."""
    found = judged(barred="no permission", may_react=True)
    assert found.wordless
    assert found.answerable
    assert found.bid is not None
    assert found.bid.score <= 0.0
    assert not judged(REMARK, barred="no permission", may_react=True).answerable
    assert not judged(barred="no permission").answerable
    assert not judged(barred="no permission", may_react=True, late=True).answerable


def test_two_peoples_talk_is_broken_in_on_by_who_is_surer() -> None:
    """A line of such a talk, and no line that is free; with a colleague in it the
    subject is handed over instead."""
    words = Profile(interests=Interests(["whales"]))
    room = Room()
    for place, (author, text) in enumerate(
        [("22", "hi"), ("23", "hi"), ("22", "Ben: so?"), ("23", "Ann: so so")]
    ):
        name = "Ann" if author == "22" else "Ben"
        room.observe(Utterance(str(place), author, text, START_MS + place, (name,)))

    def change(author: str, **known: Any) -> float:
        said = Utterance("100", author, QUESTION, START_MS + 100)
        table = features(room, said, "11")
        offer = bid(
            table, Signal.WATCHED, 0, RULES.policy, words, said.reading, **known
        )
        return offer.parts.get("between_people", offer.parts["subject_change"])

    assert change("22", between_people=True) == -BETWEEN_BITS
    assert change("24", between_people=True) == 0.0
    assert change("22", between_people=True, colleagues=True) == HAND_OVER_BITS
    assert change("22") == 0.0


@pytest.mark.parametrize("score", [-1.0, 0.0, 0.5, 7.0])
def test_a_nod_is_worth_less_than_any_words(score: float) -> None:
    """Its parts still sum to its score."""
    offer = Bid(score=score, above_threshold=True, parts={"intercept": score})
    nod = _nod(offer)
    assert nod.score == sum(nod.parts.values()) == min(score, 0.0)
    assert nod.above_threshold
    assert ("wordless" in nod.parts) is (score > 0.0)


@pytest.mark.parametrize(
    ("text", "known", "nods"),
    [
        (QUESTION, {}, True),
        ("how old do whales get?", {}, True),
        ("hello", {}, False),
        (QUESTION, {"addressing": TO_ELENA}, False),
        (QUESTION, {"may_react": False}, False),
        (QUESTION, {"late": True}, False),
        (QUESTION, {"answered": frozenset({"aria"})}, False),
    ],
)
def test_what_is_nodded_to(text: str, known: dict[str, Any], nods: bool) -> None:
    """A question to nobody in particular that is still open."""
    found = judged(text, **{"barred": "no permission", "may_react": True, **known})
    assert found.wordless is nods
    assert found.answerable is nods
    assert (found.bid is not None) is nods
