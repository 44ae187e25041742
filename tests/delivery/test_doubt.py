"""Nothing twice and nothing lost when it is unknown whether a post arrived."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.loopback import Permission
from app.runtime import killpoints
from app.store import keys, mutes, outbox
from tests.delivery.conftest import Room

Empties = Callable[..., None]
Wait = Callable[..., None]

SOON: dict[str, Any] = {"delivery_lease": 0.3, "discord_timeout": 0.3}
"""So that the wait for posts that may still arrive, and for a dead deliverer's lease,
is short."""


@pytest.mark.parametrize(("lost", "errors"), [(0.3, 0.0), (0.0, 0.2), (0.3, 0.2)])
def test_lost_answers_and_server_errors_double_nothing(
    room: Room,
    empties: Empties,
    monkeypatch: pytest.MonkeyPatch,
    lost: float,
    errors: float,
) -> None:
    """With 30% of the answers lost and 20% server errors, each of 15 posts is seen once
    and in order."""
    monkeypatch.setattr("app.delivery.failures.FIRST_RETRY", 0.01)
    room.discord.faults.lost_answer_rate, room.discord.faults.error_rate = lost, errors
    texts = [f"text {n}" for n in range(15)]
    messages = [room.commit(text) for text in texts]
    room.worker()
    empties()
    assert room.said() == texts
    assert [room.verdicts(message)[-1] for message in messages] == ["delivered"] * 15
    assert room.dead() == []


def test_a_server_error_is_not_slept_on_inside_discord_py(room: Room) -> None:
    """A 500, which discord.py would sleep on with the lease held, comes back to the
    outbox at once."""
    room.discord.faults.fail_next("POST", "/messages$", 500, times=1)
    message = room.commit()
    room.worker().run_once()
    assert room.verdicts(message) == ["retry"]
    assert room.discord.requests["POST", "/channels/{channel_id}/messages"] == 1, (
        "discord.py would have repeated it"
    )


@pytest.mark.parametrize("point", ["post_before", "post_after", "mark_after"])
def test_a_killed_deliverer_doubles_nothing(
    room: Room, empties: Empties, point: str
) -> None:
    """Whoever takes over from a deliverer killed before the POST, after it, or after
    the mark, posts once in all."""
    room.commit()
    with room.process(point, delivery_lease=0.3) as dying:
        assert dying.wait(20) == -signal.SIGKILL
    room.worker()
    empties()
    assert len(room.said()) == 1


def test_a_frozen_deliverer_that_wakes_doubles_nothing(
    room: Room, empties: Empties, wait_until: Wait
) -> None:
    """A deliverer frozen between permission and POST, overtaken past the nonce window,
    posts nothing when it wakes."""
    room.commit()
    with room.process("post_before:stop", **SOON) as frozen:
        state = Path(f"/proc/{frozen.pid}/stat")
        wait_until(lambda: ") T " in state.read_text(), what="it froze")
        room.forget_nonces()
        room.worker(**SOON)
        empties()
        os.kill(frozen.pid, signal.SIGCONT)
        assert frozen.wait(20) == 0
    assert len(room.said()) == 1


def test_past_the_nonce_window_the_channel_is_read_back(
    room: Room, empties: Empties
) -> None:
    """A post whose answer was lost longer ago than Discord remembers nonces is found in
    the channel, not sent again."""
    room.discord.faults.lose_next("POST", "/messages$")
    message = room.commit(" hello\n  Ada ", **SOON)
    room.worker(**SOON).run_once()
    assert len(room.said()) == 1
    room.forget_nonces()
    empties()
    assert len(room.said()) == 1
    assert how(room, message) == "read_back"


def test_what_is_not_found_in_the_channel_is_sent(room: Room, empties: Empties) -> None:
    """A post that never arrived is sent once the channel was read back without finding
    it."""
    room.discord.faults.fail_next("POST", "/messages$", 503)
    message = room.commit(**SOON)
    room.worker(**SOON).run_once()
    room.forget_nonces()
    empties()
    assert len(room.said()) == 1
    assert how(room, message) == "post"


def test_the_same_text_twice_on_purpose_is_said_twice(
    room: Room, empties: Empties
) -> None:
    """A read-back does not take an earlier post with the same text, known to be another
    entry's, for this one."""
    first = room.discord.post(room.person, room.channel, "one")
    room.commit("yes", trigger=first, **SOON)
    worker = room.worker(**SOON)
    worker.run()
    # The hardest case: both replies refer to the same message.
    room.discord.faults.fail_next("POST", "/messages$", 503)
    second = room.commit("yes", **SOON)
    entry_id = room.queue()[0]
    body = room.store.client.hget(keys.entry(entry_id), "body")
    assert body is not None
    room.store.client.hset(
        keys.entry(entry_id), "body", str(body).replace(second, str(first.message_id))
    )
    worker.run_once()
    room.forget_nonces()
    empties()
    assert room.said() == ["yes", "yes"]


