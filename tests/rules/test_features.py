"""Each feature at its bounds: none grows with a channel, and few are of one line."""

from __future__ import annotations

import pytest

from app.rules.features import FAR, LONGEST, features
from app.rules.room import Contact, Person, Room, Utterance

NOW_MS = 1_700_000_000_000
OTHERS = tuple(f"p{place}" for place in range(9))


def table(lines: int, ago: int, ago_ms: int) -> dict[str, float]:
    """The features of a line of Ann's for a bot, where each has said and been told so
    many lines, the last of them so long ago."""
    room = Room()
    room.number = 100_000
    then = room.number - ago

    def told() -> Contact:
        return Contact(then, NOW_MS - ago_ms, count=lines, lines=0)

    for one, other in (("ann", "bot"), ("bot", "ann")):
        room.people[one] = Person(
            lines=lines, first_line=then, last_line=then, last_ms=NOW_MS - ago_ms
        )
        room.people[one].addressed_by[other] = told()
        room.people[one].named_by[other] = told()
    said = Utterance("1", "ann", "so", NOW_MS, mentions=OTHERS[: min(lines, 9)])
    return dict(features(room, said, "bot"))


COUNTS = {
    "author_lines": 500,
    "told_count": 100,
    "author_since": 100,
    "heard_count": 100,
    "back_count": 100,
    "others_named": 5,
}
GAPS = ("author_gap", "bot_gap", "told_gap", "heard_gap", "back_gap")
SECONDS = ("author_secs", "bot_secs", "told_secs")


@pytest.mark.parametrize("feature", COUNTS)
def test_a_count_ends_somewhere(feature: str) -> None:
    """What is beyond says no more."""
    most = COUNTS[feature]
    for lines in (1, most - 1, most, most + 1, 10**6):
        assert table(lines, 10, 0)[feature] == min(lines, most)


@pytest.mark.parametrize("feature", GAPS)
def test_a_gap_of_lines_ends_somewhere(feature: str) -> None:
    """Two hundred lines are as far as any further."""
    for ago in (1, 199, 200, 201, 10_000):
        assert table(3, ago, 0)[feature] == min(ago, 200)


@pytest.mark.parametrize("feature", SECONDS)
def test_a_gap_of_time_ends_somewhere(feature: str) -> None:
    """In two hours; what comes from a clock that was set back is now."""
    for ago_s in (0.0, 0.5, LONGEST - 1, LONGEST, LONGEST + 1):
        assert table(3, 9, round(1000 * ago_s))[feature] == min(ago_s, LONGEST)
    assert table(3, 9, -5_000)[feature] == 0.0


def test_who_never_spoke_is_far() -> None:
    """And so is what nobody was told."""
    found = features(Room(), Utterance("1", "ann", "so", NOW_MS), "bot")
    far = {name for name, value in found.items() if value == FAR}
    gaps = {*GAPS, *SECONDS, "told_later", "author_since", "pause", "bot_helped_gap"}
    assert far == gaps


@pytest.mark.parametrize(
    ("lines", "ago", "pace"), [(29, 1, 1 / 1.0), (299, 9, 90.0), (299, 11, 100.0)]
)
def test_a_pace_ends_somewhere(lines: int, ago: int, pace: float) -> None:
    """How many of its own intervals a bot was silent: a hundred are enough."""
    assert table(lines, ago, 0)["bot_pace"] == pytest.approx(pace)


@pytest.mark.parametrize(
    ("who", "ago", "waiting"), [("kim", 59, 1), ("kim", 60, 0), ("ann", 5, 0)]
)
def test_who_waits_for_the_bot(who: str, ago: int, waiting: int) -> None:
    """Somebody else than the author, among the lines that are remembered one by one."""
    room = Room()
    room.number = 1_000
    room.people["bot"] = Person(lines=1, last_line=1)
    room.people["bot"].waiting[who] = room.number - ago
    found = features(room, Utterance("1", "ann", "so", NOW_MS), "bot")
    assert found["bot_waiting"] == waiting


@pytest.mark.parametrize(("ago", "recent"), [(30, True), (31, False)])
def test_words_that_the_bot_has_used(ago: int, recent: bool) -> None:
    """By how rare they are here; those of the last thirty lines a second time."""
    room = Room()
    room.number = 1_000
    room.people["bot"] = Person(profile={"kelp": room.number - ago, "reef": 1})
    found = features(room, Utterance("1", "ann", "kelp grows", NOW_MS), "bot")
    assert found["words"] == room.rarity("kelp")
    assert found["words_recent"] == (room.rarity("kelp") if recent else 0.0)


@pytest.mark.parametrize(
    ("lines", "target", "number"),
    [(0, None, 3.0), (1, None, 2.0), (1, "kim", 1.0), (1, "ann", 0.0)],
)
def test_whom_the_bot_last_spoke_to(
    lines: int, target: str | None, number: float
) -> None:
    """And whether it asked the author."""
    room = Room()
    room.people["bot"] = Person(lines=lines, last_target=target, last_marks=2)
    found = features(room, Utterance("1", "ann", "so", NOW_MS), "bot")
    assert found["bot_target"] == number
    assert found["bot_asked"] == (2.0 if target == "ann" else 0.0)
