"""Traces of a message from the gateway to the post, for OpenTelemetry
(docs/traces.md).

Off unless `STREAM_TRACES_URL` is set. No span holds what anybody said, a name or a
person's id. A message's trace has an id that each process works out from the message's
own, so that nothing has to travel with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

import structlog

from app.domain.errors import ConfigurationError
from app.domain.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span, SpanContext, SpanKind, Tracer

SCHEMA: Final = "https://opentelemetry.io/schemas/1.41.0"
"""The semantic conventions that names and attributes follow; of those for generative
models, the last that were part of it."""
PATIENCE_S: Final = 3.0
"""What a collector may take, also when the process ends."""
PROVIDERS: Final = {
    "azure_openai": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "google_genai": "gcp.gen_ai",
    "google_vertexai": "gcp.vertex_ai",
    "mistralai": "mistral_ai",
    "xai": "x_ai",
}
"""LangChain's names of providers where the conventions have others."""

Value = str | int | float | bool | tuple[str, ...]

log = structlog.get_logger(__name__)


class Noted:
    """What a block may tell about its span. Without a span it tells nobody."""

    def __init__(self, span: Span | None = None) -> None:
        self._span = span

    def note(self, values: Mapping[str, Value]) -> None:
        """Add attributes."""
        if self._span is not None:
            self._span.set_attributes(values)

    def fail(self, kind: str) -> None:
        """It came to a bad end: of this kind, in a word."""
        if self._span is not None:
            from opentelemetry.trace import Status, StatusCode

            self._span.set_attribute("error.type", kind)
            # No description: an exception's text may quote what somebody said.
            self._span.set_status(Status(StatusCode.ERROR))


_NOTHING = Noted()
_tracer: Tracer | None = None
"""Of this process; None: no traces."""


def check_installed(settings: Settings) -> None:
    """Raises ConfigurationError where traces are wanted and their package is not
    there."""
    if settings.traces_url and not _is_installed():
        raise ConfigurationError(
            "STREAM_TRACES_URL: needs `pip install the-stream[traces]`."
        )


def _is_installed() -> bool:
    try:
        return find_spec("opentelemetry.exporter.otlp.proto.http") is not None
    except ModuleNotFoundError:
        return False


def begin_traces(role: str, settings: Settings) -> TracerProvider | None:
    """Send this process's spans from now on, where the settings want it; what is left
    is sent when the process ends. Raises ConfigurationError."""
    if not settings.traces_url:
        return None
    check_installed(settings)
    module = import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    exporter: SpanExporter = module.OTLPSpanExporter(
        endpoint=settings.traces_url, timeout=PATIENCE_S
    )
    log.info("traces are sent", role=role)
    return send_to(exporter, role)


def send_to(exporter: SpanExporter, role: str) -> TracerProvider:
    """Hand this process's spans to an exporter, in batches."""
    global _tracer  # noqa: PLW0603 -- one per process, as its metrics
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from app.runtime.trace_ids import RootIds

    resource = Resource.create({"service.name": f"the-stream-{role}"})
    provider = TracerProvider(resource=resource, id_generator=RootIds())
    provider.add_span_processor(BatchSpanProcessor(exporter))
    _tracer = provider.get_tracer("the-stream", schema_url=SCHEMA)
    return provider


def end_traces() -> None:
    """Begin no more spans."""
    global _tracer  # noqa: PLW0603 -- as above
    _tracer = None


@contextmanager
def root_span(
    name: str, message_id: str, values: Mapping[str, Value]
) -> Iterator[Noted]:
    """The first span of a message's trace, around a block. Processes of several
    gateways that hear one message make it alike."""
    if _tracer is None:
        yield _NOTHING
        return
    from opentelemetry.trace import SpanKind

    from app.runtime.trace_ids import given_ids

    with given_ids(*ids_of(message_id)):
        span = _tracer.start_span(name, kind=SpanKind.CONSUMER, attributes=values)
    with _ended(span) as noted:
        yield noted


@contextmanager
def span(
    name: str, message_id: str, values: Mapping[str, Value], *, client: bool = False
) -> Iterator[Noted]:
    """A step on a message's way, around a block: below the step that is under way here,
    else below the trace's root. `client`: it asks somebody outside."""
    if _tracer is None:
        yield _NOTHING
        return
    from opentelemetry.trace import SpanKind

    kind: SpanKind = SpanKind.CLIENT if client else SpanKind.INTERNAL
    started = _tracer.start_span(
        name, context=_context_of(message_id), kind=kind, attributes=values
    )
    with _ended(started) as noted:
        yield noted


def model_values(name: str, bot: str) -> dict[str, Value]:
    """What the conventions want to know of a question to the model
    `provider:model`."""
    provider, _, model = name.partition(":")
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": PROVIDERS.get(provider, provider),
        "gen_ai.request.model": model or name,
        "gen_ai.agent.name": bot,
    }


def note_here(values: Mapping[str, Value]) -> None:
    """Add attributes to the step that is under way here, if one is."""
    if _tracer is not None:
        from opentelemetry.trace import get_current_span

        get_current_span().set_attributes(values)


def ids_of(message_id: str) -> tuple[int, int]:
    """A message's trace id and the id of its first span."""
    digest = sha256(f"the-stream:{message_id}".encode()).digest()
    return int.from_bytes(digest[:16], "big"), int.from_bytes(digest[16:24], "big")


def _context_of(message_id: str) -> Context | None:
    """Where a span begins. None: wherever this thread or task is."""
    from opentelemetry.trace import (
        NonRecordingSpan,
        SpanContext,
        TraceFlags,
        get_current_span,
        set_span_in_context,
    )

    here: SpanContext = get_current_span().get_span_context()
    if not message_id:
        return None
    trace_id, span_id = ids_of(message_id)
    if here.is_valid and here.trace_id == trace_id:
        return None
    sampled = TraceFlags(TraceFlags.SAMPLED)
    first = SpanContext(trace_id, span_id, is_remote=True, trace_flags=sampled)
    return set_span_in_context(NonRecordingSpan(first))


@contextmanager
def _ended(started: Span) -> Iterator[Noted]:
    from opentelemetry.trace import use_span

    noted = Noted(started)
    # Neither the exception nor its text: they may quote what somebody said.
    with use_span(
        started,
        end_on_exit=True,
        record_exception=False,
        set_status_on_exception=False,
    ):
        try:
            yield noted
        except BaseException as error:
            noted.fail(type(error).__name__)
            raise
