"""Admission: one event, all bots of a process that hear it, one round trip."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from app.domain.lane import Lane
from app.domain.model import Bid, Classified, Event, Signal
from app.domain.settings import Settings
from app.domain.verdicts import Admit
from app.rules.turns import weight
from app.runtime import metrics
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
class AdmissionRequest:
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
    delay_ms: int = 0
    """Nobody answers before: a proxy may yet delete the message and say it under
    another name."""
    edited: bool = False
    """An edit made it speak to the bot, which had heard the message before."""
    joins: bool = True
    """Whether the bot takes it and the lines before it for one thought."""
    wait_ms: int = 0
    """How long the rest of its thought is waited for; nobody answers before."""
    trails: bool = False
    """It is owed nothing beyond the answer to the lines before it."""
    quiet_ms: int | None = None
    """How long the bot itself keeps quiet there after a post; None: as the place or the
    setting says."""


def _parse(reply: Reply) -> list[Admission]:
    admissions = [
        Admission(Admit(word), int(due), entry)
        for word, due, entry in json.loads(reply)
    ]
    for one in admissions:
        metrics.ADMISSIONS.labels(one.verdict).inc()
    return admissions


def _weightiest_parts(parts: Mapping[str, float]) -> str:
    """What the journal keeps of a bid's parts: the weightiest, and the sum of the
    others as `rest`. All of them were three quarters of what a message took in
    Redis."""
    ranked = sorted(parts.items(), key=lambda part: abs(part[1]), reverse=True)
    kept = {name: round(bits, 2) for name, bits in ranked[:PARTS_TOLD]}
    rest = round(sum(bits for _, bits in ranked[PARTS_TOLD:]), 2)
    return json.dumps(kept | ({"rest": rest} if rest else {}), separators=(",", ":"))


@script("message.admit")
def _admit(
    *own: Key,
    seen: Key,
    bids: Key,
    election: Key,
    answer: Key,
    journal: Key,
    last_human: Key,
    request: str,
    kind: str,
    members: Sequence[Mapping[str, object]],
    limits: Sequence[Limits],
    message: str,
    channel: str,
    author: str,
    author_kind: str,
    author_bot: str,
    heard: str,
    addressed: str,
    expected: int,
    window_ms: int,
    reply_to: str | None,
    inbox_cap: int,
    guild: str,
    parent: str | None,
    delay_ms: int,
    weight: int,
    said_before: Sequence[str],
    mute_scopes: str,
) -> None: ...


def _kind(c: AdmissionRequest) -> str:
    """A burst of reactions, or an edit, is another event about a message that was
    admitted when it was written."""
    if c.event.kind == "reaction":
        return "reaction"
    return "edit" if c.edited else "message"


def admit(
    candidate: AdmissionRequest, request: str, limits: Limits, settings: Settings
) -> Call[Admission]:
    """Admit an event for one bot."""
    call = admit_all([candidate], request, [limits], settings)
    return call.parsed(lambda reply: _parse(reply)[0])


def admit_all(
    candidates: Sequence[AdmissionRequest],
    request: str,
    limits: Sequence[Limits],
    settings: Settings,
) -> Call[list[Admission]]:
    """One event for several bots, as if for one after another, in this order: dedupe,
    mutes, limits, inbox, then a direct wake or a bid. `limits`: one for each candidate.
    `request` makes a repeated call return its verdicts."""
    c, event = candidates[0], candidates[0].event
    message, channel = event.message_id, event.channel_id
    kind, sign = _kind(c), signing.signer(settings).sign
    event_json = event.model_dump_json(exclude_defaults=True)
    different = list(dict.fromkeys(limits))
    members = [
        _member(one, different.index(own) + 1, event_json, sign)
        for one, own in zip(candidates, limits, strict=True)
    ]
    call = _admit(
        *(key for one in candidates for key in _keys_of(one)),
        seen=keys.seen(message, kind),
        bids=keys.bids(message),
        election=keys.election(message),
        answer=keys.answer(message),
        journal=keys.journal(message),
        last_human=keys.last_human(channel),
        request=request,
        kind=kind,
        members=members,
        limits=different,
        message=message,
        channel=channel,
        author=event.author_id,
        author_kind=event.author_kind,
        author_bot=c.author_bot,
        heard=sign(signing.HEARD, event_json),
        addressed=json.dumps(c.classified.addressed),
        expected=c.expected,
        window_ms=int(settings.contention_window * 1000),
        reply_to=event.reply_to,
        inbox_cap=INBOX_CAP,
        guild=event.guild_id or "-",
        parent=event.parent_id,
        delay_ms=c.delay_ms,
        weight=weight(event, settings.newcomer_days),
        said_before=[line.message_id for line in event.earlier],
        mute_scopes=keys.mute_scopes("*", channel, event.guild_id, event.parent_id),
    )
    return call.parsed(_parse)


def _keys_of(c: AdmissionRequest) -> tuple[Key, ...]:
    """The two keys of one bot, in the script's order."""
    return (keys.inbox(Lane(c.bot)), keys.cursor(c.bot))


