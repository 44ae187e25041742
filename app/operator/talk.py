"""What was said, as far as the stream keeps it: places, the newest messages of each,
and what our bots said.

Messages that moved no bot are not kept, and so not here. A place that no gateway has
named is taken for private: direct messages have no name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from app.domain.lane import Lane
from app.domain.model import Event, JournalLine, OutboxEntry, RosterEntry, snowflake_ms
from app.domain.verdicts import Commit
from app.operator import discord_times
from app.operator.why.finding import FoundMessage, look_up
from app.store import keys, memories, names, outbox, overview, roster
from app.store.door import Store

SHOWN = 60
"""Messages of a place."""
MOST_PLACES = 200
UNSAID = "unsaid"


@dataclass(frozen=True)
class TalkPlace:
    """A channel with its threads, or a private talk."""

    id: str
    name: str
    guild: str
    """Empty: unknown, or private."""
    direct: bool
    lively: bool
    """Whether anything that was said there is kept."""
    topic: str = ""


@dataclass(frozen=True)
class TalkMessage:
    """One thing that was said, by a person or a bot. Ids are empty where they are not
    known; `text` is None where it is not kept any more."""

    id: str
    place: str
    at_ms: int
    author: str
    name: str
    bot: str = ""
    """Which of our bots said it."""
    text: str | None = None
    reply_to: str = ""
    thread: str = ""
    state: str = ""
    """Of a bot's post: `waits` until it is in Discord, `dead` if it never will be,
    `unsaid` where a dry run kept it back."""
    reactions: tuple[tuple[str, str], ...] = ()
    """(emoji, who)."""
    edited: bool = False
    deleted: bool = False


@dataclass(frozen=True)
class TalkExchange:
    """A person's message with its journal, and what our bots said to it."""

    message: TalkMessage
    lines: tuple[JournalLine, ...]
    posts: tuple[TalkMessage, ...]


def find_places(store: Store, direct: bool = False) -> list[TalkPlace]:
    """Where bots listen, by server. `direct`: private talks as well. Raises
    StoreUnavailable."""
    entries = store.run(roster.roster())
    lively = {key.split(":")[1] for key in memories.scan(store, keys.left_bytes("*"))}
    wanted = lively | {channel for entry in entries for channel in entry.channels}
    places = list(_named(store, wanted, lively)) if wanted else []
    found = {one.id for one in places}
    places = sorted(places, key=lambda one: (one.guild, int(one.id)))
    if direct:
        # Ids grow with time: the youngest talk comes first.
        private = sorted(lively - found, key=int, reverse=True)
        places += [TalkPlace(one, "", "", direct=True, lively=True) for one in private]
    # Where nothing is kept there is nothing to read: those places go first.
    if len(places) > MOST_PLACES:
        places = [one for one in places if one.lively]
    return places[:MOST_PLACES]


def _named(store: Store, wanted: set[str], lively: set[str]) -> Iterator[TalkPlace]:
    # SCAN knows no order, and the page would redraw the places with each look.
    for key in sorted(memories.scan(store, keys.names("*"))):
        guild, ids = key.split(":")[1], sorted(wanted)
        called = store.run(names.called(guild, ids))
        # A topic is named after its channel.
        topics = store.run(names.called(guild, [f"topic:{one}" for one in ids]))
        for one, name in called.items():
            topic = topics.get(f"topic:{one}", "")
            yield TalkPlace(one, name, guild, False, one in lively, topic)


def is_private(store: Store, said: FoundMessage, lines: Iterable[JournalLine]) -> bool:
    """Whether a message was said in private. A channel that is not known to be public
    is taken for private."""
    # Said by the gateway that heard it. A link that somebody types may name any channel.
    if any(line.reason == "direct message" for line in lines):
        return True
    # A thread's name may be unknown where its channel's is known.
    places = {said.channel, said.parent} - {""}
    # Without a place no text is kept: what could be shown is the decision alone.
    if not places:
        return False
    return not any(
        store.run(names.called(key.split(":")[1], sorted(places)))
        for key in memories.scan(store, keys.names("*"))
    )


def list_bots(store: Store) -> tuple[RosterEntry, ...]:
    """Our bots, by name."""
    return store.run(roster.roster())


def list_newest(store: Store, place: str) -> tuple[str, ...]:
    """Ids of the newest messages of a place, oldest first."""
    return store.run(overview.newest_messages(place, SHOWN))


def read_lines(store: Store, message: str) -> tuple[JournalLine, ...]:
    """What was decided about a message."""
    return discord_times.read_lines(store, message)


