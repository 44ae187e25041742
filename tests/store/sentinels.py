"""A primary, a replica and three Sentinels, each a real process on loopback."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import redis

from app.host.valkey import die_with_parent, free_port
from tests.store.servers import PASSWORD, TEST_USER, Server

SERVICE = "stream"
SENTINEL_PASSWORD = "sentinels-password"
DOWN_AFTER_MS = 1_000
"""Milliseconds without an answer after which a Sentinel takes a server for dead."""


class Sentinel:
    """One Sentinel, with a password of its own."""

    def __init__(self, program: str, folder: Path, primary: int, service: str) -> None:
        folder.mkdir(parents=True)
        self.port = free_port()
        self._program, self._file = program, folder / "sentinel.conf"
        lines = (
            f"port {self.port}",
            "bind 127.0.0.1",
            f"dir {folder}",
            f"logfile {folder / 'log'}",
            f"requirepass {SENTINEL_PASSWORD}",
            f"sentinel monitor {service} 127.0.0.1 {primary} 2",
            f"sentinel down-after-milliseconds {service} {DOWN_AFTER_MS}",
            f"sentinel failover-timeout {service} 10000",
        )
        self._file.write_text("\n".join(lines) + "\n")
        self.process = start(program, self._file)
        self.client = redis.Redis(
            port=self.port, password=SENTINEL_PASSWORD, decode_responses=True
        )

    def knows_all(self, service: str, replicas: int) -> bool:
        """Whether it sees the primary, its replicas and both other Sentinels."""
        try:
            seen = self.client.sentinel_masters()[service]  # type: ignore[no-untyped-call]
        except redis.exceptions.ConnectionError:
            return False
        return (seen["num-slaves"], seen["num-other-sentinels"]) == (replicas, 2)

    def restart(self) -> None:
        """Start it again, with what it had learned."""
        self.process = start(self._program, self._file)

    def stop(self) -> None:
        """End it."""
        self.client.close()
        self.process.kill()
        self.process.wait()


def start(program: str, file: Path) -> subprocess.Popen[bytes]:
    """Start a Sentinel on its configuration."""
    return subprocess.Popen(
        [program, str(file), "--sentinel"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # It calls prctl and getppid only, and takes no lock.
        preexec_fn=die_with_parent(),  # noqa: PLW1509
    )


@dataclass
class Group:
    """What keeps one service available."""

    servers: list[Server]
    sentinels: list[Sentinel] = field(default_factory=list)
    service: str = SERVICE

    @property
    def url(self) -> str:
        """For the store; database 2."""
        return self.url_of(self.service)

    def url_of(self, service: str) -> str:
        """The address of a service of that name."""
        hosts = ",".join(f"127.0.0.1:{one.port}" for one in self.sentinels)
        return f"sentinel://{TEST_USER}:{PASSWORD}@{hosts}/{service}/2"

    def primary(self) -> Server:
        """The server that the Sentinels name."""
        _, port = self.sentinels[-1].client.sentinel_get_master_addr_by_name(  # type: ignore[no-untyped-call]
            self.service
        )
        return next(one for one in self.servers if one.port == int(port))

    def replica(self) -> Server:
        """The other."""
        primary = self.primary()
        return next(one for one in self.servers if one is not primary)

    def restart_sentinels(self, *which: Sentinel) -> None:
        """Start these Sentinels, or all, and wait until each knows all again."""
        for one in which or self.sentinels:
            one.restart()
        replicas = len(self.servers) - 1
        for one in which or self.sentinels:
            self.servers[0].wait(lambda one=one: one.knows_all(SERVICE, replicas), 40)

    def kill_primary(self) -> Server:
        """`kill -9` of the primary; returns the dead one."""
        dead = self.primary()
        dead.process.kill()
        dead.process.wait()
        return dead


@contextlib.contextmanager
def group(
    program: str, folder: Path, *options: str, replicas: int = 1
) -> Iterator[Group]:
    """All of them, who have found each other; `options` are the servers'."""
    with contextlib.ExitStack() as ending:
        made = Group([])
        for number in range(1 + replicas):
            server = Server(program, folder / f"server-{number}", *options)
            ending.callback(server.stop)
            made.servers.append(server)
        primary, *others = made.servers
        for server in others:
            server.admin.replicaof("127.0.0.1", str(primary.port))
            server.wait(
                lambda one=server: (
                    one.admin.info("replication")["master_link_status"] == "up"
                )
            )
        for number in range(3):
            where = folder / f"sentinel-{number}"
            sentinel = Sentinel(program, where, primary.port, made.service)
            made.sentinels.append(sentinel)
            ending.callback(sentinel.stop)
        for sentinel in made.sentinels:
            primary.wait(lambda one=sentinel: one.knows_all(SERVICE, replicas), 40)
        yield made
