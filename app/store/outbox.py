"""The outbox: committed actions on their way to Discord, in order per bot and
channel."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import NamedTuple

from app.domain.model import OutboxEntry
from app.domain.settings import Settings
from app.domain.verdicts import Attempt
from app.store import keys, leases
from app.store.calls import Call, Reply, command
from app.store.floors import Next, next_of
from app.store.keys import Key
from app.store.refusals import Barred
from app.store.scripts import script
from app.store.signing import OUTBOX, UNCHECKED, Signer, signer, spoken

NONCE_LENGTH = 25
"""Discord's limit for a nonce, in characters."""


class Allowed(NamedTuple):
    """Whether a chunk may be sent, the number of the try, since when its fate is
    unknown, the wait before reading."""

    verdict: Attempt
    tries: int
    first_ms: int
    wait_ms: int


def nonce(entry_id: str, chunk: int) -> str:
    """Deterministic: however often and by whom this chunk is sent, Discord sees one
    message."""
    return hashlib.sha256(f"{entry_id}|{chunk}".encode()).hexdigest()[:NONCE_LENGTH]


def acquire(bot: str, channel: str, owner: str, lease_ms: int) -> Call[bool]:
    """Take the delivery lease of a bot in a channel; False: another delivers."""
    lease = leases.acquire(keys.delivery(bot, channel), owner, lease_ms)
    return lease.parsed(lambda holder: bool(holder == owner))


def renew(bot: str, channel: str, owner: str, lease_ms: int) -> Call[bool]:
    """Keep the lease; False: it is no longer ours."""
    return leases.renew(keys.delivery(bot, channel), owner, lease_ms)


def head(bot: str, channel: str) -> Call[str | None]:
    """The oldest entry id, or None."""
    return command("LINDEX", keys.outbox(bot, channel), 0, parse=lambda reply: reply)


@script("outbox.list_due")
def _list_due(*, bot: str) -> None: ...


def list_due(bot: str) -> Call[tuple[tuple[str, int], ...]]:
    """Channels in which this bot has something to deliver, each with in how many ms it
    is due (0: now)."""

    def parse(reply: Reply) -> tuple[tuple[str, int], ...]:
        return tuple(
            (channel, int(in_ms))
            for channel, in_ms in zip(reply[::2], reply[1::2], strict=True)
        )

    return _list_due(bot=bot).parsed(parse)


def signed(entry: OutboxEntry, settings: Settings) -> str:
    """The body that is stored."""
    return signer(settings).sign(OUTBOX, entry.model_dump_json())


def _parse_entry(reply: Reply, checked: Signer) -> OutboxEntry | None:
    if not reply or not reply[0] or not checked.believes(reply[0], OUTBOX):
        return None
    try:
        body = OutboxEntry.model_validate_json(reply[0])
        known = {
            "root": reply[1] or "",
            "hops": int(reply[2] or 0),
            "barred": tuple(reply[4][::2]),
        }
        return body.model_copy(update=known)
    except ValueError:
        return None


@script("outbox.read")
def _read(*, entry: Key) -> None: ...


def read(entry_id: str, checked: Signer = UNCHECKED) -> Call[OutboxEntry | None]:
    """One entry; None when it is gone, corrupt, not signed by one of ours, or its key
    holds something else."""
    call = _read(entry=keys.entry(entry_id))
    return call.parsed(lambda reply: _parse_entry(reply, checked))


def trigger(entry_id: str) -> Call[str | None]:
    """The message that an entry answers, known even when its body is corrupt."""
    call = _read(entry=keys.entry(entry_id))
    return call.parsed(lambda reply: reply[3] if reply else None)


@script("outbox.attempt")
def _attempt(
    *,
    delivery: Key,
    outbox: Key,
    entry: Key,
    cause_in_flight: Key,
    recent_posts: Key,
    owner: str,
    take: bool,
    entry_id: str,
    message: str,
    chunk: int,
    nonce: str,
    nonce_window_ms: int,
    timeout_ms: int,
    lease_ms: int,
    looked: bool,
    mute_scopes: str,
) -> None: ...


def attempt(
    entry: OutboxEntry,
    chunk: int,
    owner: str,
    settings: Settings,
    looked: bool,
    *,
    take: bool = False,
) -> Call[Allowed]:
    """Ask before a POST, and note that it is about to happen. `looked`: it is not
    there, the channel was read back. `take`: the lease comes with the permission, where
    nobody has it and the entry is the head."""

    def parse(reply: Reply) -> Allowed:
        return Allowed(Attempt(reply[0]), int(reply[1]), int(reply[2]), int(reply[3]))

    call = _attempt(
        delivery=keys.delivery(entry.bot, entry.channel_id),
        outbox=keys.outbox(entry.bot, entry.channel_id),
        entry=keys.entry(entry.entry_id),
        cause_in_flight=keys.cause_in_flight(entry.bot, entry.channel_id),
        recent_posts=keys.recent_bot_posts(entry.channel_id),
        owner=owner,
        take=take,
        entry_id=entry.entry_id,
        message=_subject_of(entry),
        chunk=chunk,
        nonce=nonce(entry.entry_id, chunk),
        nonce_window_ms=int(settings.nonce_window * 1000),
        timeout_ms=int(settings.discord_timeout * 1000),
        lease_ms=int(settings.delivery_lease * 1000),
        looked=looked,
        mute_scopes=keys.mute_scopes(
            entry.bot, entry.channel_id, entry.guild_id, entry.parent_id
        ),
    )
    return call.parsed(parse)


