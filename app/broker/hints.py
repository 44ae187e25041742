"""Celery seen from the outside: the broker's address, which task runs in which queue,
and hints sent by task name.

Gateways use this and never import the tasks. A lost hint costs about a second: the pump
finds the lane overdue.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, cast
from urllib.parse import urlencode

import celery
import structlog
from kombu.exceptions import KombuError
from kombu.transport.redis import SentinelChannel
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from app.domain.addresses import RedisAddress, host_text
from app.domain.errors import ConfigurationError
from app.domain.model import Context
from app.domain.settings import Settings
from app.runtime import metrics
from app.runtime.killpoints import reached

log = structlog.get_logger(__name__)

CYCLE = "run_daily_life_cycle"
DELIVER = "deliver_outbox"
POLL = "safety_poll"
PUMP = "pump"
DIARY = "write_diary"
DREAM = "write_dream"
LEARN = "learn_facts"

QUEUES = ("direct", "cycles", "delivery", "chores")
# The pump is short and must never wait behind cycles, so it runs beside the deliveries.
QUEUE_OF = {
    CYCLE: "cycles",
    DELIVER: "delivery",
    PUMP: "delivery",
    POLL: "chores",
    DIARY: "chores",
    DREAM: "chores",
    LEARN: "chores",
}

WAITING_HINTS = 1_000
FIRST, LATER = 0, 6
"""Priorities of kombu's Redis transport: workers take what comes first from its own
list. Somebody quiet is heard before lanes that are due again, and before a person who
calls a bot in many channels."""
HINT_ERRORS = (KombuError, RedisError, OSError, AttributeError)
"""The broker is away or refuses: memory, disk, a replica, a password (docs/outages.md).
The pump is the better retry.

AttributeError: kombu declares a queue before it publishes; where the connection is lost
in between, it makes another one and publishes on the channel that went with the first.
"""


def broker_address(settings: Settings) -> RedisAddress:
    """Where Celery's broker is. Raises ConfigurationError when nothing says it."""
    address = settings.broker_address
    if address is None:
        raise ConfigurationError(
            "STREAM_REDIS_URL is not set: Celery has no broker. "
            "`the-stream up` starts one"
        )
    return address


def broker_url(settings: Settings) -> str:
    """The broker's address in kombu's dialect. A secret."""
    address = broker_address(settings)
    login = f"{address.login}@" if address.login else ""
    if address.by_sentinel:
        return ";".join(
            f"sentinel://{login}{host_text(host)}/{address.database}"
            for host in address.hosts
        )
    if address.scheme == "unix":
        query = urlencode({"virtual_host": address.database, **address.options})
        return f"redis+socket://{login}{address.path}?{query}"
    # kombu takes what stands here for all that it should know of TLS.
    options = dict(address.options) | {k: str(v) for k, v in tls(settings).items()}
    query = f"?{urlencode(options)}" if options else ""
    return f"{address.scheme}://{address.netloc}/{address.database}{query}"


def tls(settings: Settings) -> dict[str, object]:
    """kombu's options of TLS; empty where the broker's address asks for none. Those in
    the address itself come first."""
    address = broker_address(settings)
    if not address.encrypted:
        return {}
    options = settings.redis_credentials.tls()
    for name, value in address.options.items():
        if name == "ssl_check_hostname":
            options[name] = value.lower() != "false"
        elif name.startswith("ssl_"):
            options[name] = value
    return options


def connection_conf(settings: Settings) -> dict[str, Any]:
    """Celery's settings of the broker connection, the same for senders and workers."""
    return {
        "broker_url": broker_url(settings),
        # Sentinels' addresses hold no options, and Flower reads none of an address.
        "broker_use_ssl": tls(settings) or False,
        "broker_transport_options": transport_options(settings),
        "broker_connection_timeout": settings.redis_timeout,
    }


def transport_options(settings: Settings) -> dict[str, object]:
    """Options of the broker connection, kombu's own."""
    return {
        # Well above the longest cycle: a task that is redelivered while it runs would
        # run twice at once. Recovery does not wait for it; the due sets and the pump
        # bring a lost lane back within about a second.
        "visibility_timeout": 1800,
        "socket_timeout": settings.redis_timeout,
        "socket_connect_timeout": settings.redis_timeout,
        "socket_keepalive": True,
        "health_check_interval": 10,
    } | _sentinel_options(settings)


def _sentinel_options(settings: Settings) -> dict[str, object]:
    address = broker_address(settings)
    if not address.by_sentinel:
        return {}
    options = settings.redis_credentials.at_sentinels(
        settings.redis_timeout, address.encrypted
    )
    # Each Sentinel is asked once: the next one is the better retry.
    options["retry"] = Retry(NoBackoff(), 0)
    # Not among the transport's options: a worker tells those to anybody who asks it for
    # its `stats`, as JSON, and these hold the Sentinels' password.
    cast("Any", SentinelChannel).sentinel_kwargs = options
    return {"master_name": address.service}


def route(
    name: str,
    args: Sequence[object] | None = None,
    kwargs: Mapping[str, object] | None = None,
    options: object = None,
    task: object = None,
    **_: object,
) -> dict[str, str] | None:
    """Celery's router: a task's queue. Direct cycles have their own, so that they wait
    for no other cycle."""
    context = (kwargs or {}).get("context", args[1] if args and len(args) > 1 else None)
    if name == CYCLE and context == Context.DIRECT:
        return {"queue": "direct"}
    return {"queue": QUEUE_OF[name]} if name in QUEUE_OF else None


class _Hint(NamedTuple):
    task: str
    args: tuple[object, ...]
    priority: int = FIRST


