"""The whole path on real parts: gateways, Celery workers, beat, Valkey and the loopback
Discord, each a real process or socket."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.system import (
    System,
    add_bots,
    cold,
    eager_character,
    system,
    write_characters,
)

BOTS = ("ada", "bob", "cyd")


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Three bots that always want to answer, in one gateway process, with two workers
    and beat."""
    folder = tmp_path_factory.mktemp("stream")
    characters = write_characters(
        folder / "characters", [eager_character(name) for name in BOTS]
    )
    with system(folder, characters_dir=characters, cooldown=0, quiet_time=0) as running:
        if os.environ.get("STREAM_PROVE"):
            running.launch = cold
        add_bots(running, *BOTS)
        running.discord.add_channel("general")
        running.workers()
        running.beat()
        running.gateway(*BOTS)
        running.wait_ready(*BOTS)
        yield running


def answers(stream: System, message: int) -> list[str]:
    """Which bots answered a message, in order."""
    return [
        post.author_name for post in stream.discord.replies_to(message) if post.is_bot
    ]


def test_unaddressed_message_is_answered_by_exactly_one(stream: System) -> None:
    """Promise 1: of three bots that all want to answer, one does."""
    channel = stream.discord.add_channel("one-answer")
    person = stream.discord.add_user("Kim")
    post = stream.discord.post(person, channel, "What should I read this evening?")
    stream.wait(lambda: answers(stream, post.message_id), what="an answer")
    stream.rest()
    assert len(answers(stream, post.message_id)) == 1
    granted = [
        line for line in stream.journal(post.message_id) if line.verdict == "granted"
    ]
    assert len(granted) == 1, "the journal names one winner"


def test_two_addressed_bots_answer_in_order_each_once(stream: System) -> None:
    """Promise 1: a message that names two bots gets one answer from each, in the order
    named."""
    channel = stream.discord.add_channel("in-order")
    person = stream.discord.add_user("Lee")
    post = stream.discord.post(person, channel, "cyd and ada, what do you two think?")
    stream.wait(lambda: len(answers(stream, post.message_id)) >= 2, what="two answers")
    stream.rest()
    assert answers(stream, post.message_id) == ["cyd", "ada"]


def test_direct_message_in_private_is_answered(stream: System) -> None:
    """A DM is direct by nature."""
    person = stream.discord.add_user("Mo")
    bob = next(
        account for account in stream.discord.connected() if account.name == "bob"
    )
    post = stream.discord.dm(person, bob, "are you there?")
    stream.wait(lambda: answers(stream, post.message_id), what="an answer")
    assert answers(stream, post.message_id) == ["bob"]


@pytest.mark.parametrize("text", ["", "x" * 4_000, "a\u0301" * 900, "@everyone " * 100])
def test_hostile_text_loses_nothing(stream: System, text: str) -> None:
    """Empty, huge and hostile messages neither stop a bot nor make it ping anybody."""
    channel = stream.discord.add_channel("hostile")
    person = stream.discord.add_user("Nick")
    if text:
        stream.discord.post(person, channel, text)
    else:
        stream.discord.post(person, channel, "", attachments=("picture.png",))
    after = stream.discord.post(person, channel, "bob, still with us?")
    stream.wait(lambda: answers(stream, after.message_id), what="an answer after it")
    assert not any(
        post.pinged
        for post in stream.discord.posts_by_bots()
        if post.channel_id == channel.id
    )


def test_killed_worker_answers_once_after_its_return(stream: System) -> None:
    """Promises 2 and 3: kill -9 while messages are being answered; each is answered
    once when the worker is back."""
    channel = stream.discord.add_channel("killed")
    person = stream.discord.add_user("Olu")
    posts = []
    for number in range(12):
        posts.append(
            stream.discord.post(person, channel, f"ada, question number {number}?")
        )
        if number == 5:
            stream.kill("direct")
    stream.worker("direct,delivery", "direct")
    stream.wait(
        lambda: all(answers(stream, post.message_id) for post in posts),
        60.0,
        "every answer",
    )
    stream.rest()
    assert [len(answers(stream, post.message_id)) for post in posts] == [1] * len(posts)


def test_frozen_gateway_does_not_hold_up_the_others(stream: System) -> None:
    """Promise 5: a gateway process that stops answering costs its own bots their voice,
    not the room its answer."""
    channel = stream.discord.add_channel("frozen")
    person = stream.discord.add_user("Pia")
    stream.kill("gateway", signal.SIGSTOP)
    try:
        post = stream.discord.post(person, channel, "bob, can you hear me?")
        time.sleep(0.3)
    finally:
        stream.kill("gateway", signal.SIGCONT)
    stream.wait(
        lambda: answers(stream, post.message_id), what="an answer when it goes on"
    )
    assert answers(stream, post.message_id) == ["bob"]


def test_safety_poll_alone_answers(tmp_path: Path) -> None:
    """With gateway wakes off, the next safety poll answers a watched channel's message,
    by one bot."""
    characters = write_characters(
        tmp_path / "characters", [eager_character(name) for name in BOTS]
    )
    with system(
        tmp_path,
        characters_dir=characters,
        cooldown=0,
        quiet_time=0,
        gateway_wakes="false",
        discord_check_interval_minutes=0.05,
    ) as running:
        add_bots(running, *BOTS)
        channel = running.discord.add_channel("general")
        running.workers()
        running.beat()
        running.gateway(*BOTS)
        running.wait_ready(*BOTS)
        person = running.discord.add_user("Kim")
        post = running.discord.post(person, channel, "What should I read this evening?")
        running.wait(
            lambda: answers(running, post.message_id), 30.0, "an answer by the poll"
        )
        polls = running.stats()["cycles"]
        running.wait(
            lambda: running.stats()["cycles"] >= polls + 6,
            30.0,
            "two more rounds of polls",
        )
        assert len(answers(running, post.message_id)) == 1


def test_an_edit_that_names_a_bot_asks_it_and_one_that_takes_the_name_away_releases_it(
    stream: System,
) -> None:
    """What waits follows the edit: the bot that is named now answers, once; the one
    that no longer is keeps silent."""
    channel = stream.discord.add_channel("edited")
    person = stream.discord.add_user("Quin")
    stream.kill("direct")
    added = stream.discord.post(person, channel, "Quin's cat, are you there?")
    removed = stream.discord.post(person, channel, "cyd, are you there?")
    stream.wait(
        lambda: any(line.bot == "cyd" for line in stream.journal(removed.message_id)),
        what="cyd's admission",
    )
    for _ in range(2):
        stream.discord.edit(added, "ada, are you there?")
    stream.discord.edit(removed, "Is anybody there?")
    stream.wait(
        lambda: "cancelled" in verdicts(stream, removed.message_id),
        what="cyd's release",
    )
    stream.worker("direct,delivery", "direct")
    stream.wait(
        lambda: "ada" in answers(stream, added.message_id), 30.0, "ada's answer"
    )
    stream.rest()
    assert answers(stream, added.message_id) == ["ada"]
    assert answers(stream, removed.message_id) == []


def verdicts(stream: System, message: int) -> set[str]:
    """What the journal says was decided about a message."""
    return {str(line.verdict) for line in stream.journal(message)}
