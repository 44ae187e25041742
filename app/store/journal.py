"""The journal: each decision about a message, under its id."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from pydantic import ValidationError

from app.domain.model import Event, JournalLine
from app.store import keys
from app.store.calls import Call, Reply, command
from app.store.keys import Key
from app.store.scripts import script
from app.store.signing import Signer, spoken


class Budget(NamedTuple):
    """The bytes that a channel's messages may leave in the journal."""

    channel: str
    most_bytes: int


@script("journal.merge")
def _merge(
    *details: str, journal: Key, bot: str, step: str, verdict: str, reason: str
) -> None: ...


@script("journal.append")
def _append(
    *details: str,
    journal: Key,
    bot: str,
    step: str,
    verdict: str,
    reason: str,
    message: str,
    channel: str | None,
    most_bytes: int | None,
) -> None: ...


def append(
    message: str,
    bot: str,
    step: str,
    verdict: str,
    reason: str,
    numbers: Mapping[str, float | int | str],
    budget: Budget | None = None,
) -> Call[int]:
    """Write one line. `budget`: in which it counts, where anybody may cause as many
    lines as they like."""
    call = _append(
        *_details_of(numbers),
        journal=keys.journal(message),
        bot=bot,
        step=step,
        verdict=verdict,
        reason=reason,
        message=message,
        channel=None if budget is None else budget.channel,
        most_bytes=None if budget is None else budget.most_bytes,
    )
    return call.parsed(int)


def merge(
    message: str,
    bot: str,
    step: str,
    verdict: str,
    reason: str,
    numbers: Mapping[str, float | int | str],
) -> Call[int]:
    """Write one line, or count it in the late line of the bot that says the same."""
    call = _merge(
        *_details_of(numbers),
        journal=keys.journal(message),
        bot=bot,
        step=step,
        verdict=verdict,
        reason=reason,
    )
    return call.parsed(int)


def _details_of(numbers: Mapping[str, float | int | str]) -> list[str]:
    return [str(part) for pair in numbers.items() for part in pair]


def edited(event: Event, most_bytes: int) -> Call[int]:
    """Its author changed a message; the line counts in its channel's bytes."""
    channel = event.parent_id or event.channel_id
    return append(
        event.message_id,
        bot="stream",
        step="edit",
        verdict="edited",
        reason="its author changed it",
        numbers={},
        budget=Budget(channel, most_bytes),
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


def lines_of_bot(bot: str, date: str, signer: Signer) -> Call[tuple[str, ...]]:
    """What a bot said on a day (ISO, UTC), as JSON lines. One that no process of ours
    signed is left out: a diary would quote it."""

    def parse(reply: Reply) -> tuple[str, ...]:
        return tuple(text for text in reply if signer.believes(text, spoken(bot)))

    return command("LRANGE", keys.journal_of_bot(bot, date), 0, -1, parse=parse)
