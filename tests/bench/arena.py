"""Everything that is compared, up at once on one loopback Discord: The Stream as its
operators start it, and its peers, each in a guild of its own.

What is not asked meanwhile only idles, so that all meet one machine, in turns.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from rich.console import Console

from app.demo.demo import watching_everywhere
from app.demo.stage import Stage, on_stage
from app.domain.character import ModelConfig
from app.host.valkey import EmbeddedValkey, die_with_parent
from app.lab.replay import make_ensemble
from app.loopback import Account, Channel, Guild, LoopbackDiscord, Post
from tests.bench.machine import Watch, family, used_time

ROOT = Path(__file__).parents[2]
CHANNELS = 10
SETTINGS = {
    "speak_channels": ("*",),
    "cooldown": 0,
    "quiet_time": 0,
    "person_hourly": 1_000_000,
    "daily_posts": 1_000_000,
    "daily_posts_all": 1_000_000,
    "daily_tokens": 1_000_000_000,
    "daily_tokens_all": 1_000_000_000,
    "person_daily_tokens": 1_000_000_000,
    "channel_daily_tokens": 1_000_000_000,
    "person_share": 1,
    "newcomer_days": 0,
    "identify_pause": 0.05,
}
"""No cap and no pause of the room: the machine alone decides."""
CONNECT_S = 300.0
START_PATIENCE = 5.0
"""A loaded machine starts a hundred bots in some minutes; that is no failure here."""
PATIENCE_S = 10.0
SETTLE_S = 0.3


@dataclass(frozen=True, slots=True)
class Camp:
    """One of those that are compared, in its guild. `pids` finds its processes, Redis
    included."""

    name: str
    bots: Sequence[Account]
    people: Sequence[Account]
    channels: Sequence[Channel]
    pids: Callable[[], list[int]]
    stage: Stage | None = None


@dataclass(slots=True)
class Arena:
    """The server, and the camps by name."""

    server: LoopbackDiscord
    folder: Path
    watch: Watch
    console: Console
    camps: dict[str, Camp] = field(default_factory=dict)
    guilds: dict[str, Guild] = field(default_factory=dict)
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _ends: dict[str, AsyncExitStack] = field(default_factory=dict)
    _valkey: EmbeddedValkey | None = None

    async def stream(self, bots: int) -> Camp:
        """The Stream with so many bots, started if it does not run yet."""
        name = f"{bots} bots"
        return self.camps.get(name) or await self.add_stream(name, bots)

    async def echo(self) -> Camp:
        """The floor, started if it does not run yet."""
        return self.camps.get("echo") or await self.add_peer("echo", "echo")

    async def end(self, camp: Camp) -> None:
        """Stop one that is not needed any more."""
        await self._ends.pop(camp.name).aclose()
        del self.camps[camp.name]

    async def add_stream(
        self,
        name: str,
        bots: int,
        settings: dict[str, object] | None = None,
        model: ModelConfig | None = None,
        cast: Path | None = None,
        checkout: Path | None = None,
    ) -> Camp:
        """`the-stream up` with so many bots, all of which hear all channels. `cast`: a
        folder of characters, `checkout`: whose code runs; both ours, if none."""
        self.console.print(f"  starting `the-stream up`: {name}")
        camp, accounts = self._settle(name, bots)
        characters = [
            one.model_copy(update={"model": model})
            for one in watching_everywhere(make_ensemble(bots, cast))
        ]
        own = self._ends[name] = AsyncExitStack()
        self.stack.push_async_exit(own)
        stage = await own.enter_async_context(
            on_stage(
                self.server,
                bots=dict(zip((one.name for one in characters), accounts, strict=True)),
                characters=characters,
                folder=self._own_folder(name),
                settings=SETTINGS | (settings or {}),
                patience=START_PATIENCE,
                checkout=checkout,
            )
        )
        marks = str(stage.system.folder)
        camp = replace(camp, stage=stage, pids=lambda: processes_of(marks))
        self.camps[name] = camp
        return camp

    async def add_peer(
        self,
        name: str,
        script: str,
        bots: int = 1,
        worker: Sequence[str] = (),
        python: str = sys.executable,
        database: int | None = None,
    ) -> Camp:
        """A peer's module, and its worker's command if it has one."""
        self.console.print(f"  starting a peer: {name}")
        camp, accounts = self._settle(name, bots)
        broker = "" if database is None else self._broker(database)
        environment = os.environ | {
            "TOKENS": ",".join(one.token or "" for one in accounts),
            "BROKER": broker,
            "API": self.server.api_url,
            "PYTHONPATH": str(ROOT),
        }
        module = f"tests.bench.peers.{script}"
        urls = [self.server.api_url, self.server.gateway_url]
        command = [python, "-m", module, *urls]
        pids = [self._start(name, [*command, broker], environment)]
        if worker:
            pids.append(self._start(f"{name}-worker", worker, environment))
        if self._valkey is not None and self._valkey.process is not None and broker:
            pids.append(self._valkey.process.pid)
        await self.server.wait_for(
            lambda: set(accounts) <= set(self.server.connected()), CONNECT_S
        )
        camp = replace(camp, pids=lambda: pids)
        self.camps[name] = camp
        return camp

    def _settle(self, name: str, bots: int) -> tuple[Camp, list[Account]]:
        """A guild with its channels, its people and its bots."""
        guild = self.guilds[name] = self.server.add_guild(name, members=())
        accounts = [
            self.server.add_bot(f"{name}-{number}", guilds=(guild,))
            for number in range(bots)
        ]
        people = [
            self.server.add_user(f"{name}-person-{number}", guilds=(guild,))
            for number in range(CHANNELS)
        ]
        channels = [
            self.server.add_channel(f"room-{number}", guild)
            for number in range(CHANNELS)
        ]
        return Camp(name, accounts, people, channels, list), accounts

    def _own_folder(self, name: str) -> Path:
        # One whose start was given up may have left things in a folder of its name.
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.folder))

    def _broker(self, database: int) -> str:
        """A database of the Valkey that the peers share."""
        if self._valkey is None:
            server = EmbeddedValkey(self._own_folder("peers"))
            self._valkey = self.stack.enter_context(server)
        return self._valkey.url.removesuffix("/0") + f"/{database}"

    def _start(
        self, name: str, command: Sequence[str], environment: dict[str, str]
    ) -> int:
        log = self.stack.enter_context((self.folder / f"{name}.log").open("wb"))
        process = subprocess.Popen(
            command,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            # It calls prctl and getppid only, and takes no lock.
            preexec_fn=die_with_parent(),  # noqa: PLW1509
        )

        def end() -> None:
            process.terminate()
            process.wait()

        self.stack.callback(end)
        return process.pid


@asynccontextmanager
async def arena(folder: Path, watch: Watch, console: Console) -> AsyncIterator[Arena]:
    """An empty arena; what is added ends with it."""
    # Uncompressed: Discord's own work is no part of what is measured.
    server = LoopbackDiscord(rate_limit=None, compress=False)
    await server.start()
    found = Arena(server, folder, watch, console)
    try:
        async with found.stack:
            yield found
    finally:
        await server.stop()


def processes_of(folder: str) -> list[int]:
    """The processes of an `up` that works in this folder."""
    mine = []
    for pid in family(os.getpid()):
        try:
            where = os.readlink(f"/proc/{pid}/cwd")
            data = Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            continue
        if where.startswith(folder) or folder.encode() in data:
            mine.append(pid)
    return mine


@dataclass(frozen=True, slots=True)
class Asked:
    """What became of some messages: milliseconds to the first answer of each (of who
    has none, as long as it was waited for), how many have one, all answers, and
    processor seconds of the camp."""

    waits: list[float]
    answered: int
    answers: int
    processor_s: float


async def ask_at_rate(place: Arena, camp: Camp, rate: float, count: int) -> Asked:
    """So many messages a second, each of which mentions one of the camp's bots in turn;
    all are waited for."""
    pids = camp.pids()
    before, begun = used_time(pids), time.monotonic()
    posts: list[Post] = []
    for number in range(count):
        await asyncio.sleep(max(0.0, begun + number / rate - time.monotonic()))
        posts.append(ask(place, camp, number))
    await wait_for_answers(place, posts)
    # Further answers to the last message still come.
    await asyncio.sleep(SETTLE_S)
    used = used_time(pids) - before
    place.watch.note()
    replies = [place.server.replies_to(post) for post in posts]
    return Asked(
        waits=[wait_of(place, post) for post in posts],
        answered=sum(bool(one) for one in replies),
        answers=sum(map(len, replies)),
        processor_s=used,
    )


def ask(place: Arena, camp: Camp, number: int, channel: int | None = None) -> Post:
    """A person mentions one of the camp's bots."""
    bot = camp.bots[number % len(camp.bots)]
    room = camp.channels[(number if channel is None else channel) % CHANNELS]
    person = camp.people[number % len(camp.people)]
    text = f"{bot.mention} what do you say to number {number}?"
    return place.server.post(person, room, text)


async def wait_for_answers(
    place: Arena, posts: Sequence[Post], patience: float = PATIENCE_S
) -> None:
    """Until each has an answer, at most `patience` seconds."""
    missing = deque(posts)

    def complete() -> bool:
        while missing and place.server.replies_to(missing[0]):
            missing.popleft()
        return not missing

    with suppress(TimeoutError):
        await place.server.wait_for(complete, patience)


def wait_of(place: Arena, post: Post, patience: float = PATIENCE_S) -> float:
    """Milliseconds from a message to its first answer; the patience, if there is
    none."""
    replies = place.server.replies_to(post)
    return 1000 * (replies[0].at - post.at if replies else patience)
