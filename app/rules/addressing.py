"""Whom a message speaks to. Pure, and the same for every gateway: it looks at the
message and the roster alone.

In this order: a mention in the text, a name called at the start or end of a line, a
reply to the bot's message, the thread that the bot started. A direct message needs no
addressing: only its bot sees it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache

from app.domain.model import Addressing, BotName, Event, RosterEntry
from app.rules.lexis import is_common, is_no_person, may_greet
from app.rules.reading import Reading, read
from app.rules.script import normalise
from app.rules.sentences import Sentence, sentences
from app.rules.tokens import (
    Lexicon,
    Names,
    Token,
    TokenKind,
    lexicon,
    name_lines,
    names_of,
    words_of,
)
from app.rules.vocative import called, opens_with

_PERSON = "person"
IN_ITS_THREAD = "in the thread that it started"


def addressing(
    event: Event,
    roster: Sequence[RosterEntry],
    people: Collection[str] = (),
    reading: Reading | None = None,
) -> Addressing:
    """Whom `event` addresses, and of whom it speaks. `people`: names of humans lately
    seen in the channel, so that "bob, ..." counts as speaking to somebody else.
    `reading`: of its text, where somebody has it already."""
    ours = {
        entry.user_id: entry.bot for entry in roster if entry.user_id != event.author_id
    }
    names = _lexicon_of(names_of(roster, event.guild_id), tuple(sorted(people)))
    lines = name_lines(reading or read(event.content), names)
    spoken_of = frozenset(
        ours[token.who] for line in lines for token in line if token.who in ours
    )
    return _addressing_of(event, lines, ours).model_copy(
        update={"spoken_of": spoken_of}
    )


def _addressing_of(
    event: Event, lines: Sequence[Sequence[Token]], ours: Mapping[str, BotName]
) -> Addressing:
    if event.is_dm:
        return Addressing(reason="direct message")
    pinged = [
        token.who
        for line in lines
        for token in line
        if token.kind is TokenKind.PARTY and token.pinged
    ]
    spoken = [sentences(line) for line in lines]
    by_name = called(spoken)
    named = _in_order(lines, {*pinged, *by_name})
    bots = [ours[who] for who in named if who in ours]
    elsewhere = _called_first(spoken, by_name, event)
    replied = ours.get(event.reply_to_author or "")
    # Who replies to one and begins by calling another speaks to the other.
    if replied is not None and replied not in bots and not elsewhere:
        reason = "named, and a reply" if bots else "reply to its message"
        return Addressing(bots=(*bots, replied), reason=reason)
    if bots:
        return Addressing(
            bots=tuple(bots),
            reason="mentioned" if named[0] in pinged else "called by name",
        )
    if other := _somebody_else(event, named, ours, elsewhere):
        return Addressing(somebody_else=True, reason=other)
    # Last: the starter is asked only by what speaks to nobody in particular.
    starter = ours.get(event.thread_owner or "")
    if starter is not None:
        return Addressing(bots=(starter,), reason=IN_ITS_THREAD)
    return Addressing(reason="addresses nobody")


def common_names(names: Iterable[str]) -> tuple[str, ...]:
    """Those that are also common words: alone, they call the bot only with a comma, a
    greeting or an @."""
    return tuple(name for name in names if is_common(normalise(name)))


@lru_cache(maxsize=256)
def _lexicon_of(bots: tuple[Names, ...], people: tuple[str, ...]) -> Lexicon:
    ours, taken = _names_of_bots(bots)
    humans = [
        (name, _PERSON)
        for name in people
        if len(name) > 2 and not _poses_as_word(name, taken)
    ]
    return ours.with_names(humans)


@lru_cache(maxsize=64)
def _names_of_bots(bots: tuple[Names, ...]) -> tuple[Lexicon, frozenset[str]]:
    """Their lexicon, and its words: a person may be called "elena can", and the bot
    keeps the words of its name. Who spoke lately changes with most messages, what a
    hundred bots are called does not."""
    names = [(name, bot.user_id) for bot in bots for name in bot.names]
    roles = {role: bot.user_id for bot in bots for role in bot.roles}
    taken = frozenset(word for name, _ in names for word in words_of(name))
    return lexicon(names, roles), taken


def _poses_as_word(name: str, taken: Collection[str]) -> bool:
    """Whether a person's name would turn lines that are none into calls, or hide calls:
    "so", "help", "good", "does anybody", "elena can". Who is called like a bot loses
    nothing: such a line is the bot's anyway."""
    words = words_of(name)
    several = len(words) > 1
    return any(
        is_no_person(word) or (word in taken if several else may_greet(word))
        for word in words
    )


def _in_order(lines: Sequence[Sequence[Token]], named: Collection[str]) -> list[str]:
    places = [
        token.who
        for line in lines
        for token in line
        if token.kind is TokenKind.PARTY and token.who in named
    ]
    return list(dict.fromkeys(places))


def _called_first(
    lines: Sequence[Sequence[Sentence]], by_name: Collection[str], event: Event
) -> bool:
    """Whether the text begins by speaking to somebody other than its own author."""
    first = opens_with(lines[0]) if lines else None
    if first is None:
        return bool(by_name)
    return first.who != event.author_id and (first.pinged or first.who in by_name)


def _somebody_else(
    event: Event, named: Sequence[str], ours: Collection[str], elsewhere: bool
) -> str:
    others = [who for who in named if who not in ours and who != event.author_id]
    if others or elsewhere:
        return "speaks to somebody else"
    if event.reply_to is not None and event.reply_to_author not in {
        *ours,
        event.author_id,
    }:
        return "replies to somebody else"
    return ""
