"""What it costs to be sure of a replica, as a ratio within one run."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.store import servers
from tests.store.servers import Server
from tests.store.test_outages import program

ROUNDS, WRITES = 120, 100


def add(server: Server) -> None:
    """A write of the size of an admission's largest."""
    server.admin.xadd("stream", {"text": "x" * 300}, maxlen=1_000)


def add_and_wait(server: Server) -> None:
    """The same, and WAIT for one replica in the same round trip."""
    pipeline = server.admin.pipeline(transaction=False)
    pipeline.xadd("stream", {"text": "x" * 300}, maxlen=1_000)
    pipeline.wait(1, 1_000)  # type: ignore[no-untyped-call]
    pipeline.execute()


@pytest.mark.slow
@pytest.mark.parametrize("name", servers.PROGRAMS)
def test_min_replicas_costs_nothing_and_wait_does(tmp_path: Path, name: str) -> None:
    """In turns, so that a busy machine burdens all alike; the fastest turn counts. A
    write that `min-replicas-to-write` guards is as dear as one that is only
    replicated; WAIT is dearer than both."""
    alone, primary, second = (
        Server(program(name), tmp_path / str(number), "--appendonly", "yes")
        for number in range(3)
    )
    second.admin.replicaof("127.0.0.1", str(primary.port))
    second.wait(lambda: second.admin.info("replication")["master_link_status"] == "up")
    primary.wait(lambda: primary.admin.info("replication")["connected_slaves"] == 1)
    kinds: dict[str, tuple[int, Callable[[], None]]] = {
        "alone": (0, lambda: add(alone)),
        "replicated": (0, lambda: add(primary)),
        "min-replicas-to-write": (1, lambda: add(primary)),
        "WAIT": (1, lambda: add_and_wait(primary)),
    }
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    try:
        for _ in range(ROUNDS):
            for kind, (replicas, write) in kinds.items():
                primary.admin.config_set("min-replicas-to-write", replicas)
                begun = time.perf_counter()
                for _ in range(WRITES):
                    write()
                times[kind].append(time.perf_counter() - begun)
    finally:
        for server in (alone, primary, second):
            server.stop()
    best = {kind: min(found) for kind, found in times.items()}
    for kind, seconds in best.items():
        print(f"{name} {kind}: {seconds / best['alone']:.2f}")
    assert best["min-replicas-to-write"] < 1.5 * best["replicated"]
    assert best["WAIT"] > 1.1 * best["min-replicas-to-write"]
