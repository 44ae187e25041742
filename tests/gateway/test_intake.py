"""From an event to an admission and a hint, with plain ports in place of Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from itertools import count

import pytest
import pytest_asyncio

from app.domain.model import DISCORD_EPOCH_MS, Context, Event, RosterEntry, Signal
from app.domain.verdicts import Elect
from app.gateway.intake import Intake
from app.gateway.reactions import Bursts
from app.rules.interests import Interests
from app.rules.profile import Profile
from app.rules.signals import Facts
from app.store.elections import Election
from tests.gateway.recording import POLICY, RecordingPorts, Wire, settings, until

BOTS = {"elena": "11", "aria": "12", "dotty": "13"}
ROSTER = tuple(
    RosterEntry(bot=bot, user_id=user_id, names=(bot.title(),), channels=("5",))
    for bot, user_id in BOTS.items()
)
NOW_MS = 1_800_000_000_000

_numbers = count()


def event(content: str, **fields: object) -> Event:
    snowflake = (NOW_MS + next(_numbers) * 1000 - DISCORD_EPOCH_MS) << 22
    return Event.model_validate(
        {
            "message_id": str(snowflake),
            "channel_id": "5",
            "guild_id": "6",
            "author_id": "21",
            "author_name": "Ann",
            "content": content,
            **fields,
        }
    )


Start = Callable[..., Intake]


@pytest_asyncio.fixture
async def ports() -> RecordingPorts:
    return RecordingPorts(*ROSTER)


@pytest_asyncio.fixture
async def start(ports: RecordingPorts) -> AsyncIterator[Start]:
    """`start()` gives an intake that hosts all three bots and knows the roster."""
    running: list[Intake] = []

    def begin(
        lost: Callable[[str], None] = lambda channel: None,
        moves: bool = True,
        **changes: object,
    ) -> Intake:
        intake = Intake(ports, settings(**changes), POLICY)
        intake.hearing.learn(ROSTER)
        for bot, user_id in BOTS.items():
            intake.host(bot, user_id, Wire(moves, lost))
            intake.open(bot)
        running.append(intake)
        return intake

    yield begin
    for intake in running:
        await intake.close(0.1)


async def offered(intake: Intake, one: Event, *bots: str, late: bool = False) -> None:
    """Each bot's copy of an event comes in and is admitted."""
    jobs = [intake.offer(bot, one, late=late) for bot in bots or BOTS]
    await asyncio.wait_for(
        asyncio.gather(*(job for job in jobs if job is not None)), 10
    )


@pytest.mark.asyncio
async def test_a_direct_message_wakes_its_lane(
    start: Start, ports: RecordingPorts
) -> None:
    """A bot called by name gets a hint for its lane in the channel; the others only
    keep the message."""
    await offered(start(), event("elena, are you there?"))
    assert ports.hints == [("elena:5", Context.DIRECT)]
    assert [
        (c.bot, c.classified.signal, c.bid) for c in ports.admitted if c.bot != "elena"
    ] == [
        ("aria", Signal.AMBIENT, None),
        ("dotty", Signal.AMBIENT, None),
    ]
    assert {c.classified.addressed for c in ports.admitted} == {("elena",)}


@pytest.mark.asyncio
async def test_nobody_waits_for_a_bot_that_is_not_there(
    start: Start, ports: RecordingPorts
) -> None:
    """Who is named behind a bot that does not hear the channel comes first. Where
    nobody named hears it, or the roster does not know the channel yet, the message
    speaks to all of them as before."""
    intake = start()
    elsewhere = ROSTER[0].model_copy(update={"channels": ("7",)})
    intake.hearing.learn((elsewhere, *ROSTER[1:]))
    await offered(intake, event("elena, aria and dotty, hello"), "aria", "dotty")
    await offered(intake, event("elena, are you there?"), "aria")
    await offered(intake, event("elena and aria, hi", channel_id="8"), "aria")
    assert [one.classified.addressed for one in ports.admitted] == [
        ("aria", "dotty"),
        ("aria", "dotty"),
        ("elena",),
        ("elena", "aria"),
    ]


@pytest.mark.asyncio
async def test_an_election_closes_when_all_have_bid(
    start: Start, ports: RecordingPorts
) -> None:
    """The last bid of the channel's bots closes the election at once: one winner, one
    hint."""
    await offered(start(contention_window=60), event("what do you all think?"))
    await until(lambda: ports.hints)
    assert len(ports.asked) == 1
    winner, context = ports.hints[0]
    assert winner in BOTS
    assert context is Context.TRIGGER
    assert {c.expected for c in ports.admitted} == {3}


@pytest.mark.asyncio
async def test_an_election_closes_after_the_window(
    start: Start, ports: RecordingPorts
) -> None:
    """When a bot of the channel stays silent the opener closes the election after the
    window."""
    await offered(start(), event("what do you all think?"), "elena", "aria")
    assert not ports.asked
    await until(lambda: ports.hints)
    assert len(ports.hints) == 1


