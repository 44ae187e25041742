"""What Discord, or a test in its place, does to the gateway's connections and
sessions."""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import WSCloseCode

from app.loopback.errors import Json
from app.loopback.handshake import Handshakes
from app.loopback.sessions import (
    CloseCode,
    Connection,
    Op,
    Session,
    control_frame,
    encode,
)
from app.loopback.state import Account, Channel, World


class Switches:
    """A part of `Hub`. Where a bot may be None, all bots are meant."""

    def __init__(self, world: World, handshakes: Handshakes) -> None:
        self._world = world
        self.handshakes = handshakes
        self._sessions: dict[str, Session] = {}
        self._connections: set[Connection] = set()
        self._withheld: dict[tuple[int, str], int] = {}

    def emit(self, name: str, payload: Json, bot: Account | None) -> None:
        """Send a raw event to one bot's sessions, or to all that may see its channel;
        without a channel to all."""
        body = encode(payload)
        named = str(payload.get("channel_id"))
        channel = self._world.channels.get(int(named)) if named.isdecimal() else None
        everyone = self._sessions.values()
        audience = (
            everyone
            if channel is None or bot is not None
            else self._sessions_seeing(channel)
        )
        for session in list(audience):
            if bot is None or session.bot is bot:
                session.push(name, body)

    def send_frame(self, bot: Account, frame: bytes) -> None:
        """Send bytes as they are, which need not be JSON."""
        for connection in self._connections_of(bot):
            connection.send(frame)

    def withhold_next(self, bot: Account, name: str, times: int) -> None:
        """Such events are given no number either, so that the client cannot see the
        gap."""
        self._withheld[bot.id, name] = self._withheld.get((bot.id, name), 0) + times

    def drop_sockets(self, bot: Account | None) -> None:
        for connection in self._connections_of(bot):
            connection.abort()

    def silence_sockets(self, bot: Account) -> None:
        for connection in self._connections_of(bot):
            connection.silent = True

    def withhold_acks(self, bot: Account) -> None:
        for connection in self._connections_of(bot):
            connection.acknowledging = False

    def send_op7(self, bot: Account | None) -> None:
        for connection in self._connections_of(bot):
            connection.send(control_frame(Op.RECONNECT))

    def send_op9(self, bot: Account | None, resumable: bool) -> None:
        """Also a session without a connection is forgotten, so that its RESUME is
        refused."""
        for connection in self._connections_of(bot):
            connection.send(control_frame(Op.INVALID_SESSION, resumable))
        if not resumable:
            for session in list(self._sessions.values()):
                if bot is None or session.bot is bot:
                    self._forget_session(session)

    def close_all(self) -> None:
        """Close every connection, as Discord does when it goes away; the sessions stay
        resumable."""
        for connection in self._connections:
            connection.close(WSCloseCode.GOING_AWAY)

    def end_token(self, bot: Account) -> None:
        """Discord resets a bot's token: REST answers 401, and all its sessions end."""
        self._world.bots_by_token = {
            t: b for t, b in self._world.bots_by_token.items() if b is not bot
        }
        self.end_sessions(bot, CloseCode.AUTHENTICATION_FAILED)

    def end_sessions(self, bot: Account, code: int, intents: int = 0) -> None:
        """Close a bot's sessions that use any of these intents (0: all) for good."""
        for session in list(self._sessions.values()):
            if session.bot is bot and (not intents or session.intents & intents):
                if session.connection is not None:
                    session.connection.close(code)
                self._forget_session(session)

    def disallow_intents(self, bot: Account, intents: int) -> None:
        self.handshakes.disallow_intents(bot, intents)
        if self.handshakes.lacks_content(bot):
            self._world.without_content.add(bot.id)
        self.end_sessions(bot, CloseCode.DISALLOWED_INTENTS, intents)

    def allow_intents(self, bot: Account) -> None:
        self.handshakes.allow_intents(bot)
        self._world.without_content.discard(bot.id)

    def close_sockets(self, bot: Account, code: int) -> None:
        for connection in self._connections_of(bot):
            connection.close(code)

    def _connections_of(self, bot: Account | None) -> list[Connection]:
        connections = [c for c in self._connections if c.session is not None]
        return [
            c
            for c in connections
            if bot is None or (c.session is not None and c.session.bot is bot)
        ]

    def _forget_session(self, session: Session) -> None:
        self._sessions.pop(session.id, None)

    def _sessions_seeing(self, channel: Channel) -> Iterable[Session]:
        """The sessions that may see a channel."""
        raise NotImplementedError
