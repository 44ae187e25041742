"""What a process says of a broker that is away or refuses, and how often of its tasks."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
import structlog
from celery.beat import SchedulingError
from kombu.exceptions import OperationalError
from kombu.utils.imports import symbol_by_name
from redis.exceptions import ReadOnlyError, ResponseError

from app.broker import consumer, outage_log, scheduler
from app.broker.consumer import EVENTS_EVERY, PatientConsumer
from app.broker.hints import conf
from app.broker.outage_log import AGAIN_S, OutageLog, reason_of
from app.broker.scheduler import PatientScheduler
from app.domain.settings import Settings

Lines = list[structlog.typing.EventDict]


@pytest.fixture(autouse=True)
def broker_outage(monkeypatch: pytest.MonkeyPatch) -> OutageLog:
    """A process that has met no outage."""
    one = OutageLog()
    for module in (outage_log, consumer, scheduler):
        monkeypatch.setattr(module, "broker_outage", one)
    return one


def test_an_outage_has_a_line_a_minute_and_one_when_it_is_over() -> None:
    """Ten tries a second for two minutes and a half: three lines, then one; and the
    next outage begins with a line again."""
    times = iter(number / 10 for number in range(10_000))
    outage = OutageLog(lambda: next(times))
    with structlog.testing.capture_logs() as lines:
        outage.end()
        for number in range(int(2.5 * AGAIN_S * 5)):
            assert outage.note(ReadOnlyError("x")) == number + 1
        outage.end()
        outage.end()
        outage.note(ReadOnlyError("x"))
    away, back = "the broker is away or refuses", "the broker is back"
    assert [line["event"] for line in lines][-3:] == [away, back, away]
    assert 2 <= [line["event"] for line in lines[:-2]].count(away) <= 4
    assert (lines[-2]["tries"], lines[-1]["tries"]) == (int(2.5 * AGAIN_S * 5), 1)


def test_the_reason_is_a_kind_and_a_code() -> None:
    """Nothing else of an error's text is told: it may hold an address, or what was
    sent."""
    hidden = OperationalError("redis://:secret@host")
    hidden.__cause__ = ResponseError("MISCONF cannot save SET 1 words")
    assert reason_of(hidden) == "ResponseError MISCONF"
    assert reason_of(ReadOnlyError("You can't write")) == "ReadOnlyError"
    assert reason_of(OSError("secret")) == "OSError"


def test_a_worker_takes_a_pause_between_starts_that_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first is followed by another at once: a connection that broke is made anew.
    A connection that is half made is given up."""
    pauses: list[float] = []
    collected: list[str] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    worker = cast("Any", object.__new__(PatientConsumer))
    worker.connection = SimpleNamespace(collect=lambda: collected.append("it"))
    with structlog.testing.capture_logs() as lines:
        for _ in range(3):
            worker.on_connection_error_after_connected(ReadOnlyError("x"))
        worker.on_connection_error_before_connected(ReadOnlyError("x"))
        worker.init_callback = None
        worker.on_ready()
    assert (pauses, len(collected)) == ([1, 1, 1], 3)
    assert [line["event"] for line in lines] == [
        "the broker is away or refuses",
        "the broker is back",
    ]


def test_events_of_tasks_are_sent_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many come meanwhile: once in each pause. A timer that a lost connection
    took along holds none up."""
    now = [100.0]
    monkeypatch.setattr(consumer, "time", SimpleNamespace(monotonic=lambda: now[0]))
    timed: list[tuple[float, object]] = []
    hub = SimpleNamespace(_ready=set(), call_later=lambda *one: timed.append(one))
    worker = cast("Any", object.__new__(PatientConsumer))
    worker.hub = hub

    def comes() -> None:
        worker.on_send_event_buffered()
        while hub._ready:
            hub._ready.pop()()

    for _ in range(20):
        comes()
    assert timed == [(EVENTS_EVERY, worker._flush_events)]
    now[0] += EVENTS_EVERY
    comes()
    assert len(timed) == 2


def test_beat_says_once_that_its_ticks_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A line for the outage and not its stack for each tick; a fault of our own is told
    each time."""
    met: list[Exception] = [ReadOnlyError("x")] * 3 + [KeyError("ours")]

    def send(*_: object, **__: object) -> None:
        if met:
            error = SchedulingError("x")
            # As where it is raised while the other is handled.
            error.__context__ = met.pop(0)
            raise error

    beat = cast("Any", object.__new__(PatientScheduler))
    monkeypatch.setattr(PatientScheduler, "apply_async", send)
    with structlog.testing.capture_logs() as lines:
        for _ in range(5):
            beat.apply_entry(SimpleNamespace(name="pump"))
    assert [line["event"] for line in lines] == [
        "the broker is away or refuses",
        "a tick could not be sent",
        "the broker is back",
    ]


def test_celery_takes_both() -> None:
    """By the names in its settings."""
    found = conf(Settings(redis_url="redis://127.0.0.1:1/0"))
    assert symbol_by_name(found["worker_consumer"]) is PatientConsumer
    assert symbol_by_name(found["beat_scheduler"]) is PatientScheduler