def test_a_gateways_view_of_the_post_does_not_hide_it_from_the_read_back(
    room: Room, empties: Empties
) -> None:
    """A gateway writes a cause for each post of ours that it sees; that alone does not
    make it another entry's."""
    room.discord.faults.lose_next("POST", "/messages$")
    room.commit(**SOON)
    room.worker(**SOON).run_once()
    (post,) = room.discord.posts_by_bots()
    room.store.client.hset(
        keys.cause(str(post.message_id)), mapping={"root": "1", "hops": 1}
    )
    room.store.client.pexpire(keys.cause(str(post.message_id)), 60_000)
    room.forget_nonces()
    empties()
    assert len(room.said()) == 1


def test_equal_pieces_of_one_text_are_each_seen_once(
    room: Room, empties: Empties, wait_until: Wait
) -> None:
    """Two equal messages of one long text are two: the read-back of the second does not
    find the first."""
    piece = "the same words again, " * 60 + "and again."
    room.discord.rate_limit = (1, 3.0)
    message = room.commit(f"{piece}\n\n{piece}", **SOON)
    worker = room.worker(**SOON)
    worker.deliverer._retry_later = lambda *_: None
    assert not worker.run(wait=0.0)
    wait_until(room.said, what="the first piece; the second one waits for its bucket")
    room.discord.faults.fail_next("POST", "/messages$", 503)
    wait_until(
        lambda: room.verdicts(message) == ["retry"], what="the second piece's failure"
    )
    room.forget_nonces(chunk=1)
    empties()
    assert room.said() == [piece, piece]


def test_a_rate_limit_does_not_make_an_earlier_unknown_attempt_known(
    room: Room, empties: Empties
) -> None:
    """A refused later attempt says nothing of an earlier one that may have arrived: it
    is still read back."""
    room.discord.faults.lose_next("POST", "/messages$")
    message = room.commit(**SOON)
    worker = room.worker(**SOON)
    worker.run_once()
    room.discord.faults.fail_next(
        "POST",
        "/messages$",
        429,
        {"message": "slow down", "retry_after": 40.0, "global": False},
    )
    room.due()
    worker.run_once()
    room.forget_nonces()
    empties()
    assert (len(room.said()), how(room, message)) == (1, "read_back")


def test_a_gateways_receipt_counts(room: Room) -> None:
    """A post that the gateway saw with our nonce is delivered, and not sent again by
    whoever has it in the queue."""
    room.discord.faults.lose_next("POST", "/messages$")
    message = room.commit()
    worker = room.worker()
    worker.run_once()
    sent = room.store.run(outbox.in_flight("elena", str(room.channel.id)))
    (post,) = room.discord.posts_by_bots()
    assert sent is not None
    assert sent.nonce == post.nonce
    entry = room.store.run(outbox.read(sent.entry))
    assert entry is not None
    assert room.store.run(
        outbox.record_delivery(
            entry, sent.chunk, str(post.message_id), "receipt", "2026-01-01"
        )
    )[0]
    room.due()
    worker.run()
    assert room.queue() == []
    assert how(room, message) == "receipt"
    assert room.discord.requests["POST", "/channels/{channel_id}/messages"] == 1


def test_a_post_deleted_before_the_retry_is_not_said_again(
    room: Room, empties: Empties
) -> None:
    """`Unknown Message` as the answer to a repeated nonce means that the post was seen
    and deleted: done, not dead."""
    room.discord.faults.lose_next("POST", "/messages$")
    message = room.commit()
    room.worker().run_once()
    (post,) = room.discord.posts_by_bots()
    room.discord.delete(post)
    room.due()
    empties()
    assert (room.dead(), room.verdicts(message)[-1]) == ([], "delivered")
    assert len(room.said()) == 1


