"""Promise 3: no wake is lost and no cycle is redundant, with Celery as a mere hint."""

from __future__ import annotations

import os
import random
import threading
import time
from pathlib import Path

import redis

from app import keys
from app.playground.loopback.state import Account
from tests.e2e.model_server import ModelServer
from tests.e2e.system import System, add_bots, eager_character, system, write_characters

LONG = os.environ.get("STREAM_PROVE") == "1"
MESSAGES = 3_000 if LONG else 80
BOTS = ("ada", "bob", "cyd", "dan")
CHANNELS = 60 if LONG else 12
COOLDOWN = 3.0
PUMP = 2.0
SLOWEST = 3.0
FLOOR_LEASE = 6.0
PACE = 0.2 if LONG else 0.03
"""Seconds between messages: 1.5 trusted ones a second for four bots that can take 0.9, so that triggers must share cycles; the
direct ones leave each channel's floor free nine tenths of the time."""
CYCLES_MOST = 2.0
SLACK = 0.0 if LONG else 45.0
"""Seconds more in the short profile: it runs beside everything else, so it asserts that a cycle comes, not how soon."""


class Thief(threading.Thread):
    """Takes tasks from the broker beside the workers: half of what it catches is lost, the other half comes twice."""

    def __init__(self, url: str, seed: int) -> None:
        super().__init__(daemon=True)
        self.client = redis.Redis.from_url(url)
        self.rng = random.Random(seed)
        self.ended = threading.Event()
        self.lost = self.doubled = 0

    def run(self) -> None:
        while not self.ended.is_set():
            caught = self.client.brpop(["direct", "cycles", "delivery"], timeout=1)
            if caught is None:
                continue
            queue, task = caught
            if self.rng.random() < 0.5:
                self.lost += 1
            else:
                self.doubled += 1
                self.client.lpush(queue, task, task)
            self.ended.wait(0.05)


def drive(running: System, channels: list, lee: Account, rng: random.Random) -> tuple[list, list]:  # type: ignore[type-arg]
    """Post direct messages of Kim's and trusted ones of Lee's at random moments and kill a worker now and then."""
    kim = running.discord.add_user("Kim")
    direct, trusted = [], []
    for number in range(MESSAGES):
        channel = rng.choice(channels)
        if rng.random() < 0.7:
            direct.append(running.discord.post(kim, channel, f"{rng.choice(BOTS)}, what about number {number}?"))
        else:
            trusted.append(running.discord.post(lee, channel, f"Number {number} just came to my mind."))
        if number % (MESSAGES // 4) == MESSAGES // 8:
            name = rng.choice(["direct-0", "cycles-0"])
            running.kill(name)
            running.worker("direct,delivery" if name == "direct-0" else "cycles,chores", name, 32)
        time.sleep(rng.uniform(0.0, 2 * PACE))
    return direct, trusted


def test_every_message_finds_its_cycle(tmp_path: Path) -> None:
    """Hints are lost and doubled, workers killed, cycles take 0 to 3 s: every direct message is answered once, every
    trusted one is seen by a cycle within cooldown + 2 s, and no cycle runs without a cause."""
    with ModelServer(lambda rng: rng.uniform(0.0, SLOWEST)) as model:
        characters = tmp_path / "characters"
        with system(
            tmp_path,
            characters_dir=characters,
            cooldown=COOLDOWN,
            quiet_time=0,
            person_hourly=100_000,
            daily_posts=100_000,
            daily_posts_all=100_000,
            lock_lease=4,
            floor_lease=FLOOR_LEASE,
        ) as running:
            lee = running.discord.add_user("Lee")
            slow = {"model": {"model": "openai:slow", "base_url": model.url}, "trusted": {str(lee.id): 5}, "watchlist": []}
            write_characters(characters, [eager_character(name) | slow for name in BOTS])
            add_bots(running, *BOTS)
            channels = [running.discord.add_channel(f"room-{number}") for number in range(CHANNELS)]
            for number in range(2):
                running.worker("direct,delivery", f"direct-{number}", 32)
                running.worker("cycles,chores", f"cycles-{number}", 32)
            running.gateway(*BOTS)
            running.wait_ready(*BOTS)
            thief = Thief(running.valkey.url.removesuffix("/0") + "/1", seed=3)
            thief.start()
            direct, trusted = drive(running, channels, lee, random.Random(5))
            running.wait(
                lambda: all(running.discord.replies_to(post) for post in direct),
                300.0 if LONG else 90.0,
                "every answer",
            )
            running.wait(lambda: not running.store.client.zcard(keys.WAKES_DUE), 60.0, "rest")
            thief.ended.set()
            doubles = [post for post in direct if len(running.discord.replies_to(post)) != 1]
            late = [post for post in trusted if not seen_in_time(running, post.message_id)]
            counts = running.stats()
            print(
                f"direct {len(direct)}, trusted {len(trusted)}, hints lost {thief.lost}, doubled {thief.doubled}, "
                f"cycles {counts['cycles']}, tasks {counts['tasks']}, late {len(late)}, doubles {len(doubles)}"
            )
            assert not doubles
            # Each begins with a trigger, or with a floor that it had to wait for; doubled hints add none.
            assert counts["cycles"] <= CYCLES_MOST * MESSAGES
            for post in late[:3]:
                print(
                    post.message_id,
                    *(
                        f"\n   {line.at_ms % 10**7} {line.bot} {line.step} {line.verdict} {line.reason}"
                        for line in running.journal(post.message_id)
                    ),
                )
            assert not late, running.journal(late[0].message_id)


def seen_in_time(running: System, message: int) -> bool:
    """Whether some cycle read the message within the cooldown, the cycle that was running, and two seconds; one lease of the
    floor later where the worker that had won it was killed."""
    lines = running.journal(message)
    heard = min(line.at_ms for line in lines)
    seen = [line.at_ms for line in lines if line.step in {"perceive", "plan", "claim", "commit", "yield"}]
    lease = FLOOR_LEASE if any(line.verdict == "re_elect" for line in lines) else 0.0
    return bool(seen) and min(seen) - heard <= 1000 * (COOLDOWN + SLOWEST + PUMP + SLACK + lease)