@pytest.mark.asyncio
async def test_the_timer_obeys_the_election(
    start: Start, ports: RecordingPorts
) -> None:
    """Not due, then deferred, then granted: the opener asks again each time, and hints
    once."""
    ports.elections = [
        Election(Elect.NOT_DUE, "", 5),
        Election(Elect.DEFERRED, "", 5),
        Election(Elect.GRANTED, "aria", 9),
    ]
    await offered(start(), event("what do you all think?"))
    await until(lambda: ports.hints)
    assert ports.hints == [("aria", Context.TRIGGER)]
    assert len(ports.asked) == 3


@pytest.mark.asyncio
@pytest.mark.parametrize("verdict", [Elect.CLOSED, Elect.LEFT, Elect.COOLED])
async def test_an_election_without_a_winner_hints_nobody(
    start: Start, ports: RecordingPorts, verdict: Elect
) -> None:
    """Closed, left to the poll or cooled: the lanes' due times say the rest."""
    ports.elections = [Election(verdict, "", 0)]
    intake = start()
    await offered(intake, event("what do you all think?"))
    await until(lambda: ports.asked)
    await intake.close(0.1)
    assert ports.hints == []
    assert len(ports.asked) == 1


@pytest.mark.asyncio
async def test_an_outage_holds_every_event_in_order(
    start: Start, ports: RecordingPorts
) -> None:
    """While Redis is away no event is lost; when it is back each is admitted once, in
    the order it came."""
    intake = start()
    ports.down = True
    jobs = [intake.offer("elena", event(f"line {number}")) for number in range(20)]
    await until(lambda: ports.tried == 0)
    ports.down = False
    await asyncio.wait_for(
        asyncio.gather(*(job for job in jobs if job is not None)), 10
    )
    assert ports.texts("elena") == [f"line {number}" for number in range(20)]


@pytest.mark.asyncio
async def test_a_retry_keeps_its_request_id(
    start: Start, ports: RecordingPorts
) -> None:
    """An admission whose answer was lost is asked again with the same id, so that its
    verdict is not DUPLICATE."""
    intake = start()
    lost = ports.admit
    answers: list[bool] = []

    async def lose_the_first_answer(candidate: object, request: str) -> object:
        outcome = await lost(candidate, request)  # type: ignore[arg-type]
        answers.append(True)
        if len(answers) == 1:
            from app.domain.errors import StoreUnavailable

            raise StoreUnavailable
        return outcome

    ports.admit = lose_the_first_answer  # type: ignore[method-assign,assignment]
    await offered(intake, event("elena, hi"), "elena")
    assert len(set(ports.requests)) == 1
    assert len(ports.requests) == 2


