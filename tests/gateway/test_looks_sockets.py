"""What Discord never delivered on a healthy connection, found by a look at its REST,
over real sockets."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from app.domain.model import Context
from app.gateway.backfill import Backfill
from tests.gateway.conftest import Town
from tests.gateway.recording import until
from tests.gateway.test_backfill_sockets import caught_up

OFTEN: dict[str, Any] = {"discord_check_interval_minutes": 0.2 / 60}
LISTS = ("GET", "/guilds/{guild_id}/channels")
READS = ("GET", "/channels/{channel_id}/messages")


@pytest.fixture(autouse=True)
def _nothing_in_flight(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message counts as missed at once."""
    monkeypatch.setattr("app.gateway.backfill.IN_FLIGHT", 0.0)


async def looked(town: Town, times: int = 2) -> None:
    """Wait until every bot has looked so many times more: a look that had begun before
    does not count."""
    bots = sum(len(gateway.ready) for gateway, _ in town.running)
    begun = town.discord.requests.get(LISTS, 0)
    await until(
        lambda: town.discord.requests.get(LISTS, 0) > begun + times * bots,
        what="another look",
    )


def mark(town: Town, bot: str = "elena") -> str:
    """The bot's cursor in the town's channel."""
    return town.ports.cursor[bot][str(town.channel.id)]


@pytest.mark.asyncio
async def test_a_message_that_was_never_delivered_is_read_at_the_next_look(
    town: Town,
) -> None:
    """It is admitted once and answered, for the bot that missed it alone; what follows
    arrives as ever."""
    await town.start("elena", "aria", **OFTEN)
    await caught_up(town)
    await caught_up(town, "aria")
    await town.say("before")
    town.discord.faults.withhold_next(town.bots["elena"])
    missed = await town.say("elena, aria, do you hear me?")

    def wakes() -> list[str]:
        return sorted(
            lane for lane, context in town.ports.hints if context is Context.DIRECT
        )

    lanes = [f"{bot}:{town.channel.id}" for bot in ("aria", "elena")]
    await until(lambda: wakes() == lanes, what="both wakes")
    await until(lambda: mark(town) == str(missed.message_id), what="the cursor")
    await town.say("after")
    await looked(town, 3)
    for bot in ("elena", "aria"):
        assert town.ports.texts(bot) == [
            "before",
            "elena, aria, do you hear me?",
            "after",
        ]
    assert wakes() == lanes


@pytest.mark.asyncio
async def test_threads_and_direct_messages_are_looked_at(town: Town) -> None:
    """A withheld message is found in a thread and in direct messages with a known
    cursor too."""
    elena = town.bots["elena"]
    thread = town.discord.open_thread(elena, town.channel, "fish")
    await town.start("elena", **OFTEN)
    await caught_up(town)
    await asyncio.to_thread(town.discord.dm, town.ann, elena, "hello")
    await until(lambda: town.ports.texts("elena") == ["hello"])
    town.discord.faults.withhold_next(elena, times=2)
    await asyncio.to_thread(town.discord.post, town.ann, thread, "in the thread")
    await asyncio.to_thread(town.discord.dm, town.ann, elena, "in private")
    await until(lambda: len(town.ports.admitted) == 3)
    await looked(town)
    assert sorted(town.ports.texts("elena")) == ["hello", "in private", "in the thread"]
    assert all(candidate.classified.direct for candidate in town.ports.admitted)


@pytest.mark.asyncio
async def test_a_look_that_finds_nothing_reads_nothing(town: Town) -> None:
    """Where every cursor is at the newest message, a look costs its lists and no more.
    The bot's own post, which is no event, costs one reading and moves the cursor."""
    await town.start("elena", **OFTEN)
    await caught_up(town)
    await town.say("hello")
    await until(lambda: town.ports.texts("elena") == ["hello"])
    await looked(town)
    read = town.discord.requests.get(READS, 0)
    await looked(town)
    assert town.discord.requests.get(READS, 0) == read
    own = await town.say("hello Ann", town.bots["elena"])
    await until(lambda: mark(town) == str(own.message_id), what="the cursor")
    await looked(town)
    assert town.discord.requests.get(READS, 0) == read + 1
    assert town.ports.texts("elena") == ["hello"]