def _subject_of(entry: OutboxEntry) -> str:
    """The message that an entry answers; a post that answers nobody is its own."""
    return entry.reply_to or entry.entry_id


@script("outbox.record_failure")
def _record_failure(
    *, entry: Key, delivery: Key, entry_id: str, chunk: int, absent: bool, owner: str
) -> None: ...


def record_failure(
    entry: OutboxEntry, chunk: int, owner: str, absent: bool
) -> Call[tuple[int, int]]:
    """An attempt ended without a post; `absent`: Discord surely refused it. Returns (ms
    since the first failure, failures)."""
    call = _record_failure(
        entry=keys.entry(entry.entry_id),
        delivery=keys.delivery(entry.bot, entry.channel_id),
        entry_id=entry.entry_id,
        chunk=chunk,
        absent=absent,
        owner=owner,
    )
    return call.parsed(lambda reply: (int(reply[0]), int(reply[1])))


@script("outbox.note_blocked")
def _note_blocked(*, entry: Key, journal: Key, bot: str, reason: str) -> None: ...


def note_blocked(entry: OutboxEntry, reason: str) -> Call[bool]:
    """Tell the journal why an entry cannot be sent until somebody mends something;
    False: it knows."""
    call = _note_blocked(
        entry=keys.entry(entry.entry_id),
        journal=keys.journal(_subject_of(entry)),
        bot=entry.bot,
        reason=reason,
    )
    return call.parsed(bool)


@script("outbox.replace")
def _replace(
    *,
    entry: Key,
    delivery: Key,
    journal: Key,
    recent_posts: Key,
    entry_id: str,
    owner: str,
    chunk: int,
    body: str,
    way: str,
    absent: bool,
    worded: bool,
) -> None: ...


def replace(
    entry: OutboxEntry,
    other: str,
    chunk: int,
    owner: str,
    way: str,
    *,
    absent: bool,
    worded: bool,
) -> Call[bool]:
    """Put another action, as `signed` wrote it, in the place of a refused one.
    `absent`: no attempt at the first can have arrived; `worded`: a reaction became
    words. False: nothing was changed, as the lease is not the owner's or the chunk is
    delivered."""
    call = _replace(
        entry=keys.entry(entry.entry_id),
        delivery=keys.delivery(entry.bot, entry.channel_id),
        journal=keys.journal(_subject_of(entry)),
        recent_posts=keys.recent_bot_posts(entry.channel_id),
        entry_id=entry.entry_id,
        owner=owner,
        chunk=chunk,
        body=other,
        way=way,
        absent=absent,
        worded=worded,
    )
    return call.parsed(bool)


@script("outbox.record_delivery")
def _record_delivery(
    *disproved: str,
    entry: Key,
    outbox: Key,
    floor: Key,
    answer: Key,
    journal: Key,
    journal_of_bot: Key,
    recent_posts: Key,
    refusals: Key,
    entry_id: str,
    chunk: int,
    chunks: int,
    message: str,
    how: str,
    line: str,
) -> None: ...


def record_delivery(
    entry: OutboxEntry,
    chunk: int,
    message_id: str,
    how: str,
    date: str,
    disproved: Sequence[Barred] = (Barred.SEND,),
    signer: Signer = UNCHECKED,
) -> Call[tuple[bool, Next]]:
    """A chunk is in Discord, which disproves refusals that are remembered. `signer`
    signs the line for the diary. Returns whether the entry is complete, and who may
    speak next."""
    line = json.dumps(
        {
            "channel": entry.channel_id,
            "reply_to": entry.reply_to,
            "author": entry.reply_author,
            "text": "\n".join(entry.chunks),
            "emoji": entry.emoji,
        }
    )
    call = _record_delivery(
        *disproved,
        entry=keys.entry(entry.entry_id),
        outbox=keys.outbox(entry.bot, entry.channel_id),
        floor=keys.floor(entry.channel_id),
        answer=keys.answer(_subject_of(entry)),
        journal=keys.journal(_subject_of(entry)),
        journal_of_bot=keys.journal_of_bot(entry.bot, date),
        recent_posts=keys.recent_bot_posts(entry.channel_id),
        refusals=keys.refusals(entry.bot, entry.channel_id),
        entry_id=entry.entry_id,
        chunk=chunk,
        # A reaction has no words, and is delivered once all the same.
        chunks=max(1, len(entry.chunks)),
        message=message_id,
        how=how,
        line=signer.sign(spoken(entry.bot), line),
    )
    return call.parsed(
        lambda reply: (bool(reply[0]), next_of(reply[1], reply[2], entry.channel_id))
    )


