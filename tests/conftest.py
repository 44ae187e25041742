"""Parts that every test may use. They are real: a Valkey server, the store's door, a
Celery app."""

from __future__ import annotations

import gc
import logging
import os
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import structlog
from redis.client import Pipeline

from app.domain.settings import load_settings
from app.host.valkey import EmbeddedValkey
from app.store import keys
from app.store.door import Store
from tests.keyleaks import leaked
from tests.patience import patience, pause

pytest_plugins = ["tests.discord_api.watching", "tests.profiles"]

WAITING = (
    "broker",
    "cases",
    "cli",
    "delivery",
    "demo",
    "e2e",
    "host",
    "tasks",
    "web",
    "worker",
)
"""Folders whose tests start processes, and mostly wait for them."""
COMPUTING = ("lab", "models", "sim", "store", "security")
"""Folders whose tests search long."""
BESIDE = 2
"""Files of other folders for each file of those that wait."""

# No test speaks with the world. Each client of a process would read the certificates of
# all its authorities, for 30 ms of processor time.
os.environ.pop("SSL_CERT_FILE", None)

# A process that sets up no logging writes tracebacks with rich, local variables and
# all: one of a Celery task took three minutes.
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.dev.ConsoleRenderer(
            exception_formatter=structlog.dev.plain_traceback
        ),
    ]
)
LOGGING = structlog.get_config()
DISCORD = logging.getLogger("discord")
SETTINGS = ("STREAM_", "LANGSMITH_", "LANGCHAIN_")
"""Beginnings of variables that set something."""


@pytest.hookimpl(hookwrapper=True)
def pytest_collection() -> Generator[None]:
    """Garbage is looked for among what the tests make: never while all is imported, and
    never again in what was, which holds half a million objects and outlives the run.
    Looked for more seldom than Python does by itself, which took a sixth of the time of
    a model with many states."""
    gc.disable()
    yield
    gc.freeze()
    gc.set_threshold(50_000, 10, 5)
    gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever the order of the tests, files that wait and files that compute come by
    turns, so that a parallel run leaves no processor idle; short ones fill its end."""
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    waiting = [file for file in files if file.parent.name in WAITING]
    others = [file for file in files if file.parent.name not in WAITING]
    others.sort(key=lambda file: file.parent.name not in COMPUTING)
    order: list[Path] = []
    for place, file in enumerate(waiting):
        order += [file, *others[place * BESIDE : (place + 1) * BESIDE]]
    order += others[len(waiting) * BESIDE :]
    items[:] = [item for file in order for item in files[file]]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport() -> Generator[None, Any, None]:
    """What a test printed or logged may hold half a character on purpose, which no
    worker process can report."""
    outcome = yield
    report = outcome.get_result()
    report.sections = [
        (name, text.encode("utf-8", "replace").decode("utf-8"))
        for name, text in report.sections
    ]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """No setting of the developer's machine reaches a test, and neither a test's
    settings nor its logging the next: structlog's defaults write tracebacks with rich,
    and the doctor silences discord.py. A hook: of seven thousand tests each would set
    up and take down two fixtures."""
    for name in [name for name in os.environ if name.startswith(SETTINGS)]:
        del os.environ[name]
    folder = item.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
    os.environ["STREAM_DATA_DIR"] = str(folder / "data")
    # No test serves the page on a port that another may use.
    os.environ["STREAM_PAGE_PORT"] = "0"
    load_settings.cache_clear()
    DISCORD.setLevel(logging.NOTSET)
    structlog.configure(**LOGGING)


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedValkey]:
    """One real Valkey server for the whole run. It writes no file, which is a
    quarter of its work; `durable` is for tests that look at one."""
    with EmbeddedValkey(tmp_path_factory.mktemp("valkey"), appendfsync="no") as server:
        with redis.Redis.from_url(server.url) as client:
            client.config_set("appendonly", "no")
        yield server


@pytest.fixture(scope="module")
def durable(valkey: EmbeddedValkey) -> Iterator[None]:
    """For files of tests that look at how the server keeps its data: it keeps them, as
    an operator's does."""
    with redis.Redis.from_url(valkey.url) as client:
        client.config_set("appendonly", "yes")
        yield
        client.config_set("appendonly", "no")


@pytest.fixture(scope="session")
def _emptying(valkey: EmbeddedValkey) -> Iterator[Pipeline]:
    """What makes a database anew, over one connection for the whole run."""
    with redis.Redis.from_url(valkey.url) as client, client.pipeline() as pipeline:
        yield pipeline


@pytest.fixture
def redis_url(valkey: EmbeddedValkey, _emptying: Pipeline) -> str:
    """The address of a database with nothing in it but its generation."""
    _emptying.flushall().set(keys.GENERATION, "tests").execute()
    return valkey.url


@pytest.fixture
def store(redis_url: str) -> Iterator[Store]:
    """The door to an empty database. The test fails if it leaves a key that never
    expires and should."""
    door = Store(redis_url)
    yield door
    left = leaked(door.client)
    door.close()
    assert not left, (
        f"keys without an expiry that app/store/keys.py does not list as lasting: {left}"
    )


@pytest.fixture
def wait_until() -> Callable[..., None]:
    """`wait_until(predicate, seconds=10, what="...")`: returns as soon as it holds,
    fails when time is up."""

    def wait(
        predicate: Callable[[], Any], seconds: float = 10.0, what: str = "the condition"
    ) -> None:
        began = time.monotonic()
        deadline = began + patience(seconds)
        while not predicate():
            assert time.monotonic() < deadline, (
                f"{what} did not hold within {seconds} s"
            )
            pause(began)

    return wait


@pytest.fixture(scope="session")
def celery_config() -> dict[str, object]:
    """For pytest-celery's `celery_app`: tasks run at once in the test's own thread."""
    return {
        "broker_url": "memory://",
        "task_always_eager": True,
        "task_eager_propagates": True,
    }
