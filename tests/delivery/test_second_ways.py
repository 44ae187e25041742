"""What Discord refuses for good teaches something, and has a second way where there is
one; nothing is seen twice."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.loopback import Permission
from app.operator.ops import retry
from app.store import keys, outbox, refusals
from app.store.refusals import Barred
from tests.delivery.conftest import Room

Empties = Callable[..., None]

NO_HISTORY = {
    "message": "Cannot reply without permission to read message history",
    "code": 160002,
}
BLOCKED = {"message": "Message was blocked by automatic moderation", "code": 200000}
NO_REACTION = {"message": "Reaction was blocked", "code": 90001}
NO_PERMISSION = {"message": "Missing Permissions", "code": 50013}
NO_REFERENCE = {
    "message": "Invalid Form Body",
    "code": 50035,
    "errors": {
        "message_reference": {
            "_errors": [
                {"code": "REPLIES_UNKNOWN_MESSAGE", "message": "Unknown message"}
            ]
        }
    },
}


def barred(room: Room) -> set[Barred]:
    """What is remembered of elena's channel."""
    return set(room.store.run(refusals.remembered("elena", str(room.channel.id))))


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (403, NO_HISTORY),
        (400, NO_REFERENCE),
        (404, {"message": "Unknown Message", "code": 10008}),
    ],
)
def test_a_refused_reply_is_said_as_a_plain_message(
    room: Room, empties: Empties, status: int, body: dict[str, object]
) -> None:
    """Where a reply is refused for what it refers to, the same words are said without
    the reference."""
    room.discord.faults.fail_next("POST", "/messages$", status, body)
    message = room.commit()
    room.worker()
    empties()
    (post,) = room.discord.posts_by_bots()
    assert (post.content, post.reply_to) == ("hello", None)
    assert (room.verdicts(message), room.dead()) == (["second_way", "delivered"], [])


def test_a_channel_without_history_is_sent_plain_messages_at_once(
    room: Room, empties: Empties
) -> None:
    """While it is remembered that replies are refused, they are not tried; afterwards
    they are."""
    room.discord.faults.fail_next("POST", "/messages$", 403, NO_HISTORY)
    room.commit("one")
    room.commit("two")
    room.worker()
    empties()
    assert [post.reply_to for post in room.discord.posts_by_bots()] == [None, None]
    assert room.discord.requests["POST", "/channels/{channel_id}/messages"] == 3
    assert barred(room) == {Barred.REFER}
    room.store.run(refusals.forget("elena", str(room.channel.id)))
    trigger = room.commit("three")
    empties()
    assert str(room.discord.posts_by_bots()[-1].reply_to) == trigger


def test_a_refused_reaction_becomes_words(room: Room, empties: Empties) -> None:
    """Who spoke to the bot gets a short line where the reaction is refused; it counts
    as a post."""
    room.discord.faults.fail_next("PUT", "/reactions/", 403, NO_REACTION)
    message = room.commit("", emoji="👋", fallback="Hello there.")
    room.worker()
    empties()
    (post,) = room.discord.posts_by_bots()
    assert (post.content, str(post.reply_to)) == ("Hello there.", message)
    assert list(room.discord.reactions) == []
    assert room.store.client.zcard(keys.recent_bot_posts(str(room.channel.id))) == 1


@pytest.mark.parametrize(
    "body",
    [
        NO_REACTION,
        NO_PERMISSION,
        {"message": "Maximum number of reactions", "code": 30010},
    ],
)
def test_an_unasked_reaction_that_is_refused_is_given_up(
    room: Room, body: dict[str, object]
) -> None:
    """Nobody waits for it: no words take its place, and the channel is not taken for
    one where nothing may be sent."""
    room.discord.faults.fail_next("PUT", "/reactions/", 403, body)
    message = room.commit("", emoji="👋", direct=False, fallback="Hello there.")
    room.worker().run()
    assert (room.said(), room.verdicts(message)) == ([], ["dead"])
    assert room.store.run(refusals.may_send("elena", str(room.channel.id))) == ""


