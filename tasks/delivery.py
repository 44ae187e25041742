"""The task that delivers one bot's outbox."""

from __future__ import annotations

from app.broker.hints import DELIVER
from app.worker.worker import worker
from tasks.celery_app import app


@app.task(name=DELIVER)
def deliver_outbox(bot_name: str) -> None:
    """Send what is due of one bot, in order per channel; a second delivery of the task
    finds nothing to do."""
    worker().deliver(bot_name)
