"""Commit: the one step from decision to outbox."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from app.domain.model import Action, ActionKind, AuthorKind, InboxEntry, OutboxEntry
from app.domain.settings import Settings
from app.domain.verdicts import Commit
from app.rules.chunking import split
from app.store import keys
from app.store.calls import Call, Reply
from app.store.floors import Holder, charged
from app.store.keys import Key
from app.store.limits import Limits
from app.store.outbox import signed
from app.store.scripts import script


class Committed(NamedTuple):
    """The verdict, and why when it is a refusal."""

    verdict: Commit
    reason: str


class Joined(NamedTuple):
    """Another line of the thought that is answered, and its entry in the lane's inbox;
    empty: it has none there."""

    entry_id: str
    message_id: str


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
    joined: tuple[Joined, ...] = ()
    """Other lines of the same thought that it answers."""

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
        # Only who asked is owed other words, should Discord refuse these.
        fallback=next(iter(split(action.fallback)), "")
        if decision.holder.kind == "direct"
        else "",
    )


def _parse(reply: Reply) -> Committed:
    return Committed(Commit(reply[0]), reply[1])


@script("answer.commit")
def _commit(
    *,
    lock: Key,
    floor: Key,
    answer: Key,
    election: Key,
    recent_posts: Key,
    last_human: Key,
    cooldown: Key,
    inbox: Key,
    work: Key,
    outbox: Key,
    entry: Key,
    journal: Key,
    request: Key,
    owner: str,
    bot: str,
    message: str,
    channel: str,
    kind: str,
    entry_id: str,
    outbox_id: str,
    token: str,
    author: str,
    author_kind: str,
    read_up_to: str | None,
    final: bool,
    limits: Limits,
    tokens: int,
    micro_usd: int,
    hold: str,
    body: str,
    cooldown_ms: int,
    undelivered_ms: int,
    dry_run: bool,
    reaction: bool,
    deliver_within_ms: int | None,
    reason: str,
    charged: str,
    shared: bool,
    mute_scopes: str,
    joined: Sequence[str],
) -> None: ...


def commit(
    decision: Decision, limits: Limits, settings: Settings, request: str
) -> Call[Committed]:
    """Check everything and do everything, in one script."""
    d, event, bot = decision, decision.entry.event, decision.holder.lane.bot
    message, channel = event.message_id, event.channel_id
    body = outbox_entry(d)
    return _commit(
        lock=keys.lock(d.holder.lane),
        floor=keys.floor(channel),
        answer=keys.answer(message),
        election=keys.election(message),
        recent_posts=keys.recent_bot_posts(channel),
        last_human=keys.last_human(channel),
        cooldown=keys.cooldown(bot),
        inbox=keys.inbox(d.holder.lane),
        work=keys.work(bot),
        outbox=keys.outbox(bot, channel),
        entry=keys.entry(body.entry_id),
        journal=keys.journal(message),
        request=keys.request(request),
        owner=d.holder.owner,
        bot=bot,
        message=message,
        channel=channel,
        kind=d.holder.kind,
        entry_id=d.entry.entry_id,
        outbox_id=body.entry_id,
        token=d.token,
        author=event.author_id,
        author_kind=event.author_kind,
        read_up_to=d.read_up_to,
        final=d.final,
        limits=limits,
        tokens=d.action.tokens,
        micro_usd=d.action.micro_usd,
        hold=d.hold,
        body=signed(body, settings),
        cooldown_ms=int(d.cooldown * 1000),
        undelivered_ms=int(settings.undelivered_lease * 1000),
        dry_run=settings.dry_run,
        reaction=d.action.kind is ActionKind.REACT,
        deliver_within_ms=None if body.direct else int(settings.deliver_by * 1000),
        reason=d.action.reason,
        charged=charged(event),
        shared=event.author_kind is AuthorKind.HUMAN and not d.entry.notice,
        mute_scopes=keys.mute_scopes(bot, channel, event.guild_id, event.parent_id),
        joined=[part for line in d.joined for part in line],
    ).parsed(_parse)
