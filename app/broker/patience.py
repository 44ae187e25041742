"""How long Celery's own parts wait for a broker that does not answer.

A worker tells that it lives every two seconds, from the event loop that also fetches
tasks, and by default it tries until it was told: while the network is dead the loop
stands still, with pauses that grow to half a minute, and goes on as late after the
network's return. Who watches events may miss one. Nobody may wait for a task.
"""

from __future__ import annotations

from typing import Any

from celery.app.amqp import AMQP
from celery.app.events import Events
from celery.events.dispatcher import EventDispatcher
from kombu import Connection

from app.broker.outage_log import broker_outage

FIRST_PAUSE, LONGEST_PAUSE = 1, 5
"""Seconds between two tries to connect."""


class OnceDispatcher(EventDispatcher):
    """Tries once to send an event."""

    def publish(self, *args: Any, **options: Any) -> Any:
        """As Celery's; what could not be sent is kept until it is connected again."""
        return super().publish(*args, **{**options, "retry": False})


class OnceEvents(Events):
    """Celery's, with that dispatcher."""

    # Celery takes it by name.
    dispatcher_cls = f"{__name__}:OnceDispatcher"


class PromptConnection(Connection):
    """Looks for a lost broker every few seconds, however long it is away."""

    def ensure_connection(self, errback: Any = None, *args: Any, **options: Any) -> Any:
        """As kombu's, which waits up to 30 seconds between two tries. Celery's `errback`
        would write a line for each."""
        pauses = {
            "interval_start": FIRST_PAUSE,
            "interval_step": FIRST_PAUSE,
            # kombu adds it to the first.
            "interval_max": LONGEST_PAUSE - FIRST_PAUSE,
        }
        return super().ensure_connection(_note_failed, *args, **{**pauses, **options})


def _note_failed(error: BaseException, interval: float) -> None:
    broker_outage.note(error)


class PromptAMQP(AMQP):
    """Celery's, with that connection."""

    Connection = PromptConnection
