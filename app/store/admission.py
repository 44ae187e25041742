"""Admission: one event, one bot, one round trip."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from app.domain.lane import Lane
from app.domain.model import Bid, Classified, Event, Signal
from app.domain.settings import Settings
from app.domain.verdicts import Admit
from app.rules.turns import weight
from app.store import keys, signing
from app.store.calls import Call, Reply, command
from app.store.keys import Key
from app.store.limits import Limits
from app.store.scripts import script

INBOX_CAP = 1_000
"""Unasked messages kept for a bot between two safety polls, some 0.6 MB. A message must
not be pushed out while a model writes its answer: that takes 30 messages a second for
half a minute."""


PARTS_TOLD = 12
"""Parts of a bid that the journal names."""


class Admission(NamedTuple):
    """What became of one event for one bot."""

    verdict: Admit
    elect_in_ms: int
    entry_id: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """One event as one bot sees it, ready to admit."""

    bot: str
    event: Event
    classified: Classified
    bid: Bid | None = None
    author_bot: str = ""
    """Our bot that wrote it, if one of ours did."""
    expected: int = 1
    """Bots that the roster places in the channel."""
    wakes: bool = True
    """False: keep it in the inbox as context and wake nobody."""
    move_cursor: bool = True
    wordless: bool = False
    """The bot may not write there: it bids for a reaction alone, below everybody who
    may write."""
    hold_ms: int = 0
    """Nobody answers before: a proxy may yet delete the message and say it under
    another name."""
    edited: bool = False
    """An edit made it speak to the bot, which had heard the message before."""


def _parse(reply: Reply) -> Admission:
    return Admission(Admit(reply[0]), int(reply[1]), reply[2] or "")


def _signed(c: Candidate, settings: Settings) -> str:
    # The purpose is signed too: nobody turns what was merely heard into a request.
    purpose = (
        signing.asked(c.bot) if c.classified.signal is Signal.DIRECT else signing.HEARD
    )
    return signing.signer(settings).sign(
        purpose, c.event.model_dump_json(exclude_defaults=True)
    )


def _told(parts: Mapping[str, float]) -> str:
    """What the journal keeps of a bid's parts: the weightiest, and the sum of the
    others as `rest`. All of them were three quarters of what a message took in
    Redis."""
    ranked = sorted(parts.items(), key=lambda part: abs(part[1]), reverse=True)
    kept = {name: round(bits, 2) for name, bits in ranked[:PARTS_TOLD]}
    rest = round(sum(bits for _, bits in ranked[PARTS_TOLD:]), 2)
    return json.dumps(kept | ({"rest": rest} if rest else {}), separators=(",", ":"))


@script("message.admit")
def _admit(
    *,
    seen: Key,
    seen_message: Key,
    inbox: Key,
    direct_inbox: Key,
    bids: Key,
    election: Key,
    answer: Key,
    journal: Key,
    last_human: Key,
    person_hour: Key,
    cursor: Key,
    request: str,
    kind: str,
    bot: str,
    message: str,
    channel: str,
    author: str,
    author_kind: str,
    author_bot: str,
    event: str,
    signal: str,
    reason: str,
    addressed: str,
    bid: float | None,
    score: float | None,
    parts: str,
    expected: int,
    window_ms: int,
    reply_to: str | None,
    wakes: bool,
    limits: Limits,
    moves_cursor: bool,
    inbox_cap: int,
    guild: str,
    parent: str | None,
    hold_ms: int,
    wordless: bool,
    weight: int,
    mute_scopes: str,
) -> None: ...


def _kind(c: Candidate) -> str:
    """A burst of reactions, or an edit, is another event about a message that was
    admitted when it was written."""
    if c.event.kind == "reaction":
        return "reaction"
    return "edit" if c.edited else "message"


def admit(
    candidate: Candidate, request: str, limits: Limits, settings: Settings
) -> Call[Admission]:
    """Dedupe, mutes, limits, inbox, then a direct wake or a bid. `request` makes a
    repeated call return its verdict."""
    c, event = candidate, candidate.event
    bot, message, channel = c.bot, event.message_id, event.channel_id
    bid = c.bid if c.bid is not None and c.bid.above_threshold else None
    call = _admit(
        seen=keys.seen(bot, message, _kind(c)),
        seen_message=keys.seen(bot, message),
        inbox=keys.inbox(Lane(bot)),
        direct_inbox=keys.inbox(Lane(bot, channel)),
        bids=keys.bids(message),
        election=keys.election(message),
        answer=keys.answer(message),
        journal=keys.journal(message),
        last_human=keys.last_human(channel),
        person_hour=keys.person_hour(bot, event.author_id),
        cursor=keys.cursor(bot),
        request=request,
        kind=_kind(c),
        bot=bot,
        message=message,
        channel=channel,
        author=event.author_id,
        author_kind=event.author_kind,
        author_bot=c.author_bot,
        event=_signed(c, settings),
        signal=c.classified.signal,
        reason=c.classified.reason,
        addressed=json.dumps(c.classified.addressed),
        bid=None if bid is None else bid.score,
        score=None if c.bid is None else c.bid.score,
        parts="" if bid is None else _told(bid.parts),
        expected=c.expected,
        window_ms=int(settings.contention_window * 1000),
        reply_to=event.reply_to,
        wakes=c.wakes,
        limits=limits,
        moves_cursor=c.move_cursor,
        inbox_cap=INBOX_CAP,
        guild=event.guild_id or "-",
        parent=event.parent_id,
        hold_ms=c.hold_ms,
        wordless=c.wordless,
        weight=weight(event, settings.newcomer_days),
        mute_scopes=keys.mute_scopes(bot, channel, event.guild_id, event.parent_id),
    )
    return call.parsed(_parse)


@script("message.mark_deleted")
def _mark_deleted(*, deleted: Key, journal: Key) -> None: ...


def mark_deleted(message: str) -> Call[int]:
    """The message was deleted: nothing that waits for it is sent any more."""
    call = _mark_deleted(deleted=keys.deleted(message), journal=keys.journal(message))
    return call.parsed(int)


@script("message.cancel")
def _cancel(
    *,
    answer: Key,
    journal: Key,
    election: Key,
    floor: Key,
    waiting: Key,
    bot: str,
    step: str,
    reason: str,
) -> None: ...


def cancel(bot: str, message: str, channel: str, step: str, reason: str) -> Call[int]:
    """The bot owes a message that spoke to it no answer any more, unless it has
    committed one: an edit took its name out, or it may not write there."""
    call = _cancel(
        answer=keys.answer(message),
        journal=keys.journal(message),
        election=keys.election(message),
        floor=keys.floor(channel),
        waiting=keys.floor_waiting(channel),
        bot=bot,
        step=step,
        reason=reason,
    )
    return call.parsed(int)


def answered(message: str) -> Call[frozenset[str]]:
    """The bots that have answered a message, or are about to."""
    return command("HGETALL", keys.answer(message), parse=_answered)


def _answered(reply: Reply) -> frozenset[str]:
    # Who declined, was released or could not deliver has not answered.
    done = ("committed", "delivered")
    return frozenset(
        bot for bot, state in dict(reply).items() if str(state).startswith(done)
    )


def cursors(bot: str) -> Call[dict[str, str]]:
    """The newest message read, by channel."""
    return command("HGETALL", keys.cursor(bot), parse=dict)


@script("cursor.move")
def _move_cursor(*, cursor: Key, channel: str, message: str) -> None: ...


def move_cursor(bot: str, channel: str, message: str) -> Call[int]:
    """Move one cursor forward, never back."""
    call = _move_cursor(cursor=keys.cursor(bot), channel=channel, message=message)
    return call.parsed(int)