def _member(
    c: AdmissionRequest, limits: int, event_json: str, sign: Callable[[str, str], str]
) -> dict[str, object]:
    """What the script knows of one bot. Numbers travel as text: JSON has no infinity."""
    event, bid = c.event, c.bid
    member: dict[str, object] = {
        "bot": c.bot,
        "signal": c.classified.signal,
        "reason": c.classified.reason,
    }
    if bid is not None:
        member["score"] = repr(bid.score)
    if bid is not None and bid.above_threshold:
        member["bid"] = repr(bid.score)
        member["parts"] = _weightiest_parts(bid.parts)
    # The purpose is signed too: nobody turns what was merely heard into a request.
    if c.classified.signal is Signal.DIRECT:
        member["event"] = sign(signing.asked(c.bot), event_json)
    uncommon: dict[str, object] = {
        "wakes": c.wakes,
        "moves_cursor": c.move_cursor,
        "wordless": c.wordless,
        "joins": c.joins and bool(event.earlier),
        "wait_ms": c.wait_ms,
        "trails": c.joins and c.trails,
    }
    # A hundred bots have a line each of what is nearly always no.
    member.update((name, value) for name, value in uncommon.items() if value)
    if limits > 1:
        member["limits"] = limits
    if c.quiet_ms is not None:
        member["quiet_ms"] = c.quiet_ms
    return member


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
    bot: str,
    message: str,
    channel: str,
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
        bot=bot,
        message=message,
        channel=channel,
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
def _move_cursors(*cursors: Key, moves: Sequence[str]) -> None: ...


CHANNELS_AT_ONCE = 1_000
"""Of one cursor; Lua passes a few thousand arguments on at most."""


def move_cursors(moves: Mapping[tuple[str, str], str]) -> Call[int]:
    """Move cursors forward, never back: the newest message read, by bot and channel.
    How many moved."""
    by_bot: dict[str, list[str]] = defaultdict(list)
    for (bot, channel), message in moves.items():
        by_bot[bot].append(f"{channel} {message}")
    parts = [
        (bot, " ".join(passed[at : at + CHANNELS_AT_ONCE]))
        for bot, passed in by_bot.items()
        for at in range(0, len(passed), CHANNELS_AT_ONCE)
    ]
    call = _move_cursors(
        *(keys.cursor(bot) for bot, _ in parts), moves=[passed for _, passed in parts]
    )
    return call.parsed(int)


def move_cursor(bot: str, channel: str, message: str) -> Call[int]:
    """Move one cursor forward, never back."""
    return move_cursors({(bot, channel): message})


def drop_cursor(bot: str, channel: str) -> Call[int]:
    """Forget what was read of a channel that is gone. Returns 1, or 0: nothing was."""
    return command("HDEL", keys.cursor(bot), channel, parse=int)
