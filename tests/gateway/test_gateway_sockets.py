"""A gateway process as it runs, on real sockets."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import discord
import pytest
import structlog

from app.domain.errors import LeaseTaken, StoreUnavailable, TokenRefused
from app.domain.model import AuthorKind, Context, Event, Signal
from app.gateway.client import StreamClient
from app.gateway.intake import Intake
from app.rules.moderation import FOR_A_TIME, MUTED, SPEAKS
from tests.gateway.conftest import Town
from tests.gateway.recording import until

pytestmark = pytest.mark.asyncio


async def test_three_bots_hear_one_message(town: Town) -> None:
    """Each of three bots in one process admits its own copy of a message once, as the
    same event."""
    await town.start()
    post = await town.say("hello all")
    await until(lambda: len(town.ports.admitted) == 3)
    assert {c.bot for c in town.ports.admitted} == {"elena", "aria", "dotty"}
    heard = Event(
        message_id=str(post.message_id),
        channel_id=str(town.channel.id),
        guild_id=str(town.channel.guild_id),
        author_id=str(town.ann.id),
        author_name="Ann",
        content="hello all",
        channel_name=town.channel.name,
    )
    joined = {c.event.member_since_ms for c in town.ports.admitted}
    assert len(joined) == 1
    assert joined != {0}
    assert [
        c.event.model_copy(update={"member_since_ms": 0}) for c in town.ports.admitted
    ] == [heard] * 3
    assert {c.expected for c in town.ports.admitted} == {3}
    await until(lambda: len(town.ports.hints) == 1)


async def test_objects_are_made_of_one_copy(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many copies of a message wait to be read at once, discord.py makes objects
    of the first; each bot is admitted for each message."""
    made: list[str] = []

    def make(**given: Any) -> discord.Message:
        made.append(given["data"]["id"])
        return discord.Message(**given)

    monkeypatch.setattr("discord.state.Message", make)
    gateway = await town.start()
    # A bot that is ready may still be reading the channel back: it hears by itself.
    place = str(town.channel.id)
    await until(lambda: all(one.hears(place) for one in gateway._sessions.values()))
    # Said without a turn for the gateway's loop: every copy waits when it goes on.
    posts = [
        town.discord.post(town.ann, town.channel, f"line {number}")
        for number in range(20)
    ]
    await until(lambda: len(town.ports.admitted) == 3 * len(posts))
    assert made == [str(post.message_id) for post in posts]


async def test_a_bot_that_cannot_see_a_channel_admits_nothing(town: Town) -> None:
    """A bot is told of a message only by its own connection, whatever the others in its
    process hear."""
    town.discord.hide(town.channel, town.bots["dotty"])
    await town.start()
    await town.say("hello you two")
    await until(lambda: len(town.ports.hints) == 1)
    assert {c.bot for c in town.ports.admitted} == {"elena", "aria"}
    assert {c.expected for c in town.ports.admitted} == {2}
    published = {bot: channels for bot, _, channels in town.ports.published}
    assert str(town.channel.id) in published["elena"]
    assert str(town.channel.id) not in published["dotty"]


async def test_ways_to_address_a_bot(town: Town) -> None:
    """Mention, name, reply, direct message and the bot's own thread each wake the
    direct lane of that bot alone."""
    elena, aria = town.bots["elena"], town.bots["aria"]
    await town.start()
    hers = await town.say("I am here", elena)
    thread = town.discord.open_thread(elena, town.channel, "fish")
    await until(lambda: len(town.ports.admitted) == 2)
    await town.say(f"{elena.mention} hi")
    await town.say("elena, hi")
    await town.say("really?", reply_to=hers)
    await town.say(f"{aria.mention} is she right?", reply_to=hers)
    await asyncio.to_thread(town.discord.post, town.ann, thread, "go on")
    private = await asyncio.to_thread(town.discord.dm, town.ann, elena, "psst")
    await until(lambda: len(town.ports.hints) == 6)
    general = f"elena:{town.channel.id}"
    lanes = [
        general,
        general,
        general,
        f"aria:{town.channel.id}",
        f"elena:{thread.id}",
        f"elena:{private.channel_id}",
    ]
    assert sorted(town.ports.hints) == sorted((lane, Context.DIRECT) for lane in lanes)


