"""What a bot remembers while it answers, and what it keeps of an answer: behind
LangGraph's BaseStore.

Namespaces: (bot, "said") are lines of conversations that the bot took part in; (bot,
"person", user id) are facts that the person told. Memory is a help, never a condition:
where it is down or slow, the bot answers without it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as DeadlinePassed
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache
from random import Random
from typing import Any, Literal

import structlog
from langgraph.store.base import BaseStore, PutOp, SearchItem

from app.brain.facts import Fact, outdated
from app.brain.text import person, tame
from app.content.names import make_legible
from app.content.words import describe_parts
from app.domain.character import Mood
from app.domain.model import AuthorKind, ChatLine, Event, InboxEntry, snowflake_ms
from app.rules.privacy import Place, RecordKind, Use, may_use
from app.runtime.breaker import Breaker

RECALL_WITHIN = 1.0
"""Seconds that an answer waits for memory."""
FACTS_SHOWN = 4
LINES_SHOWN = 3
LINES_SEARCHED = 12
ALIKE = 0.4
"""Cosine from which an earlier line belongs to what is being said."""
EARLIER = 5
"""Lines before the answered one that are kept with it, if they are not older than
EARLIER_MS."""
EARLIER_MS = 600_000
LINE_LIMIT = 500

NOD_CHANCE = 0.35
_NODS = {
    "home": "How are things {where}?",
    "work": "Still working {where}?",
    "likes": "Still fond of {what}?",
    "has": "You still have {what}, I hope?",
    "origin": "You're from {what}, if I remember right?",
}
_NOD_MOODS = frozenset({Mood.GREETING, Mood.SMALLTALK})

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Remembered:
    """What came to mind: facts about the person and earlier lines, as stored.
    `trouble`: why nothing did."""

    facts: tuple[Mapping[str, Any], ...] = ()
    lines: tuple[Mapping[str, Any], ...] = ()
    trouble: str = ""

    def notes(self) -> list[dict[str, str]]:
        """As a prompt shows them."""
        facts = [
            {
                "about": person(one["name"]),
                "told you": tame(str(one["text"])),
                "on": str(one["date"]),
            }
            for one in self.facts
        ]
        lines = [
            {
                "from": person(one["name"]),
                "said earlier": tame(str(one["text"])),
                "on": _date_of(one["id"]),
            }
            for one in self.lines
        ]
        return [*facts, *lines]


NOTHING = Remembered()


@lru_cache(maxsize=4)
def _breaker_of(_memory: BaseStore) -> Breaker:
    """After three failures in a row a memory is left alone for half a minute."""
    return Breaker(failures=3, open_ms=30_000)


@cache
def _waiting_pool() -> ThreadPoolExecutor:
    """Threads that wait for memory: an answer must be able to go on without it."""
    return ThreadPoolExecutor(max_workers=16, thread_name_prefix="memory")


def recalled_parts(bot: str, event: Event, *, deep: bool) -> list[tuple[str, ...]]:
    """The namespaces that `recall` searches at a message."""
    # Nothing is learned of bots, and behind a proxy anybody may speak.
    if event.author_kind is not AuthorKind.HUMAN or event.proxied:
        return []
    about = (bot, "person", event.author_id)
    return [about, (bot, "said")] if deep else [about]


def recall(
    memory: BaseStore | None,
    bot: str,
    event: Event,
    lines: Sequence[ChatLine],
    *,
    deep: bool,
    now_ms: int,
) -> Remembered:
    """What comes to mind at a message. `deep`: also earlier lines, which a model can
    use and the offline voice cannot."""
    if memory is None or not recalled_parts(bot, event, deep=deep):
        return NOTHING
    breaker = _breaker_of(memory)
    if not breaker.allows(now_ms):
        return Remembered(trouble="memory is left alone after failures")
    search: Future[Remembered] = _waiting_pool().submit(
        _search_memory, memory, bot, event, lines, deep
    )
    try:
        found = search.result(RECALL_WITHIN)
    except DeadlinePassed:
        search.cancel()
        breaker.failed(now_ms)
        return Remembered(trouble="memory is too slow")
    except Exception as error:  # noqa: BLE001 - process boundary: stores share no base class of their errors
        breaker.failed(now_ms)
        log.warning("memory failed", bot=bot, error=type(error).__name__)
        return Remembered(trouble=f"memory failed: {type(error).__name__}")
    breaker.succeeded()
    return found


def _search_memory(
    memory: BaseStore, bot: str, event: Event, lines: Sequence[ChatLine], deep: bool
) -> Remembered:
    facts = [
        item.value
        for item in memory.search(
            (bot, "person", event.author_id), query=event.content, limit=100
        )
    ]
    place = place_of(event)
    facts = [
        fact
        for fact in facts
        if fact["message"] != event.message_id
        and usable(
            RecordKind.FACT,
            fact,
            place,
            Use.ANSWER,
            about=event.author_id,
            reader=event.author_id,
        )
    ]
    near: list[SearchItem] = []
    if deep:
        # What stands in the transcript anyway needs no note.
        here = {line.content for line in lines} | {event.content}
        found = memory.search(
            (bot, "said"),
            query=event.content,
            filter={"channel": event.channel_id},
            limit=LINES_SEARCHED,
        )
        near = [
            item
            for item in found
            if (item.score or 0) >= ALIKE
            and item.value["text"] not in here
            and usable(
                RecordKind.LINE,
                item.value,
                place,
                Use.ANSWER,
                about=str(item.value["author"]),
                reader=event.author_id,
            )
        ]
    return Remembered(
        tuple(facts[:FACTS_SHOWN]), tuple(item.value for item in near[:LINES_SHOWN])
    )


def place_of(event: Event) -> Place:
    """Where it happened."""
    return Place(event.channel_id, event.guild_id or "")


def usable(
    kind: RecordKind,
    kept: Mapping[str, Any],
    place: Place,
    use: Use,
    *,
    about: str,
    reader: str = "",
) -> bool:
    """Whether a kept fact or line may be used in a place: see `app.rules.privacy`."""
    source = Place(str(kept["channel"]), str(kept["guild"]))
    return may_use(kind, source, place, use, about=about, reader=reader)


@dataclass(frozen=True, slots=True)
class Moment:
    """One answer that was committed: to what, in which words, and what was read before
    it."""

    entry: InboxEntry
    text: str
    lines: tuple[ChatLine, ...] = ()


def people(moment: Moment) -> frozenset[str]:
    """Everybody whose words a moment holds."""
    return frozenset(
        {
            moment.entry.event.author_id,
            *(line.author_id for line in _earlier_lines(moment)),
        }
    )


def remember(
    memory: BaseStore,
    bot: str,
    me: str,
    name: str,
    moment: Moment,
    unwilling: Collection[str] = (),
    deep: bool = True,
) -> None:
    """Keep a moment: who said what to whom. Nothing by or to the `unwilling` is kept,
    nor by or to people who speak through a proxy: anybody may be behind it. `deep`: as in
    `recall`."""
    event = moment.entry.event
    heard = [
        line
        for line in _earlier_lines(moment)
        if line.author_id not in unwilling and line.author_id != me and not line.proxied
    ]
    kept = {f"{line.message_id}.0": _kept_line(event, line) for line in heard}
    if event.author_id not in unwilling and not event.proxied:
        asked = ChatLine(
            message_id=event.message_id,
            author_id=event.author_id,
            author_name=event.author_name,
            author_kind=event.author_kind,
            content=make_legible(event.content, event.names),
            reply_to=event.reply_to,
            parts=event.parts,
        )
        answer = ChatLine(
            message_id=event.message_id,
            author_id=me,
            author_name=name,
            author_kind=AuthorKind.OURS,
            content=moment.text,
            reply_to=event.message_id,
        )
        if event.kind == "message":
            kept[f"{event.message_id}.0"] = _kept_line(event, asked)
        kept[f"{event.message_id}.1"] = _kept_line(event, answer) | {
            "to": event.author_id
        }
    index: Literal[False] | None = None if deep else False
    memory.batch(
        [PutOp((bot, "said"), key, value, index) for key, value in kept.items()]
    )


def _earlier_lines(moment: Moment) -> list[ChatLine]:
    event = moment.entry.event
    return [
        line
        for line in moment.lines
        if (line.content or line.parts)
        and int(line.message_id) < int(event.message_id)
        and event.created_ms - snowflake_ms(line.message_id) <= EARLIER_MS
    ][-EARLIER:]


def _kept_line(event: Event, line: ChatLine) -> dict[str, Any]:
    text = f"{line.content} {describe_parts(line.parts)}".strip()
    # What came with the words (a forward, a link's preview) was written by others.
    own = {"own": line.content[:LINE_LIMIT]} if line.parts else {}
    return own | {
        "id": line.message_id,
        "author": line.author_id,
        "name": line.author_name,
        "text": text[:LINE_LIMIT],
        "bot": line.author_kind is not AuthorKind.HUMAN,
        "reply_to": line.reply_to or "",
        "channel": event.channel_id,
        "guild": event.guild_id or "",
    }


def learn(
    memory: BaseStore, bot: str, author: str, fact: Fact, line: Mapping[str, Any]
) -> bool:
    """Keep one fact with the message it comes from; False: it was known."""
    namespace = (bot, "person", author)
    old = {item.key: item.value for item in memory.search(namespace, limit=100)}
    if any(value["text"].casefold() == fact.text.casefold() for value in old.values()):
        return False
    for key in outdated(old, fact):
        memory.delete(namespace, key)
    # Several facts of one message need a key each.
    taken = sum(key.startswith(f"{fact.message_id}.") for key in old)
    memory.put(
        namespace,
        f"{fact.message_id}.{taken}",
        {
            "kind": fact.kind,
            "text": fact.text,
            "what": fact.what,
            "message": fact.message_id,
            "date": fact.date,
            "name": line["name"],
            "channel": line["channel"],
            "guild": line["guild"],
        },
    )
    return True


def nod(remembered: Remembered, mood: Mood, seed: str) -> str:
    """Now and then, in small talk, a word of the offline voice about something the
    person told it; else ""."""
    chance = Random(f"nod/{seed}")
    # `their` stands for the person's `my`: said to them it would be wrong.
    usable = [
        fact
        for fact in remembered.facts
        if fact["kind"] in _NODS and "thei" not in fact["what"].lower()
    ]
    if mood not in _NOD_MOODS or not usable or chance.random() >= NOD_CHANCE:
        return ""
    fact = chance.choice(usable)
    return _NODS[fact["kind"]].format(
        what=fact["what"], where=str(fact["text"]).partition(" ")[2]
    )


def _date_of(message: str) -> str:
    return datetime.fromtimestamp(snowflake_ms(message) / 1000, UTC).date().isoformat()
