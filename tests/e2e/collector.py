"""An OpenTelemetry collector on loopback that keeps what it is sent: OTLP over HTTP, as
a real one reads it."""

from __future__ import annotations

import gzip
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
)


@dataclass(frozen=True)
class Received:
    """One span, with the process that sent it."""

    service: str
    schema: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    begin: int
    """Unix nanoseconds."""
    values: dict[str, Any]
    failed: bool


def _value_of(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value_of(one) for one in value.array_value.values]
    return getattr(value, kind)


def _read(body: bytes) -> list[Received]:
    request = ExportTraceServiceRequest.FromString(body)
    return [
        Received(
            service=next(
                one.value.string_value
                for one in resource.resource.attributes
                if one.key == "service.name"
            ),
            schema=scope.schema_url,
            name=span.name,
            trace_id=span.trace_id.hex(),
            span_id=span.span_id.hex(),
            parent_id=span.parent_span_id.hex(),
            begin=span.start_time_unix_nano,
            values={one.key: _value_of(one.value) for one in span.attributes},
            failed=span.status.code == span.status.STATUS_CODE_ERROR,
        )
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


class Collector:
    """`with Collector() as collector:` then `collector.url` is an endpoint."""

    def __init__(self) -> None:
        self.spans: list[Received] = []
        self.bodies: list[bytes] = []
        kept, bodies = self.spans, self.bodies

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                bodies.append(body)
                kept.extend(_read(body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Nothing is printed."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1/traces"

    def __enter__(self) -> Collector:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def of_message(self, message: int) -> dict[str, Received]:
        """By name, the spans of the trace that holds a message's admission."""
        from app.runtime.traces import ids_of

        trace_id = f"{ids_of(str(message))[0]:032x}"
        return {one.name: one for one in self.spans if one.trace_id == trace_id}