@script("outbox.dead_letter")
def _dead_letter(
    *,
    entry: Key,
    outbox: Key,
    floor: Key,
    answer: Key,
    journal: Key,
    dead: Key,
    entry_id: str,
    bot: str,
    channel: str,
    message: str,
    verdict: str,
    reason: str,
) -> None: ...


def dead_letter(entry: OutboxEntry, verdict: str, reason: str) -> Call[Next]:
    """An entry will not be sent: `dead`, or dropped on purpose: `muted`, `expired` or
    `cancelled`. Returns who may speak next."""
    call = _dead_letter(
        entry=keys.entry(entry.entry_id),
        outbox=keys.outbox(entry.bot, entry.channel_id),
        floor=keys.floor(entry.channel_id),
        answer=keys.answer(_subject_of(entry)),
        journal=keys.journal(_subject_of(entry)),
        dead=keys.dead(entry.bot),
        entry_id=entry.entry_id,
        bot=entry.bot,
        channel=entry.channel_id,
        message=_subject_of(entry),
        verdict=verdict,
        reason=reason,
    )
    return call.parsed(lambda reply: next_of(reply[0], reply[1], entry.channel_id))


@script("outbox.find_posts")
def _find_posts(*causes: Key) -> None: ...


def find_posts(messages: Sequence[str]) -> Call[frozenset[str]]:
    """Which of these messages (at least one) are known to be the post of some chunk
    already."""

    def parse(reply: Reply) -> frozenset[str]:
        return frozenset(
            message for message, taken in zip(messages, reply, strict=True) if taken
        )

    return _find_posts(*map(keys.cause, messages)).parsed(parse)


def remove(entry: OutboxEntry) -> Call[int]:
    """Take an entry off the list whose chunks are all delivered."""
    return command(
        "LREM", keys.outbox(entry.bot, entry.channel_id), 0, entry.entry_id, parse=int
    )


@script("outbox.release")
def _release(
    *, delivery: Key, outbox: Key, owner: str, pair: str, retry_ms: int, served: str
) -> None: ...


def release(bot: str, channel: str, owner: str, retry_ms: int) -> Call[bool]:
    """Give the delivery lease back; True: more is waiting and due now."""
    call = _release(
        delivery=keys.delivery(bot, channel),
        outbox=keys.outbox(bot, channel),
        owner=owner,
        pair=f"{bot}:{channel}",
        retry_ms=retry_ms,
        served="",
    )
    return call.parsed(bool)


def release_after(entry: OutboxEntry, owner: str) -> Call[bool | None]:
    """As `release`, in one round trip with the record of an entry's last chunk. None:
    the entry is still the head, so the lease is kept."""
    call = _release(
        delivery=keys.delivery(entry.bot, entry.channel_id),
        outbox=keys.outbox(entry.bot, entry.channel_id),
        owner=owner,
        pair=f"{entry.bot}:{entry.channel_id}",
        retry_ms=0,
        served=entry.entry_id,
    )
    return call.parsed(lambda more: None if more < 0 else bool(more))


class InFlight(NamedTuple):
    """What a bot is sending in a channel just now."""

    entry: str
    chunk: int
    nonce: str


def in_flight(bot: str, channel: str) -> Call[InFlight | None]:
    """The chunk that was last attempted, by which a gateway recognises its own
    MESSAGE_CREATE as a receipt."""

    def parse(reply: Reply) -> InFlight | None:
        # Redis answers in text: chunk "0" counts as given.
        return InFlight(reply[0], int(reply[1]), reply[2]) if all(reply) else None

    return command(
        "HMGET",
        keys.cause_in_flight(bot, channel),
        "entry",
        "chunk",
        "nonce",
        parse=parse,
    )


def dead(bot: str) -> Call[dict[str, str]]:
    """Dead letters: entry id to reason."""
    return command("HGETALL", keys.dead(bot), parse=dict)


@script("outbox.retry")
def _retry(
    *,
    entry: Key,
    dead: Key,
    outbox: Key,
    answer: Key,
    journal: Key,
    entry_id: str,
    bot: str,
    channel: str,
) -> None: ...


def retry(entry: OutboxEntry) -> Call[bool]:
    """Send a dead letter again; False: it is none."""
    call = _retry(
        entry=keys.entry(entry.entry_id),
        dead=keys.dead(entry.bot),
        outbox=keys.outbox(entry.bot, entry.channel_id),
        answer=keys.answer(_subject_of(entry)),
        journal=keys.journal(_subject_of(entry)),
        entry_id=entry.entry_id,
        bot=entry.bot,
        channel=entry.channel_id,
    )
    return call.parsed(bool)


def waiting(bot: str, channel: str) -> Call[tuple[str, ...]]:
    """Entry ids that wait to be sent, oldest first."""
    return command("LRANGE", keys.outbox(bot, channel), 0, -1, parse=tuple)
