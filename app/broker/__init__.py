"""Celery's broker: which hints are sent, and what may come in."""
