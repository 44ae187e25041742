"""What comes next, when and why: wakes, cooldowns, elections and openings. Each of
these rules was once taken out of its script without a test that noticed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from app.domain.lane import Lane
from app.domain.model import Action, ActionKind, Context
from app.domain.verdicts import Attempt, Claim, Commit, Elect
from app.store import (
    admission,
    elections,
    floors,
    keys,
    lanes,
    mutes,
    outbox,
    posts,
)
from app.store.door import Store
from tests.store import world
from tests.store.world import World, queue_up

CHANNEL = "55"
OPENING = Action(kind=ActionKind.POST, channel_id=CHANNEL, text="Look at the sky.")
LANE = Lane("elena")


class Stage:
    """A world, and the few moves that these tests make in it."""

    def __init__(self, store: Store, **settings: Any) -> None:
        self.world = World(store, **settings)
        self.store = store
        self.count = 0

    def fresh(self) -> str:
        """A new id."""
        self.count += 1
        return f"id-{self.count}"

    def run(self, call: Any) -> Any:
        """A call, a moment after the last."""
        self.world.tick()
        return self.store.run(call)

    def admit(
        self, message: str, quiets: Mapping[str, int] | None = None, **bids: float
    ) -> None:
        """Bots bid for a message of a person; `quiets`: their own quiet times, in
        ms."""
        said = world.event(message)
        for bot, score in bids.items():
            own = (quiets or {}).get(bot)
            candidate = world.candidate(
                bot, said, score, expected=len(bids), quiet_ms=own
            )
            self.run(
                admission.admit(
                    candidate, self.fresh(), self.world.limits, self.world.settings
                )
            )

    def posted(self, ago: float) -> None:
        """A bot's post arrived so many seconds ago."""
        at = self.world.time - ago * 1000
        posts_here = keys.recent_bot_posts(CHANNEL)
        self.store.client.zadd(posts_here, {"bob:post": at})
        self.store.client.pexpire(posts_here, 600_000)

    def elect(self, message: str, quiet_time: float = 0) -> elections.Election:
        """Close an election now; a quiet time of so many seconds is the setting's."""
        found = self.run(
            elections.decide(message, CHANNEL, self.world.settings, quiet_time)
        )
        assert isinstance(found, elections.Election)
        return found

    def cool(self, bot: str, ms: int) -> None:
        """The bot may not act unasked for so long."""
        self.store.client.set(keys.cooldown(bot), "1", px=ms)

    def due_in(self, lane: Lane) -> float | None:
        """In how many ms a lane is due; None: it is not."""
        at: Any = self.store.client.zscore(keys.WAKES_DUE, str(lane))
        return None if at is None else self.world.when(float(at)) - self.world._now

    def open(self, bot: str) -> posts.PostTarget:
        """The bot opens a conversation: its post is committed, and not yet sent."""
        owner = self.fresh()
        assert self.world.lock(Lane(bot), owner)
        holder = floors.Holder(Lane(bot), owner)
        entry = posts.entry_id(bot, owner)
        one = posts.PostTarget(holder, entry, CHANNEL, "7", quiet_ms=0, opening=True)
        limits, settings = self.world.limits, self.world.settings
        claimed = self.run(posts.claim(one, limits, settings))
        assert claimed.verdict is Claim.GRANTED
        committed = self.run(
            posts.commit(
                one,
                action=OPENING,
                token=claimed.token,
                hold="",
                cooldown=60,
                limits=limits,
                settings=settings,
                request=self.fresh(),
            )
        )
        assert committed.verdict is Commit.COMMITTED
        self.world.unlock(Lane(bot))
        return one


@pytest.fixture
def stage(store: Store) -> Stage:
    """An empty world."""
    return Stage(store)


def test_a_committed_opening_becomes_due_for_delivery(stage: Stage) -> None:
    """The pump finds it, should the worker die before it delivers."""
    stage.open("aria")
    stage.world.advance(10)
    found = stage.run(lanes.sweep(0))
    assert found.deliveries == (("aria", CHANNEL),)


def test_deliveries_are_patiently_waited_for(stage: Stage) -> None:
    """The worker that committed delivers itself: the pump's hint comes when the
    patience is over, not before."""
    stage.open("aria")
    assert stage.run(lanes.sweep(5_000)).deliveries == ()
    stage.world.advance(5_000)
    assert stage.run(lanes.sweep(5_000)).deliveries == (("aria", CHANNEL),)


