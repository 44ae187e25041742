"""What every process of the stream imports. No thread may run when this module is done:
it is forked."""

from __future__ import annotations

import celery.bin.celery
import celery.bin.worker  # noqa: F401
import discord  # noqa: F401
import langchain_openai  # noqa: F401

import app.cli.main
import app.gateway.start
import app.worker.worker  # noqa: F401
from app.brain.graph import warm

warm()
