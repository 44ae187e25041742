"""Hints and the broker's configuration."""

from __future__ import annotations

import json
import os
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import celery
import kombu
import pytest
import redis
import structlog
from celery.app import backends
from kombu.asynchronous import Hub
from kombu.exceptions import OperationalError
from kombu.transport import redis as transport
from pydantic import SecretStr

from app.broker.hints import (
    CYCLE,
    DELIVER,
    POLL,
    PUMP,
    QUEUES,
    WAITING_HINTS,
    HintSender,
    broker_url,
    conf,
    lists_of,
    route,
)
from app.broker.hub import LeaveSilence, leave_if_silent
from app.broker.patience import LONGEST_PAUSE, OnceEvents, PromptAMQP
from app.broker.poison import TolerantChannel, questions_only
from app.domain.errors import ConfigurationError
from app.domain.settings import Settings
from app.host.valkey import EmbeddedValkey, free_port
from beat_schedule import beat_schedule
from tests.chaos.proxy import Proxy
from tests.e2e.warm import launch

Wait = Callable[..., None]

VERIFIED = "ssl_cert_reqs=required&ssl_check_hostname=True"
ADDRESSES = [
    # STREAM_REDIS_URL, STREAM_BROKER_URL, the broker
    ("redis://host:6379/0", None, "redis://host:6379/1"),
    ("redis://host:6379", None, "redis://host:6379/1"),
    ("redis://:pw@host:6379/7", None, "redis://:pw@host:6379/8"),
    ("redis://host/0?socket_timeout=3", None, "redis://host:6379/1?socket_timeout=3"),
    ("rediss://host/0", None, f"rediss://host:6379/1?{VERIFIED}"),
    (
        "rediss://host/0?ssl_cert_reqs=none",
        None,
        f"rediss://host:6379/1?{VERIFIED}".replace("required", "none"),
    ),
    (
        "sentinel://me:a%3Bb@one,[::1]:5/service/3",
        None,
        "sentinel://me:a%3Bb@one:26379/4;sentinel://me:a%3Bb@[::1]:5/4",
    ),
    ("sentinel+tls://one/service", None, "sentinel://one:26379/1"),
    (
        "unix:///run/valkey.sock?db=2",
        None,
        "redis+socket:///run/valkey.sock?virtual_host=3",
    ),
    ("unix:///run/valkey.sock", None, "redis+socket:///run/valkey.sock?virtual_host=1"),
    ("redis://host/0", "redis://other/5", "redis://other:6379/5"),
]


@pytest.mark.parametrize(("ours", "brokers", "expected"), ADDRESSES)
def test_the_broker_has_a_database_of_its_own(
    ours: str, brokers: str | None, expected: str
) -> None:
    """Celery's keys never expire, so they are never among ours: the next database, or
    the address that was set."""
    assert (
        broker_url(Settings(redis_url=ours, broker_url=brokers, redis_plain=True))
        == expected
    )


def test_celery_shows_no_password() -> None:
    """Not in the configuration that a worker tells who asks, nor in its address: of
    the server, and of the Sentinels."""
    app = celery.Celery(set_as_current=False)
    address = "sentinel://me:servers-secret@one,two/service/0"
    password = SecretStr("sentinels-secret")
    settings = Settings(
        redis_url=address, redis_plain=True, redis_sentinel_password=password
    )
    app.conf.update(conf(settings))
    told = str(app.conf.table(with_defaults=True)) + app.connection().as_uri()
    # What a worker answers to `stats`: Celery takes the first password out.
    broker = dict(app.connection().info()) | {"password": None}
    commands = {"stats": lambda: {"broker": broker}, "shutdown": dict}
    questions_only(commands)
    assert list(commands) == ["stats"]
    told += json.dumps(commands["stats"]())
    assert "one:26379" in told
    assert "servers-secret" not in told
    assert "sentinels-secret" not in told


def test_no_redis_is_one_clear_line() -> None:
    """Without an address the error says what to set."""
    with pytest.raises(ConfigurationError, match="STREAM_REDIS_URL"):
        broker_url(Settings())


ROUTES = [
    (CYCLE, ("elena", "direct", "117"), {}, "direct"),
    (CYCLE, ("elena", "immediate_trigger"), {}, "cycles"),
    (CYCLE, ("elena", "poll"), {}, "cycles"),
    (CYCLE, ("elena",), {"context": "direct"}, "direct"),
    (CYCLE, ("direct", "poll"), {}, "cycles"),  # a bot of that name
    (DELIVER, ("elena", "117"), {}, "delivery"),
    (PUMP, (), {}, "delivery"),
]


