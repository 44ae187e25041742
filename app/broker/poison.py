"""What the broker may hand to a process: messages of the one shape that our senders
use. All else is dropped before Celery sees it.

kombu's Redis transport parses a queue inside the worker's event loop and lets errors
out, so that one malformed entry in a Redis list ends the worker (`Unrecoverable error`,
exit code 1), and each worker that follows it. Celery unpacks whatever compression a
header names, keeps every task with a time of its own in memory, and writes headers and
bodies that it does not understand to the log. Our tasks need none of that. What was
dropped is repeated by the pump, if it was a hint.
"""

from __future__ import annotations

import base64
import json
import logging
import time
from collections.abc import Callable
from typing import Any

import structlog
from kombu.transport import redis as transport
from kombu.transport import virtual

log = structlog.get_logger(__name__)

BODY_MOST = 1_000_000
"""Characters of a body. A hint has a hundred; a worker's answer to Flower some ten
thousand."""
FIELD_MOST = 2_000
FIELDS_MOST = 40
TAG_MOST = 100

UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, RecursionError)
REMOTE = frozenset(
    {
        "active",
        "active_queues",
        "clock",
        "conf",
        "ping",
        "enable_events",
        "query_task",
        "registered",
        "reserved",
        "revoked",
        "scheduled",
        "stats",
    }
)
"""Questions that Flower and health checks ask, and its wish for events, which are on
anyway. No order: who may push to the broker must not stop a worker with one."""


def sound(message: object) -> bool:
    """Whether a message has the shape of ours: JSON, of a modest size, uncompressed,
    due at once."""
    try:
        return _is_sound(message)
    except UNREADABLE:
        return False


def _is_sound(message: Any) -> bool:
    headers, properties, body = (
        message["headers"],
        message["properties"],
        message["body"],
    )
    tag, info = properties["delivery_tag"], properties["delivery_info"]
    if message["content-type"] != "application/json" or str(
        message["content-encoding"]
    ).lower() not in {"utf-8", "us-ascii"}:
        return False
    if not isinstance(tag, str) or not 0 < len(tag) <= TAG_MOST:
        return False
    if not all(
        isinstance(info[name], str) and len(info[name]) <= FIELD_MOST
        for name in ("exchange", "routing_key")
    ):
        return False
    if (
        not all(_is_modest(fields) for fields in (headers, properties))
        or headers.get("compression")
        or headers.get("eta")
    ):
        return False
    return (
        isinstance(body, str)
        and len(body) <= BODY_MOST
        and _is_readable(body, properties.get("body_encoding"))
    )


def _is_modest(fields: Any) -> bool:
    return (
        isinstance(fields, dict)
        and len(fields) <= FIELDS_MOST
        and all(len(json.dumps(value)) <= FIELD_MOST for value in fields.values())
    )


def _is_readable(body: str, encoding: object) -> bool:
    # Strict: by default Python skips whatever is not of base64's alphabet.
    json.loads(base64.b64decode(body, validate=True) if encoding == "base64" else body)
    return True


def _log_dropped(reason: str) -> None:
    log.error("a broker message that cannot be read was dropped", error=reason)


class TolerantChannel(transport.Channel):
    """kombu's channel, which survives what it cannot read, and knows when it asked."""

    asked_at = 0.0
    """Seconds, monotonic: when it last asked for a task (`app.broker.hub`)."""

    _known: tuple[Any, Any] = (None, None)

    def _create_client(self, asynchronous: bool = False) -> Any:
        """As kombu's, which makes a client for each acknowledgement and each event; one
        serves all who share a pool."""
        if asynchronous:
            return super()._create_client(asynchronous)  # type: ignore[misc]
        if self._known[0] is not self.pool:
            client = super()._create_client()  # type: ignore[misc]
            self._known = self.pool, client
        return self._known[1]

    def _brpop_start(self, timeout: Any = None) -> None:
        self.asked_at = time.monotonic()
        super()._brpop_start(timeout)  # type: ignore[misc]

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)  # type: ignore[misc] # the stubs leave it out
        except UNREADABLE as error:
            _log_dropped(type(error).__name__)
            # As kombu does after a message that it has delivered.
            return True

    def _receive_one(self, client: Any) -> Any:
        try:
            return super()._receive_one(client)  # type: ignore[misc]
        except UNREADABLE as error:
            _log_dropped(type(error).__name__)
            return True


class SentinelChannel(TolerantChannel, transport.SentinelChannel):
    """The same where Sentinels name the server."""


def _deliver(self: Any, message: Any, queue: str) -> None:
    if sound(message):
        virtual.Transport._deliver(self, message, queue)
    else:
        _log_dropped("not of our shape")


LOGGERS = (
    "celery.worker.consumer.consumer",
    "celery.worker.strategy",
    "celery.worker.pidbox",
    "kombu.pidbox",
    "kombu.transport.redis",
    "kombu",
)


class Wordless(logging.Filter):
    """Celery's complaints about a message, without a word of the message: anybody may
    have written it."""

    ABOUT = (
        "Received",
        "Couldn't convert ETA",
        "Cannot decode message",
        "No such control command",
        "Control command error",
        "Cannot process event",
        "pidbox command error",
    )

    def filter(self, record: logging.LogRecord) -> bool:
        """Keeps the first words of what Celery says."""
        said = str(record.msg).lstrip()
        if record.levelno >= logging.WARNING and said.startswith(self.ABOUT):
            record.msg, record.args, record.exc_info = (
                said.splitlines()[0].split("%")[0].rstrip(" :"),
                (),
                None,
            )
        return True


def wordless() -> None:
    """Keep what a message says out of this process's log."""
    for name in LOGGERS:
        logging.getLogger(name).addFilter(Wordless())


def survive() -> None:
    """Let this process's Celery take such messages alone."""
    transport.Transport.Channel = TolerantChannel
    transport.SentinelTransport.Channel = SentinelChannel
    transport.Transport._deliver = _deliver  # type: ignore[method-assign, assignment]


def questions_only(commands: dict[str, Callable[..., Any]]) -> None:
    """Leave a worker its answers to questions, and take its obedience to orders
    (`shutdown`, `rate_limit`, ...)."""
    for name in set(commands) - REMOTE:
        del commands[name]
    commands["stats"] = _without_passwords(commands["stats"])


def _without_passwords(stats: Callable[..., Any]) -> Callable[..., Any]:
    """Celery takes the password out of the broker's address, and leaves it in those of
    the other Sentinels."""

    def told(*args: Any, **kwargs: Any) -> Any:
        found = stats(*args, **kwargs)
        if isinstance(found.get("broker"), dict):
            found["broker"].pop("alternates", None)
        return found

    return told
