"""A gateway tells of each of its bots whether it hears Discord."""

from __future__ import annotations

import pytest

from tests.gateway.conftest import Town
from tests.gateway.recording import until

pytestmark = pytest.mark.asyncio


async def test_a_bot_tells_whether_it_is_connected(town: Town) -> None:
    """From when it is ready until its connection is cut, and again once it is back."""
    await town.start("elena", gateway_lease=0.3)
    await until(lambda: town.ports.signs.get("elena", {}).get("connected"))
    first = town.ports.signs["elena"]["since"]
    town.discord.faults.drop_sockets()
    await until(
        lambda: (
            town.ports.signs["elena"]["connected"]
            and town.ports.signs["elena"]["since"] != first
        )
    )


async def test_a_bot_that_ended_tells_why(town: Town) -> None:
    """One whose token is refused says so for as long as the others run."""
    token = town.bots["aria"].token
    town.discord.faults.reset_token(town.bots["aria"])
    await town.start("aria", "elena", gateway_lease=0.3, wait=False)
    await until(lambda: town.ports.signs.get("aria", {}).get("error"))
    sign = town.ports.signs["aria"]
    assert not sign["connected"]
    assert "STREAM_TOKEN_ARIA" in str(sign["error"])
    assert str(token) not in str(sign)