@pytest.mark.parametrize(("task", "args", "kwargs", "queue"), ROUTES)
def test_each_task_has_its_queue(
    task: str, args: tuple[str, ...], kwargs: dict[str, str], queue: str
) -> None:
    """Direct cycles never share a queue with autonomous ones."""
    assert route(task, args, kwargs) == {"queue": queue}


def test_only_json_is_read(redis_url: str) -> None:
    """A worker refuses pickle, so that who can write to the broker cannot run code."""
    settings = conf(Settings(redis_url=redis_url))
    assert settings["accept_content"] == ["json"]
    assert settings["task_serializer"] == "json"


def test_threads_share_what_celery_loads(redis_url: str) -> None:
    """A worker's threads, and those that send hints, read once which result backends
    are installed: it costs as much as half a turn."""
    settings = Settings(redis_url=redis_url)
    app = celery.Celery(set_as_current=False)
    app.conf.update(conf(settings))
    for one in (app, HintSender(settings)._app):
        with ThreadPoolExecutor(1) as other:
            assert other.submit(getattr, one, "backend").result() is one.backend


def test_a_backlog_of_ticks_expires() -> None:
    """After an outage no pump and no poll runs once for each tick that was missed."""
    for entry in beat_schedule(Settings()).values():
        if isinstance(entry["schedule"], float):
            assert (
                entry["schedule"]
                <= entry["options"]["expires"]
                <= 10 * max(entry["schedule"], 1)
            )


def waiting(url: str, name: str) -> list[dict[str, object]]:
    """The headers of the tasks in one queue of the broker next to this database."""
    with redis.Redis.from_url(broker_url(Settings(redis_url=url))) as client:
        return [
            json.loads(body)["headers"]
            for one in lists_of(name)
            for body in reversed(client.lrange(one, 0, -1))
        ]


def test_hints_reach_their_queues(redis_url: str, wait_until: Wait) -> None:
    """A hint that was offered or sent is in the queue that a worker reads; it holds
    names and ids only."""
    sender = HintSender(Settings(redis_url=redis_url))
    assert sender.offer(CYCLE, "elena", "direct", "117")
    assert sender.send(CYCLE, "aria", "immediate_trigger")
    wait_until(lambda: waiting(redis_url, "direct"))
    assert [task["argsrepr"] for task in waiting(redis_url, "direct")] == [
        "('elena', 'direct', '117')"
    ]
    assert [task["task"] for task in waiting(redis_url, "cycles")] == [CYCLE]
    sender.close()


