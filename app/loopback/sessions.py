"""Gateway sessions and the connections that carry them: sequence numbers, the log for
RESUME, the order of frames."""

from __future__ import annotations

import asyncio
import json
import zlib
from collections import deque
from collections.abc import Callable
from enum import IntEnum, IntFlag

from aiohttp import WSMsgType, web

from app.loopback.errors import Json
from app.loopback.state import Account

RESUME_LOG = 4096
"""Events that a session keeps for RESUME."""


class Op(IntEnum):
    """Gateway opcodes (Discord's table)."""

    DISPATCH = 0
    HEARTBEAT = 1
    IDENTIFY = 2
    PRESENCE = 3
    VOICE_STATE = 4
    RESUME = 6
    RECONNECT = 7
    REQUEST_MEMBERS = 8
    INVALID_SESSION = 9
    HELLO = 10
    HEARTBEAT_ACK = 11


class CloseCode(IntEnum):
    """Gateway close codes (Discord's table)."""

    UNKNOWN_ERROR = 4000
    UNKNOWN_OPCODE = 4001
    DECODE_ERROR = 4002
    NOT_AUTHENTICATED = 4003
    AUTHENTICATION_FAILED = 4004
    ALREADY_AUTHENTICATED = 4005
    INVALID_SEQUENCE = 4007
    RATE_LIMITED = 4008
    SESSION_TIMED_OUT = 4009
    INVALID_SHARD = 4010
    SHARDING_REQUIRED = 4011
    INVALID_API_VERSION = 4012
    INVALID_INTENTS = 4013
    DISALLOWED_INTENTS = 4014


class Intent(IntFlag):
    """The gateway intents that the loopback server's events need."""

    GUILDS = 1 << 0
    GUILD_MEMBERS = 1 << 1
    GUILD_PRESENCES = 1 << 8
    GUILD_MESSAGES = 1 << 9
    GUILD_REACTIONS = 1 << 10
    GUILD_TYPING = 1 << 11
    DIRECT_MESSAGES = 1 << 12
    DIRECT_REACTIONS = 1 << 13
    DIRECT_TYPING = 1 << 14
    MESSAGE_CONTENT = 1 << 15


PRIVILEGED_INTENTS = (
    Intent.GUILD_MEMBERS | Intent.GUILD_PRESENCES | Intent.MESSAGE_CONTENT
)
"""Intents that an application must be given before its bot may ask for them."""

MAX_CLIENT_FRAME = 4096
"""Bytes of one frame that a client may send."""

CLIENT_FRAMES = (120, 60.0)
"""Frames that a client may send, and the seconds in which."""


def encode(payload: object) -> bytes:
    """Compact JSON."""
    return json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode()


def control_frame(op: Op, data: object = None) -> bytes:
    """A frame that is not an event, such as HELLO."""
    return encode({"op": int(op), "d": data, "s": None, "t": None})


def event_frame(sequence: int, name: str, body: bytes) -> bytes:
    """A DISPATCH frame around an already encoded body, which all sessions share."""
    return b'{"op":0,"s":%d,"t":"%s","d":%s}' % (sequence, name.encode(), body)


class SharedEvent:
    """One event for many sessions; each distinct shape of it is encoded once.

    `build` makes a shape by its name; `shape_for` says which one a session gets.
    """

    def __init__(
        self,
        name: str,
        intent: Intent,
        build: Callable[[str], Json],
        shape_for: Callable[[Session], str] | None = None,
    ) -> None:
        self.name = name
        self.intent = intent
        self._build = build
        self._shape_for = shape_for
        self._encoded: dict[str, bytes] = {}

    @classmethod
    def plain(cls, name: str, intent: Intent, payload: Json) -> SharedEvent:
        """An event that looks the same for everyone."""
        return cls(name, intent, lambda _: payload)

    def body(self, session: Session) -> bytes:
        shape = self._shape_for(session) if self._shape_for else ""
        body = self._encoded.get(shape)
        if body is None:
            body = self._encoded[shape] = encode(self._build(shape))
        return body