def test_posts_of_bots_are_noise(stage: Stage) -> None:
    """A channel in which a bot has just spoken is not quiet."""
    stage.open("aria")
    stage.world.advance(2_000)
    (quiet,) = stage.run(posts.measure_quiet("dotty", [CHANNEL]))
    assert 2_000 <= quiet < 3_000


def test_of_two_wakes_with_a_full_reading_the_earlier_stands(stage: Stage) -> None:
    """A bot that is cooled for a second message reads everything when its first
    cooldown is over."""
    stage.cool("elena", 10_000)
    stage.admit("1", elena=0.9)
    assert stage.elect("1").verdict is Elect.COOLED
    stage.cool("elena", 60_000)
    stage.admit("2", elena=0.9)
    assert stage.elect("2").verdict is Elect.COOLED
    full: Any = stage.store.client.hget(keys.wake(LANE), "full")
    assert stage.world.when(float(full)) - stage.world._now <= 10_000


def test_a_cooldown_holds_after_a_newer_trigger(stage: Stage) -> None:
    """A trigger that comes while a cycle runs makes the lane due when the cooldown is
    over, not at once."""
    stage.run(lanes.wake(LANE, Context.TRIGGER))
    assert stage.world.lock(LANE, "owner")
    begun = stage.run(lanes.begin(LANE, "owner"))
    stage.run(lanes.wake(LANE, Context.TRIGGER))
    stage.cool("elena", 30_000)
    stage.run(lanes.finish(LANE, "owner", begun.seq, None, stage.fresh()))
    due = stage.due_in(LANE)
    assert due is not None
    assert 29_000 < due <= 30_000


def test_work_that_is_left_comes_back_after_a_second(stage: Stage) -> None:
    """A cycle that leaves what an election granted is followed by another, but not by
    one after the other without a pause."""
    stage.admit("1", elena=0.9)
    assert stage.elect("1").verdict is Elect.GRANTED
    assert stage.world.lock(LANE, "owner")
    begun = stage.run(lanes.begin(LANE, "owner"))
    stage.run(lanes.finish(LANE, "owner", begun.seq, None, stage.fresh()))
    due = stage.due_in(LANE)
    assert due is not None
    assert 900 < due <= 1_000


def test_an_election_stays_closed_while_its_winner_holds_the_floor(
    stage: Stage,
) -> None:
    """A winner that renews its lease is not replaced, though the time at which the
    election would be looked at again has come."""
    stage.admit("1", aria=0.9, elena=0.5)
    granted = stage.elect("1")
    assert (granted.verdict, granted.winner) == (Elect.GRANTED, "aria")
    token: Any = stage.store.client.hget(keys.work("aria"), "1")
    assert token is not None
    stage.world.advance(world.LEASE_MS - 1_000)
    assert stage.run(
        floors.renew(
            CHANNEL, bot="aria", message="1", token=token, lease_ms=world.LEASE_MS
        )
    )
    stage.world.advance(2_000)
    again = stage.elect("1")
    assert (again.verdict, again.winner, again.fresh) == (Elect.GRANTED, "aria", False)
    assert again.retry_in_ms > 30_000
    assert stage.store.client.hget(keys.work("elena"), "1") is None


@pytest.mark.parametrize("first", ["aria", "dotty", "elena"])
def test_of_cooled_bots_the_first_to_be_over_it_is_woken(
    stage: Stage, first: str
) -> None:
    """Whatever their bids, the one whose cooldown ends first reads the message."""
    for place, bot in enumerate(("aria", "dotty", "elena")):
        stage.cool(bot, 5_000 if bot == first else 20_000 + 1_000 * place)
    stage.admit("1", aria=0.9, dotty=0.5, elena=0.7)
    assert stage.elect("1").verdict is Elect.COOLED
    due = stage.due_in(Lane(first))
    assert due is not None
    assert due <= 5_000
    others = {"aria", "dotty", "elena"} - {first}
    assert [stage.due_in(Lane(bot)) for bot in others] == [None, None]


def test_nobody_far_below_stands_in_for_a_cooled_expert(stage: Stage) -> None:
    """Who knows much less than a cooled expert stays silent, and the expert is woken
    when its cooldown ends; who knows nearly as much answers now."""
    stage.cool("aria", 5_000)
    stage.admit("1", aria=8.0, dotty=4.5, elena=0.5)
    assert stage.elect("1").verdict is Elect.COOLED
    assert [stage.due_in(Lane(bot)) is None for bot in ("aria", "dotty", "elena")] == [
        False,
        True,
        True,
    ]
    stage.admit("2", aria=8.0, dotty=5.5, elena=0.5)
    assert stage.elect("2").winner == "dotty"


