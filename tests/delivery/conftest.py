"""A room with real parts: Valkey, a loopback Discord over sockets, entries committed
through the store's protocol."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.delivery.deliver import Deliverer
from app.delivery.rest import DiscordRest, History, Secrets
from app.domain.lane import Lane
from app.domain.model import Action, ActionKind, Classified, Context, Event, Signal
from app.domain.settings import Settings
from app.domain.verdicts import Commit
from app.loopback import Account, Channel, LoopbackDiscord, LoopbackThread, Post
from app.store import admission, commits, floors, journal, keys, lanes, outbox
from app.store.door import AsyncStore, Store
from app.store.floors import Next
from app.store.limits import Limits
from app.store.lock import LaneLock
from tests.e2e.warm import Warm, launch

SPEEDY: dict[str, Any] = {
    "discord_timeout": 2.0,
    "delivery_lease": 5.0,
    "nonce_window": 60.0,
    "deliver_by": 60.0,
    "quiet_time": 0.0,
    # The floor of a committed entry lapses at once, so that a test may queue several
    # posts before any is delivered.
    "undelivered_lease": 0.001,
    "cooldown": 0.0,
    "speak_channels": "*",
    "person_hourly": 1000,
    "person_share": 1.0,
}


class Worker:
    """One worker process's delivery parts."""

    def __init__(self, room: Room, settings: Settings) -> None:
        self.rest = DiscordRest(settings)
        self.hints: list[Next] = []
        self.deliverer = Deliverer(
            AsyncStore(room.redis_url, 2.0),
            self.rest,
            settings,
            lambda bot: room.secrets[bot],
            self.hints.append,
        )

    def run(self, bot: str = "elena", wait: float = 20.0) -> bool:
        """Deliver what is due."""
        return self.deliverer.run(bot, wait)

    def run_once(self, bot: str = "elena") -> None:
        """Deliver what is due, and do not come back by itself after a failure."""
        self.deliverer._retry_later = lambda *_: None
        assert self.run(bot)

    def history(
        self, bot: str, token: str, channel: str, limit: int, **options: Any
    ) -> History:
        """A channel's lines, asked for and waited for."""
        work = self.rest.begin_context(bot, token, channel, limit, **options)
        return self.rest.finish_context(work)

    def close(self) -> None:
        """End this worker."""
        self.deliverer.close()
        self.rest.close()


