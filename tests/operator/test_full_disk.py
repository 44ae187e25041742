"""A full disk: every command says so in a line, what only reads goes on, and a brake
tells that nobody can post meanwhile."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from app.host.valkey import EmbeddedValkey
from app.operator.doctor.redis_server import unwritten_files
from tests.cli.commands import run
from tests.store import servers
from tests.store.servers import Server

SAMPLE = Path(__file__).parents[2] / "docs" / "replay-sample.json"


def test_a_command_whose_own_file_does_not_fit_is_one_line() -> None:
    """No stack trace; exit code 1."""
    told = run("replay", str(SAMPLE), "--json", "/dev/full", STREAM_INTEREST="words")
    assert told.returncode == 1
    assert told.stderr.startswith("the-stream: the disk is full")
    assert told.stderr.count("\n") == 1


def check_commands(url: str) -> None:
    """On a Redis that cannot write."""
    told = run("mute", "all", STREAM_REDIS_URL=url)
    assert told.returncode == 3
    assert told.stderr.startswith("the-stream: Not muted: Redis refuses: MISCONF (the ")
    assert "no bot can post either" in told.stderr
    assert told.stderr.count("\n") == 1
    for command in (["unmute", "all"], ["memory", "forget", "123456789012345678"]):
        told = run(*command, STREAM_REDIS_URL=url)
        assert told.returncode == 3
        assert "the disk is full" in told.stderr
        assert told.stderr.count("\n") == 1
    told = run("status", STREAM_REDIS_URL=url)
    assert told.returncode == 0, told.stderr
    assert "the disk is full?" in told.stdout
    assert run("mutes", STREAM_REDIS_URL=url).returncode == 0


def test_a_redis_that_cannot_write_is_told_by_every_command(tmp_path: Path) -> None:
    """What writes is refused in a line that names the disk; what reads goes on."""
    server = Server(servers.PROGRAMS["valkey"]() or "", tmp_path / "server")
    try:
        with servers.failed_snapshot(server):
            check_commands(server.url)
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("option", "value", "code", "why"),
    [
        ("maxmemory", "1", "OOM", "its memory is full"),
        ("replicaof", "127.0.0.1 1", "READONLY", "it is a replica"),
    ],
)
def test_a_redis_that_takes_no_writes_is_told(
    tmp_path: Path, option: str, value: str, code: str, why: str
) -> None:
    """`mute` says that it did not mute, and `status` why nobody seems to run."""
    server = Server(
        servers.PROGRAMS["valkey"]() or "",
        tmp_path / "server",
        f"--{option}",
        *value.split(),
    )
    try:
        told = run("mute", "all", STREAM_REDIS_URL=server.url)
        assert told.returncode == 3
        assert told.stderr.startswith(f"the-stream: Not muted: Redis refuses: {code} ")
        assert told.stderr.count("\n") == 1
        told = run("status", STREAM_REDIS_URL=server.url)
        assert f"Redis refuses every write: {why}" in " ".join(told.stdout.split())
    finally:
        server.stop()


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A disk of 3 MB, full but for a little."""
    command = ["/bin/mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("nothing may be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["/bin/umount", str(folder)], check=True)


@pytest.mark.slow
def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    """The embedded Valkey on it refuses writes and says why; once there is room, the
    same server takes them again, and a mute holds."""
    with small_disk(tmp_path) as folder, EmbeddedValkey(folder) as server:
        ballast = folder / "ballast"
        ballast.write_bytes(bytes(2_200_000))
        with redis.Redis.from_url(server.url) as client:
            with pytest.raises(redis.ResponseError, match="MISCONF"):
                write_much(client)
            assert unwritten_files(client.info()) == ["aof_last_write_status"]
            check_commands(server.url)
            ballast.unlink()
            client.delete(*client.keys("filling:*"))
            told = run("mute", "all", STREAM_REDIS_URL=server.url)
            assert told.returncode == 0, told.stderr
            assert "all" in run("mutes", STREAM_REDIS_URL=server.url).stdout


def write_much(client: redis.Redis) -> None:
    """More than the disk can hold."""
    for number in range(10_000):
        client.set(f"filling:{number}", "x" * 20_000, ex=600)
