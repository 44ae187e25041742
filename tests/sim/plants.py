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
    """One bug. `lines`: what marks the lines of scripts that it leaves out; `swaps`:
    what it puts in place of what; `patches`: functions that it replaces."""

    name: str
    promise: str
    """The one that is seen to break, most often."""
    lines: tuple[str, ...] = ()
    swaps: tuple[tuple[str, str], ...] = ()
    patches: tuple[tuple[str, Callable[..., Any]], ...] = ()

    def edit(self, _: str, text: str) -> str:
        """A script's text with the bug in it."""
        kept = [
            line
            for line in text.splitlines()
            if not any(mark in line for mark in self.lines)
        ]
        bad = "\n".join(kept)
        for old, new in self.swaps:
            bad = bad.replace(old, new)
        return bad

    @contextmanager
    def planted(self) -> Iterator[None]:
        """The functions are replaced inside."""
        with ExitStack() as stack:
            for name, function in self.patches:
                stack.enter_context(mock.patch(name, function, create=True))
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


def _as_it_comes(items: Any) -> Any:
    return items


async def _nothing_read(*_: Any) -> int:
    return 0


async def _delivered_anyway(courier: Any, entry: Any, chunk: int, *_: Any) -> None:
    await courier._delivered(entry, chunk, "1", "post")


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
        "a wake that is not written down",
        "nothing direct lost",
        lines=("keys.wakes_due, 'LT'",),
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
        "a nonce that changes with each try",
        "no duplicate",
        patches=(("app.store.outbox.nonce", _changing_nonce),),
    ),
    Plant(
        "a cooldown that is not looked at",
        "cooldown",
        swaps=(("return left > 0 and left or 0", "return 0"),),
    ),
    Plant(
        "a day whose posts are not counted",
        "budgets",
        swaps=(
            ("why = why or days_spent(", "why = why --("),
            ("return answer_spent(", "do return nil end return answer_spent("),
            ("spent(cost) or days_spent(days, cost, date)", "nil"),
        ),
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
        "an unasked answer to what was answered",
        "no pile-on",
        lines=(
            "refuse('answered', 'already answered or",
            "return {'election_open'",
            "return close('answered')",
            "keys.deleted(message)) > 0 then return {'answered'",
        ),
    ),
    Plant(
        "a lane that is read newest first",
        "order",
        patches=(("app.store.lanes.reversed", _as_it_comes),),
    ),
    Plant(
        "a reading back that begins from now",
        "nothing direct lost",
        patches=(("app.gateway.backfill.Backfill._read_after", _nothing_read),),
    ),
    Plant(
        "a failed POST that counts as delivered",
        "nothing direct lost",
        patches=(("app.delivery.courier.Courier._unsent", _delivered_anyway),),
    ),
)
