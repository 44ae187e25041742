"""Posts that answer nobody: one bot opens, the budget holds, people have the next
word."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from app.domain.lane import Lane
from app.domain.model import (
    DISCORD_EPOCH_MS,
    Action,
    ActionKind,
    AuthorKind,
    Bid,
    Classified,
    Cost,
    Event,
    InboxEntry,
    Signal,
)
from app.domain.settings import Settings
from app.domain.verdicts import Admit, Attempt, Claim, Commit, Elect, Reserve
from app.store import (
    admission,
    commits,
    elections,
    floors,
    keys,
    lanes,
    mutes,
    outbox,
    posts,
)
from app.store.door import Store
from app.store.floors import NOBODY_WAITS
from app.store.limits import Limits
from app.store.posts import PostTarget

CHANNEL, GUILD = "55", "7"
QUIET_MS = 1_800_000
NUMBERS = itertools.count(1)


def settings(**more: Any) -> Settings:
    """Settings with little waiting."""
    return Settings(_env_file=None, quiet_time=0, contention_window=0, **more)


SETTINGS = settings()
LIMITS = Limits.of(SETTINGS)
ACTION = Action(
    kind=ActionKind.POST,
    channel_id=CHANNEL,
    text="Been thinking about reefs.",
    tokens=50,
)


def held(store: Store, bot: str) -> floors.Holder:
    """A cycle of the bot that owns its lane."""
    owner = f"{bot}-{next(NUMBERS)}"
    store.client.set(keys.lock(Lane(bot)), owner, px=10_000)
    return floors.Holder(Lane(bot), owner)


def post(
    store: Store, bot: str, opening: bool = True, quiet_ms: int = QUIET_MS
) -> PostTarget:
    """A post of the bot's that waits for the floor."""
    return PostTarget(
        held(store, bot),
        posts.entry_id(bot, str(next(NUMBERS))),
        CHANNEL,
        GUILD,
        quiet_ms,
        opening,
    )


def claim(store: Store, one: PostTarget) -> Claim:
    """Ask for the floor."""
    return store.run(posts.claim(one, LIMITS, SETTINGS)).verdict


def made(
    store: Store,
    one: PostTarget,
    action: Action = ACTION,
    chosen: Settings = SETTINGS,
    cooldown: float = 60,
) -> Commit:
    """Claim and commit."""
    claimed = store.run(posts.claim(one, Limits.of(chosen), chosen))
    assert claimed.verdict is Claim.GRANTED
    request = f"c{next(NUMBERS)}"
    return store.run(
        posts.commit(
            one, action, claimed.token, "", cooldown, Limits.of(chosen), chosen, request
        )
    ).verdict


def delivered(store: Store, one: PostTarget, message: str = "900") -> None:
    """The post is in Discord."""
    entry = store.run(outbox.read(one.entry_id))
    assert entry is not None
    store.run(outbox.acquire(one.bot, CHANNEL, "courier", 10_000))
    assert (
        store.run(outbox.attempt(entry, 0, "courier", SETTINGS, looked=False)).verdict
        is Attempt.SEND
    )
    assert store.run(
        outbox.record_delivery(entry, 0, message, "post", "2026-11-20")
    ) == (True, NOBODY_WAITS)


def spoke(store: Store, age_ms: int) -> str:
    """A person said something so long ago. Returns the message."""
    seconds, microseconds = store.client.time()
    now_ms = seconds * 1000 + microseconds // 1000
    message = str((now_ms - age_ms - DISCORD_EPOCH_MS) << 22)
    event = Event(
        message_id=message,
        channel_id=CHANNEL,
        guild_id=GUILD,
        author_id="4",
        author_name="Kim",
        content="hm",
    )
    candidate = admission.AdmissionRequest(
        "elena", event, Classified(signal=Signal.AMBIENT, reason="nothing")
    )
    store.run(admission.admit(candidate, f"a{next(NUMBERS)}", LIMITS, SETTINGS))
    return message


@pytest.fixture(autouse=True)
def _clean(store: Store) -> Iterator[None]:
    yield
    store.client.delete(*(keys.lock(Lane(bot)) for bot in ("aria", "dotty", "elena")))


