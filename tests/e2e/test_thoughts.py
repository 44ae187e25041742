"""A thought in several lines gets one answer, on real processes and real sockets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.loopback.records import Post
from app.loopback.state import Account, Channel
from tests.e2e.system import System, add_bots, eager_character, system, write_characters

WAIT_S, TYPING_S, MOST_S = 2.0, 3.0, 5.0


@pytest.fixture
def stream(tmp_path: Path) -> Iterator[System]:
    """Two bots in two gateways, so that two processes hear each line."""
    names = ("ada", "bob")
    made = [eager_character(name) for name in names]
    with system(
        tmp_path,
        characters_dir=write_characters(tmp_path / "characters", made),
        cooldown=0,
        quiet_time=0,
        thought_wait=WAIT_S,
        thought_typing=TYPING_S,
        thought_most=MOST_S,
    ) as running:
        add_bots(running, *names)
        running.workers()
        running.beat()
        for name in names:
            running.gateway(name, name=f"gateway-{name}")
        running.wait_ready(*names)
        running.wait_workers()
        yield running


class Talk:
    """One person in a channel."""

    def __init__(self, stream: System, channel: str) -> None:
        self.stream = stream
        self.person: Account = stream.discord.add_user(f"Kim {channel}")
        self.channel: Channel = stream.discord.add_channel(channel)

    def say(self, text: str) -> Post:
        return self.stream.discord.post(self.person, self.channel, text)

    def types(self) -> None:
        self.stream.discord.typing(self.person, self.channel)

    def answers(self) -> list[Post]:
        """What bots posted there, in order."""
        return [
            post
            for post in self.stream.discord.posts
            if post.channel_id == self.channel.id and post.is_bot
        ]

    def first_answer(self) -> Post:
        self.stream.wait(lambda: bool(self.answers()), 30.0, "an answer")
        return self.answers()[0]


def joined_with(stream: System, line: Post, last: Post) -> bool:
    """Whether a line's journal says that it was answered with a later one."""
    told = [one for one in stream.journal(line.message_id) if one.verdict == "joined"]
    return [one.reason for one in told] == [f"answered with {last.message_id}"]


@pytest.mark.slow
def test_one_reply_per_thought(stream: System) -> None:
    """A greeting and the point: one answer, to the last line, and each line's journal
    says so. A whole line alone does not wait; typing holds an answer, and not for
    ever; a killed gateway's wait is somebody else's."""
    alone = Talk(stream, "alone")
    asked = alone.say("ada, what is a negroni?")
    whole = alone.first_answer()
    assert whole.reply_to == asked.message_id

    burst = Talk(stream, "burst")
    lines = [burst.say(text) for text in ("hey ada", "um", "how do I make a negroni?")]
    answer = burst.first_answer()
    assert answer.reply_to == lines[-1].message_id
    stream.rest()
    assert len(burst.answers()) == 1, "neither ada again, nor bob"
    assert all(joined_with(stream, line, lines[-1]) for line in lines[:-1])
    waits = [one.numbers.get("waits_ms") for one in stream.journal(lines[0].message_id)]
    assert round(WAIT_S * 1000) in waits, "why shows the wait"
    assert all(
        "waits_ms" not in one.numbers for one in stream.journal(asked.message_id)
    ), "a whole line waits for nothing"

    typed = Talk(stream, "typed")
    begun = typed.say("ada, the thing is that")
    typed.types()
    held = typed.first_answer()
    assert held.reply_to == begun.message_id
    assert held.at - begun.at > WAIT_S, "typing went on"

    flood = Talk(stream, "flood")
    first = flood.say("ada")
    for _ in range(3):
        flood.say("and")
        flood.types()
    assert flood.first_answer().at - first.at < MOST_S + 3.0, "the bound holds"

    killed = Talk(stream, "killed")
    cut = killed.say("bob, I wanted to")
    stream.wait(lambda: bool(stream.journal(cut.message_id)), 10.0, "the admission")
    stream.kill("gateway-bob")
    assert killed.first_answer().reply_to == cut.message_id