def test_another_line_is_said_for_a_blocked_one(room: Room, empties: Empties) -> None:
    """AutoMod's word is final for the line, not for the answer."""
    room.discord.faults.fail_next("POST", "/messages$", 400, BLOCKED)
    message = room.commit(
        "a blocked word " * 300, fallback="Let me put it differently."
    )
    (entry_id,) = room.queue()
    room.worker()
    empties()
    (post,) = room.discord.posts_by_bots()
    assert post.content == "Let me put it differently."
    assert post.nonce == outbox.nonce(entry_id, 0), (
        "one who still holds the first words and posts late is seen once"
    )
    assert room.verdicts(message) == ["second_way", "delivered"]
    assert barred(room) == {Barred.LINE}


def test_there_is_no_third_way(room: Room) -> None:
    """If the other line is blocked too, or there is none, the entry is a dead letter
    with Discord's reason."""
    room.discord.faults.fail_next("POST", "/messages$", 400, BLOCKED, times=3)
    room.commit("blocked", fallback="blocked too")
    room.commit("blocked, without another line")
    room.worker().run()
    assert room.said() == []
    assert (
        room.dead() == ["400 200000: Message was blocked by automatic moderation"] * 2
    )


def test_half_an_answer_is_not_followed_by_other_words(room: Room) -> None:
    """A piece that is blocked after the first has been said ends the text."""
    room.commit("word " * 600, fallback="Something else.")
    room.store.client.hset(
        keys.entry(room.queue()[0]), mapping={"chunk:0": "1", "done": 1}
    )
    room.discord.faults.fail_next("POST", "/messages$", 400, BLOCKED)
    room.worker().run()
    assert room.said() == []
    assert len(room.dead()) == 1


def test_an_answer_that_may_have_arrived_is_looked_for_first(
    room: Room, empties: Empties
) -> None:
    """A line whose first attempt arrived unheard and whose second is blocked is found,
    and no other line is said."""
    soon: dict[str, Any] = {"delivery_lease": 0.3, "discord_timeout": 0.3}
    room.discord.faults.lose_next("POST", "/messages$")
    message = room.commit("hello", fallback="Something else.", **soon)
    worker = room.worker(**soon)
    worker.run_once()
    room.discord.faults.fail_next("POST", "/messages$", 400, BLOCKED)
    room.due()
    empties()
    assert (room.said(), room.reason(message)) == (["hello"], "read_back")


def test_a_blocked_line_that_never_arrived_is_replaced_after_a_look(
    room: Room, empties: Empties
) -> None:
    """A server error, then AutoMod: the channel is read, and as nothing stands there
    the other line is said."""
    soon: dict[str, Any] = {"delivery_lease": 0.3, "discord_timeout": 0.3}
    room.discord.faults.fail_next("POST", "/messages$", 503)
    room.commit("hello", fallback="Something else.", **soon)
    worker = room.worker(**soon)
    worker.run_once()
    room.discord.faults.fail_next("POST", "/messages$", 400, BLOCKED)
    room.due()
    empties()
    assert room.said() == ["Something else."]


@pytest.mark.parametrize("lost", ["answer", "worker"])
def test_a_second_way_that_is_interrupted_is_gone_on_with(
    room: Room, empties: Empties, lost: str
) -> None:
    """Whoever takes over after the second way was chosen knows only that one: never
    both, never twice."""
    room.discord.faults.fail_next("POST", "/messages$", 400, BLOCKED)
    room.commit("hello", fallback="Something else.", delivery_lease=0.3)
    if lost == "answer":
        room.discord.faults.lose_next("POST", "/messages$")
        room.worker().run_once()
        room.due()
    else:
        with room.process("post_after", delivery_lease=0.3) as dying:
            assert dying.wait(60) == -signal.SIGKILL
    room.worker()
    empties()
    assert room.said() == ["Something else."]


