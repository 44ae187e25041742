"""hikari, a client stricter than discord.py, reads the whole world of the loopback
server and every change of it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from app.loopback import Account, Channel, ChannelType, LoopbackDiscord, Permission
from tests.loopback.clients import HikariClient, hears

pytestmark = pytest.mark.asyncio

KINDS = (
    ChannelType.VOICE,
    ChannelType.CATEGORY,
    ChannelType.ANNOUNCEMENT,
    ChannelType.STAGE,
    ChannelType.FORUM,
)


@pytest.fixture
def elena(loopback: LoopbackDiscord) -> Account:
    """The bot."""
    return loopback.add_bot("elena")


@pytest.fixture
def places(loopback: LoopbackDiscord) -> list[Channel]:
    """A channel of each kind that hikari knows, after a text channel."""
    general = loopback.add_channel("general")
    return [
        general,
        *(loopback.add_channel(kind.name.lower(), kind=kind) for kind in KINDS),
    ]


@pytest_asyncio.fixture
async def client(
    loopback: LoopbackDiscord,
    elena: Account,
    places: list[Channel],
    caplog: pytest.LogCaptureFixture,
) -> AsyncIterator[HikariClient]:
    """A started hikari client. What it cannot read it only logs: the test then
    fails."""
    del places
    made = HikariClient(elena.token or "", loopback.api_url)
    await made.start()
    yield made
    await made.close()
    assert [
        line.getMessage() for line in caplog.records if line.levelno >= logging.ERROR
    ] == []


async def heard_the_end(
    client: HikariClient, loopback: LoopbackDiscord, anna: Account, place: Channel
) -> None:
    """Wait for one more message, which comes after all that was sent before."""
    await hears(client, "message")
    before = len(client.heard["message"])
    loopback.post(anna, place, "the end")
    await hears(client, "message", before + 1)


async def test_reads_every_kind_of_channel(
    client: HikariClient, places: list[Channel]
) -> None:
    """All kinds of channels come with the guild."""
    assert client.channel_names() == {place.name for place in places}


async def test_follows_roles_and_members(
    client: HikariClient,
    loopback: LoopbackDiscord,
    elena: Account,
    places: list[Channel],
) -> None:
    """Roles, nickname, time-out and a hidden channel reach its cache as they are."""
    anna = loopback.add_user("anna")
    role = loopback.add_role("Regulars", permissions=Permission.MANAGE_THREADS)
    gone = loopback.add_role("Gone")
    loopback.give_role(elena, role)
    loopback.set_nick(elena, None, "Captain Coral")
    loopback.change_role(role, name="Friends")
    loopback.delete_role(gone)
    loopback.hide(places[1], elena)
    loopback.post(anna, places[0], "hello")
    await heard_the_end(client, loopback, anna, places[0])
    me = client.bot.cache.get_member(places[0].guild_id or 0, elena.id)
    assert me is not None
    assert me.nickname == "Captain Coral"
    assert {int(i) for i in me.role_ids} >= {role.id, loopback.managed_role(elena).id}
    names = {role.name for role in client.bot.cache.get_roles_view().values()}
    assert "Friends" in names
    assert "Gone" not in names
    assert client.channel_names() == {place.name for place in places} - {"voice"} | {
        "___hidden___"
    }


async def test_follows_posts_and_threads(
    client: HikariClient, loopback: LoopbackDiscord, places: list[Channel]
) -> None:
    """A forum post and a thread, their changes and their end are all readable."""
    anna, forum = loopback.add_user("anna"), places[-1]
    loopback.add_tag(forum, "Open")
    post = loopback.open_post(
        anna, forum, "A question", "How deep is the sea?", tags=forum.available_tags
    )
    assert await hears(client, "thread") == post.message_id
    assert (await hears(client, "message")).id == post.message_id
    loopback.archive(post.message_id)
    await client.say(post.message_id, "back again")
    loopback.lock(post.message_id)
    assert await client.refusal(post.message_id, "locked") == (403, 50013)
    loopback.delete_channel(post.message_id)
    await heard_the_end(client, loopback, anna, places[0])


async def test_outage_and_kick(
    client: HikariClient,
    loopback: LoopbackDiscord,
    elena: Account,
    places: list[Channel],
) -> None:
    """The guild goes and comes back by an outage, and goes for good by a kick."""
    home = loopback._core.world.guilds[places[0].guild_id or 0]
    loopback.set_unavailable()
    loopback.set_unavailable(unavailable=False)
    await hears(client, "guild", 2)
    assert client.channel_names() == {place.name for place in places}
    loopback.kick(elena, home)
    anna = loopback.add_user("anna")
    loopback.dm(anna, elena, "you were kicked")
    await hears(client, "message")
    assert client.bot.cache.get_available_guild(home.id) is None
