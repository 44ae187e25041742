"""Delivery when all goes well, and what leaves the program."""

from __future__ import annotations

import threading
from collections.abc import Callable

from app.delivery.rest import Secrets
from app.domain.lane import Lane
from app.store import keys, outbox
from app.store.floors import Next
from tests.delivery.conftest import Room
from tests.store.world import queue_up

Empties = Callable[..., None]


def test_a_committed_reply_is_posted_once_as_a_reply(room: Room) -> None:
    """A committed reply is seen once, refers to its trigger, and leaves no lease, entry
    or due mark behind."""
    message = room.commit("hello Ada")
    assert room.worker().run()
    (post,) = room.discord.posts_by_bots()
    assert (post.content, str(post.reply_to)) == ("hello Ada", message)
    assert room.verdicts(message) == ["delivered"]
    assert room.queue() == []
    assert room.store.client.zcard(keys.DELIVERIES_DUE) == 0
    assert room.store.client.zcard(keys.DELIVERIES_IN_FLIGHT) == 0
    assert not room.store.client.exists(keys.delivery("elena", str(room.channel.id)))


def test_what_is_known_of_a_bot_is_not_read_in_a_thread(room: Room) -> None:
    """Where the worker knows the bot's token at once, no thread is asked for it."""
    room.commit("hello Ada")
    worker = room.worker()
    worker.deliverer._known = room.secrets.get
    # Whoever read it there would fail.
    room.secrets = {}
    assert worker.run()
    assert room.said() == ["hello Ada"]


def test_a_redelivered_task_posts_nothing(room: Room) -> None:
    """However often the task runs, a committed reply is seen once."""
    room.commit()
    worker = room.worker()
    assert all(worker.run() for _ in range(3))
    assert len(room.said()) == 1


