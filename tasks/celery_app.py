"""The Celery application `stream`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any, NoReturn

import celery
import click
from celery import signals
from celery.worker.control import Panel
from kombu import Exchange, Queue

from app.broker import poison
from app.broker.hints import QUEUES, conf
from app.broker.hub import LeaveSilence, WakeHub
from app.broker.patience import OnceEvents, PromptAMQP
from app.domain.errors import ConfigurationError, StoreUnavailable, StreamError
from app.domain.settings import load_settings
from app.runtime import logs, streams
from app.store.fitness import check_servers
from beat_schedule import beat_schedule
from tasks.flower_pages import close_metrics

BODIES = ("tasks.cycles", "tasks.delivery", "tasks.chores", "tasks.nightly")


def configuration() -> dict[str, Any]:
    """Celery's settings, made from ours when they are first needed, so that importing
    the tasks needs no Redis."""
    try:
        settings = load_settings()
        return conf(settings) | {
            # Each with its own exchange and key: by default all would be bound to one
            # key and get a copy of each task.
            "task_queues": [
                Queue(name, Exchange(name, type="direct"), routing_key=name)
                for name in QUEUES
            ],
            "beat_schedule": beat_schedule(settings),
        }
    except ConfigurationError as error:
        if click.get_current_context(silent=True) is None:
            raise
        # Under `celery ...`: one line in place of a stack trace.
        _end(error)


if click.get_current_context(silent=True) is not None:
    # Under `celery ...`, before it prints its banner.
    streams.outlive_full_disk()
poison.survive()
close_metrics()
app = celery.Celery("stream", amqp=PromptAMQP, events=OnceEvents)
app.add_defaults(configuration)
app.steps["consumer"].add(WakeHub)
app.steps["consumer"].add(LeaveSilence)


@contextmanager
def _one_line() -> Iterator[None]:
    """An error of ours ends the process with its line. Celery only logs what a signal's
    handler raises, and would start a process that can do nothing."""
    try:
        yield
    except StreamError as error:
        _end(error)


def _end(error: StreamError) -> NoReturn:
    sys.stderr.write(f"the-stream: {logs.printable(str(error))}\n")
    raise SystemExit(error.exit_code) from None


@signals.celeryd_init.connect
def _load_bodies(**_: object) -> None:
    """Workers alone import the tasks' bodies; beat and Flower start without the model
    libraries behind them."""
    # A client that may push to the broker could stop a worker by remote control.
    poison.questions_only(Panel.data)
    for name in BODIES:
        import_module(name)


@signals.worker_init.connect
def _warm_up(sender: Any, **_: object) -> None:
    """Build this process's worker before its first task: loading the encoder takes a
    second or two."""
    from app.worker.worker import worker

    with _one_line():
        worker().begin_metrics(sender, list(sender.app.amqp.queues.consume_from))
        worker().warm()


@signals.beat_init.connect
def _check_broker(**_: object) -> None:
    """A beat whose address can never work ends with one line; one whose broker is away
    waits for it."""
    with _one_line(), suppress(StoreUnavailable):
        check_servers(load_settings())


@signals.worker_ready.connect
def _show_life(sender: Any, **_: object) -> None:
    from app.worker.worker import worker

    worker().begin_heartbeat(
        sender.hostname, [queue.name for queue in sender.task_consumer.queues]
    )


@signals.worker_shutdown.connect
def _close(**_: object) -> None:
    from app.worker.worker import worker

    worker().close()


@signals.setup_logging.connect
def _log_our_way(**_: object) -> None:
    logs.configure(load_settings())
    poison.wordless()
