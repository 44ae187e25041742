"""The port on which a process tells how it is: `/metrics`, `/healthz`, `/readyz`.

It has a thread of its own: what holds up the process's event loop does not hold up the
answer that says so.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import structlog
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from app.domain.errors import PortInUse
from app.domain.settings import Settings
from app.runtime.metrics import REGISTRY

log = structlog.get_logger(__name__)

PLACES = {"gateway": 0, "direct": 1, "cycles": 2}
"""By role: how far its port lies above STREAM_METRICS_PORT."""
PATIENCE = 5.0
"""Seconds that a client may take to say what it wants."""
PLAIN = "text/plain; charset=utf-8"


@dataclass(frozen=True)
class Health:
    """Each answers what is wrong, in a few words; empty: nothing. They may block for
    some seconds, and are called from other threads."""

    alive: Callable[[], str]
    ready: Callable[[], str]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    health: Health

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is no trouble of ours."""


class _Answer(BaseHTTPRequestHandler):
    server: _Server
    timeout = PATIENCE
    server_version, sys_version = "the-stream", ""

    def do_GET(self) -> None:
        if self.path == "/metrics":
            self._send(200, generate_latest(REGISTRY), CONTENT_TYPE_LATEST)
        elif self.path == "/healthz":
            self._tell(self.server.health.alive)
        elif self.path == "/readyz":
            self._tell(self.server.health.ready)
        else:
            self._send(404, b"/metrics, /healthz, /readyz\n", PLAIN)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a line for each scrape would be noise."""

    def _tell(self, check: Callable[[], str]) -> None:
        try:
            wrong = check()
        except Exception as error:  # noqa: BLE001 -- whatever fails here, the answer is no
            wrong = type(error).__name__
        code = 503 if wrong else 200
        self._send(code, f"{wrong or 'ok'}\n".encode(), PLAIN)

    def _send(self, code: int, body: bytes, content_type: str) -> None:
        self.send_response(code)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Scraped:
    """Answers from its beginning until `close`."""

    def __init__(self, address: str, port: int, health: Health) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        kind = type("Server", (_Server,), {"address_family": family, "health": health})
        self._server: _Server = kind((address, port), _Answer)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            # Seconds between looks whether to close: the process's end waits for one.
            target=lambda: self._server.serve_forever(poll_interval=0.1),
            name="metrics",
            daemon=True,
        )
        self._thread.start()

    def close(self) -> None:
        """Answer nobody any more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(PATIENCE)


def port_of(role: str, settings: Settings) -> int:
    """Where a role listens; 0: nowhere."""
    base = settings.metrics_port
    return base + PLACES[role] if base else 0


def serve(role: str, settings: Settings, health: Health) -> Scraped | None:
    """Begin to answer, where the settings want it. Raises PortInUse."""
    port = port_of(role, settings)
    if not port:
        return None
    try:
        served = Scraped(settings.metrics_address, port, health)
    except OSError as error:
        raise PortInUse(
            f"STREAM_METRICS_PORT: {settings.metrics_address} port {port} ({role}) "
            f"cannot be listened on ({error.strerror}); "
            "choose another, or 0 for no metrics."
        ) from None
    log.info("metrics are served", address=settings.metrics_address, port=port)
    return served