def test_one_bot_opens_and_the_others_wait_for_a_person(store: Store) -> None:
    """Of three bots one gets the floor; when its post is made no bot opens again before
    a person has spoken."""
    wanting = [post(store, bot) for bot in ("aria", "dotty", "elena")]
    assert [claim(store, one) for one in wanting] == [
        Claim.GRANTED,
        Claim.WAIT,
        Claim.WAIT,
    ]
    assert made(store, wanting[0]) is Commit.COMMITTED
    delivered(store, wanting[0])
    assert claim(store, post(store, "dotty", quiet_ms=0)) is Claim.QUIET
    store.client.zadd(
        keys.recent_bot_posts(CHANNEL),
        {f"aria:{wanting[0].entry_id}": 1_700_000_000_000},
    )
    assert claim(store, post(store, "dotty")) is Claim.QUIET, (
        "not even after a long time"
    )
    spoke(store, 5)
    assert claim(store, post(store, "dotty", quiet_ms=0)) is Claim.GRANTED


@pytest.mark.parametrize(
    ("age_ms", "verdict"),
    [
        (0, Claim.QUIET),
        (QUIET_MS - 60_000, Claim.QUIET),
        (QUIET_MS + 60_000, Claim.GRANTED),
        (10 * QUIET_MS, Claim.GRANTED),
    ],
)
def test_a_room_where_people_talk_is_left_to_them(
    store: Store, age_ms: int, verdict: Claim
) -> None:
    """The room must have been quiet; the bot's own cursor counts, so that foreign bots
    do too."""
    spoke(store, age_ms)
    one = post(store, "elena")
    assert claim(store, one) is verdict
    assert (store.run(posts.measure_quiet("elena", [CHANNEL]))[0] >= QUIET_MS) == (
        verdict is Claim.GRANTED
    )


def test_a_person_who_speaks_meanwhile_makes_the_draft_stale(store: Store) -> None:
    """What would open a conversation is dropped when one has begun; the floor is free
    again."""
    one = post(store, "elena")
    claimed = store.run(posts.claim(one, LIMITS, SETTINGS))
    spoke(store, 0)
    assert (
        store.run(
            posts.commit(one, ACTION, claimed.token, "", 60, LIMITS, SETTINGS, "c")
        ).verdict
        is Commit.STALE
    )
    assert not store.client.exists(keys.outbox("elena", CHANNEL))
    assert claim(store, post(store, "aria", opening=False, quiet_ms=0)) is Claim.GRANTED


def test_a_diary_keeps_the_quiet_time_of_the_last_post(store: Store) -> None:
    """Another bot's post is followed by none for so long, also where people have
    spoken."""
    one = post(store, "elena", opening=False, quiet_ms=0)
    assert made(store, one) is Commit.COMMITTED
    delivered(store, one)
    spoke(store, 5)
    hasty = post(store, "aria", opening=False)
    claimed = store.run(posts.claim(hasty, LIMITS, SETTINGS))
    assert claimed.verdict is Claim.QUIET
    assert 0 < claimed.retry_in_ms <= QUIET_MS


def test_a_post_is_made_once(store: Store) -> None:
    """A repeated request answers alike; the same diary again is refused, at the floor
    already."""
    one = post(store, "elena", opening=False, quiet_ms=0)
    claimed = store.run(posts.claim(one, LIMITS, SETTINGS))
    calls = [
        store.run(
            posts.commit(one, ACTION, claimed.token, "", 0, LIMITS, SETTINGS, "same")
        )
        for _ in range(3)
    ]
    assert {call.verdict for call in calls} == {Commit.COMMITTED}
    assert store.client.lrange(keys.outbox("elena", CHANNEL), 0, -1) == [one.entry_id]
    assert store.run(posts.posted(one.entry_id))
    again = PostTarget(held(store, "elena"), one.entry_id, CHANNEL, GUILD, 0, False)
    assert claim(store, again) is Claim.ANSWERED


