"""Messages that wait for the rest of their thought: who is hinted when the wait is
over, and how typing prolongs it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from app.domain.model import Event
from app.gateway.hearing import ChannelMessage
from app.rules.thoughts import Patience, typing_ms

SIGN_EVERY = 1.0
"""Seconds between two signs of one person's typing that are passed on: each bot's
connection brings each of them."""


@dataclass(slots=True)
class _Wait:
    """Of one message: since when it is known here, until when it waits (both of the
    loop's clock), and the bots that owe it an answer."""

    since: float
    until: float
    bots: set[str] = field(default_factory=set)
    typed: float = 0.0


class Waits:
    """Timers of one process. What dies with it is the pump's."""

    def __init__(self, hint: Callable[[str, Event], None], patience: Patience) -> None:
        """`hint` asks for one bot's answer to a message."""
        self._hint = hint
        self._patience = patience
        self._waits: dict[str, _Wait] = {}
        self._timers: dict[tuple[str, str], asyncio.TimerHandle] = {}

    def begin(self, heard: ChannelMessage, wait_ms: int, bot: str = "") -> None:
        """A message waits. `bot`: owes it an answer; empty: an election waits."""
        if wait_ms <= 0:
            return
        now = asyncio.get_running_loop().time()
        message = heard.event.message_id
        # The first bot's copy starts the clock; later ones join it.
        wait = self._waits.setdefault(message, _Wait(now, now + wait_ms / 1000))
        if bot:
            wait.bots.add(bot)
        # No thought waits longer than this, so nothing stays of one that nobody
        # answered.
        asyncio.get_running_loop().call_later(
            self._patience.most_ms / 1000, self._waits.pop, message, None
        )

    def hint_in(self, bot: str, event: Event, milliseconds: int) -> None:
        """Ask for an answer when the time is over; of a thought only the latest such
        time counts."""
        thought = event.earlier[0].message_id if event.earlier else event.message_id
        key = bot, thought
        # The hint of an earlier line would have the bot answer half of the thought.
        if (earlier := self._timers.pop(key, None)) is not None:
            earlier.cancel()
        if milliseconds <= 0:
            self._hint(bot, event)
            return
        self._timers[key] = asyncio.get_running_loop().call_later(
            milliseconds / 1000, self._end, key, event
        )

    def _end(self, key: tuple[str, str], event: Event) -> None:
        self._timers.pop(key, None)
        self._hint(key[0], event)

    def prolong_ms(self, heard: ChannelMessage) -> int:
        """How much longer a message waits now that its author types; 0: it does not
        wait, or this sign was told already."""
        wait, now = self._waits.get(heard.event.message_id), _now()
        if wait is None or now >= wait.until or now < wait.typed + SIGN_EVERY:
            return 0
        wait.typed = now
        # The lines bear Discord's clock, the wait this process's: added up, not
        # compared.
        told_ms = heard.lines[-1].at_ms + round((now - wait.since) * 1000)
        return typing_ms(heard.lines, told_ms, self._patience)

    def prolonged(self, heard: ChannelMessage, for_ms: int) -> None:
        """Redis knows of the longer wait."""
        wait = self._waits.get(heard.event.message_id)
        if wait is not None:
            wait.until = max(wait.until, _now() + for_ms / 1000)
            for bot in wait.bots:
                self.hint_in(bot, heard.event, for_ms)

    def close(self) -> None:
        """Forget all timers."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()


def _now() -> float:
    return asyncio.get_running_loop().time()
