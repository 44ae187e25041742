"""What a flooded channel leaves out: messages that speak to nobody are heard and not
admitted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from app.domain.model import Event

SHED_FROM = 60
"""Jobs of one channel that wait for one bot. A few bots' copies of so many take well
below a second."""
INTERVAL_S = 10.0


@dataclass(slots=True)
class _Shed:
    """What was left out in one channel since it was last told."""

    latest: Event
    messages: int = 1


class Shedding:
    """Counts what is left out, and tells it once for each channel and interval."""

    def __init__(
        self, tell: Callable[[Event, int], None], interval_s: float = INTERVAL_S
    ) -> None:
        self._tell = tell
        self._interval_s = interval_s
        self._channels: dict[str, _Shed] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def count(self, event: Event) -> None:
        """One bot's copy of a message is left out; the copies of others are no news."""
        channel = event.channel_id
        shed = self._channels.get(channel)
        if shed is None:
            self._channels[channel] = _Shed(event)
            self._timers[channel] = asyncio.get_running_loop().call_later(
                self._interval_s, self._tell_sum, channel
            )
        elif int(event.message_id) > int(shed.latest.message_id):
            shed.latest = event
            shed.messages += 1

    def close(self) -> None:
        """Tell nothing more."""
        for timer in self._timers.values():
            timer.cancel()

    def _tell_sum(self, channel: str) -> None:
        shed = self._channels.pop(channel)
        del self._timers[channel]
        self._tell(shed.latest, shed.messages)
