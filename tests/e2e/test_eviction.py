"""A server that throws keys away when it is full: everybody who starts on it says so, and
`status` does while it lasts."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.domain.settings import Settings
from app.store.fitness import warn_of_eviction
from tests.cli.commands import run
from tests.cli.test_up import ALL_BUT_GATEWAY
from tests.e2e.test_high_availability import EACH, at_work_on
from tests.store.servers import TEST_USER, Server
from tests.store.test_outages import program

RISK = "maxmemory-policy is allkeys-lru: a full Redis throws waiting messages and mutes away. CONFIG SET maxmemory-policy noeviction"


@pytest.fixture(params=EACH)
def evicting(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """A small server that evicts."""
    policy = ("--maxmemory", "8mb", "--maxmemory-policy", "allkeys-lru")
    server = Server(program(request.param), tmp_path / "server", *policy)
    yield server
    server.stop()


def plain_url(server: Server) -> str:
    """As the default user, whom no list of users holds."""
    return f"redis://127.0.0.1:{server.port}/0"


def shown(url: str) -> str:
    """What `status` says, in one line."""
    told = run("status", STREAM_REDIS_URL=url)
    assert told.returncode == 0, told.stderr
    return " ".join(told.stdout.split())


def test_who_starts_on_a_server_that_evicts_says_so(
    evicting: Server, tmp_path: Path
) -> None:
    """Gateway and worker, in one line that names the setting and the mend; so does
    `status`."""
    with at_work_on(tmp_path / "system", plain_url(evicting)) as running:
        for process in ("gateway", "direct"):
            log = running.log(process, 100_000)
            assert f"STREAM_REDIS_URL: {RISK}" in log, process
        assert RISK in shown(evicting.url)


def test_up_says_so(
    evicting: Server, tmp_path: Path, wait_until: Callable[..., None]
) -> None:
    """Where a person looks on: before its processes start."""
    log = tmp_path / "up.log"
    environment = os.environ | {
        "STREAM_DATA_DIR": str(tmp_path / "data"),
        "STREAM_FLOWER_PORT": "0",
        "STREAM_REDIS_URL": plain_url(evicting),
        "STREAM_REDIS_PLAIN": "true",
    }
    with log.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", ALL_BUT_GATEWAY],
            env=environment,
            stdout=output,
            stderr=output,
        )
    wait_until(lambda: RISK in log.read_text() or process.poll() is not None, 60, RISK)
    process.terminate()
    process.wait(30)
    assert log.read_text().startswith(f"✗ STREAM_REDIS_URL: {RISK}")


def test_what_was_evicted_is_told(evicting: Server) -> None:
    """After the policy is mended, too: what is gone is gone."""
    client = evicting.admin
    for nth in range(200):
        client.set(f"filling:{nth}", b"x" * 100_000)
    count = client.info()["evicted_keys"]
    assert count
    client.config_set("maxmemory-policy", "noeviction")
    assert f"Redis has evicted {count} keys since its start" in shown(evicting.url)
    assert RISK not in shown(evicting.url)
    told = run("doctor", "--no-models", STREAM_REDIS_URL=evicting.url)
    assert f"has evicted {count} keys" in " ".join(told.stdout.split())
    client.config_resetstat()
    assert "evicted" not in shown(evicting.url)


@pytest.mark.parametrize(("forbidden", "lines"), [("config", 1), ("info", 0)])
def test_a_login_that_may_not_ask(evicting: Server, forbidden: str, lines: int) -> None:
    """INFO is enough, and one server is one line; without it a process starts, and
    says nothing."""
    evicting.admin.execute_command("ACL", "SETUSER", "default", f"-{forbidden}")
    settings = Settings(redis_url=plain_url(evicting), redis_plain=True)
    assert len(warn_of_eviction(settings)) == lines


def test_a_user_of_the_list_does_not_ask(evicting: Server) -> None:
    """The server notes what it refuses: an operator would look for a thief."""
    evicting.admin.execute_command("ACL", "SETUSER", TEST_USER, "-info")
    settings = Settings(redis_url=evicting.url, redis_plain=True)
    assert warn_of_eviction(settings) == []
    assert evicting.admin.acl_log() == []


def test_a_server_that_keeps_all_is_not_spoken_of(redis_url: str) -> None:
    """As the embedded one."""
    assert not warn_of_eviction(Settings(redis_url=redis_url))
    assert "maxmemory-policy" not in shown(redis_url)
