"""A broker message that is none: dropped with a line in the log.

kombu 5.6 parses what it popped from a queue inside the worker's event loop and lets errors out, so that one malformed entry
in a Redis list ends the worker (`Unrecoverable error`, exit code 1), and each worker that follows it. What is well-formed but
makes no sense, as an unknown task or wrong arguments, Celery rejects by itself.
"""

from __future__ import annotations

from typing import Any

import structlog
from kombu.transport import redis as transport

log = structlog.get_logger(__name__)


class Channel(transport.Channel):
    """kombu's channel, which survives what it cannot read."""

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)  # type: ignore[misc] # the stubs leave it out
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            # Popped already. Hints are repeated by the pump, so nothing is lost with it.
            log.error("a broker message that cannot be read was dropped", error=type(error).__name__)
            return True


def survive() -> None:
    """Let this process's Celery use that channel."""
    transport.Transport.Channel = Channel
