"""Ids of spans: by chance, but where a block gives them. Imported only where
OpenTelemetry is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

_given: ContextVar[tuple[int, int] | None] = ContextVar("given_ids", default=None)


@contextmanager
def given_ids(trace_id: int, span_id: int) -> Iterator[None]:
    """The span that begins in here has these ids."""
    token = _given.set((trace_id, span_id))
    try:
        yield
    finally:
        _given.reset(token)


class RootIds(RandomIdGenerator):
    """Random ids, or those of `given_ids`."""

    def generate_trace_id(self) -> int:
        """For a span without a parent."""
        given = _given.get()
        return given[0] if given else super().generate_trace_id()

    def generate_span_id(self) -> int:
        """For any span."""
        given = _given.get()
        return given[1] if given else super().generate_span_id()
