"""Frames that discord.py cannot parse, on real sockets: the bot goes on in the same
session."""

from __future__ import annotations

import copy
import inspect
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from discord.state import ConnectionState

from app.gateway.socket import FREE, LONGEST, Reconnections
from app.loopback.sessions import Session
from tests.gateway.conftest import Town
from tests.gateway.recording import until

pytestmark = pytest.mark.asyncio

SESSION_EVENTS = {"READY", "RESUMED"}
EVENTS = sorted(
    name.removeprefix("parse_").upper()
    for name, _ in inspect.getmembers(ConnectionState, inspect.isfunction)
    if name.startswith("parse_")
)
"""Every event that discord.py has a parser for."""
NONSENSE: tuple[object, ...] = (
    None,
    [],
    {},
    "",
    "nonsense",
    -1,
    1 << 70,
    0.5,
    True,
    [None],
    [{}],
    {"id": None},
)


class Wire:
    """Writes frames of any shape into the connections of one bot."""

    def __init__(self, town: Town, bot: str) -> None:
        self._town = town
        self._account = town.bots[bot]
        self.ids = {session.id for session in self._sessions()}

    def _sessions(self) -> list[Session]:
        hub = self._town.discord.server._core.hub
        return [
            session
            for session in hub._sessions.values()
            if session.bot is self._account
        ]

    def push(self, name: str, payload: object) -> None:
        """Send one event, numbered as others are."""
        body = json.dumps(payload).encode()
        loop = self._town.discord._loop
        loop.call_soon_threadsafe(
            lambda: [session.push(name, body) for session in self._sessions()]
        )

    def raw(self, frame: bytes) -> None:
        """Send a frame as it is."""
        loop = self._town.discord._loop
        loop.call_soon_threadsafe(
            lambda: [
                session.connection.send(frame)
                for session in self._sessions()
                if session.connection
            ]
        )

    def sent(self) -> list[tuple[str, Any]]:
        """Every event that the bot was sent so far."""
        log = [entry for session in self._sessions() for entry in session._log]
        return [(name, json.loads(body)) for _, name, body in log]

    def same_session(self) -> bool:
        """Whether no other session has begun."""
        return {session.id for session in self._sessions()} == self.ids


async def still_hears(town: Town, bot: str, text: str = "still here?") -> None:
    """The bot admits a message that is said now."""
    await town.say(text)
    await until(lambda: text in town.ports.texts(bot), what="the message after it")


