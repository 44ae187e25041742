"""Commit: the one step from decision to outbox."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

from app.domain.model import Action, ActionKind, AuthorKind, InboxEntry, OutboxEntry
from app.domain.settings import Settings
from app.domain.verdicts import Commit
from app.rules.chunking import split
from app.store import keys
from app.store.calls import Call, Reply
from app.store.floors import Holder, charged
from app.store.limits import Limits
from app.store.outbox import signed


class Committed(NamedTuple):
    """The verdict, and why when it is a refusal."""

    verdict: Commit
    reason: str


@dataclass(frozen=True, slots=True)
class Decision:
    """A decided action with what the checks need to know of how it came about."""

    holder: Holder
    entry: InboxEntry
    action: Action
    token: str
    """Fencing token of the floor."""
    read_up_to: str = ""
    """Newest message id in the context that the action answers."""
    final: bool = False
    """Send it even if it is stale: it was planned again once."""
    hold: str = ""
    """Under which `reserve` holds what it may cost; empty: nothing is held."""
    cooldown: float = 60.0

    @property
    def entry_id(self) -> str:
        """The outbox entry: the same for every try at answering this message by this
        bot."""
        seed = f"{self.holder.lane.bot}|{self.entry.event.message_id}|{self.entry.event.kind}|{self.holder.kind}"
        return hashlib.sha256(seed.encode()).hexdigest()[:24]


def outbox_entry(decision: Decision) -> OutboxEntry:
    """The immutable part of an outbox entry."""
    event, action = decision.entry.event, decision.action
    reaction = action.kind is ActionKind.REACT
    return OutboxEntry(
        entry_id=decision.entry_id,
        bot=decision.holder.lane.bot,
        channel_id=event.channel_id,
        kind=action.kind,
        chunks=() if reaction else tuple(split(action.text)),
        emoji=action.emoji if reaction else "",
        reply_to=event.message_id,
        reply_author=event.author_id,
        guild_id=event.guild_id,
        parent_id=event.parent_id,
        direct=decision.holder.kind == "direct",
        fallback=next(iter(split(action.fallback)), "")
        if decision.holder.kind == "direct"
        else "",
    )


def _parse(reply: Reply) -> Committed:
    return Committed(Commit(reply[0]), reply[1])


def _keys(d: Decision, body: OutboxEntry, request: str) -> tuple[str, ...]:
    event, bot = d.entry.event, d.holder.lane.bot
    return (
        keys.lock(d.holder.lane),
        keys.floor(event.channel_id),
        keys.answer(event.message_id),
        keys.bids(event.message_id),
        keys.recent_bot_posts(event.channel_id),
        keys.last_human(event.channel_id),
        keys.cooldown(bot),
        keys.inbox(d.holder.lane),
        keys.work(bot),
        keys.outbox(bot, event.channel_id),
        keys.entry(body.entry_id),
        keys.DELIVERIES_DUE,
        keys.journal(event.message_id),
        keys.request(request),
        keys.floor_waiting(event.channel_id),
    )


def commit(
    decision: Decision, limits: Limits, settings: Settings, request: str
) -> Call[Committed]:
    """Check everything and do everything, in one script: still owner, still holder, not
    answered, fresh, within budget."""
    d, event, bot = decision, decision.entry.event, decision.holder.lane.bot
    body = outbox_entry(d)
    return Call(
        "commit",
        _keys(d, body, request),
        (
            d.holder.owner,
            bot,
            event.message_id,
            event.channel_id,
            d.holder.kind,
            d.entry.entry_id,
            d.token,
            event.author_id,
            event.author_kind,
            d.read_up_to,
            int(d.final),
            limits.json(),
            d.action.tokens,
            d.action.micro_usd,
            d.hold,
            body.entry_id,
            signed(body, settings),
            int(d.cooldown * 1000),
            int(settings.delivery_hold * 1000),
            int(settings.dry_run),
            int(d.action.kind is ActionKind.REACT),
            "" if body.direct else int(settings.deliver_by * 1000),
            d.action.reason,
            charged(event),
            int(event.author_kind is AuthorKind.HUMAN and not d.entry.notice),
            keys.mute_scopes(bot, event.channel_id, event.guild_id, event.parent_id),
        ),
        _parse,
    )
