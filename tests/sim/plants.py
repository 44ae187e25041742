"""Bugs that are planted to show that the simulation finds their kinds."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

from app.domain.errors import StoreUnavailable
from app.domain.model import Addressing, AuthorKind, Event, InboxEntry
from app.gateway.store_ports import StorePorts
from app.rules.addressing import addressing
from app.store import outbox
from app.store.lanes import Overdue


@dataclass(frozen=True, slots=True)
class Plant:
    """One bug. `lines`: what marks the lines of scripts that it leaves out; `swaps`:
    what it puts in place of what; `patches`: functions that it replaces."""

    name: str
    promise: str
    """The one by which it is to be found."""
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


def _everybody(event: Event, roster: Any, *known: Any) -> Addressing:
    if "?" in event.content and event.author_kind is AuthorKind.HUMAN:
        return Addressing(bots=tuple(entry.bot for entry in roster), reason="asked")
    return addressing(event, roster, *known)


async def _nothing_read(*_: Any) -> int:
    return 0


def _overdue(*_: Any) -> Any:
    from app.store.calls import command

    return command("PING", parse=lambda _: Overdue((), (), ()))


receipt = StorePorts.receipt


async def _any_receipt(
    self: Any, bot: str, channel_id: str, message_id: str, nonce: str
) -> None:
    flying = await self._store.run(outbox.in_flight(bot, channel_id))
    if flying is not None:
        await receipt(self, bot, channel_id, message_id, flying.nonce)


async def _healed_nothing(_: Any) -> None:
    pass


def _newest_first(entries: Sequence[InboxEntry]) -> list[InboxEntry]:
    return sorted(entries, key=lambda entry: -int(entry.event.message_id))


def _latest_person_first(entries: Sequence[InboxEntry]) -> list[InboxEntry]:
    """Each person's messages stay in their order."""
    written = sorted(entries, key=lambda entry: int(entry.event.message_id))
    people = list(dict.fromkeys(entry.event.author_id for entry in written))
    return sorted(written, key=lambda entry: -people.index(entry.event.author_id))


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
        swaps=(("redis.call('PTTL', keys.cooldown(bot))", "0"),),
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
        patches=(("app.gateway.event_queue.EventQueue._carry_out", _tried_once),),
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
        "a mute that is not looked at before the POST",
        "mute",
        swaps=(("if muted then return {'muted', 0, 0, 0} end", ""),),
    ),
    Plant(
        "a POST that is sent again unread",
        "no duplicate",
        swaps=(
            (
                "if not absent and now + timeout_ms - first >= nonce_window_ms then",
                "if false then",
            ),
        ),
    ),
    Plant(
        "a lane that is read newest first",
        "order",
        patches=(("app.brain.perceive.in_turn", _newest_first),),
    ),
    Plant(
        "a lane that hears the latest person first",
        "fairness",
        patches=(("app.brain.perceive.in_turn", _latest_person_first),),
    ),
    Plant(
        "a floor that the last to ask has first",
        "the floor's queue",
        swaps=(
            (
                "redis.call('ZRANGE', keys.waiting(channel), 0, -1)",
                "redis.call('ZREVRANGE', keys.waiting(channel), 0, -1)",
            ),
        ),
    ),
    Plant(
        "a commit that does not look whether its author went on",
        "one answer to a thought",
        lines=(
            "return refuse('stale', 'its author wrote again')",
            "return refuse('goes_on', 'in a later line')",
        ),
    ),
    Plant(
        "a quiet time that nobody keeps",
        "quiet time",
        swaps=(
            ("return posted and math.max(posted + own - now, 0) or 0", "return 0"),
            (
                "if last[2] and tonumber(last[2]) + quiet_ms > now then",
                "if false then",
            ),
        ),
    ),
    Plant(
        # Each of these guards has the others behind it: one that is missing alone
        # breaks no promise here. `tests/mutants.py` takes them one by one.
        "a commit that looks at neither lock, floor nor answer",
        "permission",
        lines=(
            "return refuse('lost_lock', 'another cycle owns the lane')",
            "return refuse('answered', 'already answered or declined')",
            "return refuse('answered', 'already answered by this bot')",
        ),
        swaps=(
            (
                "if not holder or holder.bot ~= bot or holder.message ~= message "
                "or holder.token ~= token or holder.entry then\n  return refuse",
                "if false then\n  return refuse",
            ),
        ),
    ),
    Plant(
        "an emptied Redis that nobody heals",
        "nothing direct lost",
        patches=(("app.gateway.healing.Healing.tick", _healed_nothing),),
    ),
    Plant(
        "a deletion that nobody heeds",
        "deletion",
        swaps=(
            (
                "if redis.call('EXISTS', keys.deleted(message)) == 1 then",
                "if false then",
            ),
            ("EXISTS', answer, keys.deleted(message))", "EXISTS', answer)"),
        ),
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
