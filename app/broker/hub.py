"""Two steps of a worker's start: one wakes its event loop when a task ends, one leaves a
broker that does not answer.

With `--pool threads` Celery 5.6 queues a finished task's acknowledgement from the
task's thread, but nothing wakes the event loop that carries it out and fetches the next
task: a worker whose threads are all busy goes on at its next heartbeat, 2 s later.
Measured with late acknowledgement, prefetch 1, 4 threads and 40 tasks of 50 ms: 18.1 s
without this step, 0.5 s with it (docs/adr/0005).
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import structlog
from celery import bootsteps
from redis.exceptions import ConnectionError as BrokerLost

log = structlog.get_logger(__name__)


class WakeHub(bootsteps.StartStopStep):
    """A consumer step: `call_soon` from another thread also writes to a socket that the
    event loop watches."""

    requires = ("celery.worker.consumer.connection:Connection",)
    pair: tuple[socket.socket, socket.socket] | None = None

    def start(self, consumer: Any) -> None:
        """Runs at the start, and again after each lost broker connection."""
        self.stop(consumer)
        # Celery's blocking loop has no hub: it looks for calls in each of its rounds.
        if consumer.hub is None:
            return
        reader, writer = self.pair = socket.socketpair()
        reader.setblocking(False)
        # A full socket must not hold up the thread of a task.
        writer.setblocking(False)

        def drain(*_: object) -> None:
            with suppress(BlockingIOError):
                reader.recv(4096)

        def call_soon(promise: Any, *args: Any, **kwargs: Any) -> Any:
            # The class's own, as the attribute is this wrapper after a second start.
            # Queued before the wake, so that the loop that wakes finds it.
            queued = type(consumer).call_soon(consumer, promise, *args, **kwargs)
            with suppress(
                OSError
            ):  # full: a wake is on its way; closed: the consumer has ended
                writer.send(b"\0")
            return queued

        consumer.hub.add_reader(reader.fileno(), drain)
        consumer.call_soon = call_soon

    def stop(self, consumer: Any) -> None:
        """Forget the sockets."""
        if self.pair is None:
            return
        reader, writer = self.pair
        self.pair = None
        if consumer.hub is not None:
            consumer.hub.remove(reader.fileno())
        reader.close()
        writer.close()

    def shutdown(self, consumer: Any) -> None:
        """As `stop`."""
        self.stop(consumer)


class LeaveSilence(bootsteps.StartStopStep):
    """A consumer step: a question for tasks that stays unanswered, or that is not asked
    any more, ends the connection, and Celery makes a new one.

    A broker answers within a second, also when there is no task. A network that swallows
    bytes swallows the question too; kombu then waits for the answer for good, as the
    connection stays open (docs/guarantees.md). And kombu stops asking for good where a
    connection of its own is lost that redis-py makes anew without a word
    (`on_tick.remove` in its `register_with_event_loop`).
    """

    requires = ("celery.worker.consumer.connection:Connection",)
    timer: Any = None
    unasked: frozenset[tuple[int, float]] = frozenset()
    """Channels that might have asked and had not, and when each had last."""

    def start(self, consumer: Any) -> None:
        """Runs at the start, and again after each lost broker connection."""
        self.stop(consumer)
        if consumer.hub is None:
            return
        cycle = consumer.connection.transport.cycle
        patience = consumer.app.conf.broker_transport_options["socket_timeout"]

        def look() -> None:
            channels = list(cycle._channels)
            for channel in channels:
                leave_if_silent(channel, patience)
            before, self.unasked = self.unasked, unasked_of(channels)
            # Each turn of the event loop asks, and it has turned since the last look.
            if before & self.unasked:
                log.warning("the broker is not asked for tasks: connecting anew")
                raise BrokerLost("the broker is not asked for tasks any more")

        self.timer = consumer.hub.call_repeatedly(1.0, look)

    def stop(self, consumer: Any) -> None:
        """Look no more."""
        if self.timer is not None:
            self.timer.cancel()
        self.timer, self.unasked = None, frozenset()

    def shutdown(self, consumer: Any) -> None:
        """As `stop`."""
        self.stop(consumer)


def leave_if_silent(channel: Any, patience: float) -> None:
    """End the connection of a channel that was asked for tasks `patience` seconds after
    its answer was due."""
    asked = channel._in_poll
    waited = time.monotonic() - channel.asked_at
    if not asked or waited <= patience + channel.brpop_timeout:
        return
    # The answer may have come while this process was frozen, and hold a task.
    if _is_readable(asked._sock):
        return
    log.warning("the broker does not answer: connecting anew", waited_s=round(waited))
    asked.disconnect()
    raise BrokerLost("the broker does not answer")


def unasked_of(channels: Iterable[Any]) -> frozenset[tuple[int, float]]:
    """The channels that could ask for tasks and wait for no answer, and when each last
    asked."""
    return frozenset(
        (id(channel), channel.asked_at)
        for channel in channels
        if channel.active_queues and not channel._in_poll and channel.qos.can_consume()
    )


def _is_readable(connected: socket.socket | None) -> bool:
    """Whether something has come. redis-py's `can_read` takes it out of the socket,
    which the event loop watches: it would never be read."""
    if connected is None:
        return False
    poll = select.poll()
    poll.register(connected, select.POLLIN)
    return bool(poll.poll(0))
