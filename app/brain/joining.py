"""Lines of one thought become one entry: the last line, with the others joined to
it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from app.domain.model import InboxEntry


def join_lines(
    entries: Sequence[InboxEntry], granted: Collection[str] = ()
) -> list[InboxEntry]:
    """The entries in their order, without those that a later one goes on with. An
    election's grant is answered by itself."""
    by_message = {
        entry.event.message_id: entry
        for entry in entries
        if entry.event.kind == "message" and entry.event.message_id not in granted
    }
    taken: set[str] = set()
    joined: dict[str, InboxEntry] = {}
    # The line that was written last comes first: it takes all that were before it. One that
    # was read back late may stand after it in the inbox.
    latest = sorted(reversed(entries), key=_written, reverse=True)
    for entry in latest:
        if entry.entry_id in taken:
            continue
        before = [
            by_message[line.message_id]
            for line in entry.event.earlier
            if line.message_id in by_message
        ]
        taken.update(one.entry_id for one in before)
        if before:
            whole = entry.model_copy(update={"joined": tuple(before)})
            joined[entry.entry_id] = whole
    alive = [entry for entry in entries if entry.entry_id not in taken]
    return [joined.get(entry.entry_id, entry) for entry in alive]


def _written(entry: InboxEntry) -> int:
    return int(entry.event.message_id)


def due_entries(entries: Sequence[InboxEntry], now_ms: int) -> list[InboxEntry]:
    """The entries that may be answered now, in their order. Whoever has begun another
    thought is done with the one before it, so that one waits for no rest: it would be
    answered after what was said later."""
    latest: dict[str, int] = {}
    for entry in entries:
        event = entry.event
        if event.kind == "message" and entry.after_ms <= now_ms:
            said = int(event.message_id)
            latest[event.author_id] = max(said, latest.get(event.author_id, 0))
    return [
        entry
        for entry in entries
        if entry.after_ms <= now_ms
        or int(entry.event.message_id) < latest.get(entry.event.author_id, 0)
    ]


def part_lines(entries: Sequence[InboxEntry]) -> list[InboxEntry]:
    """The entries of a bot that answers each line by itself."""
    return [
        entry.model_copy(
            update={"event": entry.event.model_copy(update={"earlier": ()})}
        )
        if entry.event.earlier
        else entry
        for entry in entries
    ]
