"""A Celery app with the stream's own configuration and one task that keeps a worker
busy."""

from __future__ import annotations

import os
import time
from pathlib import Path

import celery

from app.broker import poison
from app.broker.hints import conf
from app.broker.hub import LeaveSilence, WakeHub
from app.broker.patience import OnceEvents, PromptAMQP
from app.domain.settings import load_settings

poison.survive()
app = celery.Celery("busy", amqp=PromptAMQP, events=OnceEvents)
app.conf.update(conf(load_settings()))
app.steps["consumer"].add(WakeHub)
app.steps["consumer"].add(LeaveSilence)


@app.task(name="busy")  # type: ignore[misc]
def busy(number: int) -> None:
    """Work for a moment, then leave a mark."""
    time.sleep(0.2)
    with Path(os.environ["BUSY_MARKS"]).open("a", encoding="utf-8") as marks:
        marks.write(f"{number}\n")
