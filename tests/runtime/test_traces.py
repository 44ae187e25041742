"""Traces: what a span holds, and what it never does."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.trace import SpanKind

from app.domain.errors import ConfigurationError
from app.domain.settings import Settings
from app.runtime import traces


class Kept:
    """What this process sent."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = traces.send_to(self.exporter, "gateway")

    def spans(self) -> dict[str, ReadableSpan]:
        """By name, once all were handed over."""
        assert self.provider.force_flush()
        return {one.name: one for one in self.exporter.get_finished_spans()}


@pytest.fixture
def kept() -> Iterator[Kept]:
    """Traces are on; afterwards they are off again."""
    made = Kept()
    yield made
    traces.end_traces()
    made.provider.shutdown()


def test_off_by_default() -> None:
    """Without an address nothing is imported, begun or sent."""
    settings = Settings(_env_file=None)  # type: ignore[call-arg]
    assert traces.begin_traces("gateway", settings) is None
    with traces.root_span("admit message", "1", {}) as noted:
        noted.note({"stream.bots": 1})
        noted.fail("nothing")
    with traces.span("elect", "1", {}) as other:
        assert other is noted


def test_processes_agree_on_a_message(kept: Kept) -> None:
    """Trace and root have ids that follow from the message's alone, so that a span of
    another process finds its place; another message is another trace."""
    trace_id, root_id = traces.ids_of("42")
    with traces.root_span("admit message", "42", {"stream.bots": 2}):
        pass
    with traces.span("deliver", "42", {}, client=True):
        pass
    with traces.span("elect", "43", {}):
        pass
    found = kept.spans()
    root, other = found["admit message"], found["deliver"]
    assert (root.context.trace_id, root.context.span_id) == (trace_id, root_id)
    assert root.parent is None
    assert other.context.trace_id == trace_id
    assert other.parent is not None
    assert other.parent.span_id == root_id
    assert other.kind is SpanKind.CLIENT
    assert found["elect"].context.trace_id != trace_id


def test_a_question_to_a_model_lies_below_the_turn(kept: Kept) -> None:
    """Where a step is under way, the next one is part of it; a turn that was begun
    inside another message's keeps its own trace."""
    with traces.span("invoke_agent ada", "42", {}):
        values = traces.model_values("google_genai:small:7b", "ada")
        with traces.span("chat small", "", values, client=True):
            traces.note_here({"gen_ai.usage.input_tokens": 12})
        with traces.span("deliver", "43", {}):
            pass
    found = kept.spans()
    turn, chat = found["invoke_agent ada"], found["chat small"]
    assert chat.parent is not None
    assert chat.parent.span_id == turn.context.span_id
    assert dict(chat.attributes or {}) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "gcp.gen_ai",
        "gen_ai.request.model": "small:7b",
        "gen_ai.agent.name": "ada",
        "gen_ai.usage.input_tokens": 12,
    }
    assert found["deliver"].context.trace_id == traces.ids_of("43")[0]


def test_a_failure_is_named_and_not_quoted(kept: Kept) -> None:
    """An exception's text may hold what somebody said: its kind alone is told."""
    with (
        pytest.raises(ValueError, match="secret"),
        traces.span("deliver", "42", {}),
    ):
        raise ValueError("a secret word")
    span = kept.spans()["deliver"]
    assert dict(span.attributes or {}) == {"error.type": "ValueError"}
    assert not span.status.is_ok
    assert span.status.description is None
    assert not span.events


def test_the_names_are_those_of_the_conventions() -> None:
    """Every `gen_ai.` attribute of ours stands in the conventions' own list, and so
    does each provider's name."""
    known = {
        value
        for name, value in vars(gen_ai_attributes).items()
        if name.startswith("GEN_AI_")
    }
    ours = {name for name in traces.model_values("a:b", "c") if name[:6] == "gen_ai"}
    usage = {"gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"}
    assert ours | usage | {"gen_ai.conversation.id"} <= known
    names = {one.value for one in gen_ai_attributes.GenAiProviderNameValues}
    assert set(traces.PROVIDERS.values()) <= names


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who sets an address and did not install the extra reads how to."""
    settings = Settings(_env_file=None, traces_url="http://127.0.0.1:1/v1/traces")  # type: ignore[call-arg]
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp", None)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(ConfigurationError, match=r"pip install the-stream\[traces\]"):
        traces.check_installed(settings)


def test_an_address_that_is_none_is_refused() -> None:
    """It is no address without http in front."""
    with pytest.raises(ValueError, match="traces_url"):
        Settings(_env_file=None, traces_url="localhost:4318")  # type: ignore[call-arg]
