"""The inbox of a lane: what leaves it without an answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from app.domain.lane import Lane
from app.domain.model import InboxEntry
from app.store import keys
from app.store.calls import Call
from app.store.floors import Holder
from app.store.keys import Key
from app.store.scripts import script

Removal = tuple[str, str, bool]
"""An entry, its message, and whether the journal is to know."""


@script("inbox.remove")
def _remove(
    *entries: str,
    lock: Key,
    inbox: Key,
    work: Key,
    owner: str,
    bot: str,
    channel: str | None,
    step: str,
    reason: str,
) -> None: ...


def _removal(
    lane: Lane, owner: str, entries: Iterable[Removal], step: str, reason: str
) -> Call[int]:
    flat = [
        part
        for entry_id, message, journaled in entries
        for part in (entry_id, message, str(int(journaled)))
    ]
    call = _remove(
        *flat,
        lock=keys.lock(lane),
        inbox=keys.inbox(lane),
        work=keys.work(lane.bot),
        owner=owner,
        bot=lane.bot,
        channel=lane.channel,
        step=step,
        reason=reason,
    )
    return call.parsed(int)


def remove(
    holder: Holder, entries: Sequence[InboxEntry], step: str, reason: str
) -> Call[int]:
    """Remove entries that need no answer; one journal line for each that was more than
    ambient. -1: the lock is lost."""
    removals = (
        (entry.entry_id, entry.event.message_id, entry.signal != "ambient")
        for entry in entries
    )
    return _removal(holder.lane, holder.owner, removals, step, reason)


def remove_unreadable(
    holder: Holder, broken: Sequence[str], forged: Sequence[InboxEntry] = ()
) -> Call[int]:
    """Remove entries that nobody can read, and those that none of ours signed; these
    have a line in the journal."""
    removals = [(entry_id, "-", False) for entry_id in broken]
    removals += [(entry.entry_id, entry.event.message_id, True) for entry in forged]
    reason = "no gateway of ours signed it"
    return _removal(holder.lane, holder.owner, removals, "begin", reason)


@script("inbox.note_unanswered")
def _note_unanswered(
    *messages: str, lock: Key, owner: str, bot: str, reason: str
) -> None: ...


def note_unanswered(
    holder: Holder, entries: Sequence[InboxEntry], reason: str
) -> Call[int]:
    """Note, once each, triggers that a cycle saw and left. Returns the number noted."""
    messages = (entry.event.message_id for entry in entries)
    call = _note_unanswered(
        *messages,
        lock=keys.lock(holder.lane),
        owner=holder.owner,
        bot=holder.lane.bot,
        reason=reason,
    )
    return call.parsed(int)
