"""The race: many eager bots in several gateway processes, several workers, more
unaddressed messages than one bot can take."""

from __future__ import annotations

import collections
import itertools
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from app.loopback import LoopbackDiscord
from app.store import keys
from tests.e2e.system import System, add_bots, eager_character, system, write_characters
from tests.patience import patience

NAMES = tuple(
    f"{first}{second}"
    for first in ("ada", "bob", "cyd", "dan", "eve", "fay", "gus", "hal", "ida", "jon")
    for second in ("a", "b", "c", "d", "e", "f", "g", "h", "i", "j")
)
WORDS = (
    "river",
    "engine",
    "garden",
    "violin",
    "glacier",
    "bakery",
    "comet",
    "harbour",
    "novel",
    "chess",
)


@dataclass(frozen=True)
class Shape:
    """How large a race is."""

    bots: int = 30
    gateways: int = 3
    workers: int = 2
    messages: int = 1_000
    rate: float = 20.0
    channels: int = 20
    quiet_time: float = 0.0
    patience: float = 120.0
    """Seconds after the last message within which all must be answered."""


@dataclass(frozen=True)
class Result:
    """What a race showed; rates are per message."""

    bots: int
    messages: int
    answered_once: int
    silent: int
    pile_ons: int
    crowding: int
    cycles: float
    tasks: float
    model_calls: float
    redis_commands_per_message_and_bot: float
    best_bid_wins: float
    seconds: float
    latency_ms_p50: float
    latency_ms_p99: float


def run(folder: Path, shape: Shape) -> Result:
    """Run one race and measure it."""
    names = NAMES[: shape.bots]
    characters = write_characters(
        folder / "characters", [eager_character(name) for name in names]
    )
    server = LoopbackDiscord(rate_limit=None)
    with system(
        folder,
        server,
        characters_dir=characters,
        cooldown=0,
        quiet_time=shape.quiet_time,
        election_max_age=600,
        deliver_by=600,
        daily_posts=100_000,
        daily_posts_all=100_000,
    ) as running:
        add_bots(running, *names)
        channels = [
            running.discord.add_channel(f"room-{number}")
            for number in range(shape.channels)
        ]
        for number in range(shape.workers):
            running.worker("direct,delivery", f"direct-{number}")
            running.worker("cycles,chores", f"cycles-{number}")
        for number in range(shape.gateways):
            running.gateway(*names[number :: shape.gateways], name=f"gateway-{number}")
        running.wait_ready(*names)
        running.wait_workers()
        return _measure(running, shape, channels)


def _measure(running: System, shape: Shape, channels: list) -> Result:  # type: ignore[type-arg]
    people = [
        running.discord.add_user(f"person-{number}") for number in range(shape.messages)
    ]
    before, commands = running.stats(), _commands(running)
    began = time.monotonic()
    posts = []
    for number, person in enumerate(people):
        _sleep_until(began + number / shape.rate)
        word = WORDS[number % len(WORDS)]
        posts.append(
            running.discord.post(
                person,
                channels[number % len(channels)],
                f"Has anybody thought about the {word} {number}?",
            )
        )
    ids = {post.message_id for post in posts}

    def silent() -> int:
        return len(ids - {post.reply_to for post in running.discord.posts_by_bots()})

    deadline = time.monotonic() + patience(shape.patience)
    while silent() and time.monotonic() < deadline:
        time.sleep(0.1)
    seconds = time.monotonic() - began
    running.wait(lambda: not running.store.client.zcard(keys.WAKES_DUE), 30.0, "rest")
    for message in sorted(
        ids - {post.reply_to for post in running.discord.posts_by_bots()}
    )[:3]:
        print("silent:", *running.journal(message)[-6:], sep="\n   ")
    counts = collections.Counter(
        post.reply_to
        for post in running.discord.posts_by_bots()
        if post.reply_to in ids
    )
    after = running.stats()
    at = {post.message_id: post.at for post in posts}
    waits = sorted(
        1000 * (post.at - at[post.reply_to])
        for post in running.discord.posts_by_bots()
        if post.reply_to in at
    )
    per = {
        name: (after.get(name, 0) - before.get(name, 0)) / shape.messages
        for name in ("cycles", "tasks", "deliveries", "model_calls")
    }
    return Result(
        bots=shape.bots,
        messages=shape.messages,
        answered_once=sum(1 for one in counts.values() if one == 1),
        silent=silent(),
        pile_ons=sum(1 for one in counts.values() if one > 1),
        crowding=_crowding(running, shape),
        cycles=per["cycles"],
        tasks=per["tasks"] + per["deliveries"],
        model_calls=per["model_calls"],
        redis_commands_per_message_and_bot=(_commands(running) - commands)
        / shape.messages
        / shape.bots,
        best_bid_wins=_best_wins(running, ids),
        seconds=seconds,
        latency_ms_p50=waits[len(waits) // 2],
        latency_ms_p99=waits[int(len(waits) * 0.99) - 1],
    )


def _sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))


def _commands(running: System) -> int:
    return int(running.store.client.info("stats")["total_commands_processed"])


def _crowding(running: System, shape: Shape) -> int:
    """Pairs of different bots' posts in one channel closer than the quiet time."""
    by_channel = collections.defaultdict(list)
    for post in running.discord.posts_by_bots():
        by_channel[post.channel_id].append(post)
    pairs = (
        pair
        for posts in by_channel.values()
        for pair in itertools.pairwise(sorted(posts, key=lambda post: post.at))
    )
    return sum(
        1
        for one, two in pairs
        if two.at - one.at < shape.quiet_time and one.author_id != two.author_id
    )


def _best_wins(running: System, ids: set[int]) -> float:
    """Share of messages whose grant went to the highest bid of those that could act, by
    the journal."""
    won = counted = 0
    for message in ids:
        lines = running.journal(message)
        granted = next(
            (
                line
                for line in lines
                if line.step == "elect" and line.verdict == "granted"
            ),
            None,
        )
        if granted is None:
            continue
        counted += 1
        yielded = {
            part.split(" ")[0]
            for part in str(granted.numbers.get("yielded", "")).split(", ")
            if part
        }
        bids = {
            line.bot: float(line.numbers["bid"])
            for line in lines
            if line.step == "admit"
            and line.at_ms <= granted.at_ms
            and line.verdict in {"opened", "bid", "complete"}
            and "bid" in line.numbers
        }
        able = {bot: bid for bot, bid in bids.items() if bot not in yielded}
        won += granted.bot in able and able[granted.bot] >= max(able.values()) - 1e-9
    return won / max(1, counted)


def report(result: Result) -> str:
    """One JSON line."""
    return json.dumps(
        {
            name: round(value, 3) if isinstance(value, float) else value
            for name, value in asdict(result).items()
        }
    )
