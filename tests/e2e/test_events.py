"""What Flower is told: events of real workers over a real broker."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import celery
import pytest

from app.broker.hints import DELIVER, POLL, PUMP, conf
from app.domain.settings import Settings
from tests.e2e.system import system


@contextmanager
def listening(app: celery.Celery) -> Iterator[list[dict[str, Any]]]:
    """Every event from now on."""
    heard: list[dict[str, Any]] = []
    with app.connection() as connection:
        receiver = app.events.Receiver(connection, handlers={"*": heard.append})
        begun = threading.Event()
        receiver.on_consume_ready = lambda *_, **__: begun.set()
        thread = threading.Thread(
            # It looks once a second whether to stop.
            target=lambda: receiver.capture(wakeup=False),
            daemon=True,
        )
        thread.start()
        assert begun.wait(20)
        try:
            yield heard
        finally:
            receiver.should_stop = True
            thread.join(10)


@pytest.mark.slow
def test_the_pump_does_not_fill_flower_and_workers_have_names_of_their_own(
    tmp_path: Path,
) -> None:
    """Of a pump between two polls no event is sent, of each poll its beginning and its
    end; two workers are two names."""
    with system(tmp_path) as running:
        flower = celery.Celery("flower", set_as_current=False)
        flower.conf.update(conf(Settings(redis_url=running.valkey.url)))
        with listening(flower) as heard:
            running.workers(threads=1)
            running.wait_workers()
            for task in (PUMP, POLL, PUMP):
                flower.send_task(task)
            flower.send_task(DELIVER, args=("nobody",))
            sent = {"task-received", "task-started", "task-succeeded"}

            def told(task: str) -> set[str]:
                ids = {one["uuid"] for one in heard if one.get("name") == task}
                return {one["type"] for one in heard if one.get("uuid") in ids}

            running.wait(lambda: told(POLL) >= sent, 30.0, "the events of a poll")
            # The pumps' worker took this after both of them.
            running.wait(lambda: told(DELIVER), 30.0, "the events of a delivery")
            assert told(PUMP) == set()
            online = {one["hostname"] for one in heard if "worker" in one["type"]}
            assert {name.partition("@")[0] for name in online} == {"direct", "cycles"}
        flower.close()