def read_message(
    store: Store, place: str, message: str, entries: Sequence[RosterEntry]
) -> TalkExchange:
    """One message of a place, with all that is known of it."""
    lines = discord_times.read_lines(store, message)
    said = look_up(store, message)
    event = None if said.text else _waiting(store, place, message, lines)
    if event is not None:
        said = FoundMessage.of(event)
    ours = {entry.user_id: entry.bot for entry in entries}
    deleted = any(line.verdict == "deleted" for line in lines)
    posts = tuple(_posts(store, place, message, lines, entries))
    known = TalkMessage(
        id=message,
        place=place,
        at_ms=snowflake_ms(message),
        author=said.author_id,
        name=said.author or "somebody",
        bot=ours.get(said.author_id, ""),
        # Without an author nothing is kept, and "" would say that nothing was written.
        text=said.text if said.author else None,
        thread=said.channel_name if said.channel not in {"", place} else "",
        reactions=tuple((one.text or "", one.bot) for one in posts if not one.id),
        edited=any(line.step == "edit" for line in lines),
        deleted=deleted,
    )
    return TalkExchange(known, lines, tuple(one for one in posts if one.id))


def read_openings(store: Store, place: str) -> list[TalkMessage]:
    """What bots said in a place within a day without being asked."""
    found = []
    for bot, entry_id in store.run(overview.posts_of_bots(place)):
        # What a bot says unasked answers no message, so its journal is its own.
        if entry_id.startswith("p:"):
            lines = discord_times.read_lines(store, entry_id)
            found += list(_posts(store, place, "", lines, (), {bot: entry_id}))
    return [one for one in found if one.id]


def _waiting(
    store: Store, place: str, message: str, lines: Sequence[JournalLine]
) -> Event | None:
    """A message that speaks to a bot is kept in the bot's inbox until it is answered."""
    asked = {line.bot for line in lines if line.verdict == "direct"}
    for bot in sorted(asked):
        stream = keys.inbox(Lane(bot, place))
        for event in store.run(overview.waiting_events(stream)):
            if event.message_id == message:
                return event
    return None


def _posts(
    store: Store,
    place: str,
    message: str,
    lines: Sequence[JournalLine],
    entries: Sequence[RosterEntry],
    written: Mapping[str, str] | None = None,
) -> Iterator[TalkMessage]:
    """What each bot said to a message; a reaction has no id, and its emoji as text."""
    committed = dict(written or {})
    for line in lines:
        if line.verdict in {Commit.COMMITTED, Commit.DRY_RUN}:
            committed[line.bot] = str(line.numbers.get("entry", ""))
    for bot, entry_id in committed.items():
        own = [line for line in lines if line.bot == bot]
        delivered = [one for one in own if one.verdict == "delivered"]
        post = str(delivered[-1].numbers.get("message", "")) if delivered else ""
        entry = store.run(outbox.read(entry_id)) if entry_id else None
        state = _state_of(own)
        # One that nobody can see in Discord must not look as if it were there.
        if entry is not None and entry.emoji and state != UNSAID:
            yield TalkMessage("", place, 0, bot, bot, bot=bot, text=entry.emoji)
            continue
        yield TalkMessage(
            # Until it is in Discord it has no id but the outbox's.
            id=post if post.isdecimal() else entry_id,
            place=place,
            at_ms=(delivered or own)[-1].at_ms if own else 0,
            author=_account(bot, entries),
            name=bot,
            bot=bot,
            text=_text_of(store, bot, message, entry),
            reply_to=(entry.reply_to or "") if entry is not None else message,
            state=state,
        )


def _account(bot: str, entries: Sequence[RosterEntry]) -> str:
    return next((entry.user_id for entry in entries if entry.bot == bot), "")


def _text_of(
    store: Store, bot: str, message: str, entry: OutboxEntry | None
) -> str | None:
    if entry is not None:
        return entry.emoji or "\n".join(entry.chunks)
    # The outbox forgets first; the bot remembers for longer what it said.
    remembered = store.run(overview.spoken_line(bot, message)) if message else {}
    return str(remembered["text"]) if remembered else None


def _state_of(lines: Sequence[JournalLine]) -> str:
    """From the last thing that happened to a post."""
    # A dead letter that was sent again has both in its journal.
    for line in reversed(lines):
        if line.verdict == "delivered":
            return ""
        if line.verdict == Commit.DRY_RUN:
            return UNSAID
        if line.step == "deliver" and line.verdict in {
            "dead",
            "expired",
            "muted",
            "cancelled",
        }:
            return "dead"
    return "waits"
