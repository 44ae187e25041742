"""The whole system on servers that are not the embedded one: named by Sentinels, behind
TLS, managed by somebody who forbids what they like, Debian's Redis."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from app.domain.addresses import Credentials
from app.host.valkey import free_port
from app.loopback import Post
from app.store.door import UNPROVEN, Store
from tests.e2e.system import System, add_bots, eager_character, system, write_characters
from tests.e2e.test_outages import BOTS, CALM, all_answered, say
from tests.store import sentinels, servers
from tests.store.certificates import Authority, relay
from tests.store.servers import PASSWORD, TEST_USER, Server
from tests.store.test_fitness import OLD, pretending
from tests.store.test_outages import program

MANAGED = (
    "-config",
    "-client",
    "-script|flush",
    "-script|kill",
    "-info",
    "-debug",
    "-acl",
    "-memory|doctor",
    "-flushall",
    "-flushdb",
    "-keys",
    "-bgrewriteaof",
    "-slowlog",
    "-command",
)
"""What a managed server's user may not do; `CLIENT SETINFO` is refused with the rest."""


@contextlib.contextmanager
def at_work_on(
    folder: Path, url: str, credentials: Credentials = UNPROVEN
) -> Iterator[System]:
    """Two bots in one gateway, two workers and beat, on the server at this address."""
    characters = write_characters(
        folder / "characters", [eager_character(name) for name in BOTS]
    )
    given = {
        "redis_url": url,
        "redis_plain": True,
        "redis_ca": credentials.ca,
        "redis_sentinel_password": credentials.sentinel_password,
    }
    settings: dict[str, Any] = {
        name: value for name, value in given.items() if value is not None
    }
    with (
        system(folder, characters_dir=characters, **CALM, **settings) as running,
        contextlib.closing(Store(url, 2.0, credentials)) as store,
    ):
        running.store = store
        add_bots(running, *BOTS)
        running.workers()
        running.beat()
        running.gateway(*BOTS)
        running.wait_ready(*BOTS)
        running.wait_workers()
        yield running
        # Its processes end while the server is there.
        running.stop()


def accepted(running: System) -> None:
    """The short acceptance: direct messages are answered once by whom they name, and
    one to nobody by exactly one."""
    said: list[tuple[str, Post]] = []
    say(running, said, 4)
    all_answered(running, said)
    room, person = running.discord.add_channel("all"), running.discord.add_user("Kim")
    post = running.discord.post(person, room, "What should I read this evening?")
    running.wait(lambda: running.discord.replies_to(post), 30.0, "an answer")
    running.rest()
    assert len(running.discord.replies_to(post)) == 1


EACH = ["valkey", pytest.param("redis", marks=pytest.mark.slow)]


@pytest.mark.parametrize("name", EACH)
def test_a_primary_killed_under_load(tmp_path: Path, name: str) -> None:
    """`kill -9` of the primary that three Sentinels watch, while people speak: every
    direct message, also those during the failover, is answered once within 15 s, and no
    process ends."""
    credentials = Credentials(sentinel_password=sentinels.SENTINEL_PASSWORD)
    with (
        sentinels.group(program(name), tmp_path / "group") as group,
        at_work_on(tmp_path, group.url, credentials) as running,
    ):
        said: list[tuple[str, Post]] = []
        say(running, said, 4)
        all_answered(running, said)
        running.store.client.wait(1, 5_000)
        group.kill_primary()
        for _ in range(4):
            say(running, said, 2)
        all_answered(running, said)
        say(running, said, 4)
        all_answered(running, said)
        logs = running.logs()
        assert PASSWORD not in logs
        assert sentinels.SENTINEL_PASSWORD not in logs


