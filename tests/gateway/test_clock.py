"""A machine whose clock is wrong hosts a gateway all the same."""

from __future__ import annotations

import time

import pytest
from cryptography.fernet import Fernet

from app.domain.character import load_character
from app.domain.settings import Settings
from app.gateway.store_ports import StorePorts


@pytest.mark.asyncio
@pytest.mark.parametrize("wrong_by", [3600.0, -3600.0])
async def test_a_clock_an_hour_off_is_replaced_by_redis(
    redis_url: str, wrong_by: float
) -> None:
    """Before its first message a gateway goes by Redis's clock: missed messages are as
    old as they are, not an hour older."""
    characters = {"elena": load_character("elena", None)}
    settings = Settings.model_validate(
        {"redis_url": redis_url, "vault_keys": Fernet.generate_key().decode()}
    )
    ports = StorePorts(
        characters, {"elena": "token"}, settings, wall=lambda: time.time() + wrong_by
    )
    try:
        await ports.hold_lease("elena")
        assert abs(ports.clock() - time.time()) < 60
    finally:
        await ports.close()
