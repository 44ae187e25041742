"""A worker's consumer of tasks where the broker is there and refuses.

Celery's writes a trace for each start that fails, begins the next at once, some ten times
a second, and warns each time of an option whose default will change.
"""

from __future__ import annotations

import time
from contextlib import suppress

from celery.worker.consumer import Consumer

from app.broker.outage_log import broker_outage
from app.broker.patience import FIRST_PAUSE


class PatientConsumer(Consumer):
    """Celery's, which waits between starts and says what it waits for."""

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