def test_a_deliverer_without_the_lease_changes_nothing(room: Room) -> None:
    """A second way is chosen by whoever holds the channel, and only for what is not
    delivered."""
    room.commit("hello", fallback="Something else.")
    (entry_id,) = room.queue()
    entry = room.store.run(outbox.read(entry_id))
    assert entry is not None
    other = entry.model_copy(update={"chunks": ("Something else.",)}).model_dump_json()
    assert not room.store.run(
        outbox.replace(entry, other, 0, "nobody", "test", absent=True, worded=False)
    )
    room.worker().run()
    assert room.said() == ["hello"]


def test_the_servers_own_refusals_have_the_same_second_ways(
    room: Room, empties: Empties
) -> None:
    """Without READ_MESSAGE_HISTORY a plain message; after AutoMod another line; for who
    blocks the bot words."""
    elena = room.bots["elena"]
    room.discord.deny(room.channel, elena, Permission.READ_MESSAGE_HISTORY)
    room.discord.automod("forbidden fruit")
    room.discord.block(room.person, elena)
    room.commit("a forbidden fruit", fallback="Let me put it differently.")
    room.worker()
    empties()
    room.discord.permit(room.channel, elena, Permission.READ_MESSAGE_HISTORY)
    room.commit("", emoji="👋", fallback="Hello there.")
    empties()
    assert room.said() == ["Let me put it differently.", "Hello there."]
    assert room.dead() == []
    assert barred(room) == {Barred.REFER, Barred.LINE, Barred.EMOJI}


@pytest.mark.parametrize("denied", [Permission.SEND_MESSAGES, Permission.VIEW_CHANNEL])
def test_a_channel_that_is_closed_to_the_bot_is_remembered(
    room: Room, denied: Permission
) -> None:
    """A bot that lost a permission is known to be unable to send there; another one is
    not."""
    room.commit()
    room.discord.deny(room.channel, room.bots["elena"], denied)
    room.worker().run()
    assert room.store.run(refusals.may_send("elena", str(room.channel.id))).startswith(
        "403 500"
    )
    assert room.store.run(refusals.may_send("aria", str(room.channel.id))) == ""


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (403, NO_PERMISSION),
        (403, {"message": "Missing Access", "code": 50001}),
        (403, {"message": "Cannot send messages to this user", "code": 50007}),
        (400, {"message": "Thread is archived", "code": 50083}),
        (404, {"message": "Unknown Channel", "code": 10003}),
    ],
)
def test_a_channel_that_refuses_is_remembered_and_told_once(
    room: Room, status: int, body: dict[str, object]
) -> None:
    """The reason can be read before the next bid and the next model call; the operator
    reads one line, each entry's journal tells its own."""
    room.discord.faults.fail_next("POST", "/messages$", status, body, times=3)
    messages = [room.commit(f"text {number}") for number in range(3)]
    with capture_logs() as lines:
        room.worker().run()
    reason = f"{status} {body['code']}: {body['message']}"
    assert room.store.run(refusals.may_send("elena", str(room.channel.id))) == reason
    assert room.store.run(refusals.may_send("aria", str(room.channel.id))) == ""
    assert [line["reason"] for line in lines if line["event"] == "Discord refuses"] == [
        reason
    ]
    assert [room.reason(message) for message in messages] == [reason] * 3
    assert room.dead() == [reason] * 3


def test_a_success_disproves_it(room: Room) -> None:
    """A post that goes through shows that the bot may send: the refusal is
    forgotten."""
    room.discord.faults.fail_next("POST", "/messages$", 403, NO_PERMISSION)
    room.commit("refused")
    room.commit("welcome")
    room.worker().run()
    assert room.said() == ["welcome"]
    assert barred(room) == set()


def test_who_sends_a_dead_letter_again_has_mended_the_cause(room: Room) -> None:
    """An operator's second chance forgets what was refused in that channel."""
    room.discord.faults.fail_next("POST", "/messages$", 403, NO_PERMISSION)
    room.commit()
    room.worker().run()
    (entry_id,) = room.store.run(outbox.dead("elena"))
    assert barred(room) == {Barred.SEND}
    assert retry(entry_id, room.with_settings(redis_url=room.redis_url))
    assert barred(room) == set()
    room.worker().run()
    assert room.said() == ["hello"]
