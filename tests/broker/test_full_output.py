"""Celery's processes whose output goes to a full disk: they print into nothing, and work."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
from cryptography.fernet import Fernet

from app.host.valkey import EmbeddedValkey
from app.store import keys
from tests.e2e import warm

FULL = Path("/dev/full")
ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(
    not FULL.exists(), reason="a device of Linux that is always full"
)


def begun(folder: Path, url: str, *arguments: str) -> warm.Warm:
    """A process of Celery that cannot print a line."""
    environment = os.environ | {
        "STREAM_REDIS_URL": url,
        "STREAM_INTEREST": "words",
        "STREAM_DATA_DIR": str(folder),
        "STREAM_VAULT_KEYS": Fernet.generate_key().decode(),
        "STREAM_LOG_JSON": "true",
    }
    command = ["celery", "-A", "tasks", *arguments]
    return warm.launch(command, environment, FULL, ROOT)


def test_a_worker_and_beat_outlive_a_full_disk(
    tmp_path: Path, wait_until: Callable[..., None]
) -> None:
    """Both end with 1 otherwise, at the banner. Beat sends the pump's task, the worker
    tells that it lives, and both end in good order."""
    with EmbeddedValkey(tmp_path / "server") as server:
        client = redis.Redis.from_url(server.url)
        broker = redis.Redis.from_url(server.url[:-1] + "1")
        schedule = str(tmp_path / "schedule")
        processes = [
            begun(tmp_path, server.url, "beat", "--schedule", schedule, "--pidfile="),
            begun(tmp_path, server.url, "worker", "-Q", "chores", "-P", "threads"),
        ]

        def over() -> bool:
            return any(one.poll() is not None for one in processes)

        wait_until(
            lambda: (
                over()
                or (
                    client.keys(keys.heartbeat("worker", "*"))
                    and broker.llen("delivery")
                )
            ),
            60,
            "a task of beat's and the worker's sign of life",
        )
        assert not over(), [one.poll() for one in processes]
        for one in processes:
            os.kill(one.pid, signal.SIGTERM)
            assert one.wait(30) == 0
        client.close()
        broker.close()
