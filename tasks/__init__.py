"""The worker's side: thin Celery tasks. `celery -A tasks worker`, `celery -A tasks
beat`, `celery -A tasks flower`."""

from __future__ import annotations

from tasks.celery_app import app

__all__ = ["app"]