def bark(
    store: Store, bot: str, message: str, said_by: str
) -> tuple[Admit, InboxEntry | None]:
    """Another of our bots hears a post of `said_by` and wants to answer it."""
    event = Event(
        message_id=message,
        channel_id=CHANNEL,
        guild_id=GUILD,
        author_id="99",
        author_name=said_by,
        author_kind=AuthorKind.OURS,
        content="reefs",
    )
    candidate = admission.AdmissionRequest(
        bot,
        event,
        Classified(signal=Signal.GOSSIP, reason="touches"),
        Bid(score=1, above_threshold=True),
        author_bot=said_by,
    )
    verdict = store.run(
        admission.admit(candidate, f"a{next(NUMBERS)}", LIMITS, SETTINGS)
    )
    return verdict.verdict, InboxEntry(
        entry_id=verdict.entry_id, event=event, signal=Signal.GOSSIP
    )


def answer(store: Store, bot: str, entry: InboxEntry) -> Commit:
    """Win the election and answer."""
    message = entry.event.message_id
    outcome = store.run(elections.decide(message, CHANNEL, SETTINGS, 0))
    assert (outcome.verdict, outcome.winner) == (Elect.GRANTED, bot)
    holder = held(store, bot)
    store.run(lanes.begin(holder.lane, holder.owner))
    claimed = store.run(floors.claim(holder, entry, SETTINGS, 0))
    reply = Action(
        kind=ActionKind.REPLY, channel_id=CHANNEL, message_id=message, text="Indeed."
    )
    decision = commits.Decision(holder, entry, reply, claimed.token, cooldown=0)
    return store.run(
        commits.commit(decision, LIMITS, SETTINGS, f"c{next(NUMBERS)}")
    ).verdict


def test_bots_that_answer_an_opening_end_at_its_budget(store: Store) -> None:
    """A post of a bot is its own root with a smaller budget: of two posts, itself
    included, the third is refused."""
    first = post(store, "elena")
    assert made(store, first, cooldown=0) is Commit.COMMITTED
    delivered(store, first, "900")
    verdict, heard = bark(store, "aria", "900", "elena")
    assert verdict in {Admit.COMPLETE, Admit.OPENED}
    assert heard is not None
    assert answer(store, "aria", heard) is Commit.COMMITTED
    second = store.client.lrange(keys.outbox("aria", CHANNEL), 0, -1)[0]
    entry = store.run(outbox.read(second))
    assert entry is not None
    assert entry.root == first.entry_id
    store.run(outbox.acquire("aria", CHANNEL, "courier", 10_000))
    store.run(outbox.attempt(entry, 0, "courier", SETTINGS, looked=False))
    store.run(outbox.record_delivery(entry, 0, "901", "post", "2026-11-20"))
    verdict, _ = bark(store, "elena", "901", "aria")
    assert verdict is Admit.EXHAUSTED
    assert store.client.hget(keys.cause_root(first.entry_id), "posts") == "2"


@pytest.mark.parametrize(
    ("changed", "verdict"),
    [
        ({"proactive_posts": 0}, Commit.BUDGET),
        ({"daily_tokens": 49}, Commit.BUDGET),
        ({"dry_run": True}, Commit.DRY_RUN),
    ],
)
def test_budgets_and_dry_runs_hold_for_posts_too(
    store: Store, changed: dict[str, Any], verdict: Commit
) -> None:
    """Nothing reaches the outbox, and the floor is free for whoever comes next."""
    chosen = settings(**changed)
    assert made(store, post(store, "elena"), chosen=chosen) is verdict
    assert not store.client.exists(keys.outbox("elena", CHANNEL))
    assert claim(store, post(store, "aria", opening=False, quiet_ms=0)) in {
        Claim.GRANTED,
        Claim.COOLED,
    }


def test_a_post_costs_a_cooldown(store: Store) -> None:
    """A bot that has just done something of its own accord opens nothing; a posted
    diary counts as such."""
    assert (
        made(store, post(store, "elena", opening=False, quiet_ms=0), cooldown=30)
        is Commit.COMMITTED
    )
    store.client.delete(keys.floor(CHANNEL), keys.recent_bot_posts(CHANNEL))
    assert claim(store, post(store, "elena")) is Claim.COOLED
    assert claim(store, post(store, "aria")) is Claim.GRANTED


