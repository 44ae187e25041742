"""A loopback Discord with our bots and the whole real system behind them: what demo,
replay and bench share."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import (
    AsyncIterator,
    Callable,
    Coroutine,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from app.demo.addressed import addressed_bots, explained_pairs
from app.demo.report import Json, Records, per_message, summary_of
from app.demo.system import START_TIMEOUT, StreamSystem
from app.domain.character import Character
from app.domain.model import JournalLine, RosterEntry
from app.loopback import Account, LoopbackDiscord, Post
from app.store import journal, keys, stats
from app.store.calls import command
from app.store.door import AsyncStore

T = TypeVar("T")

WARM_TIMEOUT = 60.0
LOOK = 0.1


@dataclass(frozen=True)
class Stage:
    """The parts, while they run. `bots` maps bot names to their accounts."""

    server: LoopbackDiscord
    system: StreamSystem
    store: AsyncStore
    bots: Mapping[str, Account]
    characters: Sequence[Character]

    @property
    def roster(self) -> list[RosterEntry]:
        """Our bots as the rules know them."""
        return [
            RosterEntry(
                bot=one.name, user_id=str(self.bots[one.name].id), names=one.names
            )
            for one in self.characters
        ]

    async def journal_of(self, message: str) -> tuple[JournalLine, ...]:
        """What was decided about one message."""
        return await self.store.run(journal.read(message))

    async def journals_of(
        self, posts: Iterable[Post]
    ) -> dict[int, tuple[JournalLine, ...]]:
        """What was decided about these messages, by id."""
        ids = [post.message_id for post in posts]
        return dict(
            zip(
                ids,
                await asyncio.gather(*(self.journal_of(str(one)) for one in ids)),
                strict=True,
            )
        )

    async def collect_figures(
        self, posts: Sequence[Post], dms: Mapping[int, str], speed: float = 1.0
    ) -> Json:
        """The report on these posts, with `errors` and `per_message`. `dms` maps direct
        channels to their bots."""
        journal = await self.journals_of(posts)
        records = Records(
            posts=posts,
            reactions=self.server.reactions,
            ours={bot.id for bot in self.bots.values()},
            addressed=addressed_bots(posts, self.roster, dms),
            explained=explained_pairs(journal, self.roster),
            speed=speed,
        )
        errors: list[str] = [
            *self.system.errors,
            *["dead letter"] * await self.dead_letters(),
        ]
        return {
            **summary_of(records),
            "errors": errors,
            "per_message": per_message(records, journal),
        }

    async def work_left(self, horizon: float) -> int:
        """Elections, deliveries, and lanes due within `horizon` seconds."""
        now = time.time() * 1000
        counted = await asyncio.gather(
            self.store.run(command("ZCARD", keys.ELECTIONS_DUE, parse=int)),
            self.store.run(command("ZCARD", keys.DELIVERIES_DUE, parse=int)),
            self.store.run(
                command("ZCOUNT", keys.DELIVERIES_IN_FLIGHT, now, "+inf", parse=int)
            ),
            self.store.run(
                command(
                    "ZCOUNT", keys.WAKES_DUE, "-inf", now + horizon * 1000, parse=int
                )
            ),
        )
        return sum(counted)

    async def wait_for_quiet(
        self, limit: float, horizon: float, still: float = 1.0
    ) -> bool:
        """Wait until nothing is due and nothing was posted for `still` seconds; False
        after `limit` seconds."""
        deadline = time.monotonic() + limit
        calm_since = time.monotonic()
        while time.monotonic() < deadline:
            newest = self.server.posts[-1].at if self.server.posts else 0.0
            if await self.work_left(horizon):
                calm_since = time.monotonic()
            if time.monotonic() - max(calm_since, newest) > still:
                return True
            await asyncio.sleep(LOOK)
        return False

    async def dead_letters(self) -> int:
        """Posts that could not be delivered."""
        counts = (
            self.store.run(command("HLEN", keys.dead(bot), parse=int))
            for bot in self.bots
        )
        return sum(await asyncio.gather(*counts))

    async def read_counters(self) -> dict[str, int]:
        """The workers' counters, and `redis_commands`: all commands that Redis has
        carried out."""
        info = await self.store.client.info("commandstats")
        commands = sum(int(one["calls"]) for one in info.values())
        counted: dict[str, int] = await self.store.run(stats.counts())
        return counted | {"redis_commands": commands}


@asynccontextmanager
async def on_stage(
    server: LoopbackDiscord,
    bots: Mapping[str, Account],
    characters: Sequence[Character],
    folder: Path,
    settings: Mapping[str, object],
    patience: float = 1.0,
    checkout: Path | None = None,
    tell: Callable[[str], object] = lambda _: None,
) -> AsyncIterator[Stage]:
    """Start the system for these bots on a running server, and wait until each has
    answered a direct message; `patience` times as long as usual, before it is given
    up. `checkout`: whose code runs, if not ours. `tell`: what is waited for."""
    tokens = {bot: account.token or "" for bot, account in bots.items()}
    system = StreamSystem(
        folder=folder,
        server=server,
        tokens=tokens,
        settings=settings,
        characters=characters,
        patience=patience,
        checkout=checkout,
    )
    store: AsyncStore | None = None
    system.start()
    try:
        url = await system.wait_until_serving()
        tell("Redis answers; the bots connect")
        store = AsyncStore(url)
        await system.wait_until(
            lambda: set(bots.values()) <= set(server.connected()),
            START_TIMEOUT,
            "the bots to connect",
        )
        stage = Stage(
            server=server, system=system, store=store, bots=bots, characters=characters
        )
        tell("The bots are connected; the workers load what they think with")
        await _warm_up(stage)
        yield stage
    finally:
        # On a thread: while the processes end, this loop must serve them as Discord.
        await asyncio.to_thread(system.stop)
        if store is not None:
            await store.close()


def run_to_end(work: Coroutine[object, object, T]) -> T:
    """`asyncio.run`, where SIGTERM also ends everything in good order, as Ctrl-C
    does."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return asyncio.run(work)
    finally:
        signal.signal(signal.SIGTERM, before)


async def _warm_up(stage: Stage) -> None:
    """Each bot answers one direct message of somebody whom no page shows: the workers
    have then loaded everything."""
    guest = stage.server.add_user("Stagehand")
    for bot in stage.bots.values():
        stage.server.dm(guest, bot, f"Hello {bot.name}!")
    channels = {stage.server.dm_channel(guest, bot).id for bot in stage.bots.values()}

    def is_answered() -> bool:
        return channels <= {post.channel_id for post in stage.server.posts_by_bots()}

    await stage.system.wait_until(is_answered, WARM_TIMEOUT, "the bots to answer")


def add_bots(
    server: LoopbackDiscord, characters: Sequence[Character]
) -> dict[str, Account]:
    """An account for each character, by bot name."""
    return {one.name: server.add_bot(one.display_name) for one in characters}
