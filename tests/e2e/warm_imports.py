"""What every process of the stream imports. No thread may run when this module is done:
it is forked."""

from __future__ import annotations

import gc
from importlib import import_module

from app.brain.graph import warm
from app.rules.policy import shipped_policy

LOADED = (
    "app.broker.hub",
    "app.broker.poison",
    "app.cli.main",
    "app.gateway.start",
    "app.worker.worker",
    "beat_schedule",
    "discord",
    "langchain_openai",
)
LOADED_LATE = (
    "billiard.connection",
    "billiard.pool",
    "celery.app.control",
    "celery.app.events",
    "celery.app.log",
    "celery.app.routes",
    "celery.apps.beat",
    "celery.apps.worker",
    "celery.bin.celery",
    "celery.bin.worker",
    "celery.concurrency.thread",
    "celery.fixups.django",
    "celery.loaders.app",
    "celery.utils.deprecated",
    "celery.worker.autoscale",
    "celery.worker.components",
    "celery.worker.consumer",
    "celery.worker.consumer.delayed_delivery",
    "celery.worker.strategy",
    "dbm.dumb",
    "kombu.matcher",
)
"""What Celery and its parts import only once they start."""

for name in (*LOADED, *LOADED_LATE):
    import_module(name)
warm()
shipped_policy()
# Each fork looks for garbage as soon as it has loaded: it shall not walk, and so copy,
# all that it shares with the others.
gc.collect()
gc.freeze()
