"""What must not be believed: wrong numbers, broken entries, floors edited by hand, keys
of the wrong type."""

from __future__ import annotations

import json

import pytest
import redis
from pydantic import ValidationError

from app.domain.lane import Lane
from app.domain.model import MAX_CONTENT, Bid, Context, Event, InboxEntry
from app.domain.verdicts import Admit, Claim
from app.store import admission, floors, inboxes, keys, lanes
from app.store.calls import Call
from app.store.door import Store
from app.store.elections import decide
from tests.store import world
from tests.store.world import LATER_MS, LEASE_MS, Cycle, World


@pytest.mark.parametrize("score", [float("nan"), float("inf"), float("-inf")])
def test_a_bid_that_is_no_number_is_refused(store: Store, score: float) -> None:
    """Python cannot make such a bid; a script that is handed one keeps nothing, opens
    nothing and says why."""
    with pytest.raises(ValidationError):
        Bid(score=score, above_threshold=True)
    w = World(store)
    call = admission.admit(
        world.candidate("aria", world.event("1"), 0.5), "r", w.limits, w.settings
    )
    bad = Call(
        call.script,
        call.keys,
        tuple(
            arg.replace('"bid": "0.5"', f'"bid": "{score!r}"')
            if isinstance(arg, str)
            else arg
            for arg in call.args
        ),
        call.parse,
    )
    assert store.run(bad).verdict is Admit.REFUSED
    assert not store.client.exists(keys.inbox(Lane("aria")))
    assert not store.client.exists(keys.ELECTIONS_DUE)
    assert "finite" in str(store.client.lindex(keys.journal("1"), 0))


@pytest.mark.parametrize("field", ["message_id", "channel_id", "author_id", "guild_id"])
@pytest.mark.parametrize("value", ["", "x", "1:2", "-1", "1" * 21, "1\n"])
def test_an_id_that_is_no_snowflake_never_becomes_a_key(field: str, value: str) -> None:
    """Ids become parts of keys, so the model refuses all but digits."""
    with pytest.raises(ValidationError):
        Event.model_validate({**world.event("1").model_dump(), field: value})


def test_unknown_fields_of_a_newer_writer_are_ignored(store: Store) -> None:
    """During an update old workers read what new gateways wrote."""
    w = World(store)
    event = json.dumps({**world.event("1").model_dump(), "sticker": 5})
    assert Event.model_validate_json(event) == world.event("1")
    _inbox(
        store,
        {
            "event": event,
            "signal": "direct",
            "reason": "r",
            "addressed": "[]",
            "bid": "",
            "new": "x",
        },
    )
    assert [entry.event.message_id for entry in _begin(w).entries] == ["1"]


def test_huge_content_is_refused_before_redis(store: Store) -> None:
    """The longest Discord message passes, and comes back whole; anything longer is no
    event."""
    w = World(store)
    with pytest.raises(ValidationError):
        Event.model_validate(
            {**world.event("1").model_dump(), "content": "x" * (MAX_CONTENT + 1)}
        )
    said = world.event("1").model_copy(
        update={"content": "\N{GRINNING FACE}" * MAX_CONTENT}
    )
    store.run(
        admission.admit(
            world.direct("aria", said, ("aria",)), "r", w.limits, w.settings
        )
    )
    assert _begin(w).entries[0].event.content == said.content


GOOD = {
    "event": world.event("1").model_dump_json(),
    "signal": "direct",
    "reason": "r",
    "addressed": "[]",
    "bid": "",
}
BROKEN = {
    "no event": {"event": "{}"},
    "cut off": {"event": '{"message_id": "1'},
    "not JSON": {"event": "\x00"},
    "bad id": {"event": world.event("1").model_dump_json().replace('"1"', '"../1"')},
    "unknown signal": {"signal": "shout"},
    "addressed is a number": {"addressed": "5"},
    "addressed is null": {"addressed": "null"},
    "no bot name": {"addressed": '["A b"]'},
    "bid is a word": {"bid": "much"},
}


