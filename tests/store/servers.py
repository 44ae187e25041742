"""Redis servers that can be brought to refuse: the embedded Valkey's program, and
Debian's redis-server where it is installed."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.host.valkey import binary, die_with_parent, free_port
from tests.patience import patience

PASSWORD = "first-password"
PROGRAMS = {
    "valkey": lambda: str(binary()),
    "redis": lambda: shutil.which("redis-server"),
}
TEST_USER = "stream"


class Server:
    """One server on an empty folder. `admin` may do everything; the store logs in as
    the user of `url`."""

    def __init__(self, program: str, folder: Path, *options: str) -> None:
        self.folder, self.port = folder, free_port()
        folder.mkdir(parents=True, exist_ok=True)
        command = [
            program,
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--dir",
            str(folder),
            "--save",
            "",
            "--enable-debug-command",
            "yes",
            "--appendonly",
            "no",
            "--logfile",
            str(folder / "log"),
            "--repl-diskless-sync-delay",
            "0",
            *options,
        ]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # It calls prctl and getppid only, and takes no lock.
            preexec_fn=die_with_parent(),  # noqa: PLW1509
        )
        self.admin = redis.Redis(
            port=self.port,
            decode_responses=True,
            socket_timeout=10,
            retry=Retry(NoBackoff(), 0),
        )
        try:
            self.wait(self._answers)
        except AssertionError:
            self.stop()
            raise
        self.admin.acl_setuser(
            TEST_USER,
            enabled=True,
            passwords=[f"+{PASSWORD}"],
            keys=["*"],
            channels=["*"],
            categories=["+@all"],
        )

    @property
    def url(self) -> str:
        """For the store."""
        return f"redis://{TEST_USER}:{PASSWORD}@127.0.0.1:{self.port}/0"

    def content(self) -> dict[str, bytes]:
        """Every key with its serialised value."""
        with redis.Redis(port=self.port, socket_timeout=10) as raw:
            return {
                key.decode(): raw.dump(key) or b"" for key in raw.scan_iter(count=1_000)
            }

    def wait(self, predicate: Callable[[], object], seconds: float = 20.0) -> None:
        """Until it holds."""
        deadline = time.monotonic() + patience(seconds)
        while not predicate():
            assert time.monotonic() < deadline, (self.folder / "log").read_text()[
                -2_000:
            ]
            time.sleep(0.02)

    def _answers(self) -> bool:
        try:
            return bool(self.admin.ping())
        except redis.exceptions.ConnectionError:
            return False

    def stop(self) -> None:
        """End it."""
        self.admin.close()
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def out_of_memory(server: Server) -> Iterator[None]:
    """`maxmemory` below what is used."""
    server.admin.config_set("maxmemory", 1)
    yield
    server.admin.config_set("maxmemory", 0)


@contextlib.contextmanager
def replica(server: Server) -> Iterator[None]:
    """A replica that has lost its primary."""
    server.admin.replicaof("127.0.0.1", "1")
    yield
    server.admin.replicaof("NO", "ONE")


@contextlib.contextmanager
def stale_replica(server: Server) -> Iterator[None]:
    """The same, and it may not serve stale data."""
    server.admin.config_set("replica-serve-stale-data", "no")
    with replica(server):
        yield
    server.admin.config_set("replica-serve-stale-data", "yes")


@contextlib.contextmanager
def no_replicas(server: Server) -> Iterator[None]:
    """Too few replicas follow."""
    server.admin.config_set("min-replicas-to-write", 1)
    yield
    server.admin.config_set("min-replicas-to-write", 0)


@contextlib.contextmanager
def failed_snapshot(server: Server) -> Iterator[None]:
    """A snapshot could not be written: its name is a folder's."""
    (server.folder / "dump.rdb").unlink(missing_ok=True)
    (server.folder / "dump.rdb").mkdir()
    server.admin.config_set("save", "3600 1000000")
    server.admin.bgsave()
    server.wait(
        lambda: server.admin.info("persistence")["rdb_last_bgsave_status"] == "err"
    )
    yield
    server.admin.config_set("save", "")
    (server.folder / "dump.rdb").rmdir()
    server.admin.bgsave()
    server.wait(
        lambda: server.admin.info("persistence")["rdb_last_bgsave_status"] == "ok"
    )


@contextlib.contextmanager
def changed_password(server: Server) -> Iterator[None]:
    """The server has the new password before the process has."""
    server.admin.acl_setuser(
        TEST_USER, enabled=True, passwords=[f"-{PASSWORD}", "+second"]
    )
    server.admin.client_kill_filter(user=TEST_USER)
    yield
    server.admin.acl_setuser(
        TEST_USER, enabled=True, passwords=[f"+{PASSWORD}", "-second"]
    )


@contextlib.contextmanager
def closed_pool(server: Server) -> Iterator[None]:
    """No more clients than there are."""
    server.admin.client_kill_filter(user=TEST_USER)
    server.admin.config_set("maxclients", 1)
    yield
    server.admin.config_set("maxclients", 1_000)


@contextlib.contextmanager
def busy_script(server: Server) -> Iterator[None]:
    """Somebody's script runs and runs."""
    server.admin.config_set("lua-time-limit", 1)

    def loop() -> None:
        with (
            redis.Redis(port=server.port) as client,
            contextlib.suppress(redis.exceptions.RedisError),
        ):
            client.eval("while true do end", 0)

    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    server.wait(lambda: _refused(server, "BUSY"))
    yield
    server.admin.script_kill()
    thread.join(10)


@contextlib.contextmanager
def loading(server: Server) -> Iterator[None]:
    """The server reads its data, slowly: 200 keys, each of more bytes than it reads
    between two looks at its clients."""
    for number in range(200):
        server.admin.set(f"filler:{number}", secrets.token_hex(4_000))
    server.admin.config_set("loading-process-events-interval-bytes", 1_024)
    server.admin.config_set("key-load-delay", 50_000)

    def reload() -> None:
        with (
            redis.Redis(port=server.port, socket_timeout=60) as client,
            contextlib.suppress(redis.exceptions.RedisError),
        ):
            client.execute_command("DEBUG", "RELOAD")

    thread = threading.Thread(target=reload, daemon=True)
    thread.start()
    server.wait(lambda: _refused(server, "LOADING"))
    yield
    server.admin.config_set("key-load-delay", 0)
    thread.join(30)


def _refused(server: Server, word: str) -> bool:
    try:
        server.admin.get("any")
    except redis.exceptions.BusyLoadingError:
        return word == "LOADING"
    except redis.exceptions.ResponseError as error:
        return str(error).startswith(word)
    return False
