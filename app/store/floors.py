"""The floor of a channel: who may speak now, and for which message."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from app.domain.lane import Lane
from app.domain.model import AuthorKind, Cost, Event, InboxEntry
from app.domain.settings import Settings
from app.domain.verdicts import Claim, Reserve
from app.store import keys
from app.store.calls import Call, Reply
from app.store.limits import Limits

TURN_MS = 10**8
"""What one turn weighs against the age of a message: more than any message waits."""
LAST_TURN = 10_000


class Claimed(NamedTuple):
    """The answer to a claim: a fencing token when GRANTED, else in how many ms to ask
    again (0: never)."""

    verdict: Claim
    token: str
    retry_in_ms: int


@dataclass(frozen=True, slots=True)
class Holder:
    """Who asks: one cycle, by its lane and the id under which it holds the lane's
    lock."""

    lane: Lane
    owner: str

    @property
    def kind(self) -> str:
        """`direct` or `auto`, as scripts call the two kinds of lane."""
        return "auto" if self.lane.channel is None else "direct"


def _claimed(reply: Reply) -> Claimed:
    return Claimed(Claim(reply[0]), reply[1], int(reply[2]))


def claim(
    holder: Holder, entry: InboxEntry, settings: Settings, quiet_time: float
) -> Call[Claimed]:
    """Ask for the floor of the entry's channel. A holder that asks again keeps its
    token."""
    event, bot = entry.event, holder.lane.bot
    before = (
        entry.addressed[: entry.addressed.index(bot)] if bot in entry.addressed else ()
    )
    # One thousandth of a millisecond a place: the order of the named within the order
    # of the messages.
    score = min(entry.turn, LAST_TURN) * TURN_MS + event.created_ms + len(before) / 1024
    return Call(
        "claim",
        (
            keys.lock(holder.lane),
            keys.floor(event.channel_id),
            keys.answer(event.message_id),
            keys.bids(event.message_id),
            keys.recent_bot_posts(event.channel_id),
            keys.floor_waiting(event.channel_id),
            keys.cooldown(bot),
            keys.inbox(holder.lane),
            keys.journal(event.message_id),
            keys.work(bot),
        ),
        (
            str(holder.lane),
            holder.owner,
            bot,
            event.message_id,
            holder.kind,
            entry.entry_id,
            int(settings.floor_lease * 1000),
            int(quiet_time * 1000),
            json.dumps(before),
            repr(score),
            keys.mute_scopes(bot, event.channel_id, event.guild_id, event.parent_id),
        ),
        _claimed,
    )


def renew(
    channel: str, bot: str, message: str, token: str, lease_ms: int
) -> Call[bool]:
    """Keep the floor while the model writes; False: it is lost."""
    return Call("renew", (keys.floor(channel),), (bot, message, token, lease_ms), bool)


def charged(event: Event) -> str:
    """The channel whose budget an answer is of: a thread's is its channel's."""
    return event.parent_id or event.channel_id


def reserve(
    holder: Holder,
    entry: InboxEntry,
    token: str,
    limits: Limits,
    cost: Cost,
    hold: str,
    request: str,
) -> Call[tuple[Reserve, str]]:
    """Before a model call that may cost so much: the verdict, with a reason when it is
    a refusal. Asked again with the same hold, it holds more."""
    event, bot = entry.event, holder.lane.bot
    return Call(
        "reserve",
        (
            keys.floor(event.channel_id),
            keys.bids(event.message_id),
            keys.journal(event.message_id),
            keys.request(request),
            keys.lock(holder.lane),
        ),
        (
            bot,
            event.message_id,
            token,
            event.author_kind,
            holder.kind,
            limits.json(),
            cost.tokens,
            holder.owner,
            cost.micro_usd,
            hold,
            event.author_id if event.author_kind is AuthorKind.HUMAN else "",
            charged(event),
        ),
        lambda reply: (Reserve(reply[0]), str(reply[1])),
    )


def give_back(
    holder: Holder, entry: InboxEntry, token: str, keep: bool, reason: str, request: str
) -> Call[tuple[str, str]]:
    """Give the floor back without an answer. Returns the verdict (kept, declined,
    handed_over, dropped, lost_lock) and the lane that is due now, if one waited."""
    event, bot = entry.event, holder.lane.bot
    return Call(
        "yield",
        (
            keys.lock(holder.lane),
            keys.floor(event.channel_id),
            keys.answer(event.message_id),
            keys.bids(event.message_id),
            keys.inbox(holder.lane),
            keys.work(bot),
            keys.journal(event.message_id),
            keys.floor_waiting(event.channel_id),
            keys.ELECTIONS_DUE,
            keys.request(request),
        ),
        (
            holder.owner,
            bot,
            event.message_id,
            holder.kind,
            entry.entry_id,
            token,
            int(keep),
            reason,
        ),
        lambda reply: (str(reply[0]), str(reply[1])),
    )


def drop(
    holder: Holder, entries: list[InboxEntry], step: str, reason: str
) -> Call[int]:
    """Remove entries that need no answer; one journal line for each that was more than
    ambient. -1: the lock is lost."""
    args: list[str | int] = [holder.owner, holder.lane.bot, step, reason]
    for entry in entries:
        args += [entry.entry_id, entry.event.message_id, int(entry.signal != "ambient")]
    return Call(
        "drop",
        (keys.lock(holder.lane), keys.inbox(holder.lane), keys.work(holder.lane.bot)),
        tuple(args),
        int,
    )


def left(holder: Holder, entries: Sequence[InboxEntry], reason: str) -> Call[int]:
    """Note, once each, triggers that a cycle saw and left. Returns the number noted."""
    messages = (entry.event.message_id for entry in entries)
    return Call(
        "left",
        (keys.lock(holder.lane),),
        (holder.owner, holder.lane.bot, reason, *messages),
        int,
    )
