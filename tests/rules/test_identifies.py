"""How often sessions may begin: the pause, the day's limit and Discord's own count."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from app.rules.identifies import (
    DAY,
    FREE,
    LONGEST,
    RECENT,
    Allowance,
    Leave,
    leave,
    pause,
)

DISCORD = Allowance(per_day=400, first_pause=5.0)


def storm(allowance: Allowance, seconds: float, chance: float = 0.0) -> list[float]:
    """When a bot identifies whose sessions all end at once."""
    times: list[float] = []
    now = 0.0
    while now < seconds:
        verdict = leave(times, now, allowance, chance)
        if verdict.spent:
            break
        now += verdict.wait
        times.append(now)
    return times


def test_the_first_session_of_a_day_does_not_wait() -> None:
    """Nothing slows an ordinary start, and nothing a restart hours later."""
    assert leave([], 0.0, DISCORD).wait == 0
    assert leave([0.0], 3_600.0, DISCORD).wait == 0
    assert leave([0.0], 1.0, DISCORD).wait == 4.0


def test_pauses_double_up_to_half_an_hour() -> None:
    """The first few are Discord's five seconds apart, then each pause is twice the one
    before."""
    assert [pause(recent, 5.0) for recent in range(FREE + 3)] == [5.0] * (FREE + 1) + [
        10.0,
        20.0,
    ]
    assert pause(1_000, 5.0) == 5.0 * LONGEST == 1_800.0


def test_a_storm_of_a_day_stays_below_the_limit() -> None:
    """Whatever ends each session at once: far fewer than five hundred sessions begin
    within any day."""
    times = storm(DISCORD, 3 * DAY)
    worst = max(sum(begin <= time < begin + DAY for time in times) for begin in times)
    print(f"identifies in the worst day of a storm: {worst}")
    assert worst < 200


def test_a_days_worth_stops() -> None:
    """At the limit the answer is no, until the oldest of them is a day old."""
    times = [float(number * 100) for number in range(400)]
    verdict = leave(times, 40_000.0, DISCORD)
    assert verdict.spent
    assert verdict.again_in == DAY - 40_000.0
    assert not leave(times, DAY + 1, DISCORD).spent


@given(some.integers(0, 1_000))
def test_less_than_half_of_what_discord_has_left_is_used(remaining: int) -> None:
    """However much others have used: a bot stops well below half of what it found."""
    used, times = 0, [0.0] * 0
    while used <= remaining:
        allowance = DISCORD._replace(
            per_day=10_000, remaining=remaining - used, resets_in=60.0
        )
        verdict = leave(times, float(used), allowance)
        if verdict.spent:
            break
        used += 1
        times.append(float(used))
    assert verdict.spent
    assert verdict.again_in == 60.0
    assert used < remaining / 2 or used == 0


@given(some.lists(some.floats(-2 * DAY, 2 * DAY)), some.floats(0, 1, exclude_max=True))
def test_no_clock_makes_a_wait_longer_than_the_longest_pause(
    times: list[float], chance: float
) -> None:
    """Times of the future (a clock was set back) do not hold a bot for longer than the
    longest pause and its jitter."""
    assert 0 <= leave(times, 0.0, DISCORD, chance).wait <= 1_800.0 * 1.25


@pytest.mark.parametrize(("count", "spent"), [(399, False), (400, True), (401, True)])
def test_the_days_limit(count: int, spent: bool) -> None:
    """A session is free again in the moment in which enough of the oldest are a day
    old."""
    times = [float(place) for place in range(count)]
    verdict = leave(times, 500.0, DISCORD)
    assert (verdict.spent, verdict.today) == (spent, count)
    assert verdict.again_in == (DAY - 500.0 + count - 400 if spent else 0.0)
    assert not leave(times, DAY - 500.0 + count - 400 + 500.0, DISCORD).spent


@pytest.mark.parametrize(("begun", "spent"), [(7, False), (8, True)])
@pytest.mark.parametrize(
    ("resets_in", "again_in"), [(None, DAY), (0.0, 0.0), (60.0, 60.0)]
)
def test_discords_own_count(
    begun: int, spent: bool, resets_in: float | None, again_in: float
) -> None:
    """Of eleven that are left one is kept and four fifths of the others may be used;
    where Discord does not say when it counts anew, in a day."""
    allowance = DISCORD._replace(remaining=11, resets_in=resets_in)
    verdict = leave([0.0] * begun, 1.0, allowance)
    assert (verdict.spent, verdict.today) == (spent, begun)
    assert not spent or verdict.again_in == again_in


def test_what_is_no_longer_recent_is_forgiven() -> None:
    """In the moment in which a session is two hours old."""
    times = [0.0] * (FREE + 1) + [RECENT - 1]
    assert leave(times, RECENT - 0.5, DISCORD).wait == 19.5
    assert leave(times, RECENT, DISCORD).wait == 4.0
    assert leave([], RECENT, DISCORD) == Leave(0.0, 0, False, 0.0)


def test_chance_lengthens_a_pause_by_up_to_a_quarter() -> None:
    """So that bots that fail together do not come back together."""
    assert leave([0.0], 0.0, DISCORD, chance=0.8).wait == pytest.approx(5.0 * 1.2)
