"""Redis's clock may be far from Discord's, by which ids tell the time: every place that
compares the two allows for it."""

from __future__ import annotations

import pytest

from app.domain.lane import Lane
from app.domain.model import Context
from app.domain.verdicts import Claim
from app.store import clocks, keys, lanes, outbox, posts, stats, wishes
from app.store.door import Store
from tests.store.test_posts import (
    CHANNEL,
    QUIET_MS,
    SETTINGS,
    claim,
    held,
    made,
    post,
    spoke,
)

MINUTES_MS = 1_200_000
AHEAD = pytest.mark.parametrize("ahead_ms", [MINUTES_MS, -MINUTES_MS])
"""By how much Discord's clock is ahead of Redis's."""


@AHEAD
def test_a_quiet_room_is_measured_by_one_clock(store: Store, ahead_ms: int) -> None:
    """A channel in which somebody spoke a minute ago has been quiet for a minute."""
    store.run(clocks.note_discord_ahead(ahead_ms))
    spoke(store, 60_000 - ahead_ms)
    (quiet,) = store.run(posts.measure_quiet("elena", [CHANNEL]))
    assert 59_000 < quiet < 90_000


@AHEAD
@pytest.mark.parametrize(
    ("age_ms", "verdict"),
    [(QUIET_MS - 60_000, Claim.QUIET), (QUIET_MS + 60_000, Claim.GRANTED)],
)
def test_an_opening_waits_for_its_quiet_time(
    store: Store, ahead_ms: int, age_ms: int, verdict: Claim
) -> None:
    """Neither twenty minutes longer nor shorter."""
    store.run(clocks.note_discord_ahead(ahead_ms))
    spoke(store, age_ms - ahead_ms)
    assert claim(store, post(store, "elena")) is verdict


@AHEAD
def test_people_have_the_word_after_an_opening(store: Store, ahead_ms: int) -> None:
    """Whether a person spoke after a bot's post: before it there is no second opening,
    after it there is."""
    store.run(clocks.note_discord_ahead(ahead_ms))
    spoke(store, 60_000 - ahead_ms)
    made(store, post(store, "aria", quiet_ms=0))
    store.client.delete(keys.floor(CHANNEL))
    assert claim(store, post(store, "dotty", quiet_ms=0)) is Claim.QUIET
    now = store.run(stats.server_time())
    posted = (now - 30) * 1000
    store.client.zadd(
        keys.recent_bot_posts(CHANNEL),
        {
            member: posted
            for member in store.client.zrange(keys.recent_bot_posts(CHANNEL), 0, -1)
        },
    )
    spoke(store, 10_000 - ahead_ms)
    assert claim(store, post(store, "dotty", quiet_ms=0)) is Claim.GRANTED


@AHEAD
def test_what_was_said_before_the_wish_is_old(store: Store, ahead_ms: int) -> None:
    """And what is said a minute after it is new: the mark is Discord's time."""
    store.run(clocks.note_discord_ahead(ahead_ms))
    mark = store.run(wishes.mark_forgotten(wishes.digest("4")))
    by_discord = store.run(stats.server_time()) * 1000 + ahead_ms
    assert by_discord <= mark < by_discord + 60_000


@AHEAD
def test_a_post_is_looked_for_by_discords_time(store: Store, ahead_ms: int) -> None:
    """Since when a post's fate is unknown is told by the clock of the ids that are read
    back."""
    store.run(clocks.note_discord_ahead(ahead_ms))
    one = post(store, "elena", opening=False, quiet_ms=0)
    made(store, one)
    entry = store.run(outbox.read(one.entry_id))
    assert entry is not None
    store.run(outbox.acquire(one.bot, CHANNEL, "courier", 10_000))
    allowed = store.run(outbox.attempt(entry, 0, "courier", SETTINGS, looked=False))
    by_discord = store.run(stats.server_time()) * 1000 + ahead_ms
    assert by_discord - 30_000 < allowed.first_ms <= by_discord
    late = SETTINGS.model_copy(update={"nonce_window": 0.0, "discord_timeout": 1.0})
    again = store.run(outbox.attempt(entry, 0, "courier", late, looked=False))
    assert (again.verdict, again.first_ms) == ("read_back", allowed.first_ms)


@AHEAD
def test_a_cycle_knows_both_clocks(store: Store, ahead_ms: int) -> None:
    """Messages are as old as Discord's clock says; leases go by Redis's."""
    store.run(clocks.note_discord_ahead(ahead_ms))
    lane = Lane("elena")
    store.run(lanes.wake(lane, Context.POLL))
    begun = store.run(lanes.begin(lane, held(store, "elena").owner))
    now = store.run(stats.server_time()) * 1000
    assert begun.due
    assert begun.discord_ahead_ms == ahead_ms
    assert now - 30_000 < begun.now_ms <= now


@pytest.mark.parametrize("edited", ["", "soon", "1e99", "12.5"])
def test_nonsense_counts_as_no_difference(store: Store, edited: str) -> None:
    """Somebody may have edited it by hand; nothing ends for that."""
    store.client.set(keys.DISCORD_AHEAD, edited, px=60_000)
    assert store.run(clocks.discord_ahead()) == 0
    spoke(store, 60_000)
    (quiet,) = store.run(posts.measure_quiet("elena", [CHANNEL]))
    assert 59_000 < quiet < 90_000
