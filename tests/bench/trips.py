"""Round trips to Redis of one worker turn, counted by the server itself (MONITOR) while
one message after another is answered."""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import pkgutil
import threading
from collections import Counter
from dataclasses import dataclass, field

import redis

from app import store
from app.loopback import Post
from app.store import scripts
from tests.bench.arena import Arena, Camp, ask, wait_for_answers
from tests.bench.figures import Results, Row
from tests.bench.machine import command_of, ports_of
from tests.bench.plan import Plan

GOAL = 8
TURNS = 20
AFTERWARDS_S = 0.4
STORE_DATABASE = "0"
PUMP = ("due.sweep",)
"""What a worker does each second beside its turns."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command that reached the server: when (seconds since 1970), and what."""

    at: float
    port: int
    name: str


@dataclass
class Listener:
    """Writes down the commands of other clients until it is closed."""

    url: str
    heard: list[Command] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._names = script_names()
        self._client = redis.Redis.from_url(self.url)
        self._monitor = self._client.monitor()
        self._monitor.__enter__()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        try:
            for one in self._monitor.listen():
                command = read_command(one, self._names)
                if command is not None:
                    self.heard.append(command)
        except (OSError, ValueError, redis.RedisError):
            return  # closed

    def close(self) -> None:
        """Hear no more."""
        self._monitor.connection.disconnect()
        self._thread.join(5)
        self._client.close()


def script_names() -> dict[str, str]:
    """The scripts by their digest, as EVALSHA names them."""
    for module in pkgutil.iter_modules(store.__path__):
        # A module's scripts are known once it is imported.
        importlib.import_module(f"{store.__name__}.{module.name}")
    return {
        hashlib.sha1(scripts.source(name).encode()).hexdigest(): name  # noqa: S324 -- Redis's own
        for name in scripts.CONTRACTS
    }


def read_command(line: dict[str, object], names: dict[str, str]) -> Command | None:
    """A command as redis-py reads it from MONITOR; None for what a script runs inside
    the server, and for other databases."""
    if line["client_type"] != "tcp" or str(line["db"]) != STORE_DATABASE:
        return None
    words = str(line["command"]).split(" ", 2)
    name = words[0].upper()
    if name == "EVALSHA":
        name = names.get(words[1], name)
    return Command(float(str(line["time"])), int(str(line["client_port"])), name)


async def measure(results: Results, plan: Plan, place: Arena) -> None:
    """Rows of the trips until the answer is posted, and of all that a turn makes."""
    camp = await place.stream(3)
    assert camp.stage is not None
    listener = Listener(camp.stage.system.redis_url or "")
    posts = []
    try:
        for number in plan.steps(TURNS, "round trips of a turn"):
            post = ask(place, camp, number, channel=number)
            await wait_for_answers(place, [post])
            await asyncio.sleep(AFTERWARDS_S)
            posts.append(post)
    finally:
        listener.close()
    ports = set().union(*(ports_of(pid) for pid in direct_workers(camp)))
    mine = [one for one in listener.heard if one.port in ports]
    until, whole, names = [], [], Counter[str]()
    ends = [*(post.wall for post in posts[1:]), posts[-1].wall + AFTERWARDS_S * 2]
    for post, latest in zip(posts, ends, strict=True):
        turn = _turn_of(mine, post, latest)
        names.update(one.name for one in turn)
        replies = place.server.replies_to(post)
        end = replies[0].wall if replies else 0.0
        until.append(float(sum(one.at <= end for one in turn)))
        whole.append(float(len(turn)))
    told = ", ".join(f"{name} {n / len(posts):.1f}" for name, n in names.most_common())
    section = "Round trips to Redis of a turn that answers one message"
    results.rows += [
        Row(section, "until the answer is posted", "", tuple(until), goal=GOAL),
        Row(section, "all of the turn", "", tuple(whole), goal=GOAL, note=told),
    ]


def direct_workers(camp: Camp) -> list[int]:
    """The processes that answer what speaks to a bot."""
    return [pid for pid in camp.pids() if "direct,delivery" in command_of(pid)]


def _turn_of(commands: list[Command], post: Post, end: float) -> list[Command]:
    """What the worker sent between a message and the next; the pump's rounds are not the
    turn's."""
    return [
        one for one in commands if post.wall <= one.at < end and one.name not in PUMP
    ]
