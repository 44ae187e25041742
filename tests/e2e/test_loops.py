"""Promise 6: loops of bots end within their budget, and a human message opens the
conversation again."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from app.loopback.records import Post
from app.store import keys
from tests.e2e.model_server import ModelServer
from tests.e2e.system import System, add_bots, eager_character, system, write_characters

ROOT_POSTS = 6
PAUSE = 30.0 if os.environ.get("STREAM_PROVE") == "1" else 1.5
"""Seconds between the lines of the slow pair."""


def resting(running: System) -> bool:
    """Nobody writes, and nothing that was written is on its way."""
    client = running.store.client
    return not client.zcard(keys.WAKES_DUE) and not client.zcard(keys.DELIVERIES_DUE)


def settle(running: System, seconds: float = 3.0, patience: float = 60.0) -> int:
    """Wait for a first post, then until no bot has posted for a while; returns the
    number of posts."""
    before = len(running.discord.posts_by_bots())
    running.wait(
        lambda: len(running.discord.posts_by_bots()) > before, patience, "a first post"
    )
    posts, since = before, time.monotonic()
    deadline = since + patience
    while time.monotonic() - since < seconds or not resting(running):
        now = len(running.discord.posts_by_bots())
        if now != posts:
            posts, since = now, time.monotonic()
        assert time.monotonic() < deadline, f"{posts} posts and no end"
        time.sleep(0.05)
    return posts


@pytest.mark.parametrize(
    "names",
    [("ada", "bob"), ("ada", "bob", "cyd", "dan")],
    ids=["pair", "four in rotation"],
)
def test_our_bots_stop_answering_each_other(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    """Bots that address the next one in every line end at their root's budget; the
    journal says so; a person starts anew."""
    following = {
        name: names[(place + 1) % len(names)] for place, name in enumerate(names)
    }
    servers = {
        name: ModelServer(text=(other + ", and what do you say to point {}?").format)
        for name, other in following.items()
    }
    for server in servers.values():
        server.__enter__()
    try:
        characters = write_characters(
            tmp_path / "characters",
            [
                eager_character(name)
                | {"model": {"model": "openai:chatty", "base_url": server.url}}
                for name, server in servers.items()
            ],
        )
        with system(
            tmp_path,
            characters_dir=characters,
            cooldown=0,
            quiet_time=0,
            root_posts=ROOT_POSTS,
            root_hops=20,
        ) as running:
            add_bots(running, *names)
            channel = running.discord.add_channel("general")
            person = running.discord.add_user("Kim")
            running.workers()
            running.gateway(*names)
            running.wait_ready(*names)
            running.discord.post(
                person, channel, f"{names[0]}, tell {names[1]} something"
            )
            first = settle(running)
            assert 2 <= first <= ROOT_POSTS
            last = running.discord.posts_by_bots()[-1]
            assert any(
                line.verdict in {"exhausted", "budget"}
                for line in running.journal(last.message_id)
            ), running.journal(last.message_id)
            running.discord.post(person, channel, f"{names[0]}, go on, I am listening")
            assert first < settle(running) <= first + ROOT_POSTS
    finally:
        for server in servers.values():
            server.__exit__()


@pytest.mark.slow  # no root counts time: tests/store plays its budgets
def test_slow_pair_ends_too(tmp_path: Path) -> None:
    """A budget counts posts, not time: a pair that waits between its lines ends at the
    same number."""
    with (
        ModelServer(lambda _: PAUSE, text="bob, what of point {}?".format) as adas,
        ModelServer(lambda _: PAUSE, text="ada, what of point {}?".format) as bobs,
    ):
        characters = write_characters(
            tmp_path / "characters",
            [
                eager_character(name)
                | {"model": {"model": "openai:slow", "base_url": model.url}}
                for name, model in (("ada", adas), ("bob", bobs))
            ],
        )
        with system(
            tmp_path,
            characters_dir=characters,
            cooldown=0,
            quiet_time=0,
            root_posts=4,
            root_hops=20,
        ) as running:
            add_bots(running, "ada", "bob")
            channel = running.discord.add_channel("general")
            running.workers()
            running.gateway("ada", "bob")
            running.wait_ready("ada", "bob")
            running.discord.post(
                running.discord.add_user("Kim"), channel, "ada, say something to bob"
            )
            assert 2 <= settle(running, 5.0, 60.0 + 5 * PAUSE) <= 4


def test_foreign_bot_that_answers_everything(tmp_path: Path) -> None:
    """A bot that is not ours and replies to every line of ours counts against the root
    it replies to."""
    characters = write_characters(tmp_path / "characters", [eager_character("ada")])
    with system(
        tmp_path,
        characters_dir=characters,
        cooldown=0,
        quiet_time=0,
        root_posts=ROOT_POSTS,
    ) as running:
        add_bots(running, "ada")
        channel = running.discord.add_channel("general")
        foreign = running.discord.add_bot("parrot")
        running.workers()
        running.gateway("ada")
        running.wait_ready("ada")
        running.discord.post(running.discord.add_user("Kim"), channel, "ada, hello")
        running.wait(running.discord.posts_by_bots, 30.0, "the first answer")
        answered, ours = 0, adas(running)
        while answered < len(ours) <= ROOT_POSTS:
            answered = len(ours)
            reply = running.discord.post(
                foreign, channel, "ada, polly wants more", reply_to=ours[-1]
            )
            running.wait(lambda: running.journal(reply.message_id), 30.0, "a decision")  # noqa: B023 - it returns before the next reply
            running.rest(30.0)
            ours = adas(running)
        assert 2 <= len(ours) <= ROOT_POSTS


def adas(running: System) -> list[Post]:
    """What ada has posted, in order."""
    return [
        post for post in running.discord.posts_by_bots() if post.author_name == "ada"
    ]
