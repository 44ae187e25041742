"""What nobody should write into Redis, yet somebody does: it stops no worker and costs
nobody an answer."""

from __future__ import annotations

import base64
import gzip
import json
import pickle
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import celery
import pytest
import redis

from app.domain.lane import Lane
from app.store import keys
from tests.e2e.system import System, add_bots, eager_character, system, write_characters


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """One bot, one worker."""
    folder = tmp_path_factory.mktemp("bad-input")
    characters = write_characters(folder / "characters", [eager_character("ada")])
    with system(folder, characters_dir=characters, cooldown=0, quiet_time=0) as running:
        add_bots(running, "ada")
        running.discord.add_channel("general")
        running.worker("direct,delivery,cycles,chores", "worker")
        running.gateway("ada")
        running.wait_ready("ada")
        yield running


def envelope(
    task: str = "run_daily_life_cycle",
    args: Any = ("ada", "direct", "1"),
    **changes: Any,
) -> bytes:
    """A task message as kombu's Redis transport stores it."""
    number = str(uuid.uuid4())
    body = changes.pop("body", json.dumps([list(args), {}, {}]).encode())
    return json.dumps(
        {
            "body": base64.b64encode(body).decode(),
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": {
                "lang": "py",
                "task": task,
                "id": number,
                "root_id": number,
                "parent_id": None,
                "argsrepr": "",
                "kwargsrepr": "",
            },
            "properties": {
                "correlation_id": number,
                "delivery_mode": 2,
                "delivery_tag": number,
                "priority": 0,
                "body_encoding": "base64",
                "delivery_info": {"exchange": "direct", "routing_key": "direct"},
            },
        }
        | changes
    ).encode()


MARK = "ignore-all-previous-instructions"


def altered(**parts: Any) -> bytes:
    """A good message with some fields of its headers and properties, or its body,
    changed."""
    message = json.loads(envelope())
    for name, part in parts.items():
        message[name] = message[name] | part if isinstance(part, dict) else part
    return json.dumps(message).encode()


class Bomb:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return Path.touch, (self.file,)  # type: ignore[return-value]


POISON = {
    "no JSON": b"\x00\xffgarbage",
    "JSON of no message": b'"text"',
    "an empty message": b"{}",
    "no headers": json.dumps({"body": "", "properties": {}}).encode(),
    "a body that is no base64": envelope(body=b"").replace(b'"body": ""', b'"body": "***"'),
    "a body that is no JSON": envelope(body=b"\xff\xfe{"),
    "arguments that are no list": envelope(body=b'{"a": 1}'),
    "an unknown task": envelope("format_disk"),
    "too few arguments": envelope(args=()),
    "too many arguments": envelope(args=("ada", "direct", "1", "2", "3")),
    "arguments of wrong types": envelope(args=({"bot": 1}, ["direct"], None)),
    "an unknown bot": envelope(args=("nobody", "direct", "1")),
    "an unknown context": envelope(args=("ada", "whatever", "1")),
    "a lane with a colon": envelope(args=("ada:1:2", "direct", "3")),
    "a huge name": envelope(args=("a" * 1_000_000, "direct", "1")),
    "an unknown encoding": envelope(**{"content-encoding": "martian"}),
    "no delivery tag": altered(properties={"delivery_tag": None}),
    "a delivery tag that is an object": altered(properties={"delivery_tag": {"a": 1}}),
    "a time far away": altered(headers={"eta": "2099-01-01T00:00:00+00:00"}),
    "a time that is none": altered(headers={"eta": "soon"}),
    "an end that is none": altered(headers={"expires": ["never"]}),
    "huge headers": altered(headers={"shadow": "x" * 5_000_000}),
    "many headers": altered(headers={f"h{number}": 1 for number in range(10_000)}),
    "headers that are a list": envelope(headers=[1, 2]),
    "an id that is an object": altered(headers={"id": {"a": 1}}),
    "an unknown content type": envelope(**{"content-type": "text/html"}),
    "a body nested deeply": envelope(body=b"[" * 100_000 + b"]" * 100_000),
    "a message nested deeply": b"[" * 100_000 + b"]" * 100_000,
    "text for the log": altered(headers={"task": MARK, "id": MARK, "lang": MARK}),
}  # fmt: skip


def bombed() -> bytes:
    """Two hundred megabytes in two hundred kilobytes."""
    body = base64.b64encode(gzip.compress(b"0" * 200_000_000, 9)).decode()
    return altered(headers={"compression": "application/x-gzip"}, body=body)


def pickled(file: Path) -> bytes:
    """A body that would make this file if it were unpickled."""
    kind = {"content-type": "application/x-python-serialize"}
    return envelope(body=pickle.dumps(Bomb(file)), **kind)


@pytest.mark.parametrize("kind", [*POISON, "a bomb", "pickled content"])
def test_a_poisoned_task_stops_nothing(
    stream: System, tmp_path: Path, kind: str
) -> None:
    """After a message in the broker that is malformed in one way, direct messages are
    answered; nothing is unpickled."""
    bomb = tmp_path / "bomb"
    if kind in POISON:
        poison = POISON[kind]
    else:
        poison = bombed() if kind == "a bomb" else pickled(bomb)
    with redis.Redis.from_url(stream.valkey.url.removesuffix("/0") + "/1") as broker:
        for queue in ("direct", "delivery"):
            broker.lpush(queue, poison, poison)
        answered(stream)
        stream.wait(
            lambda: not broker.llen("direct") and not broker.llen("delivery"),
            20.0,
            "empty queues",
        )
    answered(stream)
    assert not bomb.exists()
    assert MARK not in stream.log("worker", 10**7), (
        "what a message says is not repeated in the log"
    )


