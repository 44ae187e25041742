"""Flower's pages: all of them ask for its password. Flower itself leaves `/metrics`
open, which names workers and tasks."""

from __future__ import annotations

import sys


def close_metrics() -> None:
    """Ask for the password on `/metrics` too. Celery's command line imports Flower
    before this program; elsewhere there is nothing to close."""
    monitor = sys.modules.get("flower.views.monitor")
    if monitor is None:
        return
    from tornado.web import authenticated

    monitor.Metrics.get = authenticated(monitor.Metrics.get)
