"""What Discord refuses or nobody wants any more is buried with its reason, and the
queue moves on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from app.operator.ops import retry, wait_for_acknowledgement
from app.store import keys, mutes, outbox
from app.store.door import Store
from tests.delivery.conftest import Room

Empties = Callable[..., None]


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (400, {"message": "Invalid Form Body", "code": 50035}, "400 50035"),
        (
            403,
            {"message": "Missing Permissions", "code": 50013},
            "403 50013: Missing Permissions",
        ),
        (
            404,
            {"message": "Unknown Channel", "code": 10003},
            "404 10003: Unknown Channel",
        ),
    ],
)
def test_a_refused_post_is_a_dead_letter_and_the_queue_moves_on(
    room: Room, status: int, body: dict[str, object] | str, reason: str
) -> None:
    """A post that Discord refuses for good is kept with Discord's reason; the next one
    goes out."""
    refused = room.commit("refused")
    room.commit("welcome")
    room.discord.faults.fail_next("POST", "/messages$", status, body)
    room.worker().run()
    assert room.said() == ["welcome"]
    (letter,) = room.dead()
    assert letter.startswith(reason)
    assert room.verdicts(refused) == ["dead"]
    assert "elena" in room.store.client.hgetall(keys.answer(refused)), (
        "nobody is left waiting for it"
    )


def test_a_hidden_channel_is_a_dead_letter(room: Room) -> None:
    """A channel that the bot may not see any more refuses for good."""
    room.commit()
    room.discord.hide(room.channel, room.bots["elena"])
    room.worker().run()
    assert room.dead() == ["403 50001: Missing Access"]


def test_an_unknown_emoji_is_a_dead_letter(room: Room) -> None:
    """A reaction that Discord does not know is refused for good."""
    room.commit("", emoji="nonsense")
    room.worker().run()
    assert room.dead() == ["400 10014: Unknown Emoji"]


def test_a_reaction_to_a_deleted_message_is_cancelled(room: Room) -> None:
    """A reaction whose target is gone is nobody's fault: cancelled, no dead letter."""
    message = room.commit("", emoji="👋")
    room.discord.delete(int(message))
    room.worker().run()
    assert (room.dead(), room.verdicts(message)) == ([], ["cancelled"])


def test_a_deleted_trigger_cancels_the_reply(room: Room) -> None:
    """What answers a message that its author deleted is not posted, once a gateway has
    seen the deletion."""
    message = room.commit()
    room.store.client.set(keys.deleted(message), "1", px=60_000)
    room.worker().run()
    assert (room.said(), room.verdicts(message)) == ([], ["cancelled"])


def test_a_reply_to_a_trigger_that_vanished_unseen_is_still_posted(room: Room) -> None:
    """A deletion that no gateway saw does not make Discord refuse the post."""
    message = room.commit()
    room.discord.delete(int(message))
    room.worker().run()
    assert room.said() == ["hello"]


def test_a_mute_between_two_attempts_wins(room: Room, empties: Empties) -> None:
    """A mute that comes after a failed attempt stops the next."""
    room.discord.faults.fail_next("POST", "/messages$", 503)
    message = room.commit()
    worker = room.worker()
    worker.run_once()
    room.store.run(mutes.mute("bot:elena", "moderator", 60_000))
    room.due()
    empties()
    assert (room.said(), room.verdicts(message)) == ([], ["retry", "muted"])
    assert room.store.run(mutes.count_in_flight()) == 0