def priority_of(task: str, args: Sequence[object]) -> int:
    """Of a task where nobody says otherwise: direct cycles are LATER."""
    direct = task == CYCLE and len(args) > 1 and args[1] == Context.DIRECT
    return LATER if direct else FIRST


def lists_of(queue: str) -> tuple[str, ...]:
    """The lists of Redis in which a queue's tasks wait."""
    # kombu puts these two characters between a queue's name and a priority.
    return queue, f"{queue}\x06\x16{LATER}"


class HintSender:
    """Sends tasks by name. `send` blocks (workers); `offer` returns at once (event
    loops) and sends from one thread."""

    def __init__(self, settings: Settings) -> None:
        # A worker sends hints too, and its own app must stay the current one.
        self._app = celery.Celery("stream-hints", set_as_current=False)
        self._app.conf.update(
            connection_conf(settings),
            task_serializer="json",
            accept_content=["json"],
            task_ignore_result=True,
            # Else each thread that sends its first hint reads what all installed
            # packages offer as backends, for ten times what a hint costs.
            result_backend_thread_safe=True,
            task_routes=(route,),
            task_create_missing_queues=True,
            # One quick second try on a fresh connection; after that the pump is the
            # better retry.
            task_publish_retry_policy={
                "max_retries": 1,
                "interval_start": 0,
                "interval_step": 0.1,
            },
        )
        self._waiting: queue.Queue[_Hint | Callable[[], None] | None] = queue.Queue(
            WAITING_HINTS
        )
        self._thread: threading.Thread | None = None
        self._start = threading.Lock()
        self._lost = 0

    def send(self, task: str, *args: str) -> bool:
        """Send one hint now; False when the broker could not be reached. Arguments are
        names and ids, nothing else."""
        return self._send(_Hint(task, args, priority_of(task, args)))

    def _send(self, hint: _Hint) -> bool:
        args = tuple(str(arg) for arg in hint.args)
        try:
            self._app.send_task(hint.task, args=args, priority=hint.priority)
        except HINT_ERRORS as error:
            self._note_lost(
                type(error).__name__
            )  # the error's text may hold the broker's address
            metrics.WAKES.labels(hint.task, "lost").inc()
            return False
        metrics.WAKES.labels(hint.task, "sent").inc()
        if self._lost:
            log.warning("hints flow again", lost=self._lost)
            self._lost = 0
        return True

    def offer(self, task: str, *args: str) -> bool:
        """Queue one hint without blocking; False, with a warning, when too many wait
        already."""
        return self._offer(_Hint(task, args, priority_of(task, args)))

    def offer_first(self, task: str, *args: str) -> bool:
        """The same for somebody quiet."""
        return self._offer(_Hint(task, args))

    def _offer(self, hint: _Hint) -> bool:
        self._ensure_thread()
        try:
            self._waiting.put_nowait(hint)
        except queue.Full:
            self._note_lost("too many waiting")
            return False
        return True

    def when_sent(self, call: Callable[[], None]) -> None:
        """Call this, on the event loop that runs, once the hints so far are sent or
        lost."""
        loop = asyncio.get_running_loop()

        def tell() -> None:
            # The loop may have ended, and with it those who wait.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(call)

        self._ensure_thread()
        try:
            self._waiting.put_nowait(tell)
        except queue.Full:
            call()

    def close(self, timeout: float = 2.0) -> None:
        """Send what waits, as far as `timeout` seconds allow, and close the
        connections."""
        if self._thread is not None:
            try:
                # Last in the line: the thread sends what is before it, and then ends.
                self._waiting.put(None, timeout=timeout)
            except queue.Full:
                log.warning("hints dropped at close", waiting=self._waiting.qsize())
            else:
                self._thread.join(timeout)
        self._app.close()

    def _note_lost(self, error: str) -> None:
        self._lost += 1
        if self._lost == 1:  # one line for an outage, not one for each hint
            log.warning("hints are lost", error=error)

    def _ensure_thread(self) -> None:
        with self._start:
            if self._thread is None:
                # A daemon: a broker that hangs must not keep the process from ending.
                self._thread = threading.Thread(
                    target=self._drain, name="hints", daemon=True
                )
                self._thread.start()

    def _drain(self) -> None:
        while (hint := self._waiting.get()) is not None:
            if not isinstance(hint, _Hint):
                hint()
                continue
            reached("enqueue_before")
            self._send(hint)
            reached("enqueue_after")


def conf(settings: Settings) -> dict[str, Any]:
    """Celery's configuration of a worker, beat or Flower."""
    return connection_conf(settings) | {
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        # A broker that refuses (read-only in a failover, out of memory or disk) comes
        # back: a worker waits and does not end.
        "broker_channel_error_retry": True,
        # Celery takes them by name.
        "worker_consumer": "app.broker.consumer:PatientConsumer",
        "beat_scheduler": "app.broker.scheduler:PatientScheduler",
        "result_backend": None,
        "task_ignore_result": True,
        # Else each thread reads at the end of its first task what all installed
        # packages offer as backends: 5 ms of processor time, for 300 threads 1.5 s.
        "result_backend_thread_safe": True,
        "task_serializer": "json",
        "accept_content": ["json"],
        "task_routes": (route,),
        "task_default_queue": "chores",
        # A task is acknowledged when it ends: what a killed worker held comes back.
        # Twice is harmless, never is not.
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        # A worker that dies takes no more with it than its threads had begun.
        "worker_prefetch_multiplier": 1,
        "worker_pool": "threads",
        "worker_concurrency": settings.worker_threads,
        # Our handler masks secrets; Celery's own would not.
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
        # A cycle needs no broker to end: its lock and floor guard it from a second run.
        "worker_cancel_long_running_tasks_on_connection_loss": False,
        "worker_send_task_events": True,
        "timezone": "UTC",
        "enable_utc": True,
    }
