"""Promises 2 and 3 while everything around the stream fails: Discord's REST, its
gateway, and Redis."""

from __future__ import annotations

import itertools
import os
import random
import time
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from app.host.valkey import free_port
from app.loopback import LoopbackDiscord, Post
from app.store import keys
from tests.e2e import warm
from tests.e2e.system import System, add_bots, eager_character, system, write_characters

LONG = os.environ.get("STREAM_PROVE") == "1"
MESSAGES = 500 if LONG else 60
REDIS_KILLS = 5 if LONG else 1
SEED = int(os.environ.get("CHAOS_SEED", "11"))
BOTS = ("ada", "bob", "cyd")


def fault(running: System, rng: random.Random) -> str:
    """Something happens to one bot's gateway connection, or to all."""
    faults, bot = (
        running.discord.faults,
        rng.choice([*running.discord.connected(), None]),
    )
    name = rng.choice(["op7", "op9", "drop"])
    {"op7": faults.send_op7, "op9": faults.send_op9, "drop": faults.drop_sockets}[name](
        bot
    )
    return name


def talk(running: System, rng: random.Random) -> list[tuple[str, Post]]:
    """Direct messages to random bots in few channels, while things fail; returns (bot,
    message)."""
    channels = [
        running.discord.add_channel(f"room-{number}")
        for number in range(2 if not LONG else 8)
    ]
    people = [
        running.discord.add_user(f"person-{number}") for number in range(MESSAGES)
    ]
    redis_at = {
        MESSAGES * (kill + 1) // (REDIS_KILLS + 1) for kill in range(REDIS_KILLS)
    }
    gateway_at = set(range(7, MESSAGES, 15))
    said, happened = [], []
    for number, person in enumerate(people):
        bot = rng.choice(BOTS)
        said.append(
            (
                bot,
                running.discord.post(
                    person, rng.choice(channels), f"{bot}, what of number {number}?"
                ),
            )
        )
        if number in redis_at:
            running.valkey.kill()
            time.sleep(rng.uniform(0.0, 1.0))  # an outage, not a wait for something
            running.valkey.start()
            happened.append("redis")
        if number in gateway_at:
            happened.append(fault(running, rng))
        time.sleep(rng.uniform(0.0, 0.1))
    print("happened:", *happened)
    return said


def test_faults_lose_and_double_nothing(tmp_path: Path) -> None:
    """10% server errors, 5% lost answers, a rate limit of 5 posts in 5 s, Redis killed
    with -9, gateway connections dropped and invalidated: every direct message is
    answered exactly once, and in order per bot and channel."""
    rng = random.Random(SEED)
    server = LoopbackDiscord(seed=SEED, rate_limit=(5, 5.0))
    characters = write_characters(
        tmp_path / "characters", [eager_character(name) for name in BOTS]
    )
    calm = {
        # Redis keeps what it acknowledged, however slow the disk.
        "appendfsync": "always",
        "cooldown": 0,
        "quiet_time": 0,
        "daily_posts": 10_000,
        "root_posts": 100,
        "person_hourly": 10_000,
    }
    with system(tmp_path, server, characters_dir=characters, **calm) as running:
        add_bots(running, *BOTS)
        running.workers()
        running.beat()
        running.gateway(*BOTS)
        running.wait_ready(*BOTS)
        running.discord.faults.error_rate, running.discord.faults.lost_answer_rate = (
            0.10,
            0.05,
        )
        said = talk(running, rng)
        deadline = time.monotonic() + 60 + MESSAGES / 2
        # Most of them at first: the journal is read once nothing more is waited for.
        while any(not answered(running, post) for _, post in said):
            assert time.monotonic() < deadline, (
                f"{unanswered(running, said)}\n{running.logs()}"
            )
            time.sleep(0.1)
        running.rest(60.0)
        answers = [
            (bot, [reply.author_name for reply in running.discord.replies_to(post)])
            for bot, post in said
        ]
        assert not [(bot, names) for bot, names in answers if names != [bot]]
        assert len(running.discord.posts_by_bots()) == len(said)
        assert not out_of_order(running, said)
        assert not any(running.store.client.hgetall(keys.dead(bot)) for bot in BOTS)


def out_of_order(
    running: System, said: list[tuple[str, Post]]
) -> list[tuple[str, str]]:
    """Answers of one bot in one channel that stand in another order than their messages
    were heard. (What a lost session missed is heard late: what came after it may be
    answered by then.)"""
    found = []
    for bot, channel in {(bot, post.channel_id) for bot, post in said}:
        heard = [
            (
                running.journal(post.message_id)[0].at_ms,
                running.discord.replies_to(post)[0].message_id,
                post,
            )
            for name, post in said
            if (name, post.channel_id) == (bot, channel)
        ]
        found += [
            (one[2].content, two[2].content)
            for one, two in itertools.combinations(heard, 2)
            if one[0] < two[0] and one[1] > two[1]
        ]
    return found


def answered(running: System, post: Post) -> bool:
    """Whether a message has an answer."""
    return bool(running.discord.replies_to(post))


def unanswered(running: System, said: list[tuple[str, Post]]) -> list[object]:
    """Messages without an answer, each with its journal."""
    return [
        (
            bot,
            post.content,
            [
                (line.step, line.verdict, line.reason)
                for line in running.journal(post.message_id)
            ],
        )
        for bot, post in said
        if not answered(running, post)
    ]


@pytest.mark.parametrize(
    "command",
    [
        ("app.cli.main", "gateway", "ada"),
        ("celery", "-A", "tasks", "worker", "-Q", "direct"),
    ],
)
def test_redis_away_at_the_start_is_one_line(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    """A gateway or worker that finds no Redis ends with exit code 3 and says so in one
    line, without its password."""
    write_characters(tmp_path / "characters", [eager_character("ada")])
    env = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("STREAM_")
    } | {
        "STREAM_REDIS_URL": f"redis://:hidden-password@127.0.0.1:{free_port()}/0",
        "STREAM_VAULT_KEYS": Fernet.generate_key().decode(),
        "STREAM_TOKEN_ADA": "made.up.token",
        "STREAM_CHARACTERS_DIR": str(tmp_path / "characters"),
    }
    log = tmp_path / "log"
    assert warm.launch(command, env, log).wait(30) == 3
    said = [line for line in log.read_text().splitlines() if line.strip()]
    assert said[-1].startswith("the-stream: STREAM_REDIS_URL: Redis cannot be reached")
    assert "Traceback" not in log.read_text()
    assert "hidden-password" not in log.read_text()
    if command[0] == "app.cli.main":
        assert len(said) == 1
