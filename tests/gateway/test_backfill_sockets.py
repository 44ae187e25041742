"""What a gateway missed, read back over real sockets."""

from __future__ import annotations

import asyncio

import pytest
import structlog

from app.delivery import address
from app.domain.model import Context, Signal
from app.gateway.backfill import AT_ONCE, CursorGate
from tests.gateway.conftest import Town
from tests.gateway.recording import until

CLOUDFLARE = "<!DOCTYPE html><html><head><title>Attention Required! | Cloudflare</title></head></html>"
MESSAGES = r"/channels/\d+/messages$"
READING = ("GET", "/channels/{channel_id}/messages")


async def caught_up(town: Town, bot: str = "elena") -> None:
    """Wait until the bot has a cursor in the channel."""
    await until(
        lambda: str(town.channel.id) in town.ports.cursor[bot], what="the first cursor"
    )


@pytest.mark.asyncio
async def test_a_first_start_begins_now(town: Town) -> None:
    """A bot that sees a channel for the first time does not answer its history."""
    old = await town.say("elena, old news")
    await town.start("elena")
    await caught_up(town)
    assert town.ports.cursor["elena"][str(town.channel.id)] == str(old.message_id)
    await town.say("news")
    await until(lambda: town.ports.texts("elena") == ["news"])


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (403, CLOUDFLARE),
        (404, "<html>404</html>"),
        (429, CLOUDFLARE),
        (403, {"message": "internal network error", "code": 40333}),
    ],
)
@pytest.mark.asyncio
async def test_a_proxys_page_does_not_end_the_reading(
    town: Town, status: int, body: str | dict[str, object]
) -> None:
    """A refusal that may pass delays the reading of a channel: what was missed is
    admitted all the same."""
    await town.start("elena")
    await caught_up(town)
    await town.stop()
    await town.say("elena, are you there?")
    town.discord.faults.fail_next("GET", MESSAGES, status, body)
    await town.start("elena")
    await until(lambda: town.ports.texts("elena") == ["elena, are you there?"])


class Eager:
    """A backoff that does not wait: whatever holds requests back is not it."""

    def __init__(self, *_: float) -> None:
        pass

    async def pause(self) -> None:
        """Let others go on."""
        await asyncio.sleep(0)


