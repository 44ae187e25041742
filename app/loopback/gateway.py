"""The gateway: the websocket protocol, and the hub that hands each event to the
sessions that may see it."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Callable, Iterator, Mapping

from aiohttp import WSCloseCode, WSMsgType, web

from app.loopback import payloads
from app.loopback.handshake import API_VERSIONS, Handshakes, StartLimit
from app.loopback.sessions import (
    MAX_CLIENT_FRAME,
    CloseCode,
    Connection,
    Intent,
    Op,
    Session,
    SharedEvent,
    control_frame,
    encode,
)
from app.loopback.state import Account, Channel, Guild, Member, World
from app.loopback.switches import Switches

SESSION_TTL = 300.0
"""Seconds that a session without a connection can still be resumed."""

_CLOSE_TIMEOUT = 2.0
_CLIENT_ENDS_SESSION = (WSCloseCode.OK, WSCloseCode.GOING_AWAY)
_CHUNK = 1000
_ACK_AFTER = 0.05
"""discord.py notes when it sent a heartbeat after it has sent it: an answer within a
millisecond comes before the note, and it warns of a connection that is 41 s behind."""
_ACK = control_frame(Op.HEARTBEAT_ACK)


class Hub(Switches):
    """All gateway sessions. `wake` is called whenever a session becomes ready, resumes
    or loses its connection."""

    def __init__(
        self,
        world: World,
        rng: random.Random,
        wake: Callable[[], None],
        *,
        compress: bool,
        starts: StartLimit,
        heartbeat_interval: float,
    ) -> None:
        super().__init__(world, Handshakes(starts))
        self._rng = rng
        self._wake = wake
        self._compress = compress
        self._heartbeat_interval = heartbeat_interval
        self.resume_url = ""

    def connected(self) -> list[Account]:
        """The bots that have a live session, one entry for each connection."""
        return [
            session.bot
            for session in self._sessions.values()
            if session.connection is not None
        ]

    def publish(self, event: SharedEvent, channel: Channel) -> None:
        """Send an event to every session that may see the channel and asked for the
        intent."""
        for session in self._sessions_seeing(channel):
            if session.intents & event.intent and not self._keeps_back(session, event):
                session.push(event.name, event.body(session))

    def publish_in_guild(self, event: SharedEvent, guild: Guild) -> None:
        """Send an event about a guild (a role, a channel, a member) to its bots that
        asked for the intent."""
        if guild.unavailable:
            return
        for session in self._sessions.values():
            if session.bot.id in guild.members and session.intents & event.intent:
                session.push(event.name, event.body(session))

    def publish_to(self, event: SharedEvent, bot_id: int) -> None:
        """Send an event to one bot, whatever its intents."""
        for session in self._sessions.values():
            if session.bot.id == bot_id:
                session.push(event.name, event.body(session))

    def publish_member(self, event: SharedEvent, guild: Guild, account_id: int) -> None:
        """Send a change of a member to the bots with the members intent, and to the
        member itself without it."""
        if guild.unavailable:
            return
        for session in self._sessions.values():
            knows = session.intents & event.intent and session.bot.id in guild.members
            if knows or session.bot.id == account_id:
                session.push(event.name, event.body(session))

    def publish_guild(
        self, guild: Guild, bot_id: int | None = None, *, joined: bool = False
    ) -> None:
        """Tell one bot or all connected ones of a guild that they are in, or have just
        joined."""
        for session in self._sessions.values():
            if bot_id in (None, session.bot.id):
                self._push_guild(session, guild, joined=joined)

    def bots(self) -> list[Account]:
        """The bots that hear of what happens, also those whose connection may still
        come back."""
        return list(
            {
                session.bot.id: session.bot for session in self._sessions.values()
            }.values()
        )

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one websocket until it closes."""
        ws = web.WebSocketResponse(compress=False, timeout=_CLOSE_TIMEOUT)
        await ws.prepare(request)
        zlib_stream = self._compress and request.query.get("compress") == "zlib-stream"
        transport = request.transport
        connection = Connection(ws, transport, zlib_stream=zlib_stream)
        self._connections.add(connection)
        # One writer keeps the frames of all queueing tasks in order.
        writer = asyncio.create_task(connection.run())
        connection.send(
            control_frame(
                Op.HELLO, {"heartbeat_interval": int(self._heartbeat_interval * 1000)}
            )
        )
        self._expect_heartbeat(connection)
        if request.query.get("v", API_VERSIONS[-1]) not in API_VERSIONS:
            connection.close(CloseCode.INVALID_API_VERSION)
        try:
            async for message in ws:
                # A client may send its JSON as text or, as hikari does, as bytes.
                if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    self._receive_frame(connection, message.data)
        finally:
            self._connections.discard(connection)
            connection.expect_nothing()
            writer.cancel()
            # A close of our own leaves the session resumable, whatever code the client
            # answers with.
            self._detach_session(
                connection, None if connection.closing else ws.close_code
            )
        return ws

    def _receive_frame(self, connection: Connection, raw: str | bytes) -> None:
        if connection.closing or connection.silent:
            return
        if connection.is_flooded(time.monotonic()):
            connection.close(CloseCode.RATE_LIMITED)
            return
        if len(raw) > MAX_CLIENT_FRAME:
            connection.close(CloseCode.DECODE_ERROR)
            return
        try:
            frame = json.loads(raw)
            op, data = Op(frame["op"]), frame.get("d")
        except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError):
            connection.close(CloseCode.DECODE_ERROR)
        except ValueError:
            connection.close(CloseCode.UNKNOWN_OPCODE)
        else:
            self._receive_op(connection, op, data)

    def _receive_op(self, connection: Connection, op: Op, data: object) -> None:
        try:
            self._handle_frame(connection, op, data)
        except ValueError:
            # An id or a number in it is none.
            connection.close(CloseCode.DECODE_ERROR)

    def _expect_heartbeat(self, connection: Connection) -> None:
        connection.expect_within(
            2 * self._heartbeat_interval, lambda: self._time_out(connection)
        )

    def _time_out(self, connection: Connection) -> None:
        """Two heartbeats are missing: the session ends and cannot be resumed."""
        if connection.session is not None:
            self._forget_session(connection.session)
        connection.close(CloseCode.SESSION_TIMED_OUT)

    def _handle_frame(self, connection: Connection, op: Op, data: object) -> None:
        match op, data:
            case Op.HEARTBEAT, _:
                self._expect_heartbeat(connection)
                if connection.acknowledging:
                    loop = asyncio.get_running_loop()
                    loop.call_later(_ACK_AFTER, connection.send, _ACK)
            case ((Op.IDENTIFY | Op.RESUME), _) if connection.session is not None:
                connection.close(CloseCode.ALREADY_AUTHENTICATED)
            case Op.IDENTIFY, dict():
                self._handle_identify(connection, data)
            case Op.RESUME, dict():
                self._handle_resume(connection, data)
            case _ if connection.session is None:
                connection.close(CloseCode.NOT_AUTHENTICATED)
            case Op.REQUEST_MEMBERS, dict():
                self._send_members(connection.session, data)
            case ((Op.PRESENCE | Op.VOICE_STATE), _):
                pass
            case _:
                connection.close(CloseCode.UNKNOWN_OPCODE)

    def _handle_identify(
        self, connection: Connection, data: Mapping[str, object]
    ) -> None:
        bot = self._world.bots_by_token.get(_bare_token(data))
        if bot is None:
            connection.close(CloseCode.AUTHENTICATION_FAILED)
            return
        if not self._accepts_identify(connection, bot, data):
            return
        self._forget_expired()
        session = Session(
            f"{self._rng.getrandbits(128):032x}", bot, int(str(data.get("intents", 0)))
        )
        self._sessions[session.id] = session
        session.attach(connection)
        guilds = [
            guild for guild in self._world.guilds.values() if bot.id in guild.members
        ]
        ready = {
            "v": 10,
            "user": payloads.current_user(bot),
            # As at Discord: READY lists the servers, a GUILD_CREATE each describes
            # them.
            "guilds": [{"id": str(guild.id), "unavailable": True} for guild in guilds],
            "private_channels": [],
            "session_id": session.id,
            "session_type": "normal",
            "resume_gateway_url": self.resume_url,
            "application": {
                "id": str(bot.id),
                "flags": payloads.application(bot)["flags"],
            },
            "shard": data.get("shard", [0, 1]),
        }
        session.push("READY", encode(ready))
        for guild in guilds:
            self._push_guild(session, guild)
        code = self.handshakes.take_close(bot, after_ready=True)
        if code is not None:
            # Also a RESUME of this session is to be refused, so that the client
            # identifies again.
            self._forget_session(session)
            connection.close(code)
        self._wake()

    def _accepts_identify(
        self, connection: Connection, bot: Account, data: Mapping[str, object]
    ) -> bool:
        """Judge an IDENTIFY. One that is refused starts no session and is not counted
        as a start."""
        handshakes = self.handshakes
        # Before the verdict: a test wants to see refused ones too.
        handshakes.starts.identifies[bot.id] += 1
        code = handshakes.take_close(
            bot, after_ready=False
        ) or handshakes.find_objection(bot, data)
        if code is not None:
            connection.close(code)
        elif handshakes.take_refusal(bot) or handshakes.is_hasty(bot, data):
            connection.send(control_frame(Op.INVALID_SESSION, False))
        elif handshakes.starts.is_spent(bot):
            # Discord resets the token of a bot that begins too many sessions.
            self.end_token(bot)
            connection.close(CloseCode.AUTHENTICATION_FAILED)
        else:
            handshakes.starts.count(bot)
            return True
        self._wake()
        return False

    def _handle_resume(
        self, connection: Connection, data: Mapping[str, object]
    ) -> None:
        bot = self._world.bots_by_token.get(_bare_token(data))
        if bot is None:
            connection.close(CloseCode.AUTHENTICATION_FAILED)
            return
        session = self._sessions.get(str(data.get("session_id")))
        sequence = data.get("seq")
        code = self.handshakes.take_resume_close(bot)
        if code is not None:
            connection.close(code)
        elif session is None or session.bot is not bot or not isinstance(sequence, int):
            connection.send(control_frame(Op.INVALID_SESSION, False))
        elif sequence > session.sequence:
            connection.close(CloseCode.INVALID_SEQUENCE)
        # The log is bounded: what has left it is lost, and a new session is due.
        elif not session.can_resume_from(sequence):
            self._forget_session(session)
            connection.send(control_frame(Op.INVALID_SESSION, False))
        else:
            session.attach(connection)
            session.replay_events(sequence)
            session.push("RESUMED", b"{}")
            self._wake()

    def _push_guild(
        self, session: Session, guild: Guild, *, joined: bool = False
    ) -> None:
        here = session.bot.id in guild.members and not guild.unavailable
        if here and session.intents & Intent.GUILDS:
            everyone = bool(session.intents & Intent.GUILD_MEMBERS)
            shape = payloads.guild_create(
                self._world, guild, session.bot, all_members=everyone, joined=joined
            )
            session.push("GUILD_CREATE", encode(shape))

    def _send_members(self, session: Session, data: Mapping[str, object]) -> None:
        """GUILD_MEMBERS_CHUNK: by `user_ids`, or by the beginning of the name (`query`,
        `limit`; 0 is no limit)."""
        guild = self._world.guilds.get(int(str(data.get("guild_id", 0))))
        if guild is None:
            return
        wanted = data.get("user_ids")
        if wanted:
            ids = wanted if isinstance(wanted, list) else [wanted]
            found = [
                m.account
                for m in (guild.members.get(int(str(i))) for i in ids)
                if m is not None
            ]
        else:
            prefix = str(data.get("query") or "").lower()
            found = [
                m.account for m in guild.members.values() if _name_begins(m, prefix)
            ]
            found = found[: int(str(data.get("limit") or 0)) or None]
        chunks = [found[i : i + _CHUNK] for i in range(0, len(found), _CHUNK)] or [[]]
        for index, chunk in enumerate(chunks):
            shape = {
                "guild_id": str(guild.id),
                "members": [payloads.member(account, guild) for account in chunk],
                "chunk_index": index,
                "chunk_count": len(chunks),
                "nonce": data.get("nonce"),
            }
            session.push("GUILD_MEMBERS_CHUNK", encode(shape))

    def _keeps_back(self, session: Session, event: SharedEvent) -> bool:
        left = self._withheld.get((session.bot.id, event.name), 0)
        if left:
            self._withheld[session.bot.id, event.name] = left - 1
        return left > 0

    def _sessions_seeing(self, channel: Channel) -> Iterator[Session]:
        if (
            channel.guild_id is not None
            and self._world.guilds[channel.guild_id].unavailable
        ):
            return iter(())
        return (
            s
            for s in self._sessions.values()
            if self._world.can_read(s.bot.id, channel)
        )

    def _detach_session(self, connection: Connection, close_code: int | None) -> None:
        session = connection.session
        # A RESUME may have moved the session to another connection before this one
        # ended.
        if session is None or session.connection is not connection:
            return
        session.connection = None
        session.detached_at = time.monotonic()
        # A client that closes with 1000 or 1001 gives its session up, as at Discord.
        if close_code in _CLIENT_ENDS_SESSION:
            self._forget_session(session)
        self._wake()

    def _forget_expired(self) -> None:
        limit = time.monotonic() - SESSION_TTL
        for session in list(self._sessions.values()):
            if session.detached_at is not None and session.detached_at < limit:
                self._forget_session(session)


def _name_begins(member: Member, prefix: str) -> bool:
    names = (member.nick, member.account.global_name, member.account.username)
    return any(name.lower().startswith(prefix) for name in names if name)


def _bare_token(data: Mapping[str, object]) -> str:
    return str(data.get("token", "")).removeprefix("Bot ")