class Connection:
    """One websocket. Frames are queued and written in order by `run`, so that posting
    never waits for a slow client."""

    def __init__(
        self,
        ws: web.WebSocketResponse,
        transport: asyncio.Transport | None,
        *,
        zlib_stream: bool,
    ) -> None:
        self._ws = ws
        self._transport = transport
        self._deflate = zlib.compressobj(zlib.Z_BEST_SPEED) if zlib_stream else None
        self._queue: deque[bytes | int] = deque()
        self._wake = asyncio.Event()
        self.session: Session | None = None
        self.closing = False
        self.silent = False
        """Nothing comes through in either direction, though nobody closed it."""
        self.acknowledging = True
        """Heartbeats are answered."""
        self._deadline: asyncio.TimerHandle | None = None
        self._received: deque[float] = deque(maxlen=CLIENT_FRAMES[0])

    def expect_within(self, seconds: float, missed: Callable[[], None]) -> None:
        """Call `missed` unless this is called again within so many seconds."""
        self.expect_nothing()
        self._deadline = asyncio.get_running_loop().call_later(seconds, missed)

    def expect_nothing(self) -> None:
        """Nothing can be missed any more."""
        if self._deadline is not None:
            self._deadline.cancel()

    def is_flooded(self, now: float) -> bool:
        """Note a frame of the client's at time.monotonic() `now`; True when it is one
        too many."""
        full = (
            len(self._received) == CLIENT_FRAMES[0]
            and now - self._received[0] < CLIENT_FRAMES[1]
        )
        self._received.append(now)
        return full

    def send(self, frame: bytes) -> None:
        self._queue.append(frame)
        self._wake.set()

    def close(self, code: int) -> None:
        """Close with this code after what is queued."""
        self.closing = True
        self._queue.append(code)
        self._wake.set()

    def abort(self) -> None:
        """Cut the connection without a close frame."""
        self._queue.clear()
        if self._transport is not None:
            self._transport.abort()

    async def run(self) -> None:
        """Write what is queued until the connection ends."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._queue:
                    await self._write_frame(self._queue.popleft())
        except ConnectionError:
            self._queue.clear()

    async def _write_frame(self, item: bytes | int) -> None:
        if self.silent:
            return
        if isinstance(item, int):
            self._queue.clear()
            await self._ws.close(code=item)
        elif self._deflate is None:
            await self._ws.send_frame(item, WSMsgType.TEXT)
        else:
            # Z_SYNC_FLUSH ends each message in 00 00 FF FF, by which clients know its
            # end.
            packed = self._deflate.compress(item) + self._deflate.flush(
                zlib.Z_SYNC_FLUSH
            )
            await self._ws.send_frame(packed, WSMsgType.BINARY)


class Session:
    """What survives a lost connection: the sequence and the latest events.
    `detached_at` is time.monotonic()."""

    def __init__(self, session_id: str, bot: Account, intents: int) -> None:
        self.id = session_id
        self.bot = bot
        self.intents = intents
        self.sequence = 0
        self.connection: Connection | None = None
        self.detached_at: float | None = None
        self._log: deque[tuple[int, str, bytes]] = deque(maxlen=RESUME_LOG)

    def push(self, name: str, body: bytes) -> None:
        """Number and log an event, and send it if somebody is connected."""
        self.sequence += 1
        self._log.append((self.sequence, name, body))
        if self.connection is not None:
            self.connection.send(event_frame(self.sequence, name, body))

    def attach(self, connection: Connection) -> None:
        # A client may resume before the server has noticed that its old socket is dead.
        if self.connection is not None and self.connection is not connection:
            self.connection.session = None
            self.connection.abort()
        self.connection = connection
        self.detached_at = None
        connection.session = self

    def can_resume_from(self, sequence: int) -> bool:
        """Is every event after this sequence number still in the log?"""
        # The client has the event `sequence` itself: only the next one must be there.
        oldest = self._log[0][0] if self._log else self.sequence + 1
        return oldest - 1 <= sequence <= self.sequence

    def replay_events(self, sequence: int) -> None:
        """Send again what came after this sequence number."""
        if self.connection is None:
            return
        for number, name, body in self._log:
            if number > sequence:
                self.connection.send(event_frame(number, name, body))