class Room:
    """One channel, a person, and the bots elena and aria."""

    def __init__(self, store: Store, redis_url: str, discord: LoopbackThread) -> None:
        self.store, self.redis_url, self.discord = store, redis_url, discord
        self.channel: Channel = discord.add_channel("lounge")
        self.person: Account = discord.add_user("Ada")
        self.bots = {name: discord.add_bot(name) for name in ("elena", "aria")}
        self.secrets = {
            name: Secrets(str(bot.token), str(bot.id))
            for name, bot in self.bots.items()
        }
        self.settings = self.with_settings()
        self.workers: list[Worker] = []

    def with_settings(self, **changes: Any) -> Settings:
        """Settings for this loopback Discord, quick enough for a test."""
        return Settings(
            **{"discord_api_url": self.discord.api_url, **SPEEDY, **changes}
        )

    def worker(self, **changes: Any) -> Worker:
        """A further worker process, as it were."""
        self.workers.append(Worker(self, self.with_settings(**changes)))
        return self.workers[-1]

    @contextlib.contextmanager
    def process(self, kill_at: str, **changes: Any) -> Iterator[Warm]:
        """A deliverer in a process of its own, which dies or freezes at a named
        point."""
        settings = {"discord_api_url": self.discord.api_url, **SPEEDY, **changes}
        secrets = self.secrets["elena"]
        command = (
            "tests.delivery.dying_deliverer",
            self.redis_url,
            secrets.token,
            secrets.user_id,
            json.dumps(settings),
        )
        environment = {**os.environ, "STREAM_KILL_AT": kill_at}
        with tempfile.TemporaryDirectory() as folder:
            child = launch(command, environment, Path(folder, "log"))
            try:
                yield child
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child.pid, signal.SIGKILL)
                child.wait()

    def commit(
        self,
        text: str = "hello",
        *,
        bot: str = "elena",
        direct: bool = True,
        emoji: str = "",
        trigger: Post | None = None,
        channel: Channel | None = None,
        fallback: str = "",
        **changes: Any,
    ) -> str:
        """The person says something, the bot decides; returns the message id. The entry
        is in the outbox."""
        channel = channel or self.channel
        trigger = trigger or self.discord.post(
            self.person, channel, f"to {bot}: {uuid.uuid4().hex}"
        )
        settings = self.with_settings(**changes)
        limits = Limits.of(settings)
        event = Event(
            message_id=str(trigger.message_id),
            channel_id=str(channel.id),
            author_id=str(self.person.id),
            guild_id=str(channel.guild_id),
            author_name="Ada",
            content=trigger.content,
        )
        lane = Lane(bot, event.channel_id if direct else None)
        signal = Classified(
            signal=Signal.DIRECT if direct else Signal.WATCHED, reason="test"
        )
        self.store.run(
            admission.admit(
                admission.AdmissionRequest(bot, event, signal),
                _request(),
                limits,
                settings,
            )
        )
        if not direct:
            self.store.run(lanes.wake(lane, Context.POLL))
        lock = LaneLock(self.store, lane, 10)
        assert lock.take()
        begun = self.store.run(lanes.begin(lane, lock.id))
        entry = next(e for e in begun.entries if e.event.message_id == event.message_id)
        holder = floors.Holder(lane, lock.id)
        claimed = self.store.run(floors.claim(holder, entry, settings, 0))
        kind = ActionKind.REACT if emoji else ActionKind.REPLY
        action = Action(
            kind=kind,
            channel_id=event.channel_id,
            message_id=event.message_id,
            text=text,
            emoji=emoji,
            fallback=fallback,
        )
        decision = commits.Decision(holder, entry, action, claimed.token, cooldown=0)
        committed = self.store.run(
            commits.commit(decision, limits, settings, _request())
        )
        assert committed.verdict is Commit.COMMITTED, (claimed, committed)
        self.store.run(lanes.finish(lane, lock.id, begun.seq, None, _request()))
        lock.stop()
        return event.message_id

    def said(self, channel: Channel | None = None) -> list[str]:
        """What the bots have posted in the channel, oldest first."""
        channel = channel or self.channel
        return [
            post.content
            for post in self.discord.posts_by_bots()
            if post.channel_id == channel.id
        ]

    def queue(self, bot: str = "elena") -> list[str]:
        """Entry ids that are not delivered yet."""
        return [
            str(entry)
            for entry in self.store.client.lrange(
                keys.outbox(bot, str(self.channel.id)), 0, -1
            )
        ]

    def forget_nonces(self, chunk: int = 0) -> None:
        """Let time pass: Discord forgets every nonce, the head's unknown attempt is
        past the window, a retry is due."""
        key = keys.entry(self.queue()[0])
        first = int(str(self.store.client.hget(key, f"first:{chunk}")))
        self.store.client.hset(key, f"first:{chunk}", str(first - 600_000))
        self.discord.nonce_window = 0.0
        self.due()

    def due(self, bot: str = "elena") -> None:
        """Let time pass: what waits for its retry is due."""
        self.store.client.zadd(keys.DELIVERIES_DUE, {f"{bot}:{self.channel.id}": 1})

    def verdicts(self, message: str) -> list[str]:
        """The delivery verdicts in a message's journal."""
        return [
            line.verdict
            for line in self.store.run(journal.read(message))
            if line.step == "deliver"
        ]

    def reason(self, message: str) -> str:
        """Why a message's entry was buried."""
        return [
            line.reason
            for line in self.store.run(journal.read(message))
            if line.step == "deliver"
        ][-1]

    def dead(self, bot: str = "elena") -> list[str]:
        """Reasons of the dead letters."""
        return list(self.store.run(outbox.dead(bot)).values())


def _request() -> str:
    return uuid.uuid4().hex


@pytest.fixture
def discord() -> Iterator[LoopbackThread]:
    """A loopback Discord without a rate limit."""
    with LoopbackThread(LoopbackDiscord(rate_limit=None)) as server:
        yield server


@pytest.fixture
def room(store: Store, redis_url: str, discord: LoopbackThread) -> Iterator[Room]:
    """The room; its workers are closed after the test."""
    made = Room(store, redis_url, discord)
    yield made
    for worker in made.workers:
        worker.close()


@pytest.fixture
def empties(room: Room, wait_until: Callable[..., None]) -> Callable[..., None]:
    """`empties(bot)`: hints the workers, as the pump does, until nothing is left to
    deliver."""

    def wait(bot: str = "elena", seconds: float = 20.0) -> None:
        def hinted() -> bool:
            for worker in room.workers:
                worker.run(bot, 1.0)
            return not room.queue(bot)

        wait_until(hinted, seconds, "an empty outbox")

    return wait
