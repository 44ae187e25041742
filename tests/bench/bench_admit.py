"""What admission costs: `python -m tests.bench.bench_admit`. Prints a ratio to a bare
XADD of the same run, and commands.

A ratio says more than microseconds: both sides share the machine, the server and the
client.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from app.domain.model import Bid, Classified, Event, Signal
from app.domain.settings import Settings
from app.host.valkey import EmbeddedValkey
from app.store import admission
from app.store.door import Store
from app.store.limits import Limits

MESSAGES = 2_000
BOTS = ("aria", "dotty", "elena")
NOT_INSIDE = {"evalsha", "info", "config|resetstat"}
BASE = 1_400_000_000_000_000_000


def _event(number: int) -> Event:
    return Event(
        message_id=str(BASE + (number << 22)),
        channel_id="55",
        guild_id="7",
        author_id="901",
        author_name="x",
        content="How do tides work? " * 4,
    )


def _each(calls: int, do: Callable[[int], object]) -> float:
    """Median microseconds of one call."""
    took = []
    for number in range(calls):
        began = time.perf_counter()
        do(number)
        took.append(time.perf_counter() - began)
    return statistics.median(took) * 1e6


def _stats(store: Store) -> dict[str, tuple[int, float]]:
    """Calls, and microseconds of the server for one, by command since the last
    reset."""
    stats = store.client.info("commandstats")
    return {
        name.removeprefix("cmdstat_"): (int(row["calls"]), float(row["usec_per_call"]))
        for name, row in stats.items()
    }


def main() -> int:
    """Measure three kinds of admission beside a bare XADD."""
    settings = Settings(_env_file=None)
    limits = Limits.of(settings)
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedValkey(Path(folder), appendfsync="everysec") as server,
    ):
        store = Store(server.url)
        body = _event(0).model_dump_json(exclude_defaults=True)
        store.client.config_resetstat()
        bare = _each(
            MESSAGES, lambda _: store.client.xadd("bare", {"event": body}, maxlen=300)
        )
        server_bare = _stats(store)["xadd"][1]
        print(
            f"{'bare XADD':16} {bare:4.0f} us, of which the server {server_bare:3.0f}"
        )
        for place, (name, signal, bid) in enumerate(
            (
                ("ambient, passes", Signal.AMBIENT, None),
                ("watched, bids", Signal.WATCHED, Bid(score=0.5, above_threshold=True)),
                ("direct", Signal.DIRECT, None),
            )
        ):

            def one(
                number: int,
                place: int = place,
                signal: Signal = signal,
                bid: Bid | None = bid,
            ) -> None:
                said = _event(place * MESSAGES + number // len(BOTS))
                seen = Classified(
                    signal=signal,
                    reason="r",
                    addressed=BOTS if signal is Signal.DIRECT else (),
                )
                c = admission.Candidate(
                    BOTS[number % len(BOTS)], said, seen, bid, expected=len(BOTS)
                )
                store.run(admission.admit(c, str(number), limits, settings))

            one(-1)
            store.client.config_resetstat()
            took = _each(MESSAGES, one)
            stats = _stats(store)
            calls, server_took = stats["evalsha"]
            inside = sum(
                count
                for command, (count, _) in stats.items()
                if command not in NOT_INSIDE
            )
            print(
                f"{name:16} {took:4.0f} us = {took / bare:4.1f} x, of which the server {server_took:3.0f} = "
                f"{server_took / server_bare:4.1f} x; per message and bot {calls / MESSAGES:.2f} round trips, "
                f"{inside / MESSAGES:.1f} commands in the script"
            )
        store.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
