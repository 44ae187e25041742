"""Bugs that are planted to show that the simulation finds their kinds."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

from app.domain.errors import StoreUnavailable
from app.domain.model import Addressing, AuthorKind, Event
from app.rules.addressing import addressing
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


def _everybody(event: Event, roster: Any, *known: Any) -> Addressing:
    if "?" in event.content and event.author_kind is AuthorKind.HUMAN:
        return Addressing(bots=tuple(entry.bot for entry in roster), reason="asked")
    return addressing(event, roster, *known)


async def _nothing_read(*_: Any) -> int:
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
            (
                "local function budgets_spent(budgets, cost, day)",
                "local function budgets_spent() if true then return nil end",
            ),
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
        "a gateway for which a question speaks to everybody",
        "no pile-on",
        patches=(("app.gateway.hearing.addressing", _everybody),),
    ),
    Plant(
        "a gap that the cursor passes unread",
        "nothing direct lost",
        patches=(("app.gateway.backfill.Backfill._read_after", _nothing_read),),
    ),
    Plant(
        "a wake that comes hours too late",
        "nothing direct lost",
        swaps=(
            (
                "keys.wakes_due, 'LT', int(due), lane)",
                "keys.wakes_due, 'LT', int(due + 7200000), lane)",
            ),
        ),
    ),
)
