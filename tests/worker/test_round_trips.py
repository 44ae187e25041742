"""How often a turn asks Redis: each trip is named, so that one more fails the test."""

from __future__ import annotations

from typing import Any

import pytest
from celery import Celery

from app.brain.interest import InterestVectors
from app.broker.hints import CYCLE
from app.delivery.rest import DiscordRest
from app.domain.model import Event, Signal
from app.domain.settings import Settings
from app.loopback import LoopbackThread
from app.store import keys, scripts, states
from app.store.door import Store
from app.worker.worker import worker
from tests.tasks.test_eager import admit, discord, eager, join, say, settings
from tests.worker.trips import counted

__all__ = ["discord", "eager", "settings"]

# Alone in a run, this file brings the fixtures of the other's itself.
pytest_plugins = ["pytest_celery.plugin"]

# By the last thing that each trip asks.
TURN = [
    "lane.begin",
    "refusal.list",
    "floor.claim",
    "HMGET",
    "memory.reserve_line",
    # The commit, and all that follows from it.
    "SMISMEMBER",
]
ALONG = (
    "answer.commit",
    # The lane's next cycle reads it: it stands before the lane is free.
    "field.put",
    "outbox.attempt",
    "outbox.read",
    "lane.finish",
    # Whoever is forgotten while a cycle runs is so before anything is kept of it.
    "ZMSCORE",
    "SMISMEMBER",
)
"""What a commit takes along where a cycle answers one message: the permission to send it
with the delivery's lease, that the bot spoke, the cycle's end, and what people wish by
now."""
AFTER = ["trust.add"]
"""What a bot remembers: nobody waits for it."""
DELIVERY = ["outbox.release"]
"""It begins when the commit is answered, with leave to send. The lease is given back
along with the record of what was delivered."""


def test_a_direct_message_costs_these_round_trips(
    store: Store,
    discord: LoopbackThread,
    settings: Settings,
    eager: Celery,
    wait_until: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From the hint to what is remembered of the answer, a turn of the offline voice asks
    Redis as often as is written above, and its delivery, which runs beside, too."""
    join(store, discord, settings, "elena")
    # The first turn opens connections and teaches the server its scripts.
    for _ in range(2):
        post, event = say(discord, "elena, what lives in a tide pool?")
        event = event.model_copy(update={"guild_id": str(post.guild_id)})
        admit(store, settings, "elena", event, Signal.DIRECT)
        args = ("elena", "direct", str(post.channel_id))
        with counted(monkeypatch) as trips:
            assert eager.tasks[CYCLE].apply_async(args=args).get() == "clear"
            wait_until(
                lambda asked=trips, post=post: (
                    discord.replies_to(post)
                    and any("outbox.release" in trip for trip in asked)
                ),
                what="a delivery",
            )
        # Asked for and carried out: a new server asks for the script first.
        lease = keys.delivery("elena", str(post.channel_id))
        wait_until(lambda key=lease: not store.client.exists(key), what="its end")
    asked = [trip[-1] for trip in trips]
    (commit,) = (trip for trip in trips if "answer.commit" in trip)
    assert commit[-len(ALONG) :] == ALONG
    delivery = set(DELIVERY)
    assert [name for name in asked if name in delivery] == DELIVERY
    assert [name for name in asked if name not in delivery] == TURN + AFTER


def test_a_server_that_knows_some_of_the_scripts_holds_nothing_up(
    store: Store,
    discord: LoopbackThread,
    settings: Settings,
    eager: Celery,
    wait_until: Any,
) -> None:
    """It reads the outbox before the commit has filled it, as it has to be told the
    commit's script first; the answer leaves all the same, under the lease that came
    along."""
    join(store, discord, settings, "elena")
    post, event = say(discord, "elena, what lives in a tide pool?")
    event = event.model_copy(update={"guild_id": str(post.guild_id)})
    admit(store, settings, "elena", event, Signal.DIRECT)
    store.client.script_flush()
    for name in ("outbox.read", "field.put"):
        store.client.script_load(scripts.source(name))
    args = ("elena", "direct", str(post.channel_id))
    assert eager.tasks[CYCLE].apply_async(args=args).get() == "clear"
    wait_until(lambda: discord.replies_to(post), what="an answer")
    assert store.run(states.states_in("elena", [str(post.channel_id)]))


def test_a_cycle_that_read_more_goes_on_after_a_commit(
    store: Store,
    discord: LoopbackThread,
    settings: Settings,
    eager: Celery,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two messages wait: the first one's commit does not end the cycle."""
    join(store, discord, settings, "elena")
    channel, asked = discord.add_channel("reef"), []
    for who in ("Kim", "Sam"):
        person, words = discord.add_user(who), f"elena, {who} asks what eats a limpet"
        asked.append(discord.post(person, channel, words))
        event = Event(
            message_id=str(asked[-1].message_id),
            channel_id=str(channel.id),
            author_id=str(person.id),
            author_name=who,
            content=words,
        )
        admit(store, settings, "elena", event, Signal.DIRECT)
    running = worker()
    # Whoever is next is told of it, and nobody listens: this is about one cycle.
    monkeypatch.setattr(running.hints, "send", lambda *_: True)
    with counted(monkeypatch) as trips:
        running.cycle("elena", "direct", str(channel.id))
    commit = next(trip for trip in trips if "answer.commit" in trip)
    assert commit[-4:] == ALONG[:4]
    ends = [trip for trip in trips if "lane.finish" in trip]
    assert "answer.commit" not in ends[0]


def test_discord_is_asked_as_soon_as_the_floor_is_ours(
    store: Store,
    discord: LoopbackThread,
    settings: Settings,
    eager: Celery,
    wait_until: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What stands around a message is asked once, and by nobody whose colleague may be
    about to post there; words are read while Discord answers."""
    join(store, discord, settings, "elena")
    order: list[str] = []
    note_calls(monkeypatch, order, DiscordRest, "begin_context")
    note_calls(monkeypatch, order, InterestVectors, "score")
    note_calls(monkeypatch, order, DiscordRest, "finish_context")
    post, event = say(discord, "elena, what lives in a tide pool?")
    event = event.model_copy(update={"guild_id": str(post.guild_id)})
    admit(store, settings, "elena", event, Signal.DIRECT)
    with counted(monkeypatch) as trips:
        note_calls(monkeypatch, trips, DiscordRest, "begin_context")
        args = ("elena", "direct", str(post.channel_id))
        eager.tasks[CYCLE].apply_async(args=args).get()
        wait_until(lambda: discord.replies_to(post), what="an answer")
    assert order[:3] == ["begin_context", "score", "finish_context"]
    assert order.count("begin_context") == 1
    asked = [trip if isinstance(trip, str) else trip[-1] for trip in trips]
    assert asked.index("floor.claim") < asked.index("begin_context")


def note_calls(
    monkeypatch: pytest.MonkeyPatch, order: list[Any], owner: type, name: str
) -> None:
    """Write down when a method is called."""
    method = getattr(owner, name)

    def noted(*args: Any, **kwargs: Any) -> Any:
        order.append(name)
        return method(*args, **kwargs)

    monkeypatch.setattr(owner, name, noted)
