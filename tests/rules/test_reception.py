"""What people make of a bot moves its threshold: slowly, within bounds, and by no one
person alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.model import Signal
from app.lab.receptions import CROWDS, SHOWN, simulate
from app.rules.bids import bid
from app.rules.features import features
from app.rules.policy import shipped_policy
from app.rules.reading import read
from app.rules.reception import (
    HALF_LIFE_MS,
    PERSON_SHARE,
    SILENCE,
    SILENCE_SHARE,
    Share,
    Sign,
    moved,
    sign_of_emoji,
    standing,
    tells_off,
)
from app.rules.room import Room, Utterance

NOW = 10**12
MIXED, ENEMY = "eight of mixed tastes", "eight of mixed tastes and one enemy"


def after(*signs: Sign, by: str = "kim") -> dict[str, Share]:
    """One person's share after these signs."""
    share: Share | None = None
    for sign in signs:
        share = moved(share, sign, NOW)
    return {by: share} if share is not None else {}


@given(st.lists(st.sampled_from(list(Sign)), max_size=80))
def test_one_person_moves_it_by_a_quarter_at_most(signs: list[Sign]) -> None:
    """Whatever one person does, and however often."""
    assert abs(standing(after(*signs), NOW)) <= PERSON_SHARE


@given(
    st.dictionaries(
        st.text(max_size=3), st.floats(-1, 1).map(lambda value: Share(value, NOW))
    )
)
def test_a_standing_is_bounded(shares: dict[str, Share]) -> None:
    """A thousand people together move it by the whole at most."""
    assert -1 <= standing(shares, NOW) <= 1


def test_one_sign_moves_little() -> None:
    """A single like or dislike is worth a fortieth of a bit, "shut up" a tenth."""
    bits = shipped_policy().reception
    assert bits * standing(after(Sign.LIKED), NOW) == pytest.approx(0.025, abs=0.002)
    assert bits * standing(after(Sign.DISLIKED), NOW) == pytest.approx(
        -0.025, abs=0.002
    )
    assert bits * standing(after(Sign.TOLD_OFF), NOW) == pytest.approx(-0.1)


def test_silence_takes_half_at_most() -> None:
    """A bot that nobody ever answers loses no more than that."""
    ignored = after(*[Sign.IGNORED] * 500, by=SILENCE)
    assert standing(ignored, NOW) == pytest.approx(-SILENCE_SHARE, abs=0.001)


def test_it_fades() -> None:
    """Half is left after a half-life without a sign, and a clock that was set back adds
    nothing."""
    share = Share(0.8, NOW)
    assert share.remaining_value(NOW + HALF_LIFE_MS) == pytest.approx(0.4)
    assert share.remaining_value(NOW - HALF_LIFE_MS) == 0.8


def test_the_standing_is_one_part_of_the_bid() -> None:
    """It adds its bits to the score and nothing else, and `why` shows it."""
    utterance = Utterance("1", "kim", "anybody here?", 1_000, ("kim",))
    table = features(Room(), utterance, "b")
    bids = [
        bid(
            table,
            signal=Signal.WATCHED,
            trust=1,
            policy=shipped_policy(),
            reception=reception,
        )
        for reception in (0.0, -0.5)
    ]
    assert bids[1].score == pytest.approx(bids[0].score - 1.0)
    assert bids[1].parts == {**bids[0].parts, "reception": -1.0}


@pytest.mark.parametrize(
    "text",
    [
        "not you, elena",
        "Elena, shut up!",
        "nobody asked",
        "i wasn't asking you",
        "Nicht du!",
        "cállate",
        "¡Tú no!",
        "pas toi Elena",
        "sen değil",
        "не ты",
        "うるさい",
    ],
)
def test_a_line_that_tells_a_bot_off(text: str) -> None:
    """In the languages that people chat in."""
    assert tells_off(read(text))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "thank you elena",
        "why is it not you who cooks for us tonight then?",
        "he told me to shut up and i nearly did, can you imagine",
        "you are right",
        "🙂",
    ],
)
def test_a_line_that_tells_nobody_off(text: str) -> None:
    """Nor does a long line that holds such words."""
    assert not tells_off(read(text))


def test_reactions_that_may_mean_anything_mean_nothing() -> None:
    """Plain approval and plain dislike count, with or without a skin tone."""
    signs = [sign_of_emoji(emoji) for emoji in ("👍🏽", "❤️", "👎", "🙄", "🦑", "", "x")]
    liked, disliked = Sign.LIKED, Sign.DISLIKED
    assert signs == [liked, liked, disliked, disliked, None, None, None]


@pytest.mark.parametrize("crowd", list(CROWDS))
def test_it_converges(crowd: str) -> None:
    """Whoever is there: the second and the third month have one mean, and no day strays
    far from it, although each post changes what comes next."""
    late = simulate(CROWDS[crowd](), SHOWN[-1], 1)[30:]
    means = [sum(late[:30]) / 30, sum(late[30:]) / 30]
    assert means[0] == pytest.approx(means[1], abs=0.15)
    assert max(abs(bits - means[1]) for bits in late) < 0.6


def test_people_who_like_it_hear_more_than_those_who_do_not() -> None:
    """The same bot ends in different places."""
    ends = [
        simulate(CROWDS[crowd](), 30, 1)[-1]
        for crowd in (
            "eight who like to hear it",
            MIXED,
            "eight who want it only at its best",
        )
    ]
    assert ends[0] > ends[1] + 0.5 > ends[2] + 1.0


@pytest.mark.parametrize("seed", range(1, 6))
def test_one_enemy_cannot_silence_it(seed: int) -> None:
    """Somebody who dislikes each post and says "shut up" to each moves it by no more
    than one person's share, and what the others like outweighs it."""
    most = shipped_policy().reception
    plain = simulate(CROWDS[MIXED](), 60, seed)[30:]
    hated = simulate(CROWDS[ENEMY](), 60, seed)[30:]
    difference = sum(plain) / 30 - sum(hated) / 30
    assert 0 < difference <= most * PERSON_SHARE + 0.1
    assert min(hated) > 0


def test_a_standing_is_told_in_thousandths() -> None:
    """As it is compared in bids."""
    assert standing({"kim": Share(0.12345, NOW)}, NOW) == 0.031
    assert standing({SILENCE: Share(-0.12345, NOW)}, NOW) == -0.062


@pytest.mark.parametrize("words", range(1, 9))
def test_only_a_short_line_tells_off(words: int) -> None:
    """Up to six words, wherever among them it is said."""
    for before in range(words - 1):
        rest = words - 2 - before
        text = " ".join(["so"] * before + ["butt out"] + ["ok"] * rest)
        assert tells_off(read(text)) is (words <= 6), text