@pytest.mark.parametrize("wrong", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_inbox_entry_does_not_stop_the_lane(
    store: Store, wrong: dict[str, str]
) -> None:
    """The entry is named as broken; those beside it are read."""
    w = World(store)
    bad = _inbox(store, {**GOOD, **wrong})
    good = _inbox(store, GOOD)
    begun = _begin(w)
    assert begun.broken == (bad,)
    assert [entry.entry_id for entry in begun.entries] == [good]
    holder = floors.Holder(Lane("aria", "55"), "me")
    assert store.run(inboxes.remove_unreadable(holder, begun.broken)) == 1


def test_an_entry_without_fields_does_not_stop_the_lane(store: Store) -> None:
    """A missing field is a broken entry."""
    w = World(store)
    bad = _inbox(store, {"event": GOOD["event"]})
    assert _begin(w).broken == (bad,)


def test_an_unknown_context_is_a_poll(store: Store) -> None:
    """The pump and a cycle read a lane that was made due with a word they do not
    know."""
    w = World(store)
    store.run(lanes.wake(Lane("aria"), "word"))  # type: ignore[arg-type]
    assert [context for _, context in store.run(lanes.sweep(0)).lanes] == ["poll"]
    assert w.lock(Lane("aria"), "me")
    assert store.run(lanes.begin(Lane("aria"), "me")).context == "poll"


FLOORS = {
    "no token": {"bot": "elena", "message": "9", "until": "+9000"},
    "token is a word": {
        "bot": "elena",
        "message": "9",
        "until": "+9000",
        "token": "abc",
    },
    "until is a word": {"bot": "elena", "message": "9", "until": "soon", "token": "5"},
    "no until": {"bot": "elena", "message": "9", "token": "5"},
    "for ever": {
        "bot": "elena",
        "message": "9",
        "until": "+999999999999",
        "token": "5",
    },
    "a bot that does not exist": {
        "bot": "nobody",
        "message": "9",
        "until": "+40000",
        "token": "5",
    },
    "a token from the future": {
        "bot": "elena",
        "message": "9",
        "until": "-1",
        "token": "9007199254740000",
    },
    "fields of another world": {"x": "y"},
}


@pytest.mark.parametrize("fields", FLOORS.values(), ids=FLOORS.keys())
def test_a_floor_edited_by_hand_is_repaired_within_one_lease(
    store: Store, fields: dict[str, str]
) -> None:
    """Whatever is written there, after one lease a claim is granted, renewed and has a
    token that is a number."""
    w = World(store)
    now = w.time
    for name, value in fields.items():
        relative = name == "until" and value[0] in "+-"
        store.client.hset(
            keys.floor("55"), name, str(now + int(value)) if relative else value
        )
    cycle, entry = _ready(w)
    claimed = store.run(floors.claim(cycle.holder, entry, w.settings, 0))
    if claimed.verdict is not Claim.GRANTED:
        w.advance(LATER_MS)
        claimed = store.run(floors.claim(cycle.holder, entry, w.settings, 0))
    assert claimed.verdict is Claim.GRANTED
    assert claimed.token.isdigit()
    assert int(claimed.token) < 2**53
    assert store.run(floors.renew("55", "aria", "1", claimed.token, LEASE_MS))


WRONG_TYPE = {
    "seen": keys.seen("1"),
    "inbox": keys.inbox(Lane("aria", "55")),
    "election": keys.election("1"),
    "wake": keys.wake(Lane("aria", "55")),
    "wakes:due": keys.WAKES_DUE,
    "last_human": keys.last_human("55"),
    "cursor": keys.cursor("aria"),
}


@pytest.mark.parametrize("key", WRONG_TYPE.values(), ids=WRONG_TYPE.keys())
def test_a_key_of_the_wrong_type_is_an_error_that_says_so(
    store: Store, key: str
) -> None:
    """Another program's key in the way: the call fails with WRONGTYPE, it is not
    believed and not overwritten."""
    w = World(store)
    store.client.set(key, "not mine", px=10_000)
    with pytest.raises(redis.exceptions.ResponseError, match="WRONGTYPE"):
        store.run(
            admission.admit(
                world.direct("aria", world.event("1"), ("aria",)),
                "r",
                w.limits,
                w.settings,
            )
        )
    assert store.client.get(key) == "not mine"


def test_a_bot_that_nobody_serves_costs_an_election_one_lease(store: Store) -> None:
    """A bot without a vault or worker may bid and win; the next best is granted once
    its lease has passed."""
    w = World(store)
    for bot, bid in (("ghost", 0.9), ("aria", 0.5)):
        store.run(
            admission.admit(
                world.candidate(bot, world.event("1"), bid, expected=2),
                bot,
                w.limits,
                w.settings,
            )
        )
    assert store.run(decide("1", "55", w.settings)).winner == "ghost"
    w.advance(LATER_MS)
    assert store.run(decide("1", "55", w.settings)).winner == "aria"


def _inbox(store: Store, fields: dict[str, str]) -> str:
    entry_id = store.client.xadd(keys.inbox(Lane("aria", "55")), fields)  # type: ignore[arg-type]
    store.client.expire(keys.inbox(Lane("aria", "55")), 60)
    return str(entry_id)


def _begin(w: World) -> lanes.Begun:
    lane = Lane("aria", "55")
    w.store.run(lanes.wake(lane, Context.DIRECT))
    assert w.lock(lane, "me")
    return w.store.run(lanes.begin(lane, "me"))


def _ready(w: World) -> tuple[Cycle, InboxEntry]:
    w.store.run(
        admission.admit(
            world.direct("aria", world.event("1"), ("aria",)), "r", w.limits, w.settings
        )
    )
    begun = _begin(w)
    cycle = Cycle(Lane("aria", "55"), "me", begun.seq, entries=list(begun.entries))
    return cycle, cycle.entries[0]
