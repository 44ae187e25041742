"""What real servers refuse, one test a row of `app/store/outages.py`: the door tells it
apart, nothing is half done, and the same call passes when it is over."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import redis

from app.domain.errors import (
    StoreForbidden,
    StoreMoved,
    StoreRefusing,
    StoreUnavailable,
)
from app.domain.lane import Lane
from app.host.valkey import free_port
from app.operator.doctor.redis_server import look_at_redis
from app.store import admission, brakes, commits, floors, keys, lanes, vault
from app.store.calls import Call
from app.store.door import AsyncStore, Store
from app.store.limits import Limits
from app.store.lock import LaneLock
from app.store.outages import TABLE, Meaning, code_of, meaning_of, outages
from tests.patience import patience
from tests.store import servers, world
from tests.store.servers import Server

Cause = Callable[[Server], AbstractContextManager[None]]
CAUSES: dict[str, Cause] = {
    "OOM": servers.out_of_memory,
    "READONLY": servers.replica,
    "MISCONF": servers.failed_snapshot,
    "NOREPLICAS": servers.no_replicas,
    "WRONGPASS": servers.changed_password,
    "BUSY": servers.busy_script,
    "LOADING": servers.loading,
}
TOLD_BY_OTHERS = {
    "MASTERDOWN",
    "no answer",
    "no connection",
    "max number of clients reached",
    "CLUSTERDOWN",
    "TRYAGAIN",
    "NOAUTH",
    "NOSCRIPT",
    "UNBLOCKED",
    "NOPERM",
    "unknown command",
    "no database",
    "anything else",
    "certificate",
    "no primary",
}
"""Rows whose state needs a test of its own: below, in `test_fitness.py` (a certificate)
and in `test_sentinels.py` (a primary)."""


def program(name: str) -> str:
    """Its path, or a skip that is seen."""
    found = servers.PROGRAMS[name]()
    return found or pytest.skip(f"no {name}-server on this machine")


@pytest.fixture(params=servers.PROGRAMS)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """A server of each kind."""
    running = Server(program(request.param), tmp_path / "server")
    yield running
    running.stop()


@pytest.fixture
def door(server: Server) -> Iterator[Store]:
    """The store's own door to it."""
    opened = Store(server.url, timeout=1.0)
    yield opened
    opened.close()


def admit(request: str, message: str = "1") -> Call[admission.Admission]:
    """A direct message to aria."""
    settings = world.settings_with()
    said = world.direct("aria", world.event(message), ("aria",), move_cursor=True)
    return admission.admit(said, request, Limits.of(settings), settings)


async def by_asyncio(url: str, call: Call[admission.Admission]) -> None:
    """The gateway's door, whose calls may find a server that others keep busy."""
    store = AsyncStore(url, timeout=patience(10))
    try:
        await store.run(call)
    finally:
        await store.close()


def test_every_row_is_proven() -> None:
    """No row stands in the table that no test brings about."""
    assert {row.code for row in TABLE} == CAUSES.keys() | TOLD_BY_OTHERS


@pytest.mark.parametrize("code", CAUSES)
def test_a_refusal_is_told_apart_and_leaves_nothing(
    server: Server, door: Store, code: str
) -> None:
    """Through both doors, with an admission that writes ten keys: StoreRefusing names
    the code, no key has changed, and the same request is admitted once it is over."""
    door.run(admit("before", "1"))
    with CAUSES[code](server):
        with pytest.raises(StoreRefusing, match=f"^Redis refuses: {code} ") as told:
            door.run(admit("held", "2"))
        assert "hello" not in str(told.value)
        with pytest.raises(StoreRefusing, match=f"^Redis refuses: {code} "):
            asyncio.run(by_asyncio(server.url, admit("held", "2")))
        with pytest.raises(StoreRefusing, match=f"^Redis refuses: {code} "):
            LaneLock(door, Lane("aria", "55"), lease=5).take()
    assert not server.admin.exists(keys.seen("2"), keys.lock(Lane("aria", "55")))
    assert server.admin.hget(keys.cursor("aria"), "55") == "1"
    assert door.run(admit("held", "2")).verdict == "direct"
    assert server.admin.hget(keys.cursor("aria"), "55") == "2"


