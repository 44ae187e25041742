"""Processes of one bot, Elena, on a real Valkey: fixtures for whatever test wants
them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from cryptography.fernet import Fernet

from app.domain.character import load_character
from app.domain.settings import Settings, load_settings
from app.gateway.store_ports import StorePorts
from app.store import vault
from app.store.vault import Vault
from app.worker.worker import Worker
from tests.brain.fakes import ME


@pytest.fixture
def worker(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    """A worker that knows Elena."""
    monkeypatch.setenv("STREAM_REDIS_URL", redis_url)
    monkeypatch.setenv("STREAM_VAULT_KEYS", Fernet.generate_key().decode())
    load_settings.cache_clear()
    running = Worker(load_settings())
    plain = ("{}", f'{{"user_id": "{ME}"}}', load_character("elena").model_dump_json())
    sealed = Vault(running.settings.vault_keys).seal(
        "elena", {"token": "x" * 60}, plain
    )
    running.store.run(vault.publish("elena", sealed, *plain))
    yield running
    running.close()


@pytest_asyncio.fixture
async def ports(redis_url: str) -> AsyncIterator[StorePorts]:
    """Elena's gateway ports."""
    settings = Settings(
        _env_file=None,
        redis_url=redis_url,
        vault_keys=(Fernet.generate_key().decode(),),
    )  # type: ignore[arg-type]
    found = StorePorts({"elena": load_character("elena")}, {"elena": "x"}, settings)
    yield found
    await found.close()
