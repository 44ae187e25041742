"""Lanes: one cycle at a time, no lost wake and no redundant one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from pydantic import ValidationError

from app.domain.lane import Lane
from app.domain.model import Context, Event, InboxEntry, Signal
from app.domain.verdicts import Finish
from app.runtime import metrics
from app.store import keys
from app.store.calls import Call, Reply
from app.store.keys import Key
from app.store.scripts import script
from app.store.signing import HEARD, UNCHECKED, Signer, asked

# What one cycle cannot read waits for the next (lane.begin).
READ_AT_MOST = 300


@dataclass(frozen=True, slots=True)
class Begun:
    """What a cycle starts from. `entries` are oldest first, granted ones last; `broken`
    are entries that cannot be read."""

    due: bool
    seq: str = ""
    context: Context = Context.POLL
    now_ms: int = 0
    entries: tuple[InboxEntry, ...] = ()
    broken: tuple[str, ...] = ()
    floors: Mapping[str, str] = field(default_factory=dict)
    """Messages that elections granted, with the fencing token of the floor that came
    with the grant."""
    everything: bool = True
    """Whether the whole inbox was read, or only what elections granted."""
    forged: tuple[InboxEntry, ...] = ()
    """Entries that no gateway of ours signed. Nobody may act on them."""
    discord_ahead_ms: int = 0
    """By how many ms Discord's clock, which tells the time of messages, is ahead."""
    locked: bool = True
    """Whether the asker held the lane's lock."""

    @property
    def granted(self) -> frozenset[str]:
        """Messages that elections granted to the bot."""
        return frozenset(self.floors)


class Overdue(NamedTuple):
    """What the pump found."""

    lanes: tuple[tuple[Lane, Context], ...]
    elections: tuple[str, ...]
    deliveries: tuple[tuple[str, str], ...]


def _inbox_entry(entry_id: str, fields: dict[str, str]) -> InboxEntry:
    return InboxEntry(
        entry_id=entry_id,
        event=Event.model_validate_json(fields["event"]),
        signal=Signal(fields["signal"]),
        reason=fields["reason"],
        addressed=tuple(json.loads(fields["addressed"])),
        bid=float(fields["bid"]) if fields["bid"] else None,
        # An entry that lane.begin restored from an election lacks these fields.
        after_ms=int(fields.get("after") or 0),
        wordless=fields.get("wordless") == "1",
        turn=int(fields.get("turn") or 0),
        notice=fields.get("notice") or "",
    )


def _known_context(word: str) -> Context:
    """The context of a wake. An unknown word, from a newer version, counts as a poll."""
    return Context(word) if word in set(Context) else Context.POLL


def _is_forged(lane: Lane, entry: InboxEntry, text: str, checked: Signer) -> bool:
    """Whether no gateway of ours signed that event, or none signed it as addressing this
    bot."""
    purposes = (
        (asked(lane.bot),)
        if entry.signal is Signal.DIRECT
        else (HEARD, asked(lane.bot))
    )
    return not checked.believes(text, *purposes)


def _parse_begun(reply: Reply, lane: Lane, checked: Signer) -> Begun:
    verdict, seq, context, now_ms, raw, work, everything, ahead_ms = reply
    entries: list[InboxEntry] = []
    broken: list[str] = []
    forged: list[InboxEntry] = []
    # A bot's own lane is read newest first: what is left unread there is the oldest.
    for entry_id, flat in reversed(raw) if lane.channel is None else raw:
        try:
            fields = dict(zip(flat[::2], flat[1::2], strict=True))
            entry = _inbox_entry(entry_id, fields)
        # One broken entry must not keep the lane from all others.
        except (ValidationError, KeyError, ValueError, TypeError):
            broken.append(entry_id)
        else:
            (
                forged if _is_forged(lane, entry, fields["event"], checked) else entries
            ).append(entry)
    return Begun(
        due=verdict == "due",
        seq=seq,
        context=_known_context(context),
        now_ms=int(now_ms),
        discord_ahead_ms=int(ahead_ms),
        entries=tuple(entries),
        broken=tuple(broken),
        floors=dict(zip(work[::2], work[1::2], strict=True)),
        everything=bool(everything),
        forged=tuple(forged),
        locked=verdict != "lost_lock",
    )


@script("lane.begin")
def _begin(
    *,
    lock: Key,
    wake: Key,
    inbox: Key,
    work: Key,
    lane: str,
    owner: str,
    most: int,
    bot: str | None,
) -> None: ...


def begin(lane: Lane, owner: str, checked: Signer = UNCHECKED) -> Call[Begun]:
    """Read what is due, while holding the lane's lock. If nothing is due, the lock is
    released."""
    call = _begin(
        lock=keys.lock(lane),
        wake=keys.wake(lane),
        inbox=keys.inbox(lane),
        work=keys.work(lane.bot),
        lane=str(lane),
        owner=owner,
        most=READ_AT_MOST,
        bot=lane.bot if lane.channel is None else None,
    )
    return call.parsed(lambda reply: _parse_begun(reply, lane, checked))


@script("lane.finish")
def _finish(
    *,
    lock: Key,
    wake: Key,
    request: Key,
    inbox: Key,
    work: Key,
    lane: str,
    owner: str,
    seq: str,
    retry_ms: int | None,
    bot: str | None,
    everything: bool,
    after: str | None,
) -> None: ...


def finish(
    lane: Lane,
    owner: str,
    seq: str,
    retry_ms: int | None,
    request: str,
    *,
    everything: bool = True,
    after: str = "",
) -> Call[tuple[Finish, int]]:
    """End a cycle and release its lock in one step. The number says in how many ms the
    lane is due again. `everything`: `begin` read the whole inbox, and no entry that was
    read needs another cycle. `after`: the request of the commit before it in the same
    round trip, without which nothing ends."""
    call = _finish(
        lock=keys.lock(lane),
        wake=keys.wake(lane),
        request=keys.request(request),
        inbox=keys.inbox(lane),
        work=keys.work(lane.bot),
        lane=str(lane),
        owner=owner,
        seq=seq,
        retry_ms=retry_ms,
        bot=lane.bot if lane.channel is None else None,
        everything=everything,
        after=keys.request(after) if after else None,
    )
    return call.parsed(lambda reply: (Finish(reply[0]), int(reply[1])))


@script("lane.wake")
def _wake(*, lane: str, context: str, in_ms: int) -> None: ...


def wake(lane: Lane, context: Context, in_ms: int = 0) -> Call[int]:
    """Make a lane due: the safety poll, or a repair."""
    return _wake(lane=str(lane), context=context, in_ms=in_ms).parsed(int)


def _parse_overdue(reply: Reply) -> Overdue:
    lanes, elections, deliveries = reply
    metrics.note_overdue(len(lanes) // 2, len(elections), len(deliveries))
    parsed = [Lane.parse(lane) for lane in lanes[::2]]
    return Overdue(
        tuple(
            # A wake may be lost or say an unknown word; the lane's name still tells
            # where direct messages wait.
            (lane, _known_context(word) if lane.channel is None else Context.DIRECT)
            for lane, word in zip(parsed, lanes[1::2], strict=True)
        ),
        tuple(elections),
        tuple(
            (bot, channel)
            for bot, _, channel in (pair.partition(":") for pair in deliveries)
        ),
    )


@script("due.sweep")
def _sweep(*, most: int, patience_ms: int) -> None: ...


def sweep(patience_ms: int, most: int = 200) -> Call[Overdue]:
    """Find what is overdue. Each lane that is found counts as hinted."""
    return _sweep(most=most, patience_ms=patience_ms).parsed(_parse_overdue)
