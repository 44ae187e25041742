"""What admission costs beside a bare XADD of the same event, over the same connection.

A ratio says more than microseconds: both sides share the machine, the server and the
client.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.domain.model import Bid, Classified, Event, Signal
from app.domain.settings import Settings
from app.host.valkey import EmbeddedValkey
from app.store import admission, keys, scripts
from app.store.calls import Call
from app.store.door import Store
from app.store.limits import Limits
from tests.bench.figures import Results, Row
from tests.bench.observing import unobserved
from tests.bench.plan import Plan

FIRST_ID = 1_400_000_000_000_000_000
KINDS = (
    ("ambient, passes", Signal.AMBIENT, None),
    ("watched, bids", Signal.WATCHED, Bid(score=0.5, above_threshold=True)),
    ("speaks to the bot", Signal.DIRECT, None),
)
BOTS = tuple(f"bot{number:03}" for number in range(100))
MEMORY_MESSAGES = 10_000
BATCH = 100
_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Desk:
    """A store, and what an admission needs beside the event."""

    store: Store
    settings: Settings
    limits: Limits

    def admission(
        self, signal: Signal, bid: Bid | None, bots: Sequence[str]
    ) -> Call[list[admission.Admission]]:
        """The call that admits a new message for bots."""
        number = next(_numbers)
        seen = Classified(
            signal=signal,
            reason="r",
            addressed=tuple(bots) if signal is Signal.DIRECT else (),
        )
        event = make_event(number)
        candidates = [
            admission.AdmissionRequest(bot, event, seen, bid, expected=len(bots))
            for bot in bots
        ]
        return admission.admit_all(
            candidates, str(number), [self.limits] * len(bots), self.settings
        )

    def admit(self, signal: Signal, bid: Bid | None, bots: Sequence[str]) -> None:
        """Admit a new message for bots."""
        self.store.run(self.admission(signal, bid, bots))


def make_event(number: int) -> Event:
    """A message of somebody, in a channel of fifty messages: no cap of a channel or a
    person is reached."""
    return Event(
        message_id=str(FIRST_ID + (number << 22)),
        channel_id=str(55_000 + number // 50),
        guild_id="7",
        author_id=str(90_000 + number % 1_000),
        author_name="x",
        content="How do tides work? " * 4,
    )


def measure(results: Results, plan: Plan, folder: Path) -> None:
    """Rows of the admission, of observing it, and of the memory it takes."""
    settings = Settings(_env_file=None)
    with EmbeddedValkey(folder / "admission") as server:
        store = Store(server.url)
        desk = Desk(store, settings, Limits.of(settings))
        for name, signal, bid in KINDS:
            results.rows += _beside_xadd(desk, plan, name, signal, bid)
        results.rows.append(_many_at_once(desk, plan))
        results.rows.append(_observed(desk, plan))
        _measure_memory(desk, results, plan)
        store.close()


def _median_us(work: Callable[[], object], times: int) -> float:
    """Median microseconds of one call."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return statistics.median(took) * 1e6


def _xadd(desk: Desk) -> None:
    body = make_event(next(_numbers)).model_dump_json(exclude_defaults=True)
    desk.store.client.xadd("bare", {"event": body}, maxlen=300)


def _beside_xadd(
    desk: Desk, plan: Plan, name: str, signal: Signal, bid: Bid | None
) -> list[Row]:
    """As the client sees it, and as the server does, which no context switch holds
    up."""
    ours, base, server, server_base = [], [], [], []
    for _ in plan.rounds(f"admission, {name}"):
        desk.store.client.config_resetstat()
        base.append(_median_us(lambda: _xadd(desk), plan.calls))
        server_base.append(_server_us(desk, "xadd"))
        ours.append(_median_us(lambda: desk.admit(signal, bid, BOTS[:1]), plan.calls))
        server.append(_server_us(desk, "evalsha"))
    seen = f"one bot, {name}"
    return [
        _row(f"{seen}: at the client", ours, base),
        _row(f"{seen}: in the server", server, server_base),
    ]


