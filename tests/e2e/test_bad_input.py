"""What nobody should write into Redis, yet somebody does: it stops no worker and costs nobody an answer."""

from __future__ import annotations

import base64
import json
import pickle
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from app import keys
from app.keys import Lane
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


def envelope(task: str = "run_daily_life_cycle", args: Any = ("ada", "direct", "1"), **changes: Any) -> bytes:
    """A task message as kombu's Redis transport stores it."""
    number = str(uuid.uuid4())
    body = changes.pop("body", json.dumps([list(args), {}, {}]).encode())
    return json.dumps({
        "body": base64.b64encode(body).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"lang": "py", "task": task, "id": number, "root_id": number, "parent_id": None, "argsrepr": "", "kwargsrepr": ""},
        "properties": {"correlation_id": number, "delivery_mode": 2, "delivery_tag": number, "priority": 0, "body_encoding": "base64",
                       "delivery_info": {"exchange": "direct", "routing_key": "direct"}},
    } | changes).encode()


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
}  # fmt: skip


@pytest.mark.parametrize("kind", [*POISON, "pickled content"])
def test_a_poisoned_task_stops_nothing(stream: System, tmp_path: Path, kind: str) -> None:
    """After a message in the broker that is malformed in one way, direct messages are answered; nothing is unpickled."""
    bomb = tmp_path / "bomb"
    poison = POISON.get(kind) or envelope(body=pickle.dumps(Bomb(bomb)), **{"content-type": "application/x-python-serialize"})
    with redis.Redis.from_url(stream.valkey.url.removesuffix("/0") + "/1") as broker:
        for queue in ("direct", "delivery"):
            broker.lpush(queue, poison, poison)
        answered(stream)
        stream.wait(lambda: not broker.llen("direct") and not broker.llen("delivery"), 20.0, "empty queues")
    answered(stream)
    assert not bomb.exists()


def test_a_corrupt_outbox_entry_is_a_dead_letter(stream: System) -> None:
    """An entry whose body cannot be read, or is missing, goes to the dead letters; what is queued behind it is delivered."""
    channel = stream.discord.add_channel("corrupt")
    client = stream.store.client
    client.hset(keys.entry("corrupt"), mapping={"body": '{"kind": "reply"', "bot": "ada", "message": "1"})
    client.pexpire(keys.entry("corrupt"), 60_000)
    client.rpush(keys.outbox("ada", str(channel.id)), "corrupt", "missing")
    client.pexpire(keys.outbox("ada", str(channel.id)), 60_000)
    client.zadd(keys.DELIVERIES_DUE, {f"ada:{channel.id}": 0})
    answered(stream, channel)
    stream.wait(lambda: not client.exists(keys.outbox("ada", str(channel.id))), what="an empty outbox")
    assert {str(entry) for entry in client.hkeys(keys.dead("ada"))} == {"corrupt", "missing"}


def test_a_corrupt_inbox_entry_is_dropped(stream: System) -> None:
    """Inbox entries that cannot be read go; the message behind them is answered."""
    channel = stream.discord.add_channel("inbox")
    inbox = keys.inbox(Lane("ada", str(channel.id)))
    stream.store.client.xadd(inbox, {"event": "{", "signal": "direct"})
    stream.store.client.xadd(inbox, {"nonsense": "x"})
    answered(stream, channel)
    stream.wait(lambda: not stream.store.client.xlen(inbox), what="an empty inbox")


@pytest.mark.parametrize("key", ["floor", "wake", "state", "roster", "bids", "cursor"])
def test_values_of_a_wrong_shape_stop_nothing(stream: System, key: str) -> None:
    """Fields that make no sense in the records of others do not stop a bot from answering."""
    channel = stream.discord.add_channel(f"shape-{key}")
    client = stream.store.client
    nonsense = {"floor": (keys.floor(str(channel.id)), {"bot": "x", "token": "many", "until": "soon"}),
                "wake": (keys.wake(Lane("ada", str(channel.id))), {"seq": "x", "context": "y", "hinted": "z", "hints": "?"}),
                "state": (keys.state("ada"), {str(channel.id): "{"}), "roster": (keys.ROSTER, {"ghost": "{"}),
                "bids": (keys.bids("1"), {"#state": "open", "ada": "much"}), "cursor": (keys.cursor("ada"), {str(channel.id): "now"})}[key]
    client.hset(nonsense[0], mapping=nonsense[1])
    if key == "bids":
        client.zadd(keys.ELECTIONS_DUE, {"1": 0})
    answered(stream, channel)
    answered(stream, channel)


def answered(stream: System, channel: Any = None) -> None:
    """A direct message is answered, and exactly once, with all processes alive."""
    channel = channel or stream.discord.add_channel("talk")
    post = stream.discord.post(stream.discord.add_user("Kim"), channel, "ada, are you there?")
    stream.wait(lambda: stream.discord.replies_to(post), 20.0, "an answer")
    assert len(stream.discord.replies_to(post)) == 1
    assert all(process.poll() is None for process in stream.processes.values())
