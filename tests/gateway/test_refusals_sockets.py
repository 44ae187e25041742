"""A token or an intent that Discord takes from one bot of several, while they run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
import structlog

from app.domain.errors import ConfigurationError
from app.loopback import Account
from app.loopback.sessions import Intent
from tests.gateway.conftest import Town
from tests.gateway.recording import until

pytestmark = pytest.mark.asyncio

Take = Callable[[Town, Account], None]


def take_token(town: Town, bot: Account) -> None:
    town.discord.faults.reset_token(bot)
    town.discord.faults.close_sockets(bot, 4004)


def take_intent(town: Town, bot: Account) -> None:
    town.discord.faults.disallow_intents(bot, Intent.MESSAGE_CONTENT)
    town.discord.faults.close_sockets(bot, 4014)


WAYS = pytest.mark.parametrize(
    ("take", "words"),
    [
        (take_token, "STREAM_TOKEN_ARIA"),
        (take_intent, "Message Content Intent"),
    ],
)


@WAYS
async def test_one_bots_loss_ends_that_bot_alone(
    town: Town, take: Take, words: str
) -> None:
    """The bot ends with one line that says what to mend, and begins no further session;
    the others hear on."""
    gateway = await town.start()
    before = town.discord.identifies(town.bots["aria"])
    with structlog.testing.capture_logs() as lines:
        take(town, town.bots["aria"])
        await until(
            lambda: gateway.ready == {"elena", "dotty"}, what="the end of one bot"
        )
        await town.say("still here?")
        await until(lambda: len(town.ports.admitted) == 2)
    told = [
        line for line in lines if line["event"] == "a bot has ended, the others go on"
    ]
    assert [line["bot"] for line in told] == ["aria"]
    assert words in told[0]["error"]
    assert town.discord.identifies(town.bots["aria"]) - before <= 1
    assert not gateway.ready & {"aria"}


@WAYS
async def test_one_bots_loss_at_the_start(town: Town, take: Take, words: str) -> None:
    """The same before the bot has ever run: one line, at most one session asked for,
    and the others run."""
    take(town, town.bots["aria"])
    with structlog.testing.capture_logs() as lines:
        gateway = await town.start(wait=False)
        await until(lambda: gateway.ready == {"elena", "dotty"}, what="the others")
        await until(
            lambda: any(
                line["event"] == "a bot has ended, the others go on" for line in lines
            )
        )
    assert words in next(line["error"] for line in lines if line.get("bot") == "aria")
    assert town.discord.identifies(town.bots["aria"]) <= 1


@WAYS
async def test_the_loss_of_all_ends_the_process(
    town: Town, take: Take, words: str
) -> None:
    """When no bot is left the process ends, with the line of each that ended so."""
    await town.start("aria", "dotty")
    for bot in ("aria", "dotty"):
        take(town, town.bots[bot])
    with pytest.raises(ConfigurationError) as ended:
        await asyncio.wait_for(town.running[-1][1], 10)
    assert words in str(ended.value)
    assert all(f"{bot}: " in str(ended.value) for bot in ("aria", "dotty"))
    assert ended.value.exit_code == 2
