"""What Discord refuses, met by real processes: who spoke to a bot gets an answer where
one can be given."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from app.loopback import Account, Permission
from app.store import refusals
from tests.e2e.system import System, add_bots, eager_character, system, write_characters

POST = r"/channels/\d+/messages$"
CLOUDFLARE = "<!DOCTYPE html><html><head><title>Attention Required! | Cloudflare</title></head></html>"


class Town(NamedTuple):
    """A running stream and its one bot."""

    stream: System
    ada: Account


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """One bot in one gateway process, with two workers."""
    folder = tmp_path_factory.mktemp("refusals")
    characters = write_characters(folder / "characters", [eager_character("ada")])
    with system(folder, characters_dir=characters, cooldown=0, quiet_time=0) as running:
        ada = add_bots(running, "ada")["ada"]
        running.discord.add_channel("general")
        running.workers()
        running.gateway("ada")
        running.wait_ready("ada")
        yield Town(running, ada)


@pytest.fixture
def stream(town: Town) -> System:
    """The stream alone."""
    return town.stream


def answers(stream: System, message: int) -> list[str]:
    """What was said to a message."""
    return [post.content for post in stream.discord.replies_to(message) if post.is_bot]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (403, CLOUDFLARE),
        (404, "<html>404</html>"),
        (403, {"message": "internal network error", "code": 40333}),
        (
            403,
            {"message": "Send messages has been temporarily disabled", "code": 40004},
        ),
    ],
)
def test_a_passing_refusal_costs_a_moment(
    stream: System, status: int, body: str | dict[str, object]
) -> None:
    """One page of a proxy, or a code that passes, and the answer comes a little
    later."""
    channel = stream.discord.add_channel("passing")
    person = stream.discord.add_user("Mara")
    stream.discord.faults.fail_next("POST", POST, status, body)
    post = stream.discord.post(person, channel, "ada, how are you?")
    stream.wait(lambda: answers(stream, post.message_id), what="the answer")
    stream.rest()
    assert len(answers(stream, post.message_id)) == 1


def test_without_the_history_an_answer_goes_out_as_a_plain_message(
    stream: System, town: Town
) -> None:
    """A bot that may not read what was said may still answer what it heard."""
    channel = stream.discord.add_channel("no-history")
    person = stream.discord.add_user("Tom")
    stream.discord.deny(channel, town.ada, Permission.READ_MESSAGE_HISTORY)
    stream.discord.post(person, channel, "ada, how are you?")
    stream.wait(
        lambda: [
            one
            for one in stream.discord.posts_by_bots()
            if one.channel_id == channel.id
        ],
        what="the answer",
    )
    stream.rest()
    (said,) = (
        one for one in stream.discord.posts_by_bots() if one.channel_id == channel.id
    )
    assert said.reply_to is None


def test_a_blocked_line_is_followed_by_another_one(stream: System) -> None:
    """Who asked is not left without an answer because AutoMod did not like the first
    one."""
    channel = stream.discord.add_channel("moderated")
    person = stream.discord.add_user("Kim")
    stream.discord.faults.fail_next(
        "POST", POST, 400, {"message": "Message was blocked", "code": 200000}
    )
    post = stream.discord.post(person, channel, "ada, how are you?")
    stream.wait(lambda: answers(stream, post.message_id), what="the other line")
    stream.rest()
    assert len(answers(stream, post.message_id)) == 1
    steps = [
        line.verdict
        for line in stream.journal(post.message_id)
        if line.step == "deliver"
    ]
    assert steps == ["second_way", "delivered"]


def test_closed_direct_messages_are_remembered(stream: System, town: Town) -> None:
    """A person who takes no direct messages from bots: the reason stands where the next
    cycle can read it."""
    person = stream.discord.add_user("Luna")
    stream.discord.close_dms(person)
    post = stream.discord.dm(person, town.ada, "hello, are you there?")
    stream.wait(
        lambda: stream.store.run(refusals.may_send("ada", str(post.channel_id))),
        what="the memory",
    )
    assert "50007" in stream.store.run(refusals.may_send("ada", str(post.channel_id)))


def test_a_right_that_is_given_back_is_used_at_once(stream: System, town: Town) -> None:
    """A right that is taken while the answer is on its way ends the answer, and the
    journal says why. Who calls the bot once it is given back is answered."""
    channel = stream.discord.add_channel("rights")
    person = stream.discord.add_user("Ida")
    door = stream.discord.faults.hold_posts
    door.set()
    lost = stream.discord.post(person, channel, "ada, how are you?")
    stream.wait(lambda: door.waiting, what="the post")
    stream.discord.deny(channel, town.ada, Permission.SEND_MESSAGES)
    door.clear()
    place = str(channel.id)
    stream.wait(
        lambda: stream.store.run(refusals.may_send("ada", place)), what="the refusal"
    )
    stream.rest()
    last = stream.journal(lost.message_id)[-1]
    assert (last.step, last.verdict) == ("deliver", "dead")
    assert "50013" in last.reason
    stream.discord.permit(channel, town.ada, Permission.SEND_MESSAGES)
    stream.wait(
        lambda: not stream.store.run(refusals.may_send("ada", place)),
        what="the end of the refusal",
    )
    post = stream.discord.post(person, channel, "ada, and now?")
    stream.wait(lambda: answers(stream, post.message_id), what="the answer")
