"""The answer to `why`: the story of one message, or of several."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from app.domain.errors import (
    ConfigurationError,
    StoreForbidden,
    UnknownBot,
    UnknownMessage,
)
from app.domain.model import JournalLine
from app.domain.settings import Settings
from app.domain.verdicts import Commit
from app.operator import discord_times
from app.operator.why import finding
from app.operator.why.asides import asides, names_of_bots
from app.operator.why.finding import FoundMessage, Wanted
from app.operator.why.story import STREAM, Story, tell
from app.store import outbox
from app.store.door import Store

LISTED = 20
"""Messages that one question lists at most."""


@dataclass(frozen=True)
class Explanation:
    """One message, and why each bot did what it did."""

    said: FoundMessage
    story: Story
    asides: Mapping[str, str]
    """Of the bots without a line in the journal: why."""
    names: Mapping[str, str]
    lines: tuple[JournalLine, ...]
    unsaid: Mapping[str, str]
    """What bots would have said but for a dry run, as long as that is kept."""


def explain(store: Store, settings: Settings, said: FoundMessage) -> Explanation:
    """Raises UnknownMessage where nothing is known of it."""
    lines = discord_times.read_lines(store, said.message)
    names = names_of_bots(store)
    story = tell(lines, names, said.author)
    known = frozenset(line.bot for line in lines) - {STREAM}
    others = asides(store, settings, said, known)
    heard = any(words.startswith("heard it") for words in others.values())
    # A link tells the channel: with that `asides` can say why no bot heard it.
    if not lines and not heard and not said.channel:
        raise UnknownMessage(
            f"Nothing is known of {said.message}: no bot saw it, or it is older than "
            "the journal."
        )
    unsaid = _find_unsaid(store, lines)
    return Explanation(said, story, others, names, lines, unsaid)


def _find_unsaid(store: Store, lines: Iterable[JournalLine]) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in lines:
        entry_id = str(line.numbers.get("entry", ""))
        if line.verdict != Commit.DRY_RUN or not entry_id:
            continue
        try:
            entry = store.run(outbox.read(entry_id))
        except StoreForbidden:
            # A viewer's login reads no words of bots.
            return {}
        if entry is not None:
            found[line.bot] = entry.emoji or "\n".join(entry.chunks)
    return found


def unanswered(
    store: Store, settings: Settings, wanted: Wanted, bot: str = ""
) -> Iterator[Explanation]:
    """Messages that fit and that nobody answered, or that one bot did not. Raises
    UnknownBot for one that is not on the roster."""
    known = names_of_bots(store)
    if bot and bot not in known:
        raise UnknownBot(f"No bot is named {bot}; known: {', '.join(known) or 'none'}")
    count = 0
    for said in finding.search(store, wanted):
        found = explain(store, settings, said)
        by = found.story.answered_by
        if (bot in by) if bot else by:
            continue
        yield found
        count += 1
        if count == LISTED:
            return


def words_of(answer: Explanation, bot: str) -> str:
    """What became of a message for one bot, after its name."""
    return (
        answer.story.fates.get(bot)
        or answer.asides.get(bot)
        or "has no reason in the journal"
    )


def meant(
    store: Store, message: str | None, wanted: Wanted, last: bool
) -> FoundMessage:
    """The one message of a question. Raises ConfigurationError where none is given or
    none fits."""
    if message is not None:
        return finding.named(store, message)
    if last or wanted.text or wanted.channel:
        return finding.first(store, wanted)
    raise ConfigurationError(
        "Give a message's id or link, or --last, --channel, --text, --unanswered or "
        "--silent BOT."
    )