def test_a_thread_reads_no_packages_for_its_first_hint(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker's threads share what Celery needs to send: it is looked for once."""
    sender = HintSender(Settings(redis_url=redis_url))
    looked: list[object] = []
    find = backends.by_url

    def look(*asked: Any) -> Any:
        looked.append(asked)
        return find(*asked)

    monkeypatch.setattr(backends, "by_url", look)
    for bot in ("elena", "aria"):
        thread = threading.Thread(target=sender.send, args=(CYCLE, bot, "poll"))
        thread.start()
        thread.join()
    assert len(waiting(redis_url, "cycles")) == 2
    assert len(looked) == 1
    sender.close()


def test_somebody_quiet_is_heard_first(redis_url: str, wait_until: Wait) -> None:
    """A hint for somebody quiet stands before lanes that are due again, whichever came
    first; a worker takes the tasks in that order."""
    sender = HintSender(Settings(redis_url=redis_url))
    assert sender.send(CYCLE, "elena", "direct", "again")
    assert sender.offer_first(CYCLE, "elena", "direct", "quiet")
    wait_until(lambda: len(waiting(redis_url, "direct")) == 2)
    assert [task["argsrepr"] for task in waiting(redis_url, "direct")] == [
        "('elena', 'direct', 'quiet')",
        "('elena', 'direct', 'again')",
    ]
    with sender._app.connection() as connection:
        queue = connection.SimpleQueue("direct")
        first = queue.get(timeout=5)
        assert first.payload[0] == ["elena", "direct", "quiet"]
        first.ack()
        queue.close()
    sender.close()


def test_close_sends_what_waits(redis_url: str) -> None:
    """Hints offered just before the end are not forgotten."""
    sender = HintSender(Settings(redis_url=redis_url))
    for number in range(50):
        sender.offer(CYCLE, "elena", "direct", str(number))
    sender.close()
    assert len(waiting(redis_url, "direct")) == 50


def test_a_hanging_broker_blocks_no_event_loop() -> None:
    """While the broker never answers, `offer` returns at once, also when too many hints
    wait."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        sender = HintSender(
            Settings(
                redis_url=f"redis://127.0.0.1:{silent.getsockname()[1]}/0",
                redis_timeout=30,
            )
        )
        begun = time.monotonic()
        results = [sender.offer(PUMP) for _ in range(WAITING_HINTS + 50)]
        assert time.monotonic() - begun < 10, "less than one socket timeout"
        assert WAITING_HINTS <= results.count(True) < len(results)


def test_a_broker_that_hangs_or_is_gone_costs_a_worker_its_timeout_at_most() -> None:
    """`send` says that the hint was lost, within the socket timeouts, and warns once,
    not once for each hint."""
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        structlog.testing.capture_logs() as logged,
    ):
        for port in (silent.getsockname()[1], free_port()):
            sender = HintSender(
                Settings(redis_url=f"redis://127.0.0.1:{port}/0", redis_timeout=0.2)
            )
            begun = time.monotonic()
            assert sender.send(PUMP) is False
            assert sender.send(PUMP) is False
            assert time.monotonic() - begun < 10, (
                "not the minutes that Celery would go on trying"
            )
    assert [line["event"] for line in logged] == ["hints are lost"] * 2


def test_hints_flow_again_after_the_broker_came_back(
    tmp_path: Path, wait_until: Wait
) -> None:
    """A sender outlives its broker's kill -9 and sends again without being made
    anew."""
    # With `everysec` a server on a slow disk forgets up to two seconds in a crash.
    with EmbeddedValkey(tmp_path, appendfsync="always") as server:
        sender = HintSender(Settings(redis_url=server.url, redis_timeout=1))
        assert sender.send(CYCLE, "elena", "direct", "1")
        server.kill()
        assert sender.send(CYCLE, "elena", "direct", "2") is False
        server.start()
        assert sender.send(CYCLE, "elena", "direct", "3")
        assert len(waiting(server.url, "direct")) == 2
        sender.close()


def test_a_connection_that_dies_in_a_declaration_ends_no_sender(
    redis_url: str, wait_until: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that is lost while kombu declares a queue costs one hint: the thread
    that sends what is offered goes on."""
    channel: Any = transport.Channel
    declare, lost = channel._queue_bind, iter([True])
    # Senders of other tests may still be ending.
    others = set(threading.enumerate())

    def lose_once(*args: Any) -> None:
        if threading.current_thread() not in others and next(lost, False):
            raise redis.ConnectionError("Connection closed by server.")
        declare(*args)

    monkeypatch.setattr(channel, "_queue_bind", lose_once)
    # Another database: on a connection that an earlier test used, the queue is declared.
    fresh = f"{redis_url.rpartition('/')[0]}/7"
    sender = HintSender(Settings(redis_url=fresh))
    with structlog.testing.capture_logs() as logged:
        for number in ("1", "2"):
            sender.offer(CYCLE, "elena", "direct", number)
        wait_until(lambda: waiting(fresh, "direct"))
        sender.close()
    assert len(waiting(fresh, "direct")) == 1
    assert [line["event"] for line in logged] == ["hints are lost", "hints flow again"]


def test_offers_come_from_one_thread(redis_url: str) -> None:
    """However many hints are offered, one thread sends them."""
    before = threading.active_count()
    sender = HintSender(Settings(redis_url=redis_url))
    for _ in range(20):
        sender.offer(PUMP)
    assert threading.active_count() <= before + 1
    sender.close()


def printed(folder: Path, code: str, url: str) -> str:
    """What this code prints in a process that has not imported the tasks."""
    script, log = folder / "script.py", folder / "printed"
    script.write_text(code)
    environment = os.environ | {"STREAM_REDIS_URL": url}
    process = launch(["tests.e2e.script", str(script)], environment, log)
    assert process.wait(60) == 0, log.read_text()
    return log.read_text()


KNOWN = """
import sys
assert "tasks" not in sys.modules
from celery import signals
import tasks
signals.celeryd_init.send(None)
print(*tasks.app.tasks)
"""


def test_every_scheduled_task_has_a_body(tmp_path: Path) -> None:
    """Beat sends no task that a worker does not know."""
    known = printed(tmp_path, KNOWN, "redis://127.0.0.1/0").split()
    assert {entry["task"] for entry in beat_schedule(Settings()).values()} <= set(known)


DECLARE = """
from tasks import app
with app.connection() as connection:
    for queue in app.amqp.queues.values():
        queue(connection.default_channel).declare()
app.send_task("pump")
app.send_task("safety_poll")
app.send_task("run_daily_life_cycle", args=["elena", "direct", "117"])
"""


def test_each_task_reaches_one_queue(redis_url: str, tmp_path: Path) -> None:
    """With the worker's queues declared, a task is in its own queue and in no other."""
    printed(tmp_path, DECLARE, redis_url)
    assert {
        name: [task["task"] for task in waiting(redis_url, name)] for name in QUEUES
    } == {
        "direct": [CYCLE],
        "delivery": [PUMP],
        "chores": [POLL],
        "cycles": [],
    }


class Asking(transport.Transport):
    """kombu's transport with our channel; an empty queue is answered soon."""

    Channel = TolerantChannel
    brpop_timeout = 0.05  # type: ignore[assignment]


@pytest.mark.parametrize("swallowed", [True, False])
def test_only_a_question_that_nobody_answers_is_left(
    redis_url: str, wait_until: Wait, swallowed: bool
) -> None:
    """A question for tasks that the network swallowed ends its connection once the
    answer is overdue. An answer that came and was not read yet may hold a task: it is
    read, however late."""
    port = int(redis_url.rsplit(":", 1)[1].partition("/")[0])
    with Proxy("127.0.0.1", port, 1).running() as proxy:
        url = redis_url.replace(f":{port}/", f":{proxy.port}/")
        with kombu.Connection(
            broker_url(Settings(redis_url=url)), transport=Asking
        ) as connection:
            channel: Any = connection.channel()
            channel.basic_consume("chores", True, lambda _: None, "tag")
            proxy.swallow = swallowed
            channel._update_queue_cycle()
            channel.client.connection = channel.client.connection_pool.get_connection()
            channel._brpop_start()
            asked = channel._in_poll
            leave_if_silent(channel, patience=60)
            if swallowed:
                wait_until(lambda: time.monotonic() - channel.asked_at > 1, 5)
                with pytest.raises(redis.ConnectionError, match="does not answer"):
                    leave_if_silent(channel, patience=0.1)
                assert asked._sock is None
            else:
                watched = select.poll()
                watched.register(asked._sock, select.POLLIN)
                wait_until(lambda: watched.poll(0), 5)
                leave_if_silent(channel, patience=-60)
                # The event loop is told of it still.
                assert watched.poll(0)


def test_a_broker_that_is_not_asked_any_more_is_left(redis_url: str) -> None:
    """kombu asks no more once a connection was lost that redis-py made anew by itself,
    as it does with that of broadcasts: the worker would take no task for good."""
    with kombu.Connection(
        broker_url(Settings(redis_url=redis_url)), transport=Asking
    ) as connection:
        channel: Any = connection.channel()
        channel.basic_consume("chores", True, lambda _: None, "tag")
        hub: Any = Hub()
        hub.propagate_errors = (redis.ConnectionError,)
        connection.register_with_event_loop(hub)
        options = {"socket_timeout": 60}
        app = SimpleNamespace(conf=SimpleNamespace(broker_transport_options=options))
        consumer = SimpleNamespace(hub=hub, connection=connection, app=app)
        step = LeaveSilence(consumer)
        step.start(consumer)
        turns, begun = hub.create_loop(), time.monotonic()
        # Two looks at a channel that asks.
        while channel.asked_at < begun + 2.5:
            next(turns)
        channel.client.connection.disconnect()
        channel.client.connection.connect()
        until = iter(lambda: time.monotonic() < begun + 30, False)
        with pytest.raises(redis.ConnectionError, match="not asked"):
            deque(zip(until, turns, strict=False), maxlen=0)
        step.stop(consumer)


def away() -> celery.Celery:
    """A worker's app whose broker is not there."""
    app = celery.Celery(
        "away", amqp=PromptAMQP, events=OnceEvents, set_as_current=False
    )
    settings = Settings(redis_url=f"redis://127.0.0.1:{free_port()}/0")
    app.conf.update(conf(settings))
    return app


def test_a_sign_of_life_holds_up_no_worker() -> None:
    """It is sent from the loop that fetches tasks: without a broker it is tried once
    and kept, though Celery asks to try until it was told."""
    with away() as app, app.connection() as connection:
        dispatcher = app.events.Dispatcher(connection, enabled=True)
        dispatcher.send("worker-heartbeat", retry=True)
        assert len(dispatcher._outbound_buffer) == 1


def test_a_broker_that_was_away_for_long_is_soon_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Pauses between tries to connect do not grow with the time that it is away."""
    monkeypatch.setattr("kombu.utils.functional.sleep", lambda _: None)
    pauses: list[float] = []
    monkeypatch.setattr(
        "app.broker.patience._note_failed", lambda _, pause: pauses.append(pause)
    )
    with (
        away() as app,
        app.connection_for_read() as connection,
        pytest.raises(OperationalError),
    ):
        connection.ensure_connection(max_retries=20)
    assert len(pauses) == 20
    assert max(pauses) == LONGEST_PAUSE
