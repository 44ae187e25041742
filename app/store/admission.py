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
from app.store.limits import Limits

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


def _keys(c: Candidate, subject: str) -> tuple[str, ...]:
    event = c.event
    return (
        keys.seen(c.bot, subject),
        keys.inbox(Lane(c.bot)),
        keys.bids(event.message_id),
        keys.ELECTIONS_DUE,
        keys.answer(event.message_id),
        keys.journal(event.message_id),
        keys.last_human(event.channel_id),
        keys.person_hour(c.bot, event.author_id),
        keys.cursor(c.bot),
        keys.inbox(Lane(c.bot, event.channel_id)),
    )


def admit(
    candidate: Candidate, request: str, limits: Limits, settings: Settings
) -> Call[Admission]:
    """Dedupe, mutes, limits, inbox, then a direct wake or a bid. `request` makes a
    repeated call return its verdict."""
    c, event = candidate, candidate.event
    bid = c.bid if c.bid is not None and c.bid.above_threshold else None
    # A burst of reactions, or an edit, is another event about a message that was
    # admitted when it was written.
    subject = event.message_id + (
        ".r" if event.kind == "reaction" else ".e" if c.edited else ""
    )
    return Call(
        "admit",
        _keys(c, subject),
        (
            request,
            c.bot,
            event.message_id,
            event.channel_id,
            event.author_id,
            event.author_kind,
            c.author_bot,
            _signed(c, settings),
            c.classified.signal,
            c.classified.reason,
            "" if bid is None else repr(bid.score),
            c.expected,
            int(settings.contention_window * 1000),
            event.reply_to or "",
            int(c.wakes),
            limits.json(),
            int(c.move_cursor),
            INBOX_CAP,
            json.dumps(c.classified.addressed),
            "" if bid is None else _told(bid.parts),
            event.guild_id or "-",
            "" if c.bid is None else repr(c.bid.score),
            event.parent_id or "-",
            c.hold_ms,
            int(c.wordless),
            weight(event, settings.newcomer_days),
            keys.mute_scopes(c.bot, event.channel_id, event.guild_id, event.parent_id),
        ),
        _parse,
    )


def forget(message: str) -> Call[int]:
    """The message was deleted: nothing that waits for it is sent any more."""
    return Call(
        "forget", (keys.answer(message), keys.journal(message)), (message,), int
    )


def cancel(bot: str, message: str, channel: str, step: str, reason: str) -> Call[int]:
    """The bot owes a message that spoke to it no answer any more, unless it has
    committed one: an edit took its name out, or it may not write there."""
    return Call(
        "cancel",
        (
            keys.answer(message),
            keys.journal(message),
            keys.bids(message),
            keys.floor(channel),
            keys.floor_waiting(channel),
        ),
        (bot, step, reason),
        int,
    )


def answered(message: str) -> Call[frozenset[str]]:
    """The bots that have answered a message, or are about to."""
    return command("HGETALL", keys.answer(message), parse=_answered)


def _answered(reply: Reply) -> frozenset[str]:
    done = ("committed", "delivered")
    return frozenset(
        bot for bot, state in dict(reply).items() if str(state).startswith(done)
    )


def cursors(bot: str) -> Call[dict[str, str]]:
    """The newest message read, by channel."""
    return command("HGETALL", keys.cursor(bot), parse=dict)


def move_cursor(bot: str, channel: str, message: str) -> Call[int]:
    """Move one cursor forward, never back."""
    return Call("cursor", (keys.cursor(bot),), (channel, message), int)
