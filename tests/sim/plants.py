"""Bugs that are planted to show that the simulation finds their kinds."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

from app.domain.errors import StoreUnavailable
from app.store import outbox
from app.store.lanes import Overdue


@dataclass(frozen=True, slots=True)
class Plant:
    """One bug. `lines`: what marks the lines of scripts that it leaves out; `patches`:
    functions that it replaces."""

    name: str
    promise: str
    """The one that is seen to break, most often."""
    lines: tuple[str, ...] = ()
    patches: tuple[tuple[str, Callable[..., Any]], ...] = ()

    def edit(self, _: str, text: str) -> str:
        """A script's text with the bug in it."""
        kept = [
            line
            for line in text.splitlines()
            if not any(mark in line for mark in self.lines)
        ]
        return "\n".join(kept)

    @contextmanager
    def planted(self) -> Iterator[None]:
        """The functions are replaced inside."""
        with ExitStack() as stack:
            for name, function in self.patches:
                stack.enter_context(mock.patch(name, function))
            yield


_numbers = itertools.count()
_nonce = outbox.nonce


def _changing_nonce(entry_id: str, chunk: int) -> str:
    return _nonce(f"{entry_id}{next(_numbers)}", chunk)


async def _tried_once(queue: Any, job: Any) -> None:
    try:
        await job()
    except StoreUnavailable:
        queue.away = False


def _nothing_overdue(self: Any) -> int:
    del self
    return 0


def _overdue(*_: Any) -> Any:
    from app.store.calls import command

    return command("PING", parse=lambda _: Overdue((), (), ()))


async def _any_receipt(
    self: Any, bot: str, channel_id: str, message_id: str, nonce: str
) -> None:
    flying = await self._store.run(outbox.in_flight(bot, channel_id))
    entry = await self._store.run(outbox.read(flying.entry)) if flying else None
    if entry is not None:
        await self._store.run(
            outbox.record_delivery(
                entry,
                chunk=flying.chunk,
                message_id=message_id,
                how="receipt",
                date="2027-01-04",
            )
        )


PLANTS = (
    Plant(
        "a commit that looks at no answer, floor or lock",
        "no duplicate",
        lines=(
            "refuse('answered'",
            "refuse('lost_lock'",
            "return refuse('lost_floor'",
            "refuse('gone', 'no longer",
        ),
    ),
    Plant(
        "a wake that is not written down",
        "nothing direct lost",
        ("keys.wakes_due, 'LT'",),
    ),
    Plant(
        "a pump that finds nothing overdue",
        "nothing direct lost",
        patches=(("app.store.lanes.sweep", _overdue),),
    ),
    Plant(
        "a cursor that live events always move",
        "nothing direct lost",
        patches=(("app.gateway.backfill.CursorGate.moves", lambda *_: True),),
    ),
    Plant(
        "a mute that is not looked at before the POST",
        "mute",
        lines=("then return {'muted', 0, 0, 0}",),
    ),
    Plant(
        "a mute that no script looks at",
        "mute",
        lines=("muted_by(mute_scopes)", "if muted then"),
    ),
    Plant(
        "a nonce that changes with each try",
        "no duplicate",
        patches=(("app.store.outbox.nonce", _changing_nonce),),
    ),
    Plant(
        "a cooldown that is not set",
        "cooldown",
        lines=("cooldown_ms > 0 then redis.call('SET', cooldown",),
    ),
    Plant(
        "a cause whose posts are not counted", "budgets", lines=("why = answer_spent(",)
    ),
    Plant(
        "an event that is given up when Redis refuses",
        "nothing direct lost",
        patches=(("app.gateway.held.HeldQueue._carry_out", _tried_once),),
    ),
    Plant(
        "a receipt that counts whatever its nonce",
        "nothing direct lost",
        patches=(("app.gateway.store_ports.StorePorts.receipt", _any_receipt),),
    ),
    Plant(
        "an election that a claim does not ask for",
        "no pile-on",
        lines=(
            "return {'election_open'",
            "if redis.call('EXISTS', answer, keys.deleted(message)) > 0 then return {'answered', '', 0}",
        ),
    ),
    Plant("a finish of whoever has lost the lane", "", lines=("return {'lost', 0}",)),
    Plant("an event that is admitted twice", "", lines=("return {'duplicate'",)),
    Plant(
        "a delivery without its lease", "", lines=("return {'lost_lease', 0, 0, 0}",)
    ),
)