async def test_an_own_message_is_no_event_but_a_receipt(town: Town) -> None:
    """A bot's own message is never admitted for it; its nonce, a text or a number, is
    handed on, once, by its own connection."""
    await town.start()
    elena = town.bots["elena"]
    posts = [
        await town.say("here I am", elena, nonce=nonce) for nonce in ("n0nce", None, 7)
    ]
    await until(lambda: len(town.ports.receipts) > 1 and len(town.ports.admitted) == 6)
    assert town.ports.receipts == [
        ("elena", str(town.channel.id), str(posts[place].message_id), nonce)
        for place, nonce in ((0, "n0nce"), (2, "7"))
    ]
    assert {c.bot for c in town.ports.admitted} == {"aria", "dotty"}
    assert {c.event.author_kind for c in town.ports.admitted} == {AuthorKind.OURS}


async def test_webhooks_and_system_messages_are_no_events(town: Town) -> None:
    """Neither a webhook nor a join message triggers anything; a foreign bot is known as
    such."""
    stranger = town.discord.add_bot("stranger")
    await town.start("elena")
    await town.say("a webhook", webhook=True)
    await town.say("joined", message_type=7)
    await town.say("beep", stranger)
    await town.say("a person")
    await until(lambda: len(town.ports.admitted) == 2)
    assert [(c.event.content, c.event.author_kind) for c in town.ports.admitted] == [
        ("beep", AuthorKind.FOREIGN),
        ("a person", AuthorKind.HUMAN),
    ]


async def test_a_reaction_burst_is_one_event(town: Town) -> None:
    """The fourth person's reaction makes one event for each bot but the author; a fifth
    and a second emoji none."""
    people = [town.discord.add_user(f"person {number}") for number in range(5)]
    await town.start()
    post = await town.say("my dog", town.bots["dotty"])
    await until(lambda: len(town.ports.admitted) == 2)
    for person in people[:3]:
        town.discord.react(person, post, "👍")
    town.discord.react(people[0], post, "❤️")
    await town.say("not yet a burst")
    await until(lambda: len(town.ports.admitted) == 5)
    for person in people[3:]:
        town.discord.react(person, post, "👍")
    await until(lambda: len(town.ports.admitted) == 7)
    await town.say("end")
    await until(lambda: len(town.ports.admitted) == 10)
    bursts = [c for c in town.ports.admitted if c.event.kind == "reaction"]
    assert {(c.bot, c.classified.signal) for c in bursts} == {
        ("elena", Signal.REACTIONS),
        ("aria", Signal.REACTIONS),
    }
    assert {(c.event.content, c.event.message_id) for c in bursts} == {
        ("my dog", str(post.message_id))
    }
    assert {c.event.reactions for c in bursts} <= {
        4,
        5,
    }  # as many as had reacted when this bot heard of the fourth
    assert not any(c.move_cursor for c in bursts)


async def test_deletions_and_edits(town: Town) -> None:
    """A deletion and a real edit are handed on; an update without a new text is not."""
    await town.start("elena")
    post = await town.say("tpyo")
    await until(lambda: town.ports.admitted)
    await asyncio.to_thread(town.discord.edit, post, "typo")
    await asyncio.to_thread(town.discord.delete, post)
    await until(lambda: town.ports.gone)
    assert town.ports.gone == [(str(town.channel.id), str(post.message_id))]
    assert [edit.content for edit in town.ports.edits] == ["typo"]


async def test_an_edit_changes_who_is_spoken_to(town: Town) -> None:
    """Who is named now hears the message as its own, with the new text; who no longer
    is is released; the rest hear nothing. A reply stays a reply, though Discord's
    update may not say so."""
    await town.start()
    post = await town.say("elena, hi")
    reply = await town.say(
        "really?", reply_to=await town.say("I am here", town.bots["dotty"])
    )
    await until(lambda: len(town.ports.admitted) == 8)
    await asyncio.to_thread(town.discord.edit, post, "aria, hi")
    await asyncio.to_thread(town.discord.edit, reply, "really now?")
    await until(lambda: len(town.ports.edits) == 2 and len(town.ports.admitted) == 9)
    asked = town.ports.admitted[-1]
    assert (asked.bot, asked.edited, asked.classified.signal, asked.event.content) == (
        "aria",
        True,
        Signal.DIRECT,
        "aria, hi",
    )
    assert town.ports.released_by_edit == [("elena", "aria, hi")]
    assert town.ports.hints[-1] == (f"aria:{town.channel.id}", Context.DIRECT)


