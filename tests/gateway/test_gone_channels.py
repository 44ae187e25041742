"""What a bot had read of a channel that is gone is forgotten; all else is kept."""

from __future__ import annotations

import asyncio

import pytest

from app.gateway.store_ports import StorePorts
from app.loopback import Channel
from tests.gateway.conftest import Town
from tests.gateway.recording import until

pytest_plugins = ["tests.elena"]
pytestmark = pytest.mark.asyncio


async def say_in(town: Town, channel: Channel, text: str) -> None:
    """Somebody says something there."""
    await asyncio.to_thread(town.discord.post, town.ann, channel, text)


async def dm(town: Town, text: str) -> None:
    """Somebody writes to Elena in private; she has heard it and has a cursor there."""
    await asyncio.to_thread(town.discord.dm, town.ann, town.bots["elena"], text)
    await until(lambda: text in town.ports.texts("elena"))


def cursors(town: Town, bot: str = "elena") -> set[str]:
    """The channels in which the bot has a cursor."""
    return set(town.ports.cursor[bot])


async def test_a_deleted_channel_leaves_no_cursor(town: Town) -> None:
    """Not even one that was about to be written: cursors of a message that several bots
    share are written two seconds later."""
    doomed = town.discord.add_channel("doomed")
    gone, here = str(doomed.id), str(town.channel.id)
    await town.start()
    await until(lambda: all({gone, here} <= cursors(town, bot) for bot in town.bots))
    await say_in(town, doomed, "the end is near")
    await until(lambda: len(town.ports.admitted) == 3)
    town.discord.delete_channel(doomed)
    last = await town.say("after")
    await until(
        lambda: all(
            town.ports.cursor[bot][here] == str(last.message_id) for bot in town.bots
        ),
        what="the cursors that were written together",
    )
    await until(lambda: not any(gone in cursors(town, bot) for bot in town.bots))


async def test_a_deleted_thread_leaves_no_cursor(town: Town) -> None:
    """An archived one neither: discord.py does not know it any more."""
    await town.start("elena")
    threads = [
        town.discord.open_thread(town.ann, town.channel, name)
        for name in ("active", "archived")
    ]
    for thread in threads:
        await say_in(town, thread, "hello")
        await until(lambda place=str(thread.id): place in cursors(town))
    town.discord.archive(threads[1])
    for thread in threads:
        town.discord.delete_channel(thread)
    await until(lambda: cursors(town) == {str(town.channel.id)})


async def test_who_leaves_a_server_forgets_its_channels(town: Town) -> None:
    """What was said there without the bot is none of its business when it is let in
    again; direct messages are read on."""
    elena = town.bots["elena"]
    await town.start("elena")
    await dm(town, "psst")
    await until(lambda: len(cursors(town)) == 2)
    town.discord.kick(elena)
    await until(lambda: str(town.channel.id) not in cursors(town))
    assert len(cursors(town)) == 1
    await town.say("elena, where are you?")
    [home] = town.discord._core.world.guilds.values()
    town.discord.join(elena, home)
    await until(lambda: town.ports.published[-1][2] == (str(town.channel.id),))
    await town.say("elena, welcome back")
    await until(lambda: len(town.ports.admitted) == 2)
    assert town.ports.texts("elena") == ["psst", "elena, welcome back"]


async def test_what_went_while_the_bot_was_away_is_found(town: Town) -> None:
    """A channel that was deleted, and a server that the bot was taken from, before it
    starts again."""
    elena = town.bots["elena"]
    doomed = town.discord.add_channel("doomed")
    kept = {str(town.channel.id)}
    other = town.discord.add_guild("elsewhere", members=[town.ann, elena])
    lost = town.discord.add_channel("far", guild=other)
    await town.start("elena")
    await dm(town, "psst")
    await until(lambda: {*kept, str(doomed.id), str(lost.id)} < cursors(town))
    await town.stop()
    gone = {str(doomed.id), str(lost.id)}
    direct = cursors(town) - kept - gone
    town.discord.delete_channel(doomed)
    town.discord.kick(elena, other)
    await town.start("elena")
    await until(lambda: not gone & cursors(town))
    assert cursors(town) == kept | direct


async def test_an_outage_of_a_server_is_no_end(town: Town) -> None:
    """While a server is away its channels are not known; what was read there is."""
    elena = town.bots["elena"]
    await town.start("elena")
    await until(lambda: cursors(town) == {str(town.channel.id)})
    await town.stop()
    town.discord.set_unavailable()
    place = rf"/channels/{town.channel.id}"
    closed = {"message": "Missing Access", "code": 50001}
    town.discord.faults.fail_next("GET", place, 403, closed, times=10)
    asked = sum(town.discord.requests.values())
    await town.start("elena")
    await until(lambda: sum(town.discord.requests.values()) > asked)
    await dm(town, "psst")
    await until(lambda: len(cursors(town)) == 2)
    assert str(town.channel.id) in cursors(town)
    assert town.discord.connected() == [elena]


async def test_redis_and_the_process_forget_it(ports: StorePorts) -> None:
    """Neither is read back from the other."""
    await ports.move_cursors({("elena", "55"): "7", ("elena", "56"): "8"})
    await ports.drop_cursor("elena", "55")
    assert await ports.cursors("elena") == {"56": "8"}
    await ports.drop_cursor("elena", "55")
    await ports.move_cursor("elena", "55", "5")
    assert await ports.cursors("elena") == {"55": "5", "56": "8"}
