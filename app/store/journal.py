"""The journal: each decision about a message, under its id."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

from app.domain.model import Event, JournalLine
from app.store import keys
from app.store.calls import Call, Reply, command
from app.store.signing import Signer, spoken


def note(
    message: str,
    bot: str,
    step: str,
    verdict: str,
    reason: str,
    numbers: Mapping[str, float | int | str],
    budget: str = "",
) -> Call[int]:
    """Write one line. `budget`: message, channel and bytes, where anybody may cause
    as many lines as they like."""
    flat: list[str | int | float] = []
    for name, value in numbers.items():
        flat += [name, value]
    return Call(
        "note",
        (keys.journal(message),),
        (bot, step, verdict, reason, budget, *flat),
        int,
    )


def edited(event: Event, most_bytes: int) -> Call[int]:
    """Its author changed a message; the line counts in its channel's bytes."""
    channel = event.parent_id or event.channel_id
    return note(
        event.message_id,
        bot="stream",
        step="edit",
        verdict="edited",
        reason="its author changed it",
        numbers={},
        budget=f"{event.message_id} {channel} {most_bytes}",
    )


def _lines(reply: Reply) -> tuple[JournalLine, ...]:
    lines = []
    for text in reply:
        try:
            lines.append(JournalLine.model_validate_json(text))
        except ValidationError:
            continue
    return tuple(lines)


def read(message: str) -> Call[tuple[JournalLine, ...]]:
    """All that was decided about one message, oldest first; a line that cannot be read
    is left out."""
    return command("LRANGE", keys.journal(message), 0, -1, parse=_lines)


def said(bot: str, date: str, signer: Signer) -> Call[tuple[str, ...]]:
    """What a bot said on a day (ISO, UTC), as JSON lines. One that no process of ours
    signed is left out: a diary would quote it."""

    def parse(reply: Reply) -> tuple[str, ...]:
        return tuple(text for text in reply if signer.believes(text, spoken(bot)))

    return command("LRANGE", keys.journal_of_bot(bot, date), 0, -1, parse=parse)
