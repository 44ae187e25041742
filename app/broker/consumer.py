"""A worker's consumer of tasks, where the broker is there and refuses, and where many
tasks end at once.

Celery's writes a trace for each start that fails, begins the next at once, some ten times
a second, and warns each time of an option whose default will change.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

from celery.worker.consumer import Consumer

from app.broker.outage_log import broker_outage
from app.broker.patience import FIRST_PAUSE

EVENTS_EVERY = 0.25
"""Seconds in which events of tasks are gathered: Flower shows them so much later. Celery
sends each as it comes, which costs a worker as much as taking its task from the
broker."""


class PatientConsumer(Consumer):
    """Celery's, which waits between starts and says what it waits for."""

    hub: Any
    _flush_events: Any
    _events_at = 0.0
    """When (monotonic) the events gathered so far are sent, at the latest."""

    def on_connection_error_after_connected(self, exc: BaseException) -> None:
        """A connection broke, or the broker refuses what a start asks of it."""
        if self.connection is not None:
            with suppress(Exception):
                self.connection.collect()
        self.on_connection_error_before_connected(exc)

    def on_connection_error_before_connected(self, exc: BaseException) -> None:
        """The same where there is no connection."""
        # A broker that is back is asked at once.
        if broker_outage.note(exc) > 1:
            time.sleep(FIRST_PAUSE)

    def on_ready(self) -> None:
        """It asks for tasks."""
        broker_outage.end()
        super().on_ready()

    def on_send_event_buffered(self) -> Any:
        """An event of a task waits to be sent. Called from any thread; as Celery's, it
        does not wake the event loop."""
        if self.hub is not None:
            self.hub._ready.add(self._time_events)

    def _time_events(self) -> None:
        now = time.monotonic()
        # A time and no flag: a lost connection takes all timers with it.
        if now >= self._events_at:
            self._events_at = now + EVENTS_EVERY
            self.hub.call_later(EVENTS_EVERY, self._flush_events)
