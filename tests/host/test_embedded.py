"""The embedded Valkey with real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from app.domain.errors import ConfigurationError
from app.host.valkey import EmbeddedValkey, is_answering, kept_secret, running_url

Wait = Callable[..., None]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    """A started server on a folder of its own."""
    # `everysec` keeps what it acknowledged only on a disk that is fast enough.
    with EmbeddedValkey(tmp_path, appendfsync="always") as started:
        yield started


def client(server: EmbeddedValkey) -> redis.Redis:
    return redis.Redis.from_url(server.url, decode_responses=True)


def test_data_and_port_survive_a_kill(server: EmbeddedValkey) -> None:
    """What was acknowledged before kill -9 is there afterwards, at the same address."""
    url = server.url
    with client(server) as connection:
        for number in range(200):
            connection.set(f"key:{number}", number)
    server.kill()
    assert server.start() == url
    with client(server) as connection:
        assert connection.dbsize() == 200


def test_it_refuses_who_has_no_password(server: EmbeddedValkey) -> None:
    """Another program on the machine cannot read or write without the password."""
    with (
        redis.Redis(port=server.port) as stranger,
        pytest.raises(redis.exceptions.AuthenticationError),
    ):
        stranger.get("key")


def test_the_password_is_private(server: EmbeddedValkey) -> None:
    """The password is in no process's arguments, and its folder and files are this
    user's alone."""
    assert server.process is not None
    arguments = (
        Path(f"/proc/{server.process.pid}/cmdline").read_bytes()
        if sys.platform == "linux"
        else b""
    )
    assert server.password.encode() not in arguments + " ".join(server.command).encode()
    assert server.folder.stat().st_mode & 0o777 == 0o700
    assert (server.folder / "password").stat().st_mode & 0o777 == 0o600
    assert (server.folder / "valkey.conf").stat().st_mode & 0o777 == 0o600


def test_two_on_one_folder_are_refused(server: EmbeddedValkey, tmp_path: Path) -> None:
    """A second program on the same data is told so and leaves the first one's server
    alone."""
    with pytest.raises(ConfigurationError, match="Another"):
        EmbeddedValkey(tmp_path).start()
    assert server.ready()


def test_a_running_server_is_found_by_its_folder(
    server: EmbeddedValkey, tmp_path: Path
) -> None:
    """Other commands find the address of a running server, and none once it has
    stopped."""
    assert running_url(tmp_path) == server.url
    server.stop()
    assert running_url(tmp_path) is None


def test_a_stopped_server_comes_back_at_its_port(tmp_path: Path) -> None:
    """The port is kept from run to run."""
    with EmbeddedValkey(tmp_path) as first:
        port = first.port
    with EmbeddedValkey(tmp_path) as second:
        assert second.port == port


def test_a_taken_port_is_not_fought_over(tmp_path: Path) -> None:
    """When another program has taken the kept port meanwhile, a new one is chosen."""
    with EmbeddedValkey(tmp_path / "one") as one:
        folder = EmbeddedValkey(tmp_path / "two").folder
        (folder / "port").write_text(str(one.port))
        with EmbeddedValkey(tmp_path / "two") as two:
            assert two.port != one.port


ORPHAN = """
import os, subprocess, sys
from pathlib import Path
from app.host.valkey import EmbeddedValkey
server = EmbeddedValkey(Path(sys.argv[1]))
if sys.argv[2] == "leashed":
    server.start()
    pid = server.process.pid
else:
    server.prepare()
    child = subprocess.Popen(server.command, pass_fds=(server.lock_descriptor,), stdout=-3, stderr=-3)
    server.started(child.pid)
    pid = child.pid
while not server.ready():
    pass
print(pid, server.url, flush=True)
os.kill(os.getpid(), 9)
"""


def orphan(folder: Path, how: str) -> tuple[int, str]:
    """Start a server from a process that is then killed with -9; the server's process
    id and address."""
    command = [sys.executable, "-c", ORPHAN, str(folder), how]
    pid, url = subprocess.run(
        command, stdout=subprocess.PIPE, text=True, check=False
    ).stdout.split()
    return int(pid), url


@pytest.mark.skipif(
    sys.platform != "linux", reason="the kernel's parent-death signal is Linux's"
)
def test_the_server_dies_with_its_killed_parent(
    tmp_path: Path, wait_until: Wait
) -> None:
    """kill -9 of the parent ends the server."""
    _, url = orphan(tmp_path, "leashed")
    wait_until(lambda: not is_answering(url))


def test_a_server_that_cannot_write_its_file_is_found(
    server: EmbeddedValkey, tmp_path: Path, wait_until: Wait
) -> None:
    """On a full disk it refuses even PING, and the operator's commands must not say
    that no `up` runs."""
    (server.folder / "dump.rdb").mkdir()
    with client(server) as connection:
        connection.config_set("save", "3600 1000000")
        connection.bgsave()
        wait_until(
            lambda: connection.info("persistence")["rdb_last_bgsave_status"] == "err"
        )
        with pytest.raises(redis.exceptions.ResponseError, match="MISCONF"):
            connection.ping()
    assert running_url(tmp_path) == server.url
    assert server.ready()


def test_a_server_with_another_password_is_not_ours(server: EmbeddedValkey) -> None:
    """Its refusal is no answer."""
    assert not is_answering(server.url.replace(server.password, "another"))


def test_a_leftover_server_is_replaced(tmp_path: Path, wait_until: Wait) -> None:
    """A server that outlived its parent is ended at the next start, which finds its
    data."""
    pid, url = orphan(tmp_path, "loose")
    assert is_answering(url)
    with redis.Redis.from_url(url) as connection:
        connection.set("left", "over")
    with EmbeddedValkey(tmp_path) as server, client(server) as connection:
        assert connection.get("left") == "over"
        assert server.process is not None
        assert server.process.pid != pid


def test_a_leftover_server_that_hangs_is_killed(tmp_path: Path) -> None:
    """Even one that does not react any more gives the folder back."""
    pid, _ = orphan(tmp_path, "loose")
    os.kill(pid, signal.SIGSTOP)
    with EmbeddedValkey(tmp_path) as server:
        assert server.ready()


def test_a_half_written_secret_is_made_again(tmp_path: Path) -> None:
    """A crash between making and filling the file leaves no empty password behind."""
    (tmp_path / "password").touch()
    assert (
        kept_secret(tmp_path / "password") == kept_secret(tmp_path / "password") != ""
    )