async def test_a_moderator_is_obeyed_and_others_are_not(town: Town) -> None:
    """STOP from who may manage messages is an order and no event; from anybody else it
    is a message like any."""
    moderator = town.discord.add_user("Mo", moderator=True)
    await town.start()
    await town.say("elena stop")
    await until(lambda: len(town.ports.admitted) == 3)
    assert town.ports.orders == []
    post = await town.say("@everybot stop", moderator)
    await until(lambda: len(town.ports.orders) == 3)
    town.discord.react(town.ann, post, "🛑")
    town.discord.react(moderator, post, "🛑")
    await until(lambda: len(town.ports.orders) == 6)
    assert {(order.verdict, order.bots, by) for order, by in town.ports.orders} == {
        ("stop", (), str(moderator.id))
    }
    await town.say("aria go on", moderator)
    await until(lambda: len(town.ports.orders) == 7)
    assert town.ports.orders[-1][0].bots == ("aria",)
    assert len(town.ports.admitted) == 3


async def test_an_order_is_acknowledged(town: Town) -> None:
    """Each bot that it is for reacts to it, with what has become of it; in a dry run
    none does."""
    moderator = town.discord.add_user("Mo", moderator=True)
    await town.start("aria", "dotty")
    await town.start("elena", dry_run=True)
    stop = await town.say("@everybot stop", moderator)
    go_on = await town.say("aria go on", moderator)
    await until(lambda: len(town.discord.reactions) == 5, what="reactions")
    assert {
        (one.message_id, one.user_name, one.emoji) for one in town.discord.reactions
    } == {
        (stop.message_id, "aria", MUTED),
        (stop.message_id, "aria", FOR_A_TIME),
        (stop.message_id, "dotty", MUTED),
        (stop.message_id, "dotty", FOR_A_TIME),
        (go_on.message_id, "aria", SPEAKS),
    }


async def test_the_longest_message_is_cut(town: Town) -> None:
    """A message longer than Discord's longest is kept up to that, and still
    understood."""
    await town.start("elena")
    await town.say("elena, " + "x" * 9_000)
    await until(lambda: town.ports.hints)
    assert len(town.ports.admitted[0].event.content) == 4_000


def spoil_token(town: Town, bot: str) -> str:
    """Give a bot a token that Discord does not know."""
    secret = f"MTIz.wrong.never-to-be-seen-{bot}"
    town.bots[bot] = town.discord.add_bot(f"ghost of {bot}")
    object.__setattr__(town.bots[bot], "token", secret)
    return secret


async def test_refused_tokens_are_one_line(town: Town) -> None:
    """When every token is wrong the process ends with one line that names each bot's
    variable, never a token."""
    secrets = [spoil_token(town, bot) for bot in town.bots]
    await town.start(wait=False)
    with pytest.raises(TokenRefused) as refused:
        await asyncio.wait_for(town.running[-1][1], 10)
    line = str(refused.value)
    assert all(f"STREAM_TOKEN_{bot.upper()}" in line for bot in town.bots)
    assert not any(secret in repr(refused.value) for secret in secrets)
    assert refused.value.__cause__ is None
    assert "\n" not in line
    assert set(town.ports.released) == {"elena", "aria", "dotty"}


async def test_one_refused_token_ends_that_bot_alone(town: Town) -> None:
    """A bot whose token is wrong at the start is refused with one line; the others
    run."""
    secret = spoil_token(town, "aria")
    with structlog.testing.capture_logs() as lines:
        gateway = await town.start(wait=False)
        await until(lambda: gateway.ready == {"elena", "dotty"})
        await town.say("who is there?")
        await until(lambda: len(town.ports.admitted) == 2)
    ends = [
        line for line in lines if line["event"] == "a bot has ended, the others go on"
    ]
    assert [(line["bot"], "STREAM_TOKEN_ARIA" in line["error"]) for line in ends] == [
        ("aria", True)
    ]
    assert secret not in repr(lines)