def test_two_deliverers_at_once_post_each_entry_once(
    room: Room, empties: Empties
) -> None:
    """Two processes that deliver at the same time post each entry once, in order."""
    texts = [f"text {n}" for n in range(10)]
    for text in texts:
        room.commit(text)
    threads = [threading.Thread(target=room.worker().run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    empties()
    assert room.said() == texts


def test_the_next_lane_is_hinted_when_a_post_is_delivered(
    room: Room, wait_until: Callable[..., None]
) -> None:
    """Delivery passes the floor to the lane that waits for it, and says so at once."""
    room.commit("first", undelivered_lease=60.0)
    lane = Lane("aria", str(room.channel.id))
    queue_up(room.store, lane)
    worker = room.worker()
    worker.run()
    wait_until(lambda: worker.hints == [Next(lane)], what="the hint")


def test_a_used_up_bucket_does_not_hold_the_floor(room: Room) -> None:
    """The post that uses up its bucket is delivered at once, though discord.py returns
    when the bucket resets."""
    room.discord.rate_limit = (1, 30.0)
    message = room.commit()
    assert room.worker().run(wait=20.0)
    assert room.verdicts(message) == ["delivered"]
    assert not room.store.client.exists(keys.delivery("elena", str(room.channel.id)))


def test_order_is_kept_through_rate_limits(room: Room, empties: Empties) -> None:
    """Twelve posts against five per second arrive once each and in order."""
    room.discord.rate_limit = (5, 1.0)
    texts = [f"text {n}" for n in range(12)]
    for text in texts:
        room.commit(text)
    room.worker()
    empties()
    assert room.said() == texts


def test_a_foreign_429_is_waited_out(room: Room, empties: Empties) -> None:
    """A 429 that nobody foresaw delays the post by retry_after; the attempt is not
    counted as possibly arrived."""
    room.discord.faults.fail_next(
        "POST",
        "/messages$",
        429,
        {"message": "slow down", "retry_after": 0.3, "global": False},
        times=2,
    )
    message = room.commit()
    room.worker()
    empties()
    assert len(room.said()) == 1
    assert room.verdicts(message) == ["delivered"]


def test_channels_do_not_wait_for_each_other(
    room: Room, wait_until: Callable[..., None]
) -> None:
    """A channel whose bucket is used up does not hold up another one of the same
    bot."""
    room.discord.rate_limit = (1, 30.0)
    other = room.discord.add_channel("garden")
    room.commit("one")
    room.commit("two")
    worker = room.worker()
    assert not worker.run(wait=0.0)
    wait_until(
        room.said, what="the first post; the second of its channel waits for its bucket"
    )
    room.commit("three", channel=other)
    worker.run(wait=0.0)
    wait_until(lambda: room.said(other) == ["three"], 15.0, "the other channel's post")
    assert room.said() == ["one"]


def test_a_long_text_arrives_in_order_each_piece_once(
    room: Room, empties: Empties
) -> None:
    """4,500 characters arrive as three messages, in order, each once; the first alone
    is a reply."""
    words = " ".join(f"word{n}" for n in range(1000))[:4500].strip()
    message = room.commit(words)
    room.discord.faults.lose_next("POST", "/messages$")
    room.worker()
    empties()
    posts = room.discord.posts_by_bots()
    assert " ".join(post.content for post in posts) == words
    assert len(posts) == 3
    assert [str(post.reply_to) for post in posts] == [message, "None", "None"]


def test_a_mass_ping_pings_nobody(room: Room) -> None:
    """Whatever a model writes, nobody is notified: not everyone, no role, no person,
    not the author."""
    room.commit(f"@everyone @here <@{room.person.id}> <@&{room.channel.guild_id}>")
    room.worker().run()
    assert [post.pinged for post in room.discord.posts_by_bots()] == [()]


def test_the_author_is_pinged_only_if_configured(room: Room) -> None:
    """STREAM_MENTION_AUTHOR lets a reply notify the author it answers, and nobody
    else."""
    room.commit("hello @everyone")
    room.worker(mention_author=True).run()
    assert [post.pinged for post in room.discord.posts_by_bots()] == [(room.person.id,)]


def test_a_reaction_is_put_once(room: Room, empties: Empties) -> None:
    """A reaction whose answer was lost is put again and seen once."""
    room.commit("", emoji="👋")
    room.discord.faults.lose_next("PUT", "/reactions/")
    room.worker()
    empties()
    assert [reaction.emoji for reaction in room.discord.reactions] == ["👋"]


def test_a_rotated_token_is_fetched_again(room: Room) -> None:
    """When Discord refuses the token, the vault is asked again and the post goes out
    under the new one."""
    bot = room.bots["elena"]
    worker = room.worker()
    room.commit("before")
    worker.run()
    room.discord.server._core.world.bots_by_token["rotated"] = (
        room.discord.server._core.world.bots_by_token.pop(str(bot.token))
    )
    room.commit("after")
    old, new = room.secrets["elena"], Secrets("rotated", str(bot.id))
    answers = [old, new]
    worker.deliverer._secrets = lambda _: answers.pop(0) if answers else new
    worker.run()
    assert room.said() == ["before", "after"]


def test_a_revoked_token_keeps_the_post_queued(room: Room) -> None:
    """A token that stays refused is no dead letter: the post waits until the vault
    holds one that works."""
    room.commit()
    room.secrets["elena"] = Secrets("wrong", str(room.bots["elena"].id))
    worker = room.worker()
    worker.run()
    assert (len(room.queue()), room.dead(), room.said()) == (1, [], [])
    (channel,) = room.store.run(outbox.list_due("elena"))
    assert channel[1] > 0, "it is retried later"


def test_a_dry_run_posts_nothing(room: Room) -> None:
    """A dry run sends nothing, not even what was committed before it was switched
    on."""
    room.commit()
    room.worker(dry_run=True).run()
    assert room.said() == []
    assert len(room.queue()) == 1


def test_the_secret_is_not_in_the_shape_of_the_secrets() -> None:
    """A token cannot reach a log or a traceback by the repr of what carries it."""
    assert "hidden" not in repr(Secrets("hidden", "1"))