@pytest.mark.asyncio
async def test_a_refused_address_stops_the_reading_of_all_channels(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While Cloudflare refuses the address, the channels do not each ask for
    themselves: what was on its way is refused, and nothing more is asked until the
    pause is over. Nothing is lost, and what is said meanwhile is heard."""
    monkeypatch.setattr(address, "FIRST_PAUSE", 3.0)
    rooms = [town.discord.add_channel(f"room-{number}") for number in range(20)]
    await town.start("elena")
    await until(lambda: len(town.ports.cursor["elena"]) == 21, what="all cursors")
    await town.stop()
    for room in rooms:
        await asyncio.to_thread(town.discord.post, town.ann, room, "missed")
    monkeypatch.setattr("app.gateway.backfill.Backoff", Eager)
    town.discord.faults.fail_next("GET", MESSAGES, 403, CLOUDFLARE, times=AT_ONCE)
    before = town.discord.requests[READING]
    await town.start("elena")
    await until(
        lambda: town.discord.requests[READING] > before, what="the refused reading"
    )
    await town.say("live")
    await until(lambda: "live" in town.ports.texts("elena"))
    assert town.discord.requests[READING] - before <= AT_ONCE
    await until(
        lambda: sorted(town.ports.texts("elena")) == ["live", *["missed"] * 20],
        seconds=30,
    )


@pytest.mark.asyncio
async def test_an_empty_channel_is_marked(town: Town) -> None:
    """A channel without messages gets a cursor too, so that the first message during an
    outage is not missed."""
    await town.start("elena")
    await caught_up(town)
    await town.stop()
    await town.say("elena, the very first")
    await town.start("elena")
    await until(
        lambda: town.ports.hints == [(f"elena:{town.channel.id}", Context.DIRECT)]
    )


@pytest.mark.asyncio
async def test_a_restart_reads_back_in_order(town: Town) -> None:
    """All that was said while the process was down is admitted once, in order, threads
    and direct messages too."""
    elena = town.bots["elena"]
    thread = town.discord.open_thread(elena, town.channel, "fish")
    await town.start("elena")
    await caught_up(town)
    await asyncio.to_thread(town.discord.dm, town.ann, elena, "before")
    await town.say("zero")
    await until(lambda: len(town.ports.admitted) == 2)
    await town.stop()
    town.ports.admitted.clear()
    for number in range(120):
        await town.say(f"line {number}")
    await town.say("a webhook", webhook=True)
    await asyncio.to_thread(town.discord.post, town.ann, thread, "in the thread")
    await asyncio.to_thread(town.discord.dm, town.ann, elena, "in private")
    await town.start("elena")
    await until(lambda: len(town.ports.admitted) == 122)
    here = [
        c.event.content
        for c in town.ports.admitted
        if c.event.channel_id == str(town.channel.id)
    ]
    assert here == [f"line {number}" for number in range(120)]
    direct = {c.event.content for c in town.ports.admitted if c.classified.direct}
    assert direct == {"in the thread", "in private"}
    last = town.discord.messages_in(town.channel)[-1]
    await until(
        lambda: town.ports.cursor["elena"][str(town.channel.id)] == str(last.message_id)
    )


@pytest.mark.asyncio
async def test_who_is_stopped_while_catching_up_goes_on_there(town: Town) -> None:
    """A gateway that is told to stop in the middle of its reading ends, and the next
    ones read the rest: all, once and in order."""
    await town.start("elena")
    await caught_up(town)
    await town.stop()
    lines = [f"line {number}" for number in range(100)]
    for line in lines:
        await town.say(line)
    for _ in range(2):
        await town.start("elena", wait=False)
        before = len(town.ports.admitted)
        await until(lambda before=before: len(town.ports.admitted) > before)
        await town.stop()
    assert len(town.ports.admitted) < len(lines)
    await town.start("elena")
    await until(lambda: len(town.ports.admitted) == len(lines))
    assert town.ports.texts("elena") == lines


@pytest.mark.asyncio
async def test_archived_threads_hide_no_direct_message(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So many channels outside of all lists are read back, and a server archives more
    threads before a person writes again: direct messages come first."""
    monkeypatch.setattr("app.gateway.backfill.DIRECT_CHANNELS", 2)
    elena = town.bots["elena"]
    await town.start("elena")
    await caught_up(town)
    await asyncio.to_thread(town.discord.dm, town.ann, elena, "first")
    await until(lambda: town.ports.texts("elena") == ["first"])
    cursors = town.ports.cursor["elena"]
    for name in ("one", "two", "three"):
        thread = town.discord.open_thread(town.ann, town.channel, name)
        await asyncio.to_thread(town.discord.post, town.ann, thread, name)
        place = str(thread.id)
        await until(lambda place=place: int(cursors.get(place, "0")) > int(place))
        await until(lambda place=place: place in town.ports.channel_names)
        town.discord.archive(thread)
    await town.stop()
    await asyncio.to_thread(town.discord.dm, town.ann, elena, "while you were away")
    await town.start("elena")
    await until(lambda: "while you were away" in town.ports.texts("elena"))


@pytest.mark.asyncio
async def test_lines_of_one_thought_are_read_back_as_one(town: Town) -> None:
    """The first line waits for the one that is read back after it, as a cycle that
    began between them would answer it alone. What stands for itself waits for nothing,
    and neither does the last line, which ends the wait."""
    await town.start("elena", thought_wait=2.5)
    await caught_up(town)
    await town.stop()
    for text in ("elena, what is gin", "and tonic?", "elena, who are you?"):
        await town.say(text)
    await town.start("elena", thought_wait=2.5)
    await until(lambda: len(town.ports.admitted) == 3)
    first, second, third = town.ports.admitted
    assert [line.content for line in second.event.earlier] == ["elena, what is gin"]
    assert third.event.earlier == ()
    assert [one.wait_ms for one in (first, second, third)] == [2_500, 0, 0]


@pytest.mark.asyncio
async def test_who_wrote_first_while_the_bot_caught_up_is_read_back(town: Town) -> None:
    """A first direct message that came before all cursors were free to move marks its
    channel: what the same person writes while the bot is away is admitted."""
    elena = town.bots["elena"]
    await town.start("elena")
    await caught_up(town)
    await town.stop()
    await town.say("elena, this cannot be read yet")
    unread = rf"/channels/{town.channel.id}/messages"
    town.discord.faults.fail_next("GET", unread, 401, times=1_000)
    await town.start("elena")
    await asyncio.to_thread(town.discord.dm, town.ann, elena, "while it reads")
    await until(lambda: "while it reads" in town.ports.texts("elena"))
    await town.stop()
    await asyncio.to_thread(town.discord.dm, town.ann, elena, "while it is away")
    await town.start("elena")
    await until(lambda: "while it is away" in town.ports.texts("elena"))
    assert town.ports.texts("elena").count("while it reads") == 1


@pytest.mark.asyncio
async def test_a_lost_session_is_read_back(town: Town) -> None:
    """After op 9 what was said without the bot is admitted, and what was said with it
    is not admitted twice."""
    await town.start("elena")
    await caught_up(town)
    await town.say("before")
    await until(lambda: town.ports.texts("elena") == ["before"])
    town.discord.faults.send_op9(town.bots["elena"])
    await asyncio.to_thread(
        town.discord.wait_for, lambda: not town.discord.connected(), 10
    )
    await town.say("elena, did you miss this?")
    await until(lambda: len(town.ports.admitted) == 2, seconds=20)
    assert town.ports.texts("elena") == ["before", "elena, did you miss this?"]


@pytest.mark.asyncio
async def test_what_an_outage_of_a_server_hid_is_read_back(town: Town) -> None:
    """The connection lives, but Discord delivers nothing of that server; what is said
    after the outage passes nothing that was said in it."""
    await town.start("elena")
    await town.say("before")
    await until(lambda: town.ports.texts("elena") == ["before"])
    await caught_up(town)
    town.discord.set_unavailable()
    await town.say("meanwhile")
    town.discord.set_unavailable(unavailable=False)
    await town.say("after")
    await until(lambda: len(town.ports.texts("elena")) == 3, what="all three")
    assert set(town.ports.texts("elena")) == {"before", "meanwhile", "after"}


@pytest.mark.asyncio
async def test_a_first_start_in_an_outage_begins_now(town: Town) -> None:
    """A server that comes back after a bot's very first start holds its history, too;
    what was said since the start is read."""
    await town.say("elena, old news")
    town.discord.set_unavailable()
    # Ids tell milliseconds: the start is later than what was said before it.
    await asyncio.sleep(0.01)
    await town.start("elena")
    await town.say("elena, did you hear?")
    town.discord.set_unavailable(unavailable=False)
    await until(lambda: town.ports.texts("elena") == ["elena, did you hear?"])
    await town.say("after")
    await until(lambda: len(town.ports.texts("elena")) == 2)
    assert town.ports.texts("elena") == ["elena, did you hear?", "after"]


@pytest.mark.asyncio
async def test_a_channel_made_while_the_bot_was_away_is_read_from_its_beginning(
    town: Town,
) -> None:
    """Whoever speaks to a bot in a channel that was made during a restart is heard."""
    await town.start("elena")
    await caught_up(town)
    await town.stop()
    channel = town.discord.add_channel("made meanwhile")
    await asyncio.to_thread(
        town.discord.post, town.ann, channel, "elena, do you like it here?"
    )
    await town.start("elena")
    await until(lambda: town.ports.hints == [(f"elena:{channel.id}", Context.DIRECT)])


@pytest.mark.asyncio
async def test_the_first_message_of_a_channel_may_fall_into_a_lost_session(
    town: Town,
) -> None:
    """A channel that the bot saw being made has a cursor before anything was said in
    it."""
    await town.start("elena")
    await caught_up(town)
    channel = await asyncio.to_thread(town.discord.add_channel, "made before")
    await until(
        lambda: str(channel.id) in town.ports.cursor["elena"],
        what="a cursor for the new channel",
    )
    assert town.ports.cursor["elena"][str(channel.id)] == str(channel.id - 1)


@pytest.mark.asyncio
async def test_a_dropped_socket_resumes(town: Town) -> None:
    """A resumed session loses nothing and admits nothing twice."""
    await town.start("elena")
    await caught_up(town)
    for number in range(10):
        await town.say(f"line {number}")
        if number == 4:
            town.discord.faults.drop_sockets()
    await until(lambda: len(town.ports.admitted) == 10, seconds=20)
    assert town.ports.texts("elena") == [f"line {number}" for number in range(10)]


@pytest.mark.asyncio
async def test_what_was_said_during_a_drop_is_passed_once_the_session_went_on(
    town: Town,
) -> None:
    """Discord tells it before it says that the session goes on. Where nothing else is
    said, the cursor would stay before it, and with an emptied Redis it would be read
    back and answered again."""
    await town.start("elena")
    await caught_up(town)
    town.discord.faults.drop_sockets()
    sees = town.discord.connected
    await asyncio.to_thread(town.discord.wait_for, lambda: not sees(), 10)
    last = await town.say("elena, are you there?")
    await until(lambda: town.ports.texts("elena") == ["elena, are you there?"])
    await until(
        lambda: (
            town.ports.cursor["elena"][str(town.channel.id)] == str(last.message_id)
        ),
        what="a cursor that has passed it",
    )


@pytest.mark.asyncio
async def test_old_messages_are_context_only(town: Town) -> None:
    """What is older than the backfill age is kept and wakes nobody; a direct message
    stays one, so that the admission tells the journal why it is not answered."""
    await town.start("elena")
    await caught_up(town)
    await town.stop()
    await town.say("elena, hurry!")
    await town.start("elena", backfill_age=60, ahead=80)
    await until(lambda: town.ports.admitted)
    assert town.ports.admitted[0].classified.signal is Signal.DIRECT
    assert not town.ports.admitted[0].wakes
    assert town.ports.hints == []


@pytest.mark.asyncio
async def test_redis_away_holds_the_cursor(town: Town) -> None:
    """A failed admission holds the cursor; a process that dies then reads the message
    back when it starts again."""
    await town.start("elena")
    await caught_up(town)
    await town.say("one")
    await until(lambda: town.ports.texts("elena") == ["one"])
    mark = town.ports.cursor["elena"][str(town.channel.id)]
    town.ports.down = True
    await town.say("elena, two")
    await until(lambda: town.ports.pumps > 3)
    assert town.ports.cursor["elena"][str(town.channel.id)] == mark
    await town.stop()
    town.ports.down = False
    await town.start("elena")
    await until(lambda: town.ports.texts("elena") == ["one", "elena, two"])


@pytest.mark.asyncio
async def test_overflow_is_read_back(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a full queue could not hold during an outage is read from Discord
    afterwards."""
    monkeypatch.setattr(
        "app.gateway.event_queue.EventQueue.__init__.__defaults__", (3,)
    )
    await town.start("elena")
    await caught_up(town)
    town.ports.down = True
    for number in range(10):
        await town.say(f"line {number}")
    await until(lambda: town.ports.pumps > 3)
    town.ports.down = False
    await until(lambda: len(town.ports.admitted) == 10, seconds=20)
    assert sorted(town.ports.texts("elena")) == [
        f"line {number}" for number in range(10)
    ]


@pytest.mark.asyncio
async def test_a_failing_discord_is_asked_again(town: Town) -> None:
    """A history that cannot be read now is read later."""
    await town.start("elena")
    await caught_up(town)
    await town.stop()
    await town.say("elena, hello?")
    town.discord.faults.lose_next("GET", "/messages", times=3)
    await town.start("elena")
    await until(lambda: town.ports.texts("elena") == ["elena, hello?"], seconds=20)


@pytest.mark.asyncio
@pytest.mark.parametrize(("status", "times"), [(429, 5), (401, 1), (400, 1)])
async def test_a_refusal_that_may_pass_loses_nothing(
    town: Town, status: int, times: int
) -> None:
    """Rate limits beyond discord.py's patience, or a token that is being rotated, delay
    the reading; they do not end it with the messages unread and every cursor held until
    the next session."""
    await town.start("elena")
    await caught_up(town)
    await town.stop()
    await town.say("elena, hello?")
    town.discord.faults.fail_next(
        "GET",
        "/messages",
        status,
        {"message": "no", "code": 0, "retry_after": 0.01, "global": False},
        times=times,
    )
    with structlog.testing.capture_logs() as logged:
        await town.start("elena")
        # Not when the message is admitted: what is said before the channel is let go
        # moves no cursor until the next look.
        await until(
            lambda: "caught up" in [line["event"] for line in logged], seconds=20
        )
    assert town.ports.texts("elena") == ["elena, hello?"]
    last = await town.say("thanks")
    await until(
        lambda: town.ports.cursor["elena"][str(town.channel.id)] == str(last.message_id)
    )


@pytest.mark.asyncio
async def test_a_new_session_that_is_resumed_before_it_is_ready_hides_no_gap(
    town: Town,
) -> None:
    """Op 9, a new session, and its connection drops and resumes while discord.py still
    waits for guilds: what comes live then moves no cursor past what was said during the
    outage."""
    await town.start("elena", guild_ready_timeout=1.5)
    await caught_up(town)
    elena, sees = town.bots["elena"], town.discord.connected
    town.discord.faults.send_op9(elena)
    await asyncio.to_thread(town.discord.wait_for, lambda: not sees(), 10)
    await town.say("elena, did you miss this?")
    await asyncio.to_thread(town.discord.wait_for, sees, 20)
    town.discord.faults.drop_sockets(elena)
    await asyncio.to_thread(town.discord.wait_for, lambda: not sees(), 10)
    await asyncio.to_thread(town.discord.wait_for, sees, 20)
    await town.say("live")
    await until(lambda: "live" in town.ports.texts("elena"), seconds=20)
    await until(
        lambda: (
            sorted(town.ports.texts("elena")) == ["elena, did you miss this?", "live"]
        ),
        seconds=20,
    )


def test_the_gate() -> None:
    """A live event moves a cursor only where nothing can be missing before it."""
    gate = CursorGate()
    assert not gate.moves("1")  # before the first session
    gate.begin()
    assert not gate.moves("1")  # not read yet
    gate.release("1", 0)
    assert gate.moves("1")
    assert not gate.moves("2")
    gate.release_all()
    assert gate.moves("2")
    gate.lose("2")
    assert not gate.moves("2")  # an event could not be held
    read_at = gate.losses("2")
    gate.lose("2")
    gate.release("2", read_at)
    assert not gate.moves("2")  # another was lost while it was read
    gate.release("2", gate.losses("2"))
    assert gate.moves("2")
    gate.disconnect()
    gate.release_all()
    assert not gate.moves(
        "1"
    )  # a reading that ends while the connection is gone opens nothing
    gate.resume()
    assert gate.moves("1")
    gate.disconnect()
    gate.begin()
    assert not gate.moves("1")  # a new session


def test_what_the_gate_lets_pass_later() -> None:
    """What came while nobody knew whether the session goes on is passed when it has, up
    to the latest; not where something is missing, nor in a new session."""
    gate = CursorGate()
    gate.begin()
    gate.release("1", 0)
    gate.lose("3")
    gate.disconnect()
    for channel, message in (("1", "98"), ("1", "100"), ("1", "99"), ("2", "7")):
        assert not gate.passes(channel, message)
    assert not gate.passes("3", "8")
    assert gate.resume() == {"1": "100"}
    assert gate.passes("1", "101")
    gate.disconnect()
    assert gate.resume() == {}
    gate.disconnect()
    assert not gate.passes("1", "102")
    gate.open_session()
    assert gate.resume() == {}