async def test_a_held_lease_ends_the_process(town: Town) -> None:
    """When a living process runs one of the bots this one does not start, names it, and
    gives back what it took."""
    town.ports.leases["aria"] = "host:1"
    await town.start(wait=False, gateway_lease=0.3)
    with pytest.raises(LeaseTaken, match="aria: host:1 already runs"):
        await asyncio.wait_for(town.running[-1][1], 10)
    assert sorted(town.ports.released) == ["dotty", "elena"]
    assert town.discord.connected() == []


async def test_a_dead_processs_lease_is_waited_for(town: Town) -> None:
    """A gateway that finds a lease taken starts when nobody renews it."""
    town.ports.leases["aria"] = "host:1"
    await town.start(wait=False, gateway_lease=5.0)
    await until(lambda: town.ports.renewals >= 6)
    assert town.discord.connected() == []
    del town.ports.leases["aria"]
    await until(lambda: len(town.discord.connected()) == 3)


async def test_a_lost_lease_ends_that_bot_alone(town: Town) -> None:
    """When another process takes a bot over, this one lets go of it and serves the
    others on."""
    gateway = await town.start(gateway_lease=0.3)
    town.ports.leases["aria"] = "host:1"
    await until(lambda: gateway.ready == {"elena", "dotty"})
    await until(lambda: len(town.discord.connected()) == 2)
    await town.say("still here?")
    await until(lambda: len(town.ports.admitted) == 2)
    assert {c.bot for c in town.ports.admitted} == {"elena", "dotty"}


async def test_redis_away_at_the_start(town: Town) -> None:
    """Without Redis a gateway does not begin."""
    town.ports.down = True
    await town.start(wait=False)
    with pytest.raises(StoreUnavailable):
        await asyncio.wait_for(town.running[-1][1], 10)


async def test_redis_away_while_running(town: Town) -> None:
    """What is said while Redis is away is admitted when it is back, in order and
    once."""
    await town.start()
    town.ports.down = True
    for number in range(5):
        await town.say(f"line {number}")
    await until(lambda: town.ports.pumps > 3)
    assert town.ports.admitted == []
    town.ports.down = False
    await until(lambda: len(town.ports.admitted) == 15)
    for bot in town.bots:
        assert town.ports.texts(bot) == [f"line {number}" for number in range(5)]


async def test_a_dead_client_is_started_again(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that dies of a bug comes back; the other bots notice nothing, and
    nothing is admitted twice."""
    start, died = StreamClient.start, asyncio.Event()

    async def die_once(
        self: StreamClient, token: str, *, reconnect: bool = True
    ) -> None:
        if self.bot == "elena" and not died.is_set():
            died.set()
            raise KeyError("d")
        await start(self, token, reconnect=reconnect)

    monkeypatch.setattr(StreamClient, "start", die_once)
    await town.start("elena", "aria")
    assert died.is_set()
    await town.say("anybody?")
    await until(lambda: len(town.ports.admitted) == 2)
    assert town.ports.texts("elena") == town.ports.texts("aria") == ["anybody?"]


async def test_a_failing_listener_is_logged_without_the_message(
    town: Town, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A bug in a listener is logged with its place, never with what was said, and the
    next message is heard."""
    await town.start("elena")
    offer = Intake.offer

    def fail_once(self: Intake, bot: str, event: Event, **options: bool) -> object:
        monkeypatch.setattr(Intake, "offer", offer)
        raise RuntimeError(event.content)

    monkeypatch.setattr(Intake, "offer", fail_once)
    with caplog.at_level(logging.INFO):
        await town.say("my secret")
        await town.say("next")
        await until(lambda: town.ports.texts("elena") == ["next"])
    assert "my secret" not in caplog.text


async def test_it_stops_cleanly(town: Town) -> None:
    """Told to stop, a gateway admits what it has, closes its connections and gives its
    leases back."""
    await town.start()
    await town.say("last words")
    await until(lambda: len(town.ports.admitted) == 3)
    await town.stop()
    assert sorted(town.ports.released) == ["aria", "dotty", "elena"]
    await asyncio.to_thread(
        town.discord.wait_for, lambda: not town.discord.connected(), 10
    )