@pytest.mark.asyncio
async def test_overflow_asks_for_a_backfill(
    start: Start, ports: RecordingPorts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When a bot's queue is full its channel is reported lost, so that it is read
    back."""
    monkeypatch.setattr(
        "app.gateway.event_queue.EventQueue.__init__.__defaults__", (3,)
    )
    lost: list[str] = []
    intake = start(lost=lost.append)
    ports.down = True
    for number in range(5):
        intake.offer("elena", event(f"line {number}"))
    assert lost == ["5", "5"]


@pytest.mark.asyncio
async def test_late_events_are_context_only(
    start: Start, ports: RecordingPorts
) -> None:
    """What is older than the backfill age wakes nobody, even a bot that it names; that
    it was addressed is kept, so that the journal can say why this bot does not
    answer."""
    await offered(start(), event("elena, are you there?"), late=True)
    assert {c.bot for c in ports.admitted if c.classified.signal is Signal.DIRECT} == {
        "elena"
    }
    assert {c.classified.signal for c in ports.admitted if c.bot != "elena"} == {
        Signal.AMBIENT
    }
    assert {c.classified.addressed for c in ports.admitted} == {("elena",)}
    assert not any(c.wakes for c in ports.admitted)
    assert ports.hints == []


@pytest.mark.asyncio
async def test_gateway_wakes_off(start: Start, ports: RecordingPorts) -> None:
    """With gateway wakes off only direct messages wake; all else is kept for the poll,
    without a bid."""
    intake = start(gateway_wakes=False)
    await offered(intake, event("what do you all think?"))
    assert not any(c.wakes or c.bid for c in ports.admitted)
    await offered(intake, event("aria, hi"))
    assert ports.hints == [("aria:5", Context.DIRECT)]


@pytest.mark.asyncio
async def test_the_room_hears_a_message_once(
    start: Start, ports: RecordingPorts
) -> None:
    """Three copies of a message are one line of the room, and every bot judges it by
    what was there before it."""
    intake = start()
    first, second = (
        event("who likes coral?"),
        event("and who likes the deep sea?", author_id="22", author_name="Bo"),
    )
    await offered(intake, first)
    await offered(intake, second, "elena")
    place = intake.hearing.hear(first).place
    assert [line.message_id for line in place.room.recent] == [first.message_id]
    await offered(intake, second, "aria", "dotty")
    assert [line.message_id for line in place.room.recent] == [first.message_id]
    assert (
        len(
            {
                c.bid.parts["author_gap"]
                for c in ports.admitted[-3:]
                if c.bid is not None
            }
        )
        == 1
    )


@pytest.mark.asyncio
async def test_bids_do_not_depend_on_who_was_slow(
    start: Start, ports: RecordingPorts
) -> None:
    """A copy that is judged only after the next messages came bids as it would have bid
    before them."""
    intake = start()
    await offered(intake, event("good day"))
    ports.down = True
    jobs = [
        intake.offer("elena", event(text, author_id=author))
        for text, author in (
            ("what is a reef made of?", "21"),
            ("hello?", "22"),
            ("and of what?", "21"),
        )
    ]
    ports.down = False
    await asyncio.wait_for(
        asyncio.gather(*(job for job in jobs if job is not None)), 10
    )
    gaps = [
        c.bid.parts["author_gap"] for c in ports.of("elena")[1:] if c.bid is not None
    ]
    # Ann had spoken in the line before, Bo never, and Ann two lines before.
    assert gaps == [0.25, 0.5, 0.5]


@pytest.mark.asyncio
async def test_our_own_bots_are_gossip(start: Start, ports: RecordingPorts) -> None:
    """Another of our bots is known by name to the admission, and its message is
    expected of the others alone."""
    ports.known["aria"] = Facts(watched=True)
    ports.profiles["aria"] = Profile(interests=Interests(["coral"]))
    await offered(
        start(),
        event("I saw a coral reef", author_id="11", author_kind="ours"),
        "aria",
        "dotty",
    )
    gossip = ports.of("aria")[0]
    assert (gossip.classified.signal, gossip.author_bot, gossip.expected) == (
        Signal.GOSSIP,
        "elena",
        2,
    )
    assert ports.of("dotty")[0].classified.signal is Signal.AMBIENT


@pytest.mark.asyncio
async def test_an_unplaced_channel_waits_for_the_window(
    start: Start, ports: RecordingPorts
) -> None:
    """In a thread that the roster does not know yet, one bid does not pass for all."""
    await offered(start(), event("what do you all think?", channel_id="77"), "elena")
    assert ports.admitted[0].expected > 1000
    assert not ports.asked
    await until(lambda: ports.hints)


@pytest.mark.asyncio
async def test_cursors_are_held_when_told(start: Start, ports: RecordingPorts) -> None:
    """Live events move a cursor only if there is no gap before them; reactions never
    do."""
    await offered(start(moves=False), event("one"), "elena")
    intake = start()
    await offered(intake, event("two"), "elena")
    await offered(intake, event("two", kind="reaction", reactions=5), "elena")
    assert [c.move_cursor for c in ports.of("elena")] == [False, True, False]


@pytest.mark.asyncio
async def test_a_person_called_by_name(start: Start, ports: RecordingPorts) -> None:
    """A line that begins with the name of somebody lately seen keeps the bots out."""
    intake = start()
    await offered(intake, event("good day", author_id="22", author_name="Bobby"))
    ports.admitted.clear()
    await offered(intake, event("bobby, did you feed the fish?"))
    assert {c.classified.signal for c in ports.admitted} == {Signal.AMBIENT}


def test_bursts() -> None:
    """A burst is told once to each bot, counts people and not reactions, and needs more
    people than the threshold."""
    bursts = Bursts(threshold=3)
    assert [bursts.add("elena", "1", person) for person in "aabbc"] == [None] * 5
    assert bursts.add("elena", "1", "d") == 4
    assert bursts.add("aria", "1", "d") == 4
    assert bursts.add("elena", "1", "e") is None
    assert bursts.add("elena", "2", "d") is None


@pytest.mark.asyncio
async def test_a_deletion_is_held_though_the_queue_is_full(
    start: Start, ports: RecordingPorts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A channel's lost messages are read back later, a lost deletion never: it waits
    however much is held."""
    monkeypatch.setattr(
        "app.gateway.event_queue.EventQueue.__init__.__defaults__", (2,)
    )
    lost: list[str] = []
    intake = start(lost=lost.append)
    ports.down = True
    said = [event(f"line {number}") for number in range(4)]
    for one in said:
        intake.offer("elena", one)
    assert lost == ["5", "5"], "the queue is full"
    intake.deleted("elena", "5", said[0].message_id)
    ports.down = False
    await until(lambda: ports.gone == [("5", said[0].message_id)], what="the deletion")
    assert ports.texts("elena") == ["line 0", "line 1"]
