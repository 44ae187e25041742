"""Faults that a test or a demonstration switches on while the server runs."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.loopback import edge
from app.loopback.errors import Json

if TYPE_CHECKING:
    from app.loopback.gateway import Hub
    from app.loopback.loop import LoopCaller
    from app.loopback.state import Account


@dataclass(slots=True)
class Rule:
    """What befalls the next `times` requests of one method whose path matches. Without
    a status the answer is lost."""

    method: re.Pattern[str]
    path: re.Pattern[str]
    times: int
    status: int | None
    body: Json | str
    headers: Mapping[str, str] = field(default_factory=dict)


class Gate:
    """Like an asyncio.Event for the opposite purpose: while it is set, posts wait.
    `waiting` counts them."""

    def __init__(self, caller: LoopCaller, wake: Callable[[], None]) -> None:
        self._caller = caller
        self._wake = wake
        self._open = asyncio.Event()
        self._open.set()
        self.waiting = 0

    def set(self) -> None:
        """Hold every message POST from now on."""
        # asyncio's events are not safe to touch from another thread.
        self._caller.call(self._open.clear)

    def clear(self) -> None:
        """Let all go that are held."""
        self._caller.call(self._open.set)

    def is_set(self) -> bool:
        """Are posts held now?"""
        return not self._open.is_set()

    async def wait_while_held(self) -> None:
        """Wait while the gate is held."""
        if self._open.is_set():
            return
        self.waiting += 1
        self._wake()
        try:
            await self._open.wait()
        finally:
            self.waiting -= 1
            self._wake()


class Faults:
    """The switches. Rates are shares between 0 and 1 of all REST POST requests; all may
    be set from any thread.

    error_rate: answered with one of `error_statuses`, not carried out.
    lost_answer_rate: carried out, then the connection is cut without an answer. delay:
    seconds between carrying a POST out and answering it. hold_posts: `set()` holds
    message POSTs before they are carried out, `clear()` lets them go.
    """

    def __init__(
        self, hub: Hub, caller: LoopCaller, rng: random.Random, wake: Callable[[], None]
    ) -> None:
        self._hub = hub
        self._caller = caller
        self._rng = rng
        self._rules: list[Rule] = []
        self.error_rate = 0.0
        self.error_statuses: tuple[int, ...] = (500, 502, 503)
        self.lost_answer_rate = 0.0
        self.delay = 0.0
        self.hold_posts = Gate(caller, wake)

    def fail_next(
        self,
        method: str,
        path_regex: str,
        status: int,
        body: Json | str | None = None,
        times: int = 1,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Answer the next matching requests with this status, body and headers; the
        path is searched below /api/v10.

        A body of text is sent as HTML. `method` may be a regular expression too, such
        as ".*".
        """
        if body is None:
            body = {"message": f"{status}: injected", "code": 0}
        rule = Rule(
            method=_method_pattern(method),
            path=re.compile(path_regex),
            times=times,
            status=status,
            body=body,
            headers=dict(headers or {}),
        )
        self._caller.call(lambda: self._rules.append(rule))

    def cloudflare(
        self,
        method: str,
        path_regex: str,
        status: int,
        times: int = 1,
        *,
        retry_after: int = 1,
    ) -> None:
        """Let the proxy in front of Discord answer the next matching requests with a
        page of HTML."""
        self.fail_next(
            method,
            path_regex=path_regex,
            status=status,
            body=edge.error_page(status),
            times=times,
            headers=edge.page_headers(status, retry_after),
        )

    def limit_globally(
        self, retry_after: float = 1.0, times: int = 1, path_regex: str = ""
    ) -> None:
        """Answer the next requests of any method with a 429 that holds for all of a
        bot's routes."""
        body = edge.limit_body(retry_after, is_global=True)
        self.fail_next(
            ".*",
            path_regex=path_regex,
            status=429,
            body=body,
            times=times,
            headers=edge.global_limit_headers(retry_after),
        )

    def lose_next(self, method: str, path_regex: str, times: int = 1) -> None:
        """Carry the next matching requests out, then cut the connection without an
        answer."""
        rule = Rule(
            method=_method_pattern(method),
            path=re.compile(path_regex),
            times=times,
            status=None,
            body="",
        )
        self._caller.call(lambda: self._rules.append(rule))

    def withhold_next(
        self, bot: Account, times: int = 1, event: str = "MESSAGE_CREATE"
    ) -> None:
        """Never deliver the next events of this kind in channels to one bot; its
        connection goes on as if nothing had happened, and REST tells of what
        happened."""
        self._caller.call(lambda: self._hub.withhold_next(bot, event, times))

    def drop_sockets(self, bot: Account | None = None) -> None:
        """Cut the gateway connections of one bot or of all; their sessions can be
        resumed."""
        self._caller.call(lambda: self._hub.drop_sockets(bot))

    def silence_sockets(self, bot: Account) -> None:
        """Let nothing come through on the bot's connections any more, not even a heartbeat,
        without closing them; their sessions can be resumed."""
        self._caller.call(lambda: self._hub.silence_sockets(bot))

    def withhold_acks(self, bot: Account) -> None:
        """Answer no heartbeat on the bot's connections any more; events come on."""
        self._caller.call(lambda: self._hub.withhold_acks(bot))

    def end_sessions(self, bot: Account, code: int) -> None:
        """Close the bot's connections with this code and forget its sessions: none can
        be resumed."""
        self._caller.call(lambda: self._hub.end_sessions(bot, code))

    def send_op7(self, bot: Account | None = None) -> None:
        """Ask the clients of one bot or of all to reconnect and resume."""
        self._caller.call(lambda: self._hub.send_op7(bot))

    def send_op9(self, bot: Account | None = None, resumable: bool = False) -> None:
        """Declare sessions invalid; unless resumable, what is posted until the next
        identify never reaches them."""
        self._caller.call(lambda: self._hub.send_op9(bot, resumable))

    def emit_raw(self, bot: Account, name: str, payload: Mapping[str, object]) -> None:
        """Send one bot an event as it is given, however little it fits Discord's
        documents."""
        self._caller.call(lambda: self._hub.emit(name, dict(payload), bot))

    def send_frame(self, bot: Account, frame: bytes) -> None:
        """Send one bot a frame of these bytes, which need not be JSON; it has no
        number."""
        self._caller.call(lambda: self._hub.send_frame(bot, frame))

    def close_next_identify(
        self, bot: Account, code: int, times: int = 1, *, after_ready: bool = False
    ) -> None:
        """End the bot's next sessions with a close code: instead of READY, or
        `after_ready`, when they count."""
        self._caller.call(
            lambda: self._hub.handshakes.close_next(
                bot, code, times, after_ready=after_ready
            )
        )

    def close_resumes(self, bot: Account, code: int, times: int = 1) -> None:
        """End the bot's next attempts to resume with a close code; the session stays."""
        self._caller.call(lambda: self._hub.handshakes.close_resumes(bot, code, times))

    def refuse_identify(self, bot: Account, times: int = 1) -> None:
        """Answer the bot's next IDENTIFYs with op 9; they start no session."""
        self._caller.call(lambda: self._hub.handshakes.refuse_next(bot, times))

    def disallow_intents(self, bot: Account, intents: int) -> None:
        """Take privileged intents from a bot's application: its sessions with them end
        with 4014, and without the message content intent REST shows it others' messages
        without content."""
        self._caller.call(lambda: self._hub.disallow_intents(bot, intents))

    def allow_intents(self, bot: Account) -> None:
        """Give a bot's application all privileged intents back."""
        self._caller.call(lambda: self._hub.allow_intents(bot))

    def reset_token(self, bot: Account) -> None:
        """The token ends, as when its owner or Discord resets it: REST answers 401 and
        the gateway 4004."""
        self._caller.call(lambda: self._hub.end_token(bot))

    def close_sockets(self, bot: Account, code: int) -> None:
        """Close the bot's connections with this code; a client may resume where the
        code allows it."""
        self._caller.call(lambda: self._hub.close_sockets(bot, code))

    def take_rule(self, method: str, path: str) -> Rule | None:
        """The rule that befalls this request, if any; it is used up by one."""
        for rule in self._rules:
            if rule.method.fullmatch(method) and rule.path.search(path):
                rule.times -= 1
                if rule.times <= 0:
                    self._rules.remove(rule)
                return rule
        return None

    def draw_error(self) -> int | None:
        """The status that befalls this POST, by chance."""
        if self.error_rate and self._rng.random() < self.error_rate:
            return self._rng.choice(self.error_statuses)
        return None

    def draw_lost_answer(self) -> bool:
        """Does the answer to this POST get lost, by chance?"""
        return (
            bool(self.lost_answer_rate) and self._rng.random() < self.lost_answer_rate
        )


def _method_pattern(name: str) -> re.Pattern[str]:
    return re.compile(name, re.IGNORECASE)
