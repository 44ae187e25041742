"""The whole system while Redis refuses: memory, disk, a failover, replicas that are
away."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import redis

from app.loopback import Post
from app.store import keys
from tests.e2e.system import System, add_bots, eager_character, system, write_characters

BOTS = ("ada", "bob")
CALM: dict[str, Any] = {
    "cooldown": 0,
    "quiet_time": 0,
    "daily_posts": 10_000,
    "root_posts": 100,
    "person_hourly": 10_000,
}
LASTS = 2.0
"""Seconds that an outage lasts."""
AGAIN = 15.0
"""Seconds after which all that was said is answered."""


@contextlib.contextmanager
def refusing(running: System, how: str) -> Iterator[None]:
    """The embedded server refuses writes."""
    admin = running.store.client
    match how:
        case "OOM":
            admin.config_set("maxmemory", 1)
            yield
            admin.config_set("maxmemory", 0)
        case "READONLY":
            admin.replicaof("127.0.0.1", "1")
            yield
            admin.replicaof("NO", "ONE")
        case "NOREPLICAS":
            admin.config_set("min-replicas-to-write", 1)
            yield
            admin.config_set("min-replicas-to-write", 0)
        case "MISCONF":
            snapshot = running.valkey.folder / "dump.rdb"
            snapshot.unlink(missing_ok=True)
            snapshot.mkdir()
            admin.config_set("save", "3600 1000000")
            admin.bgsave()
            running.wait(
                lambda: admin.info("persistence")["rdb_last_bgsave_status"] == "err"
            )
            yield
            snapshot.rmdir()
            admin.bgsave()
            running.wait(
                lambda: admin.info("persistence")["rdb_last_bgsave_status"] == "ok"
            )
            admin.config_set("save", "")


def refuses(running: System) -> bool:
    """Whether a write is refused now."""
    try:
        running.store.client.set("probe", "x", px=1)
    except redis.exceptions.RedisError:
        return True
    return False


@contextlib.contextmanager
def at_work(folder: Path) -> Iterator[System]:
    """Two bots in one gateway, two workers and beat."""
    characters = write_characters(
        folder / "characters", [eager_character(name) for name in BOTS]
    )
    with system(folder, characters_dir=characters, **CALM) as running:
        add_bots(running, *BOTS)
        running.workers()
        running.beat()
        running.gateway(*BOTS)
        running.wait_ready(*BOTS)
        running.wait_workers()
        yield running


def say(running: System, said: list[tuple[str, Post]], count: int) -> None:
    """Direct messages to both bots, each from a person of its own."""
    room = running.discord.add_channel(f"room-{len(said)}")
    for number in range(len(said), len(said) + count):
        bot, person = BOTS[number % 2], running.discord.add_user(f"person-{number}")
        said.append(
            (
                bot,
                running.discord.post(person, room, f"{bot}, what of number {number}?"),
            )
        )


def all_answered(running: System, said: list[tuple[str, Post]]) -> None:
    """Each is answered once, by the bot that was asked, and nothing else is posted."""
    running.wait(
        lambda: all(running.discord.replies_to(post) for _, post in said),
        AGAIN,
        "answers",
    )
    running.rest()
    names = [
        [reply.author_name for reply in running.discord.replies_to(post)]
        for _, post in said
    ]
    assert names == [[bot] for bot, _ in said]
    assert len(running.discord.posts_by_bots()) == len(said)
    assert not any(running.store.client.hgetall(keys.dead(bot)) for bot in BOTS)


def outage(running: System, how: str, during: Callable[[], None]) -> None:
    """A refusal for some seconds."""
    with refusing(running, how):
        running.wait(lambda: refuses(running), what=how)
        during()
        time.sleep(LASTS)  # an outage, not a wait for something
    running.wait(lambda: not refuses(running), what=f"the end of {how}")


def test_every_refusal_is_an_outage(tmp_path: Path) -> None:
    """Memory, failover, replicas and disk in turn, under load, sessions lost in the
    midst of each: every direct message is answered once within 15 s of the end, and no
    process ends."""
    with at_work(tmp_path) as running:
        said: list[tuple[str, Post]] = []
        for how in ("OOM", "READONLY", "NOREPLICAS", "MISCONF"):
            say(running, said, 2)

            def during() -> None:
                say(running, said, 2)
                # The new session publishes, and reads back, while Redis refuses.
                running.discord.faults.send_op9(None)
                say(running, said, 2)

            outage(running, how, during)
            say(running, said, 2)
            all_answered(running, said)


def test_workers_start_on_a_server_that_is_read_only(tmp_path: Path) -> None:
    """A worker and beat that meet a replica at their start wait for the primary."""
    with at_work(tmp_path) as running:
        said: list[tuple[str, Post]] = []

        def during() -> None:
            for name in ("direct", "cycles", "beat"):
                running.kill(name)
            running.workers()
            running.beat()
            running.wait(
                lambda: "ReadOnlyError" in running.log("direct"), 40, "a refusal"
            )
            say(running, said, 2)

        outage(running, "READONLY", during)
        all_answered(running, said)
        for name in ("direct", "cycles", "beat"):
            log = running.log(name, 1_000_000)
            # One line when it begins, of who was killed too, one when it ends. Another
            # process than the one that was waited for may have started too late for it.
            assert log.count("the broker is away or refuses") <= 2
            assert log.count("the broker is back") <= 1
            assert "Traceback" not in log
        assert "the broker is back" in running.log("direct", 1_000_000)


def test_passing_trouble_is_not_noticed(tmp_path: Path) -> None:
    """Scripts that are flushed and connections that are cut, ten times each under load:
    every direct message is answered once."""
    with at_work(tmp_path) as running:
        said: list[tuple[str, Post]] = []
        for command in ("SCRIPT FLUSH", "CLIENT KILL TYPE normal"):
            for _ in range(10):
                say(running, said, 2)
                running.store.client.execute_command(*command.split())
            all_answered(running, said)