def test_the_stated_limit_of_a_post_deleted_in_doubt(
    room: Room, empties: Empties
) -> None:
    """What docs/guarantees.md says remains possible: an answer that was lost, a
    moderator who deletes the post, and a next try after Discord's memory, is a post
    that never arrived as far as anybody can tell. If this fails, the limit is gone."""
    room.discord.faults.lose_next("POST", "/messages$")
    room.commit(**SOON)
    room.worker(**SOON).run_once()
    (post,) = room.discord.posts_by_bots()
    room.discord.delete(post)
    room.forget_nonces()
    empties()
    assert len(room.said()) == 2


def test_a_permission_to_post_does_not_outlast_the_timeout(
    room: Room, empties: Empties, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that is frozen between the permission and the POST does not post when
    it wakes after the timeout."""
    frozen: list[str] = []

    def reached(name: str) -> None:
        if name == "post_before" and not frozen:
            frozen.append(name)
            time.sleep(0.4)

    monkeypatch.setattr(killpoints, "reached", reached)
    room.commit(discord_timeout=0.3)
    worker = room.worker(discord_timeout=0.3)
    worker.run_once()
    room.due()
    assert room.discord.requests["POST", "/channels/{channel_id}/messages"] == 0
    empties()
    assert len(room.said()) == 1


def test_an_answer_that_never_comes_is_given_up_at_the_timeout(
    room: Room, empties: Empties
) -> None:
    """A POST that Discord does not answer ends at the timeout, gives the channel back,
    and is seen once in the end."""
    room.discord.faults.delay = 5.0
    message = room.commit(discord_timeout=0.3)
    worker = room.worker(discord_timeout=0.3)
    worker.run_once()
    assert room.verdicts(message) == ["retry"]
    assert room.store.run(mutes.count_in_flight()) == 0
    room.discord.faults.delay = 0.0
    room.due()
    empties()
    assert len(room.said()) == 1


def test_the_lease_is_kept_while_a_rate_limit_is_waited_out(
    room: Room, wait_until: Wait
) -> None:
    """While one deliverer waits for its bucket, the lease, shorter than the wait, stays
    with it."""
    room.discord.rate_limit = (1, 3.0)
    room.commit("one")
    room.commit("two")
    waiting = room.worker(delivery_lease=0.9)
    assert not waiting.run(wait=0.0)
    wait_until(room.said, what="the first post")
    time.sleep(1.5)  # longer than the lease, shorter than the wait for the bucket
    assert (
        room.store.client.get(keys.delivery("elena", str(room.channel.id)))
        == waiting.deliverer._owner
    )
    wait_until(
        lambda: room.said() == ["one", "two"],
        what="the second post, by the same deliverer",
    )


def test_a_deliverer_that_lost_its_lease_stops(room: Room, wait_until: Wait) -> None:
    """Whoever lost the lease does not post: another may be at it."""
    room.discord.rate_limit = (1, 2.0)
    room.commit("one")
    room.commit("two")
    worker = room.worker()
    assert not worker.run(wait=0.0)
    wait_until(room.said, what="the first post; the second one waits for its bucket")
    room.store.client.set(
        keys.delivery("elena", str(room.channel.id)), "another", px=60_000
    )
    assert worker.run()
    assert room.said() == ["one"]


def how(room: Room, message: str) -> str:
    """By what a message's answer is known to be delivered."""
    return room.reason(message)


def test_an_unreadable_history_is_no_proof_of_absence(
    room: Room, empties: Empties
) -> None:
    """Who may not read a channel's history is shown an empty one: what may stand there
    is not said again, and its operator finds it among the dead letters."""
    room.discord.faults.lose_next("POST", "/messages$")
    room.commit(**SOON)
    room.worker(**SOON).run_once()
    room.discord.deny(room.channel, room.bots["elena"], Permission.READ_MESSAGE_HISTORY)
    room.forget_nonces()
    empties()
    assert len(room.said()) == 1
    assert room.dead() == [
        "An earlier attempt may have arrived, and the channel's history cannot be read."
    ]
