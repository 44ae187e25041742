"""The timers of the elections that this process opened. The pump closes those whose
process died."""

from __future__ import annotations

import asyncio

import structlog

from app.domain.errors import StoreUnavailable
from app.domain.lane import Lane
from app.domain.model import Context
from app.domain.verdicts import Elect
from app.gateway.ports import AdmissionPorts
from app.runtime.backoff import error_places
from app.runtime.traces import span

log = structlog.get_logger(__name__)

TRIES = 8
"""How often this process asks about one election; after that it is the pump's."""
LEAST_MS = 5
AFTER_OUTAGE_MS = 500

_AGAIN = frozenset({Elect.NOT_DUE, Elect.DEFERRED})


class Elections:
    """Closes elections in time. Others may close them too: the outcome is the same."""

    def __init__(self, ports: AdmissionPorts) -> None:
        self._ports = ports
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._running: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._timers)

    def close_in(
        self, message_id: str, channel_id: str, milliseconds: int, tries: int = TRIES
    ) -> None:
        """Ask for the outcome after this time. An earlier time that was set before
        stays: the answer to the last bid may come before the answer to the first."""
        loop = asyncio.get_running_loop()
        when = loop.time() + max(0, milliseconds) / 1000
        earlier = self._timers.get(message_id)
        if earlier is not None:
            if earlier.when() <= when:
                return
            earlier.cancel()
        self._timers[message_id] = loop.call_at(
            when, self._begin, message_id, channel_id, tries
        )

    def stop(self) -> None:
        """Forget all timers."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        for task in self._running:
            task.cancel()

    def _begin(self, message_id: str, channel_id: str, tries: int) -> None:
        # Gone before the question is asked: its answer may ask for a new timer.
        self._timers.pop(message_id, None)
        task = asyncio.get_running_loop().create_task(
            self._close(message_id, channel_id, tries)
        )
        # asyncio itself holds a task weakly: it could vanish before it ends.
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _close(self, message_id: str, channel_id: str, tries: int) -> None:
        try:
            with span("elect", message_id, {}) as noted:
                outcome = await self._ports.elect(message_id, channel_id)
                noted.note(
                    {
                        "stream.verdict": outcome.verdict,
                        "gen_ai.agent.name": outcome.winner,
                    }
                )
        except StoreUnavailable:
            self._again(message_id, channel_id, AFTER_OUTAGE_MS, tries)
            return
        except Exception as error:  # noqa: BLE001 - a task's end: the pump closes the election
            log.error(
                "an election failed",
                trace=message_id,
                error=type(error).__name__,
                where=error_places(error),
            )
            return
        if outcome.verdict is Elect.GRANTED and outcome.fresh:
            self._ports.hint(Lane(outcome.winner), Context.TRIGGER)
        elif outcome.verdict in _AGAIN:
            self._again(message_id, channel_id, outcome.retry_in_ms + LEAST_MS, tries)

    def _again(
        self, message_id: str, channel_id: str, milliseconds: int, tries: int
    ) -> None:
        if tries > 1 and message_id not in self._timers:
            self.close_in(message_id, channel_id, milliseconds, tries - 1)
