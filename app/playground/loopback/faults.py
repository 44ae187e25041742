"""Faults that a test or a demonstration switches on while the server runs."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from app.playground.loopback.errors import Json

if TYPE_CHECKING:
    from app.playground.loopback.gateway import Hub
    from app.playground.loopback.loop import LoopCaller
    from app.playground.loopback.state import Account


@dataclass(slots=True)
class Rule:
    """What befalls the next `times` requests of one method whose path matches. Without a status the answer is lost."""

    method: str
    path: re.Pattern[str]
    times: int
    status: int | None
    body: Json | str
    headers: Mapping[str, str] = field(default_factory=dict)


class Gate:
    """Like an asyncio.Event for the opposite purpose: while it is set, posts wait. `waiting` counts them."""

    def __init__(self, caller: LoopCaller, wake: Callable[[], None]) -> None:
        self._caller = caller
        self._wake = wake
        self._open = asyncio.Event()
        self._open.set()
        self.waiting = 0

    def set(self) -> None:
        """Hold every message POST from now on."""
        self._caller.call(self._open.clear)

    def clear(self) -> None:
        """Let all go that are held."""
        self._caller.call(self._open.set)

    def is_set(self) -> bool:
        """Are posts held now?"""
        return not self._open.is_set()

    async def passage(self) -> None:
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
    """The switches. Rates are shares between 0 and 1 of all REST POST requests; all may be set from any thread.

    error_rate: answered with one of `error_statuses`, not carried out.
    lost_answer_rate: carried out, then the connection is cut without an answer.
    delay: seconds between carrying a POST out and answering it.
    hold_posts: `set()` holds message POSTs before they are carried out, `clear()` lets them go.
    """

    def __init__(self, hub: Hub, caller: LoopCaller, rng: random.Random, wake: Callable[[], None]) -> None:
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
        """Answer the next matching requests with this status, body and headers; the path is searched below /api/v10."""
        if body is None:
            body = {"message": f"{status}: injected", "code": 0}
        rule = Rule(method.upper(), re.compile(path_regex), times, status, body, headers or {})
        self._caller.call(lambda: self._rules.append(rule))

    def lose_next(self, method: str, path_regex: str, times: int = 1) -> None:
        """Carry the next matching requests out, then cut the connection without an answer."""
        rule = Rule(method.upper(), re.compile(path_regex), times, None, "")
        self._caller.call(lambda: self._rules.append(rule))

    def withhold_next(self, bot: Account, times: int = 1, event: str = "MESSAGE_CREATE") -> None:
        """Never deliver the next events of this kind in channels to one bot; its connection goes on as if nothing had
        happened, and REST tells of what happened."""
        self._caller.call(lambda: self._hub.withhold_next(bot, event, times))

    def drop_sockets(self, bot: Account | None = None) -> None:
        """Cut the gateway connections of one bot or of all; their sessions can be resumed."""
        self._caller.call(lambda: self._hub.drop_sockets(bot))

    def send_op7(self, bot: Account | None = None) -> None:
        """Ask the clients of one bot or of all to reconnect and resume."""
        self._caller.call(lambda: self._hub.send_op7(bot))

    def send_op9(self, bot: Account | None = None, resumable: bool = False) -> None:
        """Declare sessions invalid; unless resumable, what is posted until the next identify never reaches them."""
        self._caller.call(lambda: self._hub.send_op9(bot, resumable))

    def emit_raw(self, bot: Account, name: str, payload: Mapping[str, object]) -> None:
        """Send one bot an event as it is given, however little it fits Discord's documents."""
        self._caller.call(lambda: self._hub.emit(name, dict(payload), bot))

    def take_rule(self, method: str, path: str) -> Rule | None:
        """The rule that befalls this request, if any; it is used up by one."""
        for rule in self._rules:
            if rule.method == method and rule.path.search(path):
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
        return bool(self.lost_answer_rate) and self._rng.random() < self.lost_answer_rate