def _row(name: str, ours: list[float], base: list[float]) -> Row:
    return Row("Admission", name, "us", tuple(ours), tuple(base), "one XADD")


def _server_us(desk: Desk, command: str) -> float:
    """The server's own microseconds of one call, since its figures were reset."""
    stats = desk.store.client.info("commandstats")
    return float(stats[f"cmdstat_{command}"]["usec_per_call"])


def _many_at_once(desk: Desk, plan: Plan) -> Row:
    ours, base = [], []
    some, calls = BOTS[:30], max(20, plan.calls // 10)
    for _ in plan.rounds("admission, thirty bots in one call"):
        base.append(_median_us(lambda: _xadd(desk), plan.calls))
        took = _median_us(lambda: desk.admit(Signal.AMBIENT, None, some), calls)
        ours.append(took / len(some))
    return _row("each of thirty bots in one call, passes", ours, base)


def _observed(desk: Desk, plan: Plan) -> Row:
    """By blocks of a few calls, in turns: a drift of the machine meets both."""

    def blocks() -> Iterator[tuple[float, float]]:
        for _ in range(plan.calls // 20):
            with unobserved():
                without = _median_us(lambda: desk.admit(*_BID), 20)
            yield _median_us(lambda: desk.admit(*_BID), 20), without

    ours, base = [], []
    for _ in plan.rounds("admission, metrics on and off"):
        pairs = list(blocks())
        ours.append(statistics.median(on for on, _ in pairs))
        base.append(statistics.median(off for _, off in pairs))
    return Row(
        "Observing",
        "an admission that counts metrics",
        "us",
        tuple(ours),
        tuple(base),
        "one that does not",
        goal=1.10,
    )


_BID = (Signal.WATCHED, Bid(score=0.5, above_threshold=True), BOTS[:1])


def _measure_memory(desk: Desk, results: Results, plan: Plan) -> None:
    """Redis's memory after so many messages for three bots, and after as many more once
    all of the first that expires has expired: what leaks would be there twice."""
    for name, signal, bid in KINDS[:2]:
        # By default a server frees later what it flushed: the memory of before would
        # be taken off.
        desk.store.client.execute_command("FLUSHDB", "SYNC")
        before = _memory_mb(desk)
        plan.console.print(f"  memory of Redis, {name}")
        full = []
        for _ in range(2):
            for _ in range(MEMORY_MESSAGES // BATCH):
                _admit_batch(desk, signal, bid)
            full.append(_memory_mb(desk) - before)
            _expire_all(desk)
        results.rows.append(
            Row(
                "Memory of Redis",
                f"{MEMORY_MESSAGES:,} messages for three bots ({name}), once as many "
                "before them have expired",
                "MB",
                (full[1],),
                (full[0],),
                "the first as many",
                goal=1.1,
            )
        )
        # MB a million messages are bytes a message.
        results.costs[f"bytes a message: {name}"] = full[0] * 1e6 / MEMORY_MESSAGES


def _admit_batch(desk: Desk, signal: Signal, bid: Bid | None) -> None:
    """Admissions that do not wait for each other: nobody times them."""
    digest = desk.store.client.script_load(scripts.source("message.admit"))
    with desk.store.client.pipeline(transaction=False) as pipe:
        for _ in range(BATCH):
            call = desk.admission(signal, bid, BOTS[:3])
            pipe.evalsha(str(digest), len(call.keys), *call.keys, *call.args)
        pipe.execute()


def _memory_mb(desk: Desk) -> float:
    return int(desk.store.client.info("memory")["used_memory"]) / 1e6


def _expire_all(desk: Desk) -> None:
    """As if the days had gone by: each key that expires does, and every election is
    over."""
    client = desk.store.client
    found = list(client.scan_iter(count=1_000))
    with client.pipeline(transaction=False) as pipe:
        for key in found:
            pipe.pttl(key)
        lasting = pipe.execute()
        for key, left in zip(found, lasting, strict=True):
            if left >= 0:
                pipe.delete(key)
        pipe.delete(keys.ELECTIONS_DUE)
        pipe.execute()
