"""What the page shows, looked up piece by piece: each is JSON with a type, and tells
all of its subject, so that a page may miss any number of them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from typing import Protocol

from app.domain.errors import StreamError
from app.domain.model import JournalLine
from app.domain.settings import Settings
from app.operator import discord_times, ops, talk
from app.operator.figures import Measured, add_up, measure_message
from app.operator.status import read_status
from app.operator.talk import TalkExchange, TalkMessage, TalkPlace
from app.operator.why.asides import names_of_bots
from app.operator.why.rows import rows_of
from app.operator.why.story import tell
from app.store.door import Store

Json = dict[str, object]

UNSETTLED_MS = 600_000
"""A message that is younger may still be decided about, and is read again."""
SETTLED_S = 60.0
"""After so long an older one is read again."""
SLOW_S = 2.0
"""Between looks at what changes slowly: places, bots, figures."""


@dataclass(frozen=True)
class Piece:
    """One thing to tell. `key` names its subject; `direct`: of a private talk."""

    key: str
    body: Json
    direct: bool = False


class Source(Protocol):
    """Where messages come from."""

    def find_places(self, store: Store) -> list[TalkPlace]:
        """Every place that may be shown."""
        ...

    def read_place(self, store: Store, place: TalkPlace) -> list[TalkExchange]:
        """Its newest messages, those of bots with no journal of their own included."""
        ...


class StoredMessages:
    """The messages that the stream itself keeps."""

    def __init__(self, direct: bool) -> None:
        self._direct = direct
        self._read: dict[str, dict[str, tuple[float, TalkExchange]]] = {}
        """By place and id: when it was read, and what was found."""

    def find_places(self, store: Store) -> list[TalkPlace]:
        """As gateways have named them."""
        return talk.find_places(store, self._direct)

    def read_place(self, store: Store, place: TalkPlace) -> list[TalkExchange]:
        """Settled ones are read now and then: somebody may be forgotten."""
        if not place.lively:
            return []
        before = self._read.get(place.id, {})
        ids = talk.list_newest(store, place.id)
        entries = talk.list_bots(store)
        now = discord_times.read_now_ms(store) / 1000
        found: dict[str, tuple[float, TalkExchange]] = {}
        for message in ids:
            known = before.get(message)
            if known is None or _is_due(known, now):
                exchange = talk.read_message(store, place.id, message, entries)
                known = (now, exchange)
            found[message] = known
        # In place of the former: what is no longer among the newest goes here as well.
        self._read[place.id] = found
        openings = talk.read_openings(store, place.id)
        return [
            *(exchange for _, exchange in found.values()),
            *(TalkExchange(opening, (), ()) for opening in openings),
        ]


def _is_due(known: tuple[float, TalkExchange], now: float) -> bool:
    read_at, exchange = known
    settled = exchange.message.at_ms < now * 1000 - UNSETTLED_MS
    return now - read_at > (SETTLED_S if settled else 0.0)


class StreamView:
    """Looks at a stream again and again, on one thread at a time."""

    def __init__(self, settings: Settings, source: Source | None = None) -> None:
        self._settings = settings
        self._source = source or StoredMessages(settings.page_direct)
        self._opened = ExitStack()
        self._store: Store | None = None
        self._slow: list[Piece] = []
        self._slow_at = 0.0
        self._places: list[TalkPlace] = []
        self._stories: dict[str, tuple[int, Json]] = {}

    def look(self, anew: bool = False) -> list[Piece]:
        """All pieces as they are now; what changes slowly is looked up now and then, or
        `anew`. Raises StreamError."""
        try:
            return self._look(self._open_store(), anew)
        except StreamError:
            # Redis may come back under another address.
            self.close()
            raise

    def close(self) -> None:
        """Close the connection to Redis, if there is one."""
        self._opened.close()
        self._store = None

    def _open_store(self) -> Store:
        if self._store is None:
            opened = ops.open_store(self._settings)
            self._store = self._opened.enter_context(opened)
        return self._store

    def _look(self, store: Store, anew: bool) -> list[Piece]:
        if anew or time.monotonic() - self._slow_at > SLOW_S:
            self._places = self._source.find_places(store)
            self._slow = [*self._tell_places(), *self._tell_of_bots(store)]
            self._slow_at = time.monotonic()
        names = names_of_bots(store)
        messages: list[Piece] = []
        measured: list[Measured] = []
        stories: dict[str, tuple[int, Json]] = {}
        for place in self._places:
            for one in self._source.read_place(store, place):
                story = self._story(one, names)
                if story is not None:
                    stories[one.message.id] = story
                messages += tell_messages(one, place, names, story and story[1])
                # A bot's post has a journal once others decide about it: it asked for
                # nothing.
                if one.lines and not one.message.bot:
                    measured.append(measure_message(one.message.id, one.lines))
        self._stories = stories
        figures = add_up(measured, int(discord_times.read_now_ms(store)))
        piece = Piece("figures", {"type": "figures", **asdict(figures)})
        return [*self._slow, *messages, piece]

    def _tell_places(self) -> Iterator[Piece]:
        for direct in (False, True):
            shown = [asdict(one) for one in self._places if one.direct == direct]
            body: Json = {"type": "places", "direct": direct, "places": shown}
            yield Piece(f"places:{direct}", body, direct)

    def _tell_of_bots(self, store: Store) -> Iterator[Piece]:
        found = read_status(self._settings)
        status = asdict(found)
        # The time of the look would make each look a change.
        status.pop("at")
        entries = talk.list_bots(store)
        accounts = {entry.bot: entry.user_id for entry in entries}
        names = names_of_bots(store)
        for bot in status["bots"]:
            bot["account"] = accounts.get(bot["bot"], "")
            bot["name"] = names.get(bot["bot"], bot["bot"])
            # Rounded: what changes with each look would be told with each look.
            bot["cooldown_s"] = round(bot["cooldown_s"])
        for mute in status["mutes"]:
            mute["until"] = mute["until"] and round(mute["until"])
        status["oldest_unanswered_s"] = status["oldest_unanswered_s"] and round(
            status["oldest_unanswered_s"]
        )
        status["redis"] = {
            name: round(size, -6) for name, size in status["redis"].items()
        }
        status["model_troubles"] = [one._asdict() for one in found.model_troubles]
        dead = [
            {"bot": bot, "entry": entry, "reason": reason}
            for bot, entry, reason in ops.dead_letters(self._settings)
        ]
        yield Piece("status", {"type": "status", **status, "dead": dead})

    def _story(
        self, exchange: TalkExchange, names: Mapping[str, str]
    ) -> tuple[int, Json] | None:
        """With how many decisions it was made of; None: nothing was decided."""
        if not exchange.lines:
            return None
        known = self._stories.get(exchange.message.id)
        # Journals are only added to: as many decisions are the same ones.
        decisions = sum(line.times for line in exchange.lines)
        if known is not None and known[0] == decisions:
            return known
        return decisions, tell_story(exchange.lines, names, exchange.message)


def tell_messages(
    exchange: TalkExchange,
    place: TalkPlace,
    names: Mapping[str, str],
    story: Json | None,
) -> Iterator[Piece]:
    """A message and what our bots said to it."""
    own = exchange.message
    for message, why in ((own, story), *((post, None) for post in exchange.posts)):
        # A bot's post is a message of its own once others have decided about it.
        key = f"{'message' if message is own else 'post'}:{message.id}"
        name = names.get(message.bot, message.name)
        body = {"type": "message", **asdict(replace(message, name=name))}
        yield Piece(key, body | ({"story": why} if why else {}), place.direct)


def tell_story(
    lines: Sequence[JournalLine], names: Mapping[str, str], message: TalkMessage
) -> Json:
    """Why it went as it did: the sentence, a row for each bot, when it was answered."""
    story = tell(lines, names, message.name)
    delivered = [line.at_ms for line in lines if line.verdict == "delivered"]
    return {
        "sentence": story.sentence,
        "rows": [asdict(row) for row in rows_of(lines)],
        "after_ms": max(0, min(delivered) - message.at_ms) if delivered else None,
    }