def test_tls_from_end_to_end(tmp_path: Path) -> None:
    """Gateway, workers and beat over TLS, with an authority of one's own."""
    authority = Authority(tmp_path / "tls")
    server = Server(program("valkey"), tmp_path / "server")
    with contextlib.ExitStack() as ending:
        ending.callback(server.stop)
        pair = authority.sign("127.0.0.1")
        port = ending.enter_context(relay(server.port, pair))
        url = f"rediss://{TEST_USER}:{PASSWORD}@127.0.0.1:{port}/0"
        credentials = Credentials(ca=authority.file)
        accepted(ending.enter_context(at_work_on(tmp_path, url, credentials)))


@pytest.mark.parametrize("name", servers.PROGRAMS)
def test_a_managed_server(tmp_path: Path, name: str) -> None:
    """A user who may not call CONFIG, CLIENT, INFO, SCRIPT FLUSH and the like: the
    short acceptance passes; with Debian's Redis too."""
    server = Server(program(name), tmp_path / "server")
    try:
        server.admin.execute_command("ACL", "SETUSER", TEST_USER, *MANAGED)
        managed = redis.Redis.from_url(server.url)
        with pytest.raises(redis.exceptions.NoPermissionError):
            managed.config_get("maxmemory")
        managed.close()
        with at_work_on(tmp_path, server.url) as running:
            accepted(running)
    finally:
        server.stop()


WRONG = {
    "redis://127.0.0.1:{cluster}/0": (2, "cluster mode"),
    "redis://127.0.0.1:{cluster}/1": (2, "cluster mode"),
    "redis://127.0.0.1:{old}/0": (2, "lacks commands"),
    "rediss://127.0.0.1:{tls}/0": (2, "cannot be trusted"),
    "sentinel://127.0.0.1:{watch}/another": (2, "know no service another"),
    "sentinel://127.0.0.1:{cluster}/stream": (2, "names no Sentinel"),
    "http://127.0.0.1:{cluster}/0": (2, "must begin with"),
    "redis://127.0.0.1:{nobody}/0": (3, "cannot be reached"),
}


@contextlib.contextmanager
def wrong_ports(folder: Path, server: Server) -> Iterator[dict[str, int]]:
    """Ports of what does not fit: a cluster, nobody, an old Redis, TLS that nobody
    knows, and a Sentinel that watches something else."""
    watching, file = free_port(), folder / "sentinel.conf"
    file.write_text(
        f"port {watching}\nsentinel monitor stream 127.0.0.1 {server.port} 1\n"
    )
    unknown = Authority(folder / "tls").sign("127.0.0.1")
    with contextlib.ExitStack() as ending:
        sentinel = sentinels.start(program("valkey"), file)
        ending.callback(sentinel.wait)
        ending.callback(sentinel.kill)
        yield {
            "cluster": server.port,
            "nobody": free_port(),
            "old": ending.enter_context(pretending(OLD["Redis 6.0"])),
            "tls": ending.enter_context(relay(server.port, unknown)),
            "watch": watching,
        }


@pytest.mark.parametrize("url", WRONG)
def test_a_refused_start_is_one_line(tmp_path: Path, url: str) -> None:
    """Gateway and worker, and beat where waiting would not help, end with one line
    and their exit code."""
    code, words = WRONG[url]
    options = ("--cluster-enabled", "yes", "--cluster-port", str(free_port()))
    server = Server(program("valkey"), tmp_path / "server", *options)
    with contextlib.ExitStack() as ending:
        ending.callback(server.stop)
        ports = ending.enter_context(wrong_ports(tmp_path, server))
        characters = write_characters(tmp_path / "c", [eager_character("ada")])
        with system(
            tmp_path,
            characters_dir=characters,
            redis_url=url.format(**ports),
            redis_plain=True,
            redis_timeout=1,
        ) as running:
            add_bots(running, "ada")
            running.gateway("ada")
            running.worker("direct", "direct")
            names = ["gateway", "direct"]
            if code == 2:
                running.beat()
                names.append("beat")
            for name in names:
                assert running.processes[name].wait(60) == code, running.log(name)
                last = running.log(name).strip().splitlines()[-1]
                assert words in last, running.log(name)
            running.processes.clear()