def test_spent_posts_close_the_floor(store: Store) -> None:
    """A bot without posts left today does not even ask for the floor."""
    spent = settings(daily_posts=0)
    one = post(store, "elena")
    assert store.run(posts.claim(one, Limits.of(spent), spent)).verdict is Claim.BUDGET


@pytest.mark.parametrize(
    "scope", ["all", f"guild:{GUILD}", f"channel:{CHANNEL}", "bot:elena"]
)
def test_a_mute_wins(store: Store, scope: str) -> None:
    """At the floor, at the commit and before the POST."""
    one, two = post(store, "elena"), post(store, "elena")
    store.run(mutes.mute(scope, "me", 60_000))
    assert claim(store, two) is Claim.MUTED
    store.run(mutes.unmute(scope))
    one = post(store, "elena")
    claimed = store.run(posts.claim(one, LIMITS, SETTINGS))
    store.run(mutes.mute(scope, "me", 60_000))
    assert (
        store.run(
            posts.commit(one, ACTION, claimed.token, "", 60, LIMITS, SETTINGS, "c")
        ).verdict
        is Commit.MUTED
    )
    store.run(mutes.unmute(scope))
    two = post(store, "elena")
    assert made(store, two) is Commit.COMMITTED
    store.run(mutes.mute(scope, "me", 60_000))
    entry = store.run(outbox.read(two.entry_id))
    assert entry is not None
    store.run(outbox.acquire("elena", CHANNEL, "courier", 10_000))
    assert (
        store.run(outbox.attempt(entry, 0, "courier", SETTINGS, looked=False)).verdict
        is Attempt.MUTED
    )


def test_a_zombie_posts_nothing(store: Store) -> None:
    """A cycle that lost its lane's lock neither gets the floor nor commits."""
    one = post(store, "elena")
    claimed = store.run(posts.claim(one, LIMITS, SETTINGS))
    held(store, "elena")
    assert claim(store, one) is Claim.LOST_LOCK
    assert (
        store.run(
            posts.commit(one, ACTION, claimed.token, "", 60, LIMITS, SETTINGS, "c")
        ).verdict
        is Commit.LOST_LOCK
    )
    assert (
        store.run(posts.reserve(one, claimed.token, LIMITS, Cost(10), "h", "r"))[0]
        is Reserve.LOST_LOCK
    )


def test_a_direct_message_takes_the_floor_from_a_post(store: Store) -> None:
    """Whoever asks a bot something does not wait for another's musings."""
    one = post(store, "elena")
    claimed = store.run(posts.claim(one, LIMITS, SETTINGS))
    event = Event(
        message_id="700",
        channel_id=CHANNEL,
        guild_id=GUILD,
        author_id="4",
        author_name="Kim",
        content="aria?",
    )
    classified = Classified(signal=Signal.DIRECT, reason="named", addressed=("aria",))
    store.run(
        admission.admit(
            admission.AdmissionRequest("aria", event, classified), "a", LIMITS, SETTINGS
        )
    )
    lane = Lane("aria", CHANNEL)
    store.client.set(keys.lock(lane), "me", px=10_000)
    entry = store.run(lanes.begin(lane, "me")).entries[0]
    assert (
        store.run(floors.claim(floors.Holder(lane, "me"), entry, SETTINGS, 0)).verdict
        is Claim.GRANTED
    )
    assert (
        store.run(
            posts.commit(one, ACTION, claimed.token, "", 60, LIMITS, SETTINGS, "c")
        ).verdict
        is Commit.LOST_FLOOR
    )
    store.client.delete(keys.lock(lane))


def test_a_model_call_is_held_and_a_silence_frees_the_floor(store: Store) -> None:
    """Tokens are held of the root and the day before the call; when nothing is said the
    next one may speak."""
    one = post(store, "elena")
    claimed = store.run(posts.claim(one, LIMITS, SETTINGS))
    assert (
        store.run(posts.reserve(one, claimed.token, LIMITS, Cost(300), "h", "r"))[0]
        is Reserve.OK
    )
    assert store.client.hget(keys.cause_root(one.entry_id), "tokens") == "300"
    assert (
        store.run(posts.release(one, claimed.token, "nothing to say", "g"))
        == NOBODY_WAITS
    )
    assert claim(store, post(store, "aria")) is Claim.GRANTED