def test_a_muted_expert_is_not_waited_for(stage: Stage) -> None:
    """Whoever cannot answer at all keeps nobody from it, however much it knows."""
    stage.run(mutes.mute("bot:aria", "operator", 60_000))
    stage.admit("1", aria=8.0, dotty=0.5)
    assert stage.elect("1").winner == "dotty"


def test_a_direct_lane_that_waited_for_the_floor_is_woken_as_one(
    stage: Stage,
) -> None:
    """The lane that is next when a floor becomes free begins as a direct cycle, not as
    a poll."""
    lane = Lane("elena", CHANNEL)
    stage.open("aria")
    owner = stage.fresh()
    holder = floors.Holder(Lane("aria"), owner)
    assert stage.world.lock(Lane("aria"), owner)
    one = posts.PostTarget(
        holder, posts.entry_id("aria", "second"), CHANNEL, "7", 0, opening=False
    )
    stage.world.advance(100_000)
    limits, settings = stage.world.limits, stage.world.settings
    token = stage.run(posts.claim(one, limits, settings)).token
    assert token
    queue_up(stage.store, lane, stage.world.time)
    stage.run(posts.release(one, token, "nothing to say", stage.fresh()))
    assert stage.store.client.hget(keys.wake(lane), "context") == Context.DIRECT
    assert stage.due_in(lane) is not None


def test_each_bidder_keeps_its_own_quiet_time(stage: Stage) -> None:
    """After a post the election waits for the first bidder to be over its quiet time,
    not for that of the setting: a patient character does not get the floor early, and
    keeps nobody from it."""
    stage.admit("1", aria=0.5, elena=0.9, quiets={"aria": 5_000, "elena": 80_000})
    stage.posted(0)
    assert stage.elect("1", 50).verdict is Elect.DEFERRED
    stage.world.advance(5_000)
    assert stage.elect("1", 50).winner == "aria"


def test_an_expert_in_its_quiet_time_is_waited_for(stage: Stage) -> None:
    """Who knows far less does not stand in for a bot that may speak in a while; but for
    one that may not while the message is fresh it does."""
    experts = {"elena": 80_000, "dotty": 900_000}
    stage.admit("1", aria=0.0, dotty=9.0, elena=5.0, quiets=experts)
    stage.admit("2", aria=0.0, dotty=9.0, quiets=experts)
    stage.posted(60)
    told = stage.elect("1", 50)
    assert told.verdict is Elect.DEFERRED
    assert 19_000 < told.retry_in_ms <= 20_000
    stage.world.advance(told.retry_in_ms)
    assert stage.elect("1", 50).winner == "elena"
    stage.store.client.delete(keys.floor(CHANNEL))
    assert stage.elect("2", 50).winner == "aria"


def test_a_bot_over_its_quiet_time_first_is_not_passed_over_for_a_cooled_one(
    stage: Stage,
) -> None:
    """Whichever ends first, cooldown or quiet time, decides who answers."""
    for message, cooldown in (("1", 10_000), ("2", 40_000)):
        stage.admit(message, aria=0.5, elena=0.9, quiets={"elena": 80_000, "aria": 0})
        stage.posted(60)
        stage.cool("aria", cooldown)
        verdict = stage.elect(message, 50).verdict
        assert verdict is (Elect.COOLED if cooldown < 20_000 else Elect.DEFERRED)


def test_a_post_that_may_have_arrived_has_its_quiet_time(stage: Stage) -> None:
    """It was sent, and given up before anybody learned whether it arrived: nobody
    begins until the quiet time after its latest possible arrival is over."""
    entry = stage.run(outbox.read(stage.open("aria").entry_id))
    assert entry is not None
    stage.run(outbox.acquire("aria", CHANNEL, "courier", 60_000))
    stage.world.advance(4_000)
    settings = stage.world.settings
    attempt = stage.run(outbox.attempt(entry, 0, "courier", settings, looked=False))
    assert attempt.verdict is Attempt.SEND
    stage.run(outbox.dead_letter(entry, "muted", "muted before the post"))
    stage.admit("1", elena=0.9)
    waits = stage.elect("1", quiet_time=20)
    assert waits.verdict is Elect.DEFERRED
    latest = settings.discord_timeout * 1000
    assert latest + 19_000 < waits.retry_in_ms <= latest + 20_000