def places(payload: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all fields of a payload."""
    pairs = (
        payload.items()
        if isinstance(payload, dict)
        else enumerate(payload)
        if isinstance(payload, list)
        else ()
    )
    for key, value in pairs:
        yield (*path, key)
        yield from places(value, (*path, key))


def damaged(payload: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """A copy with one to three fields gone or replaced."""
    damage = copy.deepcopy(payload)
    for _ in range(chance.randint(1, 3)):
        paths = list(places(damage))
        if not paths:
            return damage
        *way, last = chance.choice(paths)
        target: Any = damage
        for key in way:
            target = target[key]
        if chance.random() < 0.5 and isinstance(target, dict):
            del target[last]
        else:
            target[last] = copy.deepcopy(chance.choice(NONSENSE))
    return damage


async def busy(town: Town) -> None:
    """Let something of each kind happen that the loopback Discord tells bots of."""
    post = await town.say("a line")
    town.discord.react(town.ann, post, "👍")
    town.discord.unreact(town.ann, post, "👍")
    town.discord.edit(post, "a longer line")
    town.discord.open_thread(town.ann, town.channel, "a thread")
    town.discord.add_channel("another")
    town.discord.dm(town.ann, town.bots["elena"], "psst")
    town.discord.delete(post)
    await until(lambda: town.ports.gone)


@pytest.mark.parametrize("payload", [{}, {"id": "1"}, None, [], "text"], ids=repr)
async def test_a_partial_edit_is_skipped(town: Town, payload: object) -> None:
    """A MESSAGE_UPDATE without its fields is logged by its name and skipped; the
    session goes on."""
    await town.start("elena")
    wire = Wire(town, "elena")
    with structlog.testing.capture_logs() as lines:
        wire.push("MESSAGE_UPDATE", payload)
        await still_hears(town, "elena")
    skipped = [line for line in lines if "skipped" in line["event"]]
    assert [(line["bot"], line["event_type"]) for line in skipped] == [
        ("elena", "MESSAGE_UPDATE")
    ]
    assert wire.same_session()


@pytest.mark.parametrize("event", sorted(set(EVENTS) - SESSION_EVENTS))
async def test_nonsense_of_every_event_is_skipped(town: Town, event: str) -> None:
    """Nothing in the place of any event's payload ends a session."""
    await town.start("elena")
    wire = Wire(town, "elena")
    for nonsense in (
        *NONSENSE,
        {"guild_id": str(town.channel.guild_id)},
        {"guild_id": "x", "channel_id": [], "id": {}},
    ):
        wire.push(event, nonsense)
    await still_hears(town, "elena")
    assert wire.same_session()


@pytest.mark.parametrize("seed", range(4))
async def test_damaged_events_are_skipped(town: Town, seed: int) -> None:
    """Hundreds of real events with fields gone or replaced end no session."""
    await town.start("elena")
    wire = Wire(town, "elena")
    await busy(town)
    real = [
        (name, payload) for name, payload in wire.sent() if name not in SESSION_EVENTS
    ]
    assert len({name for name, _ in real}) >= 8, {name for name, _ in real}
    guild = next(payload for name, payload in real if name == "GUILD_CREATE")
    chance = random.Random(seed)
    with structlog.testing.capture_logs() as lines:
        for _ in range(300):
            name, payload = chance.choice(real)
            wire.push(name, damaged(payload, chance))
        wire.push("GUILD_CREATE", guild)
        await still_hears(town, "elena")
    assert wire.same_session()
    assert sum("skipped" in line["event"] for line in lines) > 50


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"no JSON",
        b"[]",
        b"null",
        b"7",
        b'{"op":0,"t":7,"d":{},"s":null}',
        b'{"op":0,"t":"MESSAGE_CREATE"}',
        b'{"op":99,"d":{}}',
        b'{"op":"x"}',
        b'{"op":10,"d":{}}',
        b'{"t":"NOT_AN_EVENT","op":0,"d":{}}',
    ],
    ids=repr,
)
async def test_frames_of_another_shape_are_skipped(town: Town, frame: bytes) -> None:
    """A frame that is no event at all is skipped."""
    await town.start("elena")
    wire = Wire(town, "elena")
    wire.raw(frame)
    await still_hears(town, "elena")
    assert wire.same_session()


async def test_a_log_of_a_skipped_frame_quotes_nothing(town: Town) -> None:
    """What was said does not reach the log with the frame that held it."""
    await town.start("elena")
    with structlog.testing.capture_logs() as lines:
        Wire(town, "elena").push(
            "MESSAGE_CREATE",
            {"id": "my secret", "content": "my secret", "channel_id": "my secret"},
        )
        await still_hears(town, "elena")
    assert any("skipped" in line["event"] for line in lines)
    assert "my secret" not in repr(lines)


async def test_a_broken_stream_is_resumed(town: Town) -> None:
    """Bytes that cannot be decompressed cost a connection and no session: what was said
    meanwhile is heard."""
    await town.start("elena")
    wire = Wire(town, "elena")
    sessions = wire._sessions()
    connection = sessions[0].connection
    assert connection is not None
    loop = town.discord._loop
    loop.call_soon_threadsafe(
        lambda: loop.create_task(connection._ws.send_bytes(b"rubbish\x00\x00\xff\xff"))
    )
    await until(lambda: sessions[0].connection is not connection)
    await still_hears(town, "elena")
    assert wire.same_session()


async def test_reconnections_that_never_end_are_slowed() -> None:
    """The first reconnections of a minute are immediate, the next wait longer and
    longer, and calm forgives them."""
    pace = Reconnections()
    assert [pace.pause(0.0) for _ in range(FREE)] == [0.0] * FREE
    pauses = [pace.pause(1.0) for _ in range(12)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (1.0, LONGEST)
    assert pace.pause(100.0) == 0.0


async def test_a_message_with_a_poll_of_no_known_shape_is_heard(town: Town) -> None:
    """What discord.py cannot parse beside the words is left out; the words are heard in
    the same session."""
    await town.start("elena")
    wire = Wire(town, "elena")
    await still_hears(town, "elena", "first")
    _, message = next(
        pair for pair in reversed(wire.sent()) if pair[0] == "MESSAGE_CREATE"
    )
    poll: dict[str, object] = {
        "question": {"text": "Tea?"},
        "answers": [],
        "expiry": None,
    }
    wire.push(
        "MESSAGE_CREATE",
        message
        | {"id": str(int(message["id"]) + 1), "content": "choose", "poll": poll},
    )
    await until(
        lambda: "choose" in town.ports.texts("elena"), what="the words beside the poll"
    )
    assert wire.same_session()
