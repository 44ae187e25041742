"""A database that is new, or was emptied: bots say nothing unasked until its mutes and
budgets are back."""

from __future__ import annotations

import pytest

from app.domain.lane import Lane
from app.domain.model import Context
from app.domain.verdicts import Claim, Elect
from app.store import admission, brakes, floors, keys, lanes, posts
from app.store.door import Store
from app.store.floors import FloorClaim
from tests.store import world
from tests.store.test_what_waits import CHANNEL, LANE, Stage

GRACE_MS = 5_000
WAIT = brakes.lasts(keys.GENERATION_NEW)


@pytest.fixture
def stage(store: Store) -> Stage:
    """A room whose database has just lost everything."""
    stage = Stage(store, quiet_time=0, contention_window=0)
    store.client.delete(keys.GENERATION)
    return stage


def begin(stage: Stage) -> str:
    """As a gateway that has written its mutes and budgets."""
    found = stage.run(brakes.begin("mine", GRACE_MS))
    assert isinstance(found, str)
    return found


def claim(stage: Stage, lane: Lane) -> FloorClaim:
    """The bot asks for the floor for the first message that it has."""
    owner = stage.fresh()
    assert stage.world.lock(lane, owner)
    holder, settings = floors.Holder(lane, owner), stage.world.settings
    if lane.channel is None:
        stage.run(lanes.wake(lane, Context.POLL))
    entry = stage.run(lanes.begin(lane, owner)).entries[0]
    found = stage.run(floors.claim(holder, entry, settings, 0))
    stage.world.unlock(lane)
    assert isinstance(found, FloorClaim)
    return found


def open_a_conversation(stage: Stage) -> FloorClaim:
    """The bot asks for the floor for a post that answers nobody."""
    owner = stage.fresh()
    assert stage.world.lock(LANE, owner)
    holder, entry = floors.Holder(LANE, owner), posts.entry_id("elena", owner)
    one = posts.PostTarget(holder, entry, CHANNEL, "7", quiet_ms=0, opening=False)
    found = stage.run(posts.claim(one, stage.world.limits, stage.world.settings))
    stage.world.unlock(LANE)
    assert isinstance(found, FloorClaim)
    return found


def test_no_election_grants_anything_before_the_brakes_are_back(stage: Stage) -> None:
    """It waits for the generation, and then until other gateways have written theirs,
    too; then it grants."""
    stage.admit("1", elena=0.9)
    found = stage.elect("1")
    assert (found.verdict, found.retry_in_ms) == (Elect.DEFERRED, 1_000)
    begin(stage)
    stage.world.advance(1_000)
    found = stage.elect("1")
    assert found.verdict is Elect.DEFERRED
    left = GRACE_MS - 1_000
    assert left - 1_000 < found.retry_in_ms <= left
    stage.world.advance(left)
    assert stage.elect("1").winner == "elena"


def test_nobody_takes_the_floor_unasked_before_the_brakes_are_back(
    stage: Stage,
) -> None:
    """Neither for a message that nobody may have an election about, nor for a post that
    answers nobody. What is waited for is known, and then both are granted."""
    ambient = world.candidate("elena", world.event("1"), None)
    limits, settings = stage.world.limits, stage.world.settings
    stage.run(admission.admit(ambient, stage.fresh(), limits, settings))
    for asked in (claim(stage, LANE), open_a_conversation(stage)):
        assert (asked.verdict, asked.retry_in_ms) == (Claim.WAIT, 1_000)
    begin(stage)
    for asked in (claim(stage, LANE), open_a_conversation(stage)):
        assert asked.verdict is Claim.WAIT
        assert GRACE_MS - 1_000 < asked.retry_in_ms <= GRACE_MS
    stage.world.advance(GRACE_MS)
    assert open_a_conversation(stage).verdict is Claim.GRANTED
    stage.store.client.delete(keys.floor(CHANNEL))
    assert claim(stage, LANE).verdict is Claim.GRANTED


def test_who_was_spoken_to_answers_at_once(stage: Stage) -> None:
    """People wait for no brakes."""
    asked = world.direct("elena", world.event("1"), ("elena",))
    limits, settings = stage.world.limits, stage.world.settings
    stage.run(admission.admit(asked, stage.fresh(), limits, settings))
    assert claim(stage, Lane("elena", CHANNEL)).verdict is Claim.GRANTED


def test_a_generation_begins_once(stage: Stage) -> None:
    """Two gateways write their brakes: the second learns the first one's generation,
    and bots wait no longer for it."""
    assert begin(stage) == "mine"
    stage.world.advance(GRACE_MS - 1_000)
    assert stage.run(brakes.begin("another", GRACE_MS)) == "mine"
    assert 0 < stage.run(WAIT) <= 1_000
    stage.world.advance(1_000)
    assert stage.run(WAIT) < 0


def test_the_wait_has_an_end(stage: Stage) -> None:
    """However rarely a gateway looks, bots wait for a minute at most."""
    stage.run(brakes.begin("mine", 10**9))
    assert 59_000 < stage.run(WAIT) <= 60_000
