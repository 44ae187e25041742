"""The pinned Celery, kombu and redis-py against a broker that is killed under them."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import celery
import pytest

from app.broker.hints import conf
from app.domain.settings import Settings
from app.host.valkey import EmbeddedValkey
from tests.chaos.proxy import Proxy
from tests.e2e.warm import Warm, launch

KILLS = 5
TASKS_A_ROUND = 8
THREADS = 4
PUMP_SECONDS = 3


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    """A server of its own, with an append-only file, to kill."""
    with EmbeddedValkey(tmp_path / "broker") as server:
        yield server


@pytest.fixture
def worker(broker: EmbeddedValkey, tmp_path: Path) -> Iterator[Warm]:
    """A real worker process with an operator's command line, with the threads pool."""
    with working(broker.url, tmp_path) as process:
        yield process


@contextlib.contextmanager
def working(url: str, tmp_path: Path, **settings: str) -> Iterator[Warm]:
    """Such a process at this address of the broker."""
    environment = os.environ | {
        "STREAM_REDIS_URL": url,
        "BUSY_MARKS": str(tmp_path / "marks"),
        **settings,
    }
    command = [
        "celery",
        "-A",
        "tests.e2e.busy_app",
        "worker",
        "--pool",
        "threads",
        "--concurrency",
        str(THREADS),
        "--queues",
        "chores",
        "--without-mingle",
        "--without-gossip",
    ]
    process = launch(command, environment, tmp_path / "worker.log")
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        process.wait()


def test_a_busy_worker_survives_five_broker_kills(
    broker: EmbeddedValkey,
    worker: Warm,
    tmp_path: Path,
    wait_until: Callable[..., None],
) -> None:
    """A worker whose broker is killed with kill -9 five times in a row, always while it
    works, stays alive and works on; with the pump repeating what is overdue, every task
    has run in the end.

    Without the pump a task may be gone: what the broker hands out at the moment of its
    death is in neither place.
    """
    settings = Settings(redis_url=broker.url)
    sender = celery.Celery("sender", set_as_current=False)
    sender.conf.update(conf(settings))
    marks, log = tmp_path / "marks", tmp_path / "worker.log"

    def done() -> set[str]:
        return set(marks.read_text().split()) if marks.exists() else set()

    sent: set[str] = set()
    for kill in range(KILLS):
        before = len(done())
        for number in range(kill * TASKS_A_ROUND, (kill + 1) * TASKS_A_ROUND):
            sender.send_task("busy", args=[number])
            sent.add(str(number))
        wait_until(
            lambda before=before: len(done()) > before, 20, "a task done after restart"
        )  # so it is busy now
        broker.kill()
        broker.start()
        assert worker.poll() is None, log.read_text()

    pumped = time.monotonic()

    def all_done() -> bool:
        nonlocal pumped
        if time.monotonic() - pumped > PUMP_SECONDS:
            pumped = time.monotonic()
            for number in sent - done():
                sender.send_task("busy", args=[int(number)])
        return done() >= sent or worker.poll() is not None

    wait_until(all_done, 40, "all tasks done")
    assert worker.poll() is None, log.read_text()
    assert done() == sent
    sender.close()


def test_a_full_worker_starts_the_next_task_when_one_ends(
    broker: EmbeddedValkey,
    worker: Warm,
    tmp_path: Path,
    wait_until: Callable[..., None],
) -> None:
    """A threads worker with more tasks than threads works on when one ends, not at its
    next heartbeat 2 s later: 48 tasks of 0.2 s on 4 threads are 2.4 s of work, and
    twelve heartbeats of 2 s."""
    sender = celery.Celery("sender", set_as_current=False)
    sender.conf.update(conf(Settings(redis_url=broker.url)))
    marks = tmp_path / "marks"
    sender.send_task("busy", args=[0])
    wait_until(marks.exists, 20, "the worker's start")
    for number in range(1, 49):
        sender.send_task("busy", args=[number])
    wait_until(lambda: len(set(marks.read_text().split())) == 49, 18, "all tasks done")
    sender.close()


@pytest.mark.slow
def test_a_network_that_swallowed_a_question_is_left(
    broker: EmbeddedValkey, tmp_path: Path, wait_until: Callable[..., None]
) -> None:
    """A worker whose question for tasks vanished, while its connection stays open, asks
    anew by itself: nothing else would ever wake it."""
    marks, log = tmp_path / "marks", tmp_path / "worker.log"
    sender = celery.Celery("sender", set_as_current=False)
    sender.conf.update(conf(Settings(redis_url=broker.url)))
    with Proxy("127.0.0.1", broker.port, 1).running() as proxy:
        url = broker.url.replace(f":{broker.port}/", f":{proxy.port}/")
        with working(url, tmp_path, STREAM_REDIS_TIMEOUT="1") as process:
            sender.send_task("busy", args=[0])
            wait_until(marks.exists, 20, "the worker's start")
            proxy.swallow = True
            wait_until(lambda: "does not answer" in log.read_text(), 15, "its notice")
            proxy.heal()
            sender.send_task("busy", args=[1])
            wait_until(lambda: "1" in marks.read_text().split(), 15, "the next task")
            assert process.poll() is None, log.read_text()
    sender.close()
