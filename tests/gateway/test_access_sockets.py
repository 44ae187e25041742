"""What a bot may read changes while it runs: its entry on the roster follows at
once."""

from __future__ import annotations

import pytest

from app.loopback import Account
from app.loopback.state import ChannelType, Permission
from tests.gateway.conftest import Town
from tests.gateway.recording import until

pytestmark = pytest.mark.asyncio


def readable(town: Town, bot: str = "elena") -> set[str]:
    """The channels of the bot's latest publication."""
    published = [channels for name, _, channels in town.ports.published if name == bot]
    return set(published[-1]) if published else set()


@pytest.mark.parametrize("kind", [ChannelType.VOICE, ChannelType.STAGE])
async def test_a_voice_channel_is_read_by_who_may_connect(
    town: Town, kind: ChannelType
) -> None:
    """The text of a voice or stage channel needs CONNECT, and is heard as soon as that
    is given."""
    place = town.discord.add_channel("radio", kind=kind)
    town.discord.deny(place, town.bots["elena"], Permission.CONNECT)
    await town.start("elena")
    assert readable(town) == {str(town.channel.id)}
    town.discord.permit(place, town.bots["elena"], Permission.CONNECT)
    await until(
        lambda: str(place.id) in readable(town), what="the channel on the roster"
    )


def may_write(town: Town) -> bool:
    """Whether the bot's latest publication says that it may write in the channel."""
    return str(town.channel.id) in town.ports.writable["elena"]


async def test_a_role_given_and_taken(town: Town) -> None:
    """A role that lets a bot write counts as soon as the bot has it, and no longer when
    it is taken. The channel is seen all along, so Discord tells of no change to the
    channel."""
    town.discord.deny(
        town.channel, town.discord.everyone_role(), Permission.SEND_MESSAGES
    )
    role = town.discord.add_role("writers")
    town.discord.set_overwrite(town.channel, role, allow=Permission.SEND_MESSAGES)
    await town.start("elena")
    assert not may_write(town)
    town.discord.give_role(town.bots["elena"], role)
    await until(
        lambda: may_write(town), what="the right to write after the role was given"
    )
    town.discord.take_role(town.bots["elena"], role)
    await until(
        lambda: not may_write(town), what="the right gone after the role was taken"
    )


@pytest.mark.parametrize(
    ("right", "places"),
    [
        (Permission.ADD_REACTIONS, "reactable"),
        (Permission.READ_MESSAGE_HISTORY, "referable"),
    ],
)
async def test_a_right_to_react_or_reply(
    town: Town, right: Permission, places: str
) -> None:
    """It is published as soon as it is given, and when it is taken."""
    elena = town.bots["elena"]
    town.discord.deny(town.channel, elena, right)
    await town.start("elena")

    def published() -> bool:
        known = getattr(town.ports.presences["elena"], places)
        return str(town.channel.id) in known

    assert not published()
    town.discord.permit(town.channel, elena, right)
    await until(published, what="the right after it was given")
    town.discord.deny(town.channel, elena, right)
    await until(lambda: not published(), what="the right gone")


async def test_a_role_deleted(town: Town) -> None:
    """A role that is deleted lets nobody write any more."""
    role = town.discord.add_role("writers", permissions=Permission.SEND_MESSAGES)
    town.discord.give_role(town.bots["elena"], role)
    for other in (
        town.discord.everyone_role(),
        town.discord.managed_role(town.bots["elena"]),
    ):
        town.discord.change_role(
            other, permissions=other.permissions & ~Permission.SEND_MESSAGES
        )
    await town.start("elena")
    assert may_write(town)
    town.discord.delete_role(role)
    await until(
        lambda: not may_write(town), what="the right gone after the role was deleted"
    )


async def test_a_nickname(town: Town) -> None:
    """A new nickname is on the roster at once."""
    await town.start("elena")
    town.discord.set_nick(town.bots["elena"], None, "Nell")
    await until(
        lambda: "Nell" in town.ports.entries["elena"].nicknames.values(),
        what="the nickname on the roster",
    )


async def test_a_server_that_comes_late(town: Town) -> None:
    """A server in an outage has no channels for the bot; when it comes back, they are
    on the roster at once."""
    town.discord.set_unavailable()
    await town.start("elena")
    assert readable(town) == set()
    town.discord.set_unavailable(unavailable=False)
    await until(
        lambda: readable(town) == {str(town.channel.id)},
        what="the late server's channel",
    )


async def test_an_outage_of_a_server(town: Town) -> None:
    """What was made while a server was away is on the roster as soon as it is back."""
    await town.start("elena")
    town.discord.set_unavailable()
    place = town.discord.add_channel("made meanwhile")
    town.discord.set_unavailable(unavailable=False)
    await until(
        lambda: readable(town) == {str(town.channel.id), str(place.id)},
        what="the channel after the outage",
    )


async def test_the_roles_of_others_publish_nothing(town: Town) -> None:
    """Who else is given a role is nothing to a bot's own roster entry."""
    await town.start("elena")
    before = len(town.ports.published)
    other: Account = town.bots["aria"]
    role = town.discord.add_role("guests")
    await until(
        lambda: len(town.ports.published) > before,
        what="the publication after a new role",
    )
    before = len(town.ports.published)
    town.discord.give_role(other, role)
    place = town.discord.add_channel("later")
    await until(lambda: str(place.id) in readable(town))
    assert len(town.ports.published) == before + 1