@pytest.mark.parametrize("code", ["OOM", "READONLY", "MISCONF", "NOREPLICAS"])
def test_no_script_of_a_cycle_is_half_done(
    server: Server, door: Store, code: str
) -> None:
    """Each script from the message to the outbox meets the refusal: what is in Redis
    stays as it was, to the byte, and then the script passes as if nothing had been."""
    settings, lane, owner = world.settings_with(), Lane("aria", "55"), "owner"
    limits = Limits.of(settings)

    refused = []

    def passes(call: Call[Any]) -> Any:
        before = server.content()
        with CAUSES[code](server):
            try:
                return door.run(call)
            except StoreRefusing:
                refused.append(call.script)
        assert changed(before, server.content()) == set()
        return door.run(call)

    passes(admit("one"))
    server.admin.set(keys.lock(lane), owner, px=60_000)
    begun = door.run(lanes.begin(lane, owner))
    holder, entry = floors.Holder(lane, owner), begun.entries[0]
    claimed = passes(floors.claim(holder, entry, settings, settings.quiet_time))
    draft = world.decision(world.Cycle(lane, owner), entry, claimed.token)
    assert passes(commits.commit(draft, limits, settings, "two")).verdict == "committed"
    passes(lanes.finish(lane, owner, begun.seq, None, "three"))
    # When memory is short, a script that begins with a deletion is let through: whole.
    assert set(refused) >= (
        {"message.admit"}
        if code == "OOM"
        else {"message.admit", "floor.claim", "answer.commit", "lane.finish"}
    )
    assert server.admin.llen(keys.outbox("aria", "55")) == 1
    assert not server.admin.exists(keys.lock(lane))


def changed(before: dict[str, bytes], after: dict[str, bytes]) -> set[str]:
    """Keys that are not what they were."""
    return {
        key for key in before.keys() | after.keys() if before.get(key) != after.get(key)
    }


def test_a_replica_that_is_cut_off_refuses_reads(server: Server, door: Store) -> None:
    """MASTERDOWN: of a replica that may not serve stale data; a script is READONLY
    there, if it was loaded before."""
    with servers.stale_replica(server):
        with pytest.raises(StoreMoved, match=r"^Redis refuses: MASTERDOWN "):
            door.run(admission.cursors("aria"))
        with pytest.raises(StoreMoved, match=r"^Redis refuses: (READONLY|MASTERDOWN) "):
            door.run(admit("one"))
    assert door.run(admit("one")).verdict == "direct"


def test_connections_to_what_is_no_primary_are_given_up(
    server: Server, door: Store
) -> None:
    """READONLY: the name may lead to the new primary, which an old connection would
    never find."""
    door.run(admit("one", "1"))
    ours = {
        client["id"]
        for client in server.admin.client_list()
        if client["user"] == servers.TEST_USER
    }
    with servers.replica(server), pytest.raises(StoreMoved):
        door.run(admit("two", "2"))
    door.run(admit("two", "2"))
    assert not ours & {client["id"] for client in server.admin.client_list()}


def test_memory_that_runs_out_within_a_script_stops_it_nowhere(server: Server) -> None:
    """Redis asks for room before a script's first write, and not again: the second
    write of one that itself goes beyond `maxmemory` is carried out."""
    used = int(server.admin.info("memory")["used_memory"])
    server.admin.config_set("maxmemory", used + 300_000)
    script = "redis.call('SET', 'big', string.rep('x', 2000000)); redis.call('SET', 'small', 'y'); return 'done'"
    assert server.admin.eval(script, 0) == "done"
    assert server.admin.exists("big", "small") == 2
    with pytest.raises(redis.exceptions.OutOfMemoryError):
        server.admin.eval("redis.call('SET', 'another', 'z')", 0)


def test_a_flush_of_the_scripts_is_not_noticed(server: Server, door: Store) -> None:
    """NOSCRIPT: the script is sent again together with its call."""
    door.run(admit("one", "1"))
    server.admin.script_flush()
    assert door.run(admit("two", "2")).verdict == "direct"
    with pytest.raises(redis.exceptions.NoScriptError) as told:
        server.admin.evalsha("0" * 40, 0)
    assert (code_of(told.value), meaning_of(told.value)) == (
        "NOSCRIPT",
        Meaning.REFUSING,
    )


