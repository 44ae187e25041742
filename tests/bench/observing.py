"""The same work with metrics counted and without: what observing costs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from prometheus_client import Counter, Gauge, Histogram

from app.runtime import metrics


class Uncounted:
    """Takes a metric's place and counts nothing."""

    def labels(self, *_: object, **__: object) -> Uncounted:
        """As a metric's."""
        return self

    def inc(self, *_: object) -> None:
        """As a counter's."""

    def set(self, *_: object) -> None:
        """As a gauge's."""

    def observe(self, *_: object) -> None:
        """As a histogram's."""

    def time(self) -> Uncounted:
        """As a histogram's."""
        return self

    def __enter__(self) -> Uncounted:
        return self

    def __exit__(self, *_: object) -> None:
        return None


@contextmanager
def unobserved() -> Iterator[None]:
    """In here this process counts no metric."""
    kinds = (Counter, Gauge, Histogram)
    kept = {name: one for name, one in vars(metrics).items() if isinstance(one, kinds)}
    nothing: Any = Uncounted()
    for name in kept:
        setattr(metrics, name, nothing)
    try:
        yield
    finally:
        for name, one in kept.items():
            setattr(metrics, name, one)
