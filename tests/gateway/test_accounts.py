"""One Discord account is one bot's, whatever tokens an operator gave to whom."""

from __future__ import annotations

import asyncio

import pytest
import structlog

from app.domain.errors import AccountTaken
from app.gateway.store_ports import StorePorts
from app.store import keys
from app.store.door import Store
from tests.gateway.conftest import Town
from tests.gateway.recording import until

pytest_plugins = ["tests.elena"]
pytestmark = pytest.mark.asyncio


async def test_a_token_of_two_characters_ends_the_second(town: Town) -> None:
    """Where another process runs with the same token for another character, this one
    says so and begins no session; the first one goes on."""
    town.bots["dotty"] = town.bots["elena"]
    await town.start("elena")
    await town.start("dotty", wait=False, gateway_lease=0.3)
    with (
        structlog.testing.capture_logs() as lines,
        pytest.raises(AccountTaken) as ended,
    ):
        await asyncio.wait_for(town.running[-1][1], 10)
    assert not [one for one in lines if "died" in one["event"]]
    line = str(ended.value)
    assert line.startswith("dotty: ")
    assert "answers: elena" in line
    assert "STREAM_TOKEN_DOTTY" in line
    assert (town.bots["elena"].token or "") not in line
    assert ended.value.exit_code == 2
    assert town.discord.identifies(town.bots["elena"]) == 1
    await town.say("still here?")
    await until(lambda: town.ports.texts("elena") == ["still here?"])
    assert town.ports.of("dotty") == []


async def test_one_bot_of_several_ends_alone(town: Town) -> None:
    """The others of its process go on."""
    await town.start("elena")
    town.bots["dotty"] = town.bots["elena"]
    second = await town.start("dotty", "aria", wait=False, gateway_lease=0.3)
    await until(lambda: "dotty" in second._ends and second.ready == {"aria"})
    await until(lambda: "answers: elena" in str(town.ports.signs["dotty"]["error"]))


async def test_a_dead_processs_account_is_waited_for(town: Town) -> None:
    """A character may be renamed: its new name starts when nobody renews the old one's
    account."""
    elena = str(town.bots["elena"].id)
    town.ports.accounts[elena] = "nell"
    gateway = await town.start("elena", wait=False, gateway_lease=5.0)
    await until(lambda: town.ports.renewals >= 3)
    assert (town.discord.connected(), gateway._ends) == ([], {})
    del town.ports.accounts[elena]
    await until(lambda: len(town.discord.connected()) == 1)
    await town.stop()
    assert town.ports.accounts == {}


async def test_a_rival_found_later_ends_the_bot(town: Town) -> None:
    """Sessions begin without Redis, too; when it is back, one of the two ends."""
    gateway = await town.start("elena", "aria", gateway_lease=0.3)
    town.ports.accounts[str(town.bots["elena"].id)] = "nell"
    await until(lambda: gateway.ready == {"aria"})
    assert "answers: nell" in str(gateway._ends["elena"])
    await until(lambda: town.discord.connected() == [town.bots["aria"]])


async def test_a_session_of_another_account(town: Town) -> None:
    """Whatever a token is of, the bot is who READY says: it hears no message of its
    own, and answers to its new name."""
    elena, other = town.bots["elena"], town.discord.add_bot("nell")
    await town.start("elena", "aria", gateway_lease=0.3)
    world = town.discord._core.world
    world.bots_by_token[elena.token or ""] = other
    town.discord.faults.send_op9(elena)
    await until(lambda: town.ports.published[-1][:2] == ("elena", str(other.id)))
    await until(lambda: str(other.id) in town.ports.accounts)
    town.ports.admitted.clear()
    mine = await town.say("as I was saying", author=other)
    said = await town.say(f"<@{other.id}>, who are you?")
    await until(lambda: len(town.ports.admitted) == 3)
    heard = {(one.bot, one.event.message_id) for one in town.ports.admitted}
    assert heard == {
        ("aria", str(mine.message_id)),
        ("aria", str(said.message_id)),
        ("elena", str(said.message_id)),
    }
    direct = [one.bot for one in town.ports.admitted if one.classified.direct]
    assert direct == ["elena"]


async def test_an_account_in_redis(ports: StorePorts, store: Store) -> None:
    """It is one bot's of one process, until it is given back or nobody renews it."""
    assert await ports.acquire_account("elena", "77") == ""
    assert await ports.acquire_account("elena", "77") == ""
    assert await ports.acquire_account("nell", "77") == f"elena ({ports.owner})"
    await ports.release_account("nell", "77")
    assert 0 < store.client.pttl(keys.account_lease("77")) <= 5_000
    await ports.release_account("elena", "77")
    assert await ports.acquire_account("nell", "77") == ""
