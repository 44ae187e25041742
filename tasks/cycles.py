"""The task that runs one cycle. Its arguments are names and ids: a hint, which may come
twice, late or never."""

from __future__ import annotations

from app.broker.hints import CYCLE
from app.runtime import metrics
from app.worker.worker import worker
from tasks.celery_app import app


@app.task(name=CYCLE)
def run_daily_life_cycle(
    bot_name: str, context: str, channel_id: str | None = None
) -> str:
    """Run the daily life of one bot once, if it is due. `channel_id` only with context
    `direct`."""
    outcome = worker().cycle(bot_name, context, channel_id)
    metrics.CYCLES.labels(outcome).inc()
    return outcome
