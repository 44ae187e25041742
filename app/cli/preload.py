"""What the children of `up` import, loaded once for all of them by the template process
(app/host/template.py). No thread, no connection, no setting and no secret is here."""

from __future__ import annotations

import os
from pathlib import Path

import celery.app.amqp
import celery.app.control
import celery.app.events
import celery.app.log
import celery.apps.beat
import celery.apps.worker
import celery.bin.celery
import celery.bin.worker
import celery.concurrency.thread
import celery.events.state
import celery.fixups.django
import celery.loaders.app
import celery.worker.autoscale
import celery.worker.components
import celery.worker.consumer
import celery.worker.control
import celery.worker.strategy  # noqa: F401
import langsmith.utils

import app.broker.poison
import app.cli.running
import app.gateway.start
import app.web.run
import app.worker.worker  # noqa: F401
from app.brain.graph import warm
from app.likeness import encoder

encoder.Sentences.shared_in = Path(os.environ["STREAM_DATA_DIR"])
encoder.preload()
warm()
# It remembers variables of the environment, and each child has its own.
langsmith.utils.get_env_var.cache_clear()  # type: ignore[attr-defined]