@pytest.mark.asyncio
async def test_what_may_be_on_its_way_is_left_to_a_later_look(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message that was said a moment ago is not asked for: its event may arrive."""
    monkeypatch.setattr("app.gateway.backfill.IN_FLIGHT", 3600.0)
    await town.start("elena", **OFTEN)
    await caught_up(town)
    town.discord.faults.withhold_next(town.bots["elena"])
    await town.say("elena?")
    await looked(town, 3)
    assert town.ports.admitted == []
    monkeypatch.setattr("app.gateway.backfill.IN_FLIGHT", 0.0)
    await until(lambda: town.ports.texts("elena") == ["elena?"])


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "path",
    [
        r"/guilds/\d+/channels$",
        r"/guilds/\d+/threads/active$",
        r"/channels/\d+/messages",
    ],
)
async def test_a_look_that_fails_is_made_again(
    town: Town, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A refused list or history is a line in the log; the next look finds what this one
    could not."""
    await town.start("elena", **OFTEN)
    await caught_up(town)
    town.discord.faults.fail_next("GET", path, 400, times=2)
    town.discord.faults.withhold_next(town.bots["elena"])
    await town.say("elena?")
    await until(lambda: town.ports.texts("elena") == ["elena?"])
    await looked(town)
    assert town.ports.texts("elena") == ["elena?"]
    assert capsys.readouterr().out.count("at the next look") == 2


@pytest.mark.asyncio
async def test_looks_go_on_after_a_lost_session(town: Town) -> None:
    """A new session has looks of its own."""
    await town.start("elena", **OFTEN)
    await caught_up(town)
    published = len(town.ports.published)
    town.discord.faults.send_op9(town.bots["elena"])
    await until(
        lambda: len(town.ports.published) > published,
        seconds=20,
        what="the new session",
    )
    town.discord.faults.withhold_next(town.bots["elena"])
    await town.say("elena?")
    await until(lambda: town.ports.texts("elena") == ["elena?"])


@pytest.mark.asyncio
async def test_a_look_that_meets_a_bug_is_not_the_last(
    town: Town, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is an error in the log; the next look is made."""
    real, begun = Backfill.look, []

    async def buggy(backfill: Backfill) -> None:
        begun.append("look")
        if len(begun) == 1:
            raise KeyError("a bug")
        await real(backfill)

    monkeypatch.setattr(Backfill, "look", buggy)
    await town.start("elena", **OFTEN)
    await caught_up(town)
    town.discord.faults.withhold_next(town.bots["elena"])
    await town.say("elena?")
    await until(lambda: town.ports.texts("elena") == ["elena?"])
    assert capsys.readouterr().out.count("a look failed") == 1


@pytest.mark.asyncio
async def test_a_new_session_ends_the_look_of_the_one_before(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What such a look has read says nothing of the new session's gap: it must not let
    live events move a cursor over it."""
    begun: list[str] = []
    ended: list[str] = []

    async def endless(backfill: Backfill) -> None:
        begun.append("look")
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("look")

    monkeypatch.setattr(Backfill, "look", endless)
    await town.start("elena", **OFTEN)
    await until(lambda: len(begun) == 1)
    town.discord.faults.send_op9(town.bots["elena"])
    await until(lambda: len(begun) == 2, seconds=20)
    assert len(ended) == 1


@pytest.mark.asyncio
@pytest.mark.parametrize(("drawn", "looks"), [(0.0, 1), (1.0, 0)])
async def test_the_first_look_is_at_a_random_time(
    town: Town, monkeypatch: pytest.MonkeyPatch, drawn: float, looks: int
) -> None:
    """Bots that start together do not all ask together: the first look comes anywhere
    within the interval."""
    monkeypatch.setattr("app.gateway.session.random.random", lambda: drawn)
    await town.start("elena")
    await caught_up(town)
    await until(
        lambda: town.discord.requests.get(LISTS, 0) == looks, what="the first look"
    )
    await town.say("hello")
    await until(lambda: town.ports.texts("elena") == ["hello"])
    assert town.discord.requests.get(LISTS, 0) == looks
