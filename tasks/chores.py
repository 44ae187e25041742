"""What beat sends: the pump and the safety poll."""

from __future__ import annotations

from app.broker.hints import POLL, PUMP
from app.worker.worker import worker
from tasks.celery_app import app


@app.task(name=POLL)
def safety_poll() -> int:
    """Wake every registered bot, spread over the interval."""
    return worker().poll()


# Each second, and over within milliseconds: Flower would list little else, and half of
# it as received for ever, since the events of one millisecond come in any order.
@app.task(name=PUMP, send_events=False)
def pump() -> int:
    """Send hints for what is overdue."""
    return worker().pump()