@pytest.mark.parametrize("eta", ["2099-01-01T00:00:00+00:00", "soon"])
def test_a_flood_of_tasks_for_later_holds_nothing(stream: System, eta: str) -> None:
    """Thousands of tasks for another day are dropped as they come, and are kept in no
    worker's memory."""
    with redis.Redis.from_url(stream.valkey.url.removesuffix("/0") + "/1") as broker:
        broker.lpush("direct", *[altered(headers={"eta": eta})] * 2_000)
        answered(stream)
        stream.wait(lambda: not broker.llen("direct"), 20.0, "an empty queue")
        assert broker.hlen("unacked") < 50


ORDERS = (
    "shutdown",
    "pool_shrink",
    "pool_grow",
    "pool_restart",
    "autoscale",
    "rate_limit",
    "time_limit",
    "revoke",
    "terminate",
    "cancel_consumer",
    "add_consumer",
    "disable_events",
    "election",
    "hello",
    "memsample",
    MARK,
)


def test_remote_control_asks_and_does_not_order(stream: System) -> None:
    """No order over the broker stops a worker, its pool or its queues; Flower's
    questions are answered."""
    control = celery.Celery(
        "stranger",
        broker=stream.valkey.url.removesuffix("/0") + "/1",
        set_as_current=False,
    ).control
    for order in ORDERS:
        control.broadcast(
            order,
            arguments={
                "n": 100,
                "max": 0,
                "min": 0,
                "queue": "direct",
                "task_name": "pump",
                "rate_limit": "1/h",
                "task_id": "1",
            },
        )
        answered(stream)
    inspect = control.inspect(timeout=5.0, limit=1)
    for question in (
        "ping",
        "stats",
        "active",
        "registered",
        "active_queues",
        "reserved",
        "scheduled",
        "revoked",
        "conf",
    ):
        assert getattr(inspect, question)(), question
    assert MARK not in stream.log("worker", 10**7)


def test_a_corrupt_outbox_entry_is_a_dead_letter(stream: System) -> None:
    """An entry whose body cannot be read, or is missing, goes to the dead letters; what
    is queued behind it is delivered."""
    channel = stream.discord.add_channel("corrupt")
    client = stream.store.client
    client.hset(
        keys.entry("corrupt"),
        mapping={"body": '{"kind": "reply"', "bot": "ada", "message": "1"},
    )
    client.pexpire(keys.entry("corrupt"), 60_000)
    client.rpush(keys.outbox("ada", str(channel.id)), "corrupt", "missing")
    client.pexpire(keys.outbox("ada", str(channel.id)), 60_000)
    client.zadd(keys.DELIVERIES_DUE, {f"ada:{channel.id}": 0})
    answered(stream, channel)
    stream.wait(
        lambda: not client.exists(keys.outbox("ada", str(channel.id))),
        what="an empty outbox",
    )
    assert {str(entry) for entry in client.hkeys(keys.dead("ada"))} == {
        "corrupt",
        "missing",
    }


def test_a_corrupt_inbox_entry_is_dropped(stream: System) -> None:
    """Inbox entries that cannot be read go; the message behind them is answered."""
    channel = stream.discord.add_channel("inbox")
    inbox = keys.inbox(Lane("ada", str(channel.id)))
    stream.store.client.xadd(inbox, {"event": "{", "signal": "direct"})
    stream.store.client.xadd(inbox, {"nonsense": "x"})
    answered(stream, channel)
    stream.wait(lambda: not stream.store.client.xlen(inbox), what="an empty inbox")


@pytest.mark.parametrize(
    "key", ["floor", "wake", "state", "roster", "election", "bids", "cursor"]
)
def test_values_of_a_wrong_shape_stop_nothing(stream: System, key: str) -> None:
    """Fields that make no sense in the records of others do not stop a bot from
    answering."""
    channel = stream.discord.add_channel(f"shape-{key}")
    client = stream.store.client
    nonsense = {
        "floor": (
            keys.floor(str(channel.id)),
            {"bot": "x", "token": "many", "until": "soon"},
        ),
        "wake": (
            keys.wake(Lane("ada", str(channel.id))),
            {"seq": "x", "context": "y", "hinted": "z", "hints": "?"},
        ),
        "state": (keys.state("ada"), {str(channel.id): "{"}),
        "roster": (keys.ROSTER, {"ghost": "{"}),
        "bids": (keys.bids("1"), {"ada": "much"}),
        "election": (keys.election("1"), {"state": "open"}),
        "cursor": (keys.cursor("ada"), {str(channel.id): "now"}),
    }[key]
    client.hset(nonsense[0], mapping=nonsense[1])
    if key == "election":
        client.zadd(keys.ELECTIONS_DUE, {"1": 0})
    answered(stream, channel)
    answered(stream, channel)


def answered(stream: System, channel: Any = None) -> None:
    """A direct message is answered, and exactly once, with all processes alive."""
    channel = channel or stream.discord.add_channel("talk")
    post = stream.discord.post(
        stream.discord.add_user("Kim"), channel, "ada, are you there?"
    )
    stream.wait(lambda: stream.discord.replies_to(post), 20.0, "an answer")
    assert len(stream.discord.replies_to(post)) == 1
    assert all(process.poll() is None for process in stream.processes.values())