def test_a_mute_is_acknowledged_while_others_post(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mute waits for the POSTs that began before it, not for those that other bots go
    on sending: in a busy stream there is always one. It does wait for the first."""
    begun = time.time()
    store.client.zadd(keys.DELIVERIES_IN_FLIGHT, {"mine:0": int(begun * 1000) + 300})
    store.client.pexpire(keys.DELIVERIES_IN_FLIGHT, 60_000)

    def another_begins(seconds: float) -> None:
        store.client.zadd(
            keys.DELIVERIES_IN_FLIGHT, {"other:0": int(time.time() * 1000) + 60_000}
        )
        threading.Event().wait(seconds)

    monkeypatch.setattr(
        "app.operator.ops.time",
        SimpleNamespace(sleep=another_begins, monotonic=time.monotonic),
    )
    assert wait_for_acknowledgement(store, 5.0)
    assert time.time() - begun >= 0.29
    assert store.run(mutes.count_in_flight()) == 1


def test_a_mute_also_stops_the_attempts_inside_discord_py(
    room: Room, wait_until: Callable[..., None]
) -> None:
    """A mute is seen by an attempt that discord.py repeats by itself after a 429."""
    room.discord.faults.fail_next(
        "POST",
        "/messages$",
        429,
        {"message": "slow down", "retry_after": 2.0, "global": False},
    )
    message = room.commit()
    assert not room.worker().run(wait=0.0)
    wait_until(
        lambda: room.discord.requests["POST", "/channels/{channel_id}/messages"],
        what="the refused attempt",
    )
    room.store.run(mutes.mute("all", "moderator", 60_000))
    wait_until(lambda: room.verdicts(message) == ["muted"], what="the burial")
    assert room.said() == []


def test_a_mute_between_two_pieces_ends_the_text(
    room: Room, wait_until: Callable[..., None]
) -> None:
    """A mute stops a long text between its messages."""
    room.discord.rate_limit = (1, 2.0)
    message = room.commit("word " * 600)
    assert not room.worker().run(wait=0.0)
    wait_until(room.said, what="the first piece")
    room.store.run(mutes.mute(f"channel:{room.channel.id}", "moderator", 60_000))
    wait_until(lambda: room.verdicts(message) == ["muted"], what="the burial")
    assert len(room.said()) == 1


def test_an_unasked_post_that_is_too_late_is_dropped(room: Room) -> None:
    """An unasked post not delivered by its time is not posted at all."""
    message = room.commit(direct=False, deliver_by=0.001)
    time.sleep(0.01)
    room.worker().run()
    assert (room.said(), room.verdicts(message)) == ([], ["expired"])


def test_a_late_unasked_post_known_to_be_absent_is_dropped(
    room: Room, empties: Empties
) -> None:
    """Having looked and not found it, an unasked post that is late by now is dropped,
    not sent."""
    message = room.commit(direct=False)
    room.discord.faults.fail_next("POST", "/messages$", 503)
    room.worker(discord_timeout=1.0).run_once()
    room.store.client.hset(keys.entry(room.queue()[0]), "deliver_by", "1")
    room.forget_nonces()
    empties()
    assert (room.said(), room.verdicts(message)) == ([], ["retry", "expired"])


def test_a_direct_reply_has_no_such_limit(room: Room) -> None:
    """A direct message is answered, however late."""
    room.commit(deliver_by=0.001)
    time.sleep(0.01)
    room.worker().run()
    assert room.said() == ["hello"]


def test_what_fails_for_too_long_is_a_dead_letter(room: Room, empties: Empties) -> None:
    """A post that has failed for the time to give up is buried, and the queue moves
    on."""
    room.discord.faults.fail_next("POST", "/messages$", 503, times=2)
    room.commit("first")
    room.commit("second")
    room.worker(delivery_give_up=0.001)
    empties()
    assert room.said() == ["second"]
    assert room.dead() == ["gave up after 2 failures: HTTP 503"]


def test_a_corrupt_entry_is_a_dead_letter_and_the_queue_moves_on(room: Room) -> None:
    """An entry that cannot be read, or is gone, is set aside with a journal line; what
    follows goes out."""
    corrupt = room.commit("corrupt")
    room.store.client.hset(keys.entry(room.queue()[0]), "body", "{not json")
    room.store.client.rpush(keys.outbox("elena", str(room.channel.id)), "no-such-entry")
    room.commit("welcome")
    room.worker().run()
    assert room.said() == ["welcome"]
    assert room.dead() == ["the entry cannot be read, or none of ours signed it"] * 2
    assert room.verdicts(corrupt) == ["dead"]


@pytest.mark.parametrize("kind", ["string", "list", "set", "sorted set"])
def test_another_programs_key_in_an_entrys_place_is_a_dead_letter(
    room: Room, kind: str
) -> None:
    """A key of the wrong type is set aside with a reason and left as it is; what
    follows goes out, and nothing comes back to it every five seconds. Asked to send it
    again, the store says no."""
    room.commit("overwritten")
    room.commit("welcome")
    (entry_id, _), client = room.queue(), room.store.client
    client.delete(keys.entry(entry_id))
    write = {"string": client.set, "list": client.rpush, "set": client.sadd}.get(kind)
    write(keys.entry(entry_id), "not mine") if write else client.zadd(
        keys.entry(entry_id), {"not mine": 1}
    )
    client.expire(keys.entry(entry_id), 60)
    room.worker().run_once()
    assert (room.said(), room.dead(), room.queue()) == (
        ["welcome"],
        ["the entry cannot be read, or none of ours signed it"],
        [],
    )
    assert room.verdicts(entry_id) == ["dead"]
    assert client.type(keys.entry(entry_id)) == kind.replace("sorted ", "z")
    assert not retry(entry_id, room.with_settings(redis_url=room.redis_url))


def test_a_delivered_entry_that_is_listed_again_is_taken_off(room: Room) -> None:
    """An entry whose text is already in Discord leaves the list without a second
    post."""
    room.commit()
    (entry,) = room.queue()
    worker = room.worker()
    worker.run()
    room.store.client.rpush(keys.outbox("elena", str(room.channel.id)), entry)
    room.commit("next")
    worker.run()
    assert room.said() == ["hello", "next"]
    assert room.queue() == []


def test_a_post_waits_while_discord_cannot_be_reached(
    room: Room, empties: Empties
) -> None:
    """While Discord cannot be reached the post waits; when it is back the post goes
    out."""
    room.commit()
    real = room.discord.api_url
    room.worker(discord_api_url="http://127.0.0.1:9/api/v10").run_once()
    assert len(room.queue()) == 1
    room.due()
    room.worker(discord_api_url=real)
    empties()
    assert room.said() == ["hello"]


def test_a_dead_letter_can_be_sent_again_once(room: Room) -> None:
    """An operator who mended the cause sends it again; asked twice, it is sent once."""
    room.commit("second try")
    room.discord.faults.fail_next(
        "POST", "/messages$", 403, {"message": "Missing Permissions", "code": 50013}
    )
    room.worker().run()
    (entry_id,) = room.store.run(outbox.dead("elena"))
    entry = room.store.run(outbox.read(entry_id))
    assert entry is not None
    assert [
        room.store.run(outbox.retry(entry)),
        room.store.run(outbox.retry(entry)),
    ] == [
        True,
        False,
    ]
    room.worker().run()
    assert (room.said(), room.dead()) == (["second try"], [])


def test_a_long_outage_is_no_failure_of_the_post(room: Room, empties: Empties) -> None:
    """The time to give up counts from the first failure: what waited an hour for a
    worker survives one server error."""
    room.commit()
    entry = keys.entry(room.queue()[0])
    committed = int(str(room.store.client.hget(entry, "committed_at")))
    room.store.client.hset(entry, "committed_at", str(committed - 3_600_000))
    room.discord.faults.fail_next("POST", "/messages$", 503)
    room.worker()
    empties()
    assert (room.said(), room.dead()) == (["hello"], [])


def test_a_dead_letter_that_is_gone_stays_on_the_list(room: Room) -> None:
    """Asked to send a dead letter again whose entry has expired, the store says no and
    keeps the reason."""
    room.commit()
    room.discord.faults.fail_next(
        "POST", "/messages$", 400, {"message": "no", "code": 50035}
    )
    room.worker().run()
    (entry_id,) = room.store.run(outbox.dead("elena"))
    entry = room.store.run(outbox.read(entry_id))
    assert entry is not None
    room.store.client.delete(keys.entry(entry_id))
    assert not room.store.run(outbox.retry(entry))
    assert list(room.store.run(outbox.dead("elena"))) == [entry_id]


def test_a_dead_letter_sent_again_after_days_leaves_no_key_for_ever(room: Room) -> None:
    """The answer record, long expired when an operator sends a dead letter again,
    expires again."""
    message = room.commit()
    room.discord.faults.fail_next(
        "POST", "/messages$", 400, {"message": "no", "code": 50035}
    )
    room.worker().run()
    (entry_id,) = room.store.run(outbox.dead("elena"))
    entry = room.store.run(outbox.read(entry_id))
    assert entry is not None
    room.store.client.delete(keys.answer(message))
    assert room.store.run(outbox.retry(entry))
    assert room.store.client.pttl(keys.answer(message)) > 0