@contextlib.contextmanager
def flushed_without_pause(server: Server) -> Iterator[None]:
    """Somebody flushes the scripts again and again, each time before the next call of
    another client: no script that is loaded on its own is there when it is called."""
    ended = threading.Event()

    def flush() -> None:
        client = redis.Redis(port=server.port)
        while not ended.is_set():
            pipeline = client.pipeline(transaction=False)
            for _ in range(200):
                pipeline.script_flush()
            pipeline.execute()
        client.close()

    threads = [threading.Thread(target=flush) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def test_flushes_without_pause_stop_no_call(server: Server) -> None:
    """NOSCRIPT again and again: a script and its call are one transaction, those of a
    lane's lock too."""
    # The flushes leave nobody much of a turn: the others' limit would be met.
    door = Store(server.url, timeout=patience(10))
    renewed = threading.Event()
    # A lease that ended while the flushes had all turns would be renewed no more.
    lease = round(patience(60))
    lock = LaneLock(door, Lane("aria", "55"), lease=lease, on_renew=renewed.set)
    # Two processors are busy until it is renewed.
    lock._lock_renewal_interval = 0.1
    assert lock.take()
    with flushed_without_pause(server):
        for number in range(1, 11):
            assert door.run(admit(f"one-{number}", str(number))).verdict == "direct"
        asyncio.run(by_asyncio(server.url, admit("last", "11")))
        renewed.clear()
        assert renewed.wait(patience(10))
    lock.stop()
    door.close()
    assert server.admin.hget(keys.cursor("aria"), "55") == "11"


def test_a_removed_login_is_an_outage(server: Server) -> None:
    """NOAUTH: a default user who needs a password now, for a process that has none."""
    server.admin.config_set("requirepass", "new")
    store = Store(f"redis://127.0.0.1:{server.port}/0", timeout=1.0)
    with pytest.raises(StoreRefusing, match=r"^Redis refuses: NOAUTH "):
        store.run(admit("one"))
    store.close()


def test_what_the_acl_forbids_is_held_too(server: Server, door: Store) -> None:
    """NOPERM, of a command and of a key that a script touches: StoreForbidden, which is
    an outage and no fault."""
    server.admin.acl_setuser(
        servers.TEST_USER, enabled=True, keys=["none:*"], reset_keys=True
    )
    with pytest.raises(StoreForbidden):
        door.run(admit("one"))
    with pytest.raises(StoreForbidden):
        door.run(admission.cursors("aria"))
    with pytest.raises(StoreForbidden):
        door.run(vault.publish("aria", "sealed", "{}", "{}", "{}"))
    assert issubclass(StoreForbidden, StoreUnavailable)


@pytest.mark.parametrize(
    "lacking", [("multi", "exec"), ("multi",), ("exec",), ("script|load",)]
)
def test_an_old_list_of_users_is_one_line(
    server: Server, door: Store, lacking: tuple[str, ...]
) -> None:
    """A login that may not send a script which the server does not know: the line names
    what is missing, also from the event loop, and nothing of the script."""
    rules = [f"-{command}" for command in lacking]
    server.admin.execute_command("ACL", "SETUSER", servers.TEST_USER, *rules)
    line = r"^Redis forbids: NOPERM \(this user lacks \+multi \+exec \+script\|load: .*users.acl`\)$"
    server.admin.script_flush()
    with pytest.raises(StoreForbidden, match=line):
        door.run(brakes.look(()))

    async def ask() -> None:
        other = AsyncStore(server.url)
        try:
            await other.run(brakes.look(()))
        finally:
            await other.close()

    server.admin.script_flush()
    with pytest.raises(StoreForbidden, match=line):
        asyncio.run(ask())
    (found,) = [
        one.what for one in look_at_redis(door) if "takes no script" in one.what
    ]
    assert "+multi +exec" in found


def test_a_forbidden_command_is_named(server: Server, door: Store) -> None:
    """Within a script and without; the server's own words stay out of the line."""
    server.admin.execute_command("ACL", "SETUSER", servers.TEST_USER, "-hgetall")
    with pytest.raises(StoreForbidden, match=r"\(this user lacks \+hgetall: "):
        door.run(admission.cursors("aria"))


@pytest.mark.parametrize("name", servers.PROGRAMS)
def test_a_command_that_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    """A managed server renames commands, and an old one lacks them, within scripts and
    without: an outage whose line says so, and none of the arguments."""
    renamed = ("--rename-command", "HGETALL", "", "--rename-command", "HSET", "")
    server = Server(program(name), tmp_path / "server", *renamed)
    store = Store(server.url, timeout=1.0)
    for call in (admission.cursors("aria"), admit("one")):
        with pytest.raises(StoreForbidden, match="unknown command") as told:
            store.run(call)
        assert "aria" not in str(told.value)
    store.close()
    server.stop()


def test_a_database_that_is_not_there_is_named(server: Server) -> None:
    """A number that the server does not have, as every one but 0 in cluster mode."""
    store = Store(server.url.removesuffix("/0") + "/9999", timeout=1.0)
    with pytest.raises(StoreForbidden, match=r"^Redis forbids: no database .*_URL"):
        store.run(admit("one"))
    store.close()


def test_clients_beyond_the_limit_are_told(server: Server) -> None:
    """`maxclients`: a connection that is closed with a word counts as unreachable."""
    server.admin.config_set("maxclients", 1)
    store = Store(server.url, timeout=1.0)
    with pytest.raises(StoreUnavailable) as told:
        store.run(admit("one"))
    assert type(told.value) is StoreUnavailable
    server.admin.config_set("maxclients", 1_000)
    assert store.run(admit("one")).verdict == "direct"
    store.close()


def test_a_frozen_server_and_a_spent_pool_are_unreachable(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No answer in time, and no connection in time: both go on by themselves."""
    monkeypatch.setattr("app.store.connecting.POOL", 1)
    store = Store(server.url, timeout=0.3)
    store.run(admit("one", "1"))
    taken = store.client.connection_pool.get_connection()
    with pytest.raises(StoreUnavailable, match="connections are busy"):
        store.run(admit("two", "2"))
    store.client.connection_pool.release(taken)
    assert store.run(admit("two", "2")).verdict == "direct"
    server.process.send_signal(signal.SIGSTOP)
    with pytest.raises(StoreUnavailable, match=r"^Redis cannot be reached"):
        store.run(admit("three", "3"))
    server.process.send_signal(signal.SIGCONT)
    assert store.run(admit("three", "3")).verdict in {"direct", "duplicate"}
    store.close()


def test_who_waited_is_unblocked_by_a_failover(server: Server) -> None:
    """UNBLOCKED: what Celery's workers meet, who wait for tasks."""
    told: list[Exception] = []

    def wait_for_task() -> None:
        with redis.Redis(port=server.port) as client:
            try:
                client.brpop(["direct"], timeout=20)
            except redis.exceptions.RedisError as error:
                told.append(error)

    waiting = threading.Thread(target=wait_for_task)
    waiting.start()
    server.wait(lambda: int(server.admin.info("clients")["blocked_clients"]) == 1)
    with servers.replica(server):
        waiting.join(10)
    assert [(code_of(error), meaning_of(error)) for error in told] == [
        ("UNBLOCKED", Meaning.REFUSING)
    ]


@pytest.mark.parametrize("name", servers.PROGRAMS)
def test_a_cluster_that_is_not_whole_refuses(tmp_path: Path, name: str) -> None:
    """CLUSTERDOWN without slots, TRYAGAIN while a slot moves."""
    with contextlib.ExitStack() as ending:
        nodes, ports = [], [free_port(), free_port()]
        for port in ports:
            cluster = ("--cluster-enabled", "yes", "--cluster-port", str(port))
            nodes.append(Server(program(name), tmp_path / str(port), *cluster))
            ending.callback(nodes[-1].stop)
        one, two = nodes
        with pytest.raises(redis.exceptions.ClusterDownError) as down:
            one.admin.get("any")
        assert (code_of(down.value), meaning_of(down.value)) == (
            "CLUSTERDOWN",
            Meaning.REFUSING,
        )
        one.admin.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16_383)
        one.admin.execute_command("CLUSTER", "MEET", "127.0.0.1", two.port, ports[1])
        other = str(two.admin.execute_command("CLUSTER", "MYID"))
        one.wait(lambda: other in str(one.admin.execute_command("CLUSTER", "NODES")))
        one.wait(
            lambda: "cluster_state:ok" in one.admin.execute_command("CLUSTER", "INFO")
        )
        one.admin.set("{a}1", "x")
        slot = one.admin.execute_command("CLUSTER", "KEYSLOT", "{a}1")
        one.wait(lambda: moves(one, slot, other))
        with pytest.raises(redis.exceptions.TryAgainError) as moving:
            one.admin.mget("{a}1", "{a}2")
        assert (code_of(moving.value), meaning_of(moving.value)) == (
            "TRYAGAIN",
            Meaning.REFUSING,
        )


def moves(server: Server, slot: int, other: str) -> bool:
    """Begin to move a slot; False: the nodes do not know each other well enough yet."""
    try:
        return bool(
            server.admin.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", other)
        )
    except redis.exceptions.ResponseError:
        return False


@pytest.mark.parametrize(
    "error",
    [
        redis.exceptions.RedisError("Buffer is closed."),
        redis.exceptions.InvalidResponse("Protocol Error: b'x'"),
        ConnectionResetError(),
    ],
)
def test_a_broken_connection_is_an_outage(error: Exception) -> None:
    """What redis-py raises where no answer could be read: in a failover one task closes
    the connection that another has just taken."""
    with pytest.raises(StoreUnavailable, match="cannot be reached"), outages():
        raise error


def test_a_fault_of_ours_is_no_outage(store: Store) -> None:
    """A wrong call stays the error that it is: to hold it for ever would hide it."""
    store.client.set("text", "x", px=1_000)
    with pytest.raises(redis.exceptions.ResponseError, match="WRONGTYPE") as told:
        store.run(Call("", (), ("HGETALL", "text"), str))
    assert meaning_of(told.value) is Meaning.FAULT
