"""A worker's turn in this process: its round trips to Redis, and what it costs with
metrics counted and without."""

from __future__ import annotations

import itertools
import logging
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog
from cryptography.fernet import Fernet

from app.domain.character import load_character
from app.domain.model import Classified, Context, Event, RosterEntry, Signal
from app.domain.settings import Settings
from app.host.valkey import EmbeddedValkey
from app.loopback import Account, LoopbackDiscord, LoopbackThread, Post
from app.store import admission, roster, vault
from app.store.limits import Limits
from app.store.vault import Vault
from app.worker.worker import Worker
from tests.bench.anatomy import measure_anatomy
from tests.bench.figures import Results, Row
from tests.bench.graph import measure_graph
from tests.bench.observing import unobserved
from tests.bench.plan import Plan
from tests.worker.trips import counted

BOT = "elena"
PATIENCE_S = 10.0
TRIPS = 8
COMMIT, LAST = "answer.commit", "outbox.release"
"""The last round trip of a turn that its delivery waits for, and the last of that."""
BEFORE_POST = frozenset({"outbox.read", "outbox.attempt"})
"""What ends those of a delivery before its POST. What the turn asks meanwhile goes on
beside."""
_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Bench:
    """A worker, and the Discord it posts to."""

    worker: Worker
    discord: LoopbackThread
    people: list[Account]

    def turn_ms(self) -> float:
        """Milliseconds of a turn that answers a new message; it is in Discord
        afterwards."""
        number = next(_numbers)
        channel = self.discord.add_channel(f"room-{number}")
        person = self.people[number % len(self.people)]
        # Another text each time: what was said before is not encoded again.
        text = f"elena, what lives in tide pool number {number}?"
        post = self.discord.post(person, channel, text)
        self._admit(post)
        begun = time.perf_counter()
        self.worker.cycle(BOT, Context.DIRECT, str(channel.id))
        took = time.perf_counter() - begun
        # Else delivery would go on beside the next turn.
        self.discord.wait_for(lambda: self.discord.replies_to(post), PATIENCE_S)
        return took * 1000

    def _admit(self, post: Post) -> None:
        event = Event(
            message_id=str(post.message_id),
            channel_id=str(post.channel_id),
            author_id=str(post.author_id),
            author_name=post.author_name,
            content=post.content,
        )
        seen = Classified(signal=Signal.DIRECT, reason="bench", addressed=(BOT,))
        settings = self.worker.settings
        call = admission.admit(
            admission.AdmissionRequest(BOT, event, seen),
            event.message_id,
            Limits.of(settings),
            settings,
        )
        self.worker.store.run(call)


def measure(results: Results, plan: Plan, folder: Path) -> None:
    """Rows of the round trips, and of observing a turn."""
    server = LoopbackDiscord(rate_limit=None, compress=False)
    with (
        EmbeddedValkey(folder / "turns") as valkey,
        LoopbackThread(server) as discord,
    ):
        bench = _bench(valkey.url, discord)
        for _ in range(5):
            bench.turn_ms()
        _count_round_trips(results, plan, bench)
        cycle = bench.worker, "cycle"
        measure_anatomy(results, plan, bench.turn_ms, cycle, bench.worker.rest)
        measure_graph(results, plan)
        ours, base = [], []
        for _ in plan.few("a turn, metrics on and off"):
            pairs = [_pair(bench) for _ in range(plan.messages)]
            ours.append(statistics.median(on for on, _ in pairs))
            base.append(statistics.median(off for _, off in pairs))
        bench.worker.close()
    results.rows.append(
        Row(
            "Observing",
            "a turn that counts metrics",
            "ms",
            tuple(ours),
            tuple(base),
            "one that does not",
            goal=1.05,
        )
    )


def _count_round_trips(results: Results, plan: Plan, bench: Bench) -> None:
    until, whole, names = [], [], Counter[str]()
    for _ in plan.steps(plan.messages, "round trips of a turn"):
        trips = _trips_of_turn(bench)
        names.update(map(_told, trips))
        until.append(float(_count_until_post(trips)))
        whole.append(float(len(trips)))
    told = ", ".join(
        name if round(n / len(until)) == 1 else f"{name} {n / len(until):.1f}"
        for name, n in names.items()
    )
    section = "Round trips to Redis of a turn that answers one message"
    results.rows += [
        Row(section, "until the answer is posted", "", tuple(until), goal=TRIPS),
        Row(section, "all of it", "", tuple(whole), goal=TRIPS, note=told),
    ]


def _count_until_post(trips: Sequence[tuple[str, ...]]) -> int:
    """How many round trips came one after another before the answer was posted."""
    until = next(at for at, trip in enumerate(trips, 1) if COMMIT in trip)
    return until + sum(trip[-1] in BEFORE_POST for trip in trips[until:])


def _told(trip: tuple[str, ...]) -> str:
    """What a trip is called: the commit takes much along."""
    return COMMIT if COMMIT in trip else trip[-1]


def _trips_of_turn(bench: Bench) -> list[tuple[str, ...]]:
    """The round trips of a turn and its delivery."""
    with counted(pytest.MonkeyPatch()) as found:
        bench.turn_ms()
        deadline = time.monotonic() + PATIENCE_S
        while not any(LAST in trip for trip in found):
            if time.monotonic() > deadline:
                raise TimeoutError(f"no {LAST} within {PATIENCE_S:g} s")
            time.sleep(0.01)
    return [trip for trip in found if "message.admit" not in trip]


def _pair(bench: Bench) -> tuple[float, float]:
    """A turn with metrics and one without."""
    observed = bench.turn_ms()
    with unobserved():
        return observed, bench.turn_ms()


def _bench(url: str, discord: LoopbackThread) -> Bench:
    # Of the environment nothing: an operator's real Redis has no place here.
    values: dict[str, Any] = {
        "redis_url": url,
        "vault_keys": Fernet.generate_key().decode(),
        "discord_api_url": discord.api_url,
        "speak_channels": "*",
        "newcomer_days": 0,
        "person_hourly": 1_000_000,
        "daily_posts": 1_000_000,
        "daily_posts_all": 1_000_000,
        "person_share": 1,
    }
    settings = Settings(_env_file=None, **values)
    worker, account = Worker(settings), discord.add_bot(BOT)
    # Lines on a terminal would cost more than what is measured.
    quiet = structlog.make_filtering_bound_logger(logging.ERROR)
    structlog.configure(wrapper_class=quiet)
    # Nobody takes hints here; sending them is no part of a turn.
    worker.hints.send = lambda *_: True  # type: ignore[method-assign]
    character = load_character(BOT)
    plain = ("{}", f'{{"user_id": "{account.id}"}}', character.model_dump_json())
    sealed = Vault(settings.vault_keys).seal(BOT, {"token": str(account.token)}, plain)
    worker.store.run(vault.publish(BOT, sealed, *plain))
    entry = RosterEntry(bot=BOT, user_id=str(account.id), names=character.names)
    worker.store.run(roster.enlist(entry))
    # As a worker's process does before its first task.
    worker.warm()
    people = [discord.add_user(f"person-{number}") for number in range(20)]
    return Bench(worker, discord, people)
