"""What every process of the stream imports. No thread may run when this module is done:
it is forked."""

from __future__ import annotations

import gc
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from app.brain.embeddings import shared_encoder
from app.brain.graph import warm
from app.brain.interest import InterestVectors
from app.brain.models import chat_model
from app.domain.character import ModelConfig, load_characters
from app.domain.settings import Settings
from app.rules.policy import shipped_policy
from app.store import scripts

LOADED = (
    "app.broker.consumer",
    "app.broker.hub",
    "app.broker.poison",
    "app.broker.scheduler",
    "app.cli.main",
    "app.gateway.start",
    "app.runtime.streams",
    "app.worker.worker",
    "beat_schedule",
    "discord",
    "langchain_openai",
)
LOADED_LATE = (
    "anyio._backends._asyncio",
    "app.broker.patience",
    "app.operator.variables",
    "billiard.connection",
    "billiard.pool",
    "celery.app.amqp",
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
    "encodings.latin_1",
    "kombu.matcher",
    "langchain_core.messages.block_translators.langchain_v0",
    "langchain_core.tracers.context",
    "langchain_core.tracers.run_collector",
    "langchain_core.tracers.stdout",
    "typer._adapters",
    "typer._click.decorators",
)
"""What Celery, LangChain and others import only once they start."""
MODEL = ModelConfig(model="openai:made-up", base_url="http://127.0.0.1:9/v1")

for name in (*LOADED, *LOADED_LATE):
    import_module(name)
# Each worker and each beat would read what all installed packages say of themselves.
imports: Any = import_module("celery.utils.imports")
imports.entry_points = cache(entry_points)
for group in ("celery.result_backends", "celery.beat_schedulers"):
    imports.entry_points(group=group)
warm()
shipped_policy()
# Which variables a field is found by; no value is kept.
Settings(_env_file=None)  # type: ignore[call-arg]
for name in scripts.CONTRACTS:
    scripts.source(name)
# A client imports much when it is made, and vectors of interests are kept.
chat_model(MODEL.model, MODEL, {}, timeout=1.0)
for character in load_characters().values():
    InterestVectors(character, shared_encoder()).warm()
# Each fork looks for garbage as soon as it has loaded: it shall not walk, and so copy,
# all that it shares with the others.
gc.collect()
gc.freeze()
