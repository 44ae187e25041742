"""Beat where the broker is away or refuses: Celery's writes its stack and a trace for each
tick that it cannot send, one a second."""

from __future__ import annotations

from typing import Any

import structlog
from celery.beat import PersistentScheduler, SchedulingError

from app.broker.hints import HINT_ERRORS
from app.broker.outage_log import broker_outage

log = structlog.get_logger(__name__)


class PatientScheduler(PersistentScheduler):
    """Celery's, which says what it waits for."""

    def apply_entry(self, entry: Any, producer: Any = None) -> None:
        """Send a tick. One that is lost comes again."""
        try:
            self.apply_async(entry, producer=producer, advance=False)
        except SchedulingError as error:
            # Celery raises it in place of whatever it met.
            if isinstance(met := error.__context__, HINT_ERRORS):
                broker_outage.note(met)
            else:
                log.error("a tick could not be sent", tick=entry.name, exc_info=True)
        else:
            broker_outage.end()
