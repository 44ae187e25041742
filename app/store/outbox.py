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
from app.store.refusals import Barred
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
    """Deterministic: whoever sends this chunk, however often, Discord sees one
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


def channels_due(bot: str) -> Call[tuple[tuple[str, int], ...]]:
    """Channels in which this bot has something to deliver, each with in how many ms it
    is due (0: now)."""

    def parse(reply: Reply) -> tuple[tuple[str, int], ...]:
        return tuple(
            (channel, int(in_ms))
            for channel, in_ms in zip(reply[::2], reply[1::2], strict=True)
        )

    return Call("channels", (keys.DELIVERIES_DUE,), (bot,), parse)


def signed(entry: OutboxEntry, settings: Settings) -> str:
    """The body that is stored."""
    return signer(settings).sign(OUTBOX, entry.model_dump_json())


def _entry(reply: Reply, checked: Signer) -> OutboxEntry | None:
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


def read(entry_id: str, checked: Signer = UNCHECKED) -> Call[OutboxEntry | None]:
    """One entry; None when it is gone, corrupt, not signed by one of ours, or its key
    holds something else."""
    return Call(
        "entry", (keys.entry(entry_id),), (), lambda reply: _entry(reply, checked)
    )


def trigger(entry_id: str) -> Call[str | None]:
    """The message that an entry answers, known even when its body is corrupt."""
    return Call(
        "entry", (keys.entry(entry_id),), (), lambda reply: reply[3] if reply else None
    )


def attempt(
    entry: OutboxEntry, chunk: int, owner: str, settings: Settings, looked: bool
) -> Call[Allowed]:
    """Ask before a POST, and note that it is about to happen. `looked`: it is not
    there, the channel was read back."""

    def parse(reply: Reply) -> Allowed:
        return Allowed(Attempt(reply[0]), int(reply[1]), int(reply[2]), int(reply[3]))

    return Call(
        "attempt",
        (
            keys.delivery(entry.bot, entry.channel_id),
            keys.entry(entry.entry_id),
            keys.journal(entry.reply_to or entry.entry_id),
            keys.cause_in_flight(entry.bot, entry.channel_id),
            keys.DELIVERIES_IN_FLIGHT,
            keys.answer(entry.reply_to or entry.entry_id),
        ),
        (
            owner,
            entry.entry_id,
            chunk,
            nonce(entry.entry_id, chunk),
            int(settings.nonce_window * 1000),
            int(settings.discord_timeout * 1000),
            int(settings.delivery_lease * 1000),
            int(looked),
            keys.mute_scopes(
                entry.bot, entry.channel_id, entry.guild_id, entry.parent_id
            ),
        ),
        parse,
    )


def unsent(
    entry: OutboxEntry, chunk: int, owner: str, absent: bool
) -> Call[tuple[int, int]]:
    """An attempt ended without a post; `absent`: Discord surely refused it. Returns (ms
    since the first failure, failures)."""
    return Call(
        "unsent",
        (
            keys.entry(entry.entry_id),
            keys.DELIVERIES_IN_FLIGHT,
            keys.delivery(entry.bot, entry.channel_id),
        ),
        (entry.entry_id, chunk, int(absent), owner),
        lambda reply: (int(reply[0]), int(reply[1])),
    )


def waits(entry: OutboxEntry, reason: str) -> Call[bool]:
    """Tell the journal why an entry cannot be sent until somebody mends something;
    False: it knows."""
    message = entry.reply_to or entry.entry_id
    return Call(
        "waits",
        (keys.entry(entry.entry_id), keys.journal(message)),
        (entry.bot, reason),
        bool,
    )


def second_way(
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
    return Call(
        "second_way",
        (
            keys.entry(entry.entry_id),
            keys.delivery(entry.bot, entry.channel_id),
            keys.journal(entry.reply_to or entry.entry_id),
            keys.DELIVERIES_IN_FLIGHT,
            keys.recent_bot_posts(entry.channel_id),
        ),
        (entry.entry_id, owner, chunk, other, way, int(absent), int(worded)),
        bool,
    )


def delivered(
    entry: OutboxEntry,
    chunk: int,
    message_id: str,
    how: str,
    date: str,
    disproved: Sequence[Barred] = (Barred.SEND,),
    signer: Signer = UNCHECKED,
) -> Call[tuple[bool, str]]:
    """A chunk is in Discord, which disproves refusals that are remembered. `signer`
    signs the line for the diary. Returns whether the entry is complete, and the lane
    that may speak next."""
    line = json.dumps(
        {
            "channel": entry.channel_id,
            "reply_to": entry.reply_to,
            "author": entry.reply_author,
            "text": "\n".join(entry.chunks),
            "emoji": entry.emoji,
        }
    )
    return Call(
        "delivered",
        (
            keys.entry(entry.entry_id),
            keys.outbox(entry.bot, entry.channel_id),
            keys.floor(entry.channel_id),
            keys.answer(entry.reply_to or entry.entry_id),
            keys.floor_waiting(entry.channel_id),
            keys.journal(entry.reply_to or entry.entry_id),
            keys.DELIVERIES_DUE,
            keys.DELIVERIES_IN_FLIGHT,
            keys.journal_of_bot(entry.bot, date),
            keys.recent_bot_posts(entry.channel_id),
            keys.refusals(entry.bot, entry.channel_id),
        ),
        (
            entry.entry_id,
            chunk,
            message_id,
            max(1, len(entry.chunks)),
            how,
            signer.sign(spoken(entry.bot), line),
            *disproved,
        ),
        lambda reply: (bool(reply[0]), str(reply[1])),
    )


def bury(entry: OutboxEntry, verdict: str, reason: str) -> Call[str]:
    """An entry will not be sent: `dead`, `muted`, `expired` or `cancelled`. Returns the
    lane that may speak next."""
    return Call(
        "bury",
        (
            keys.entry(entry.entry_id),
            keys.outbox(entry.bot, entry.channel_id),
            keys.floor(entry.channel_id),
            keys.answer(entry.reply_to or entry.entry_id),
            keys.floor_waiting(entry.channel_id),
            keys.journal(entry.reply_to or entry.entry_id),
            keys.dead(entry.bot),
        ),
        (entry.entry_id, entry.bot, verdict, reason),
        str,
    )


def attributed(messages: Sequence[str]) -> Call[frozenset[str]]:
    """Which of these messages (at least one) are known to be the post of some chunk
    already."""

    def parse(reply: Reply) -> frozenset[str]:
        return frozenset(
            message for message, taken in zip(messages, reply, strict=True) if taken
        )

    return Call(
        "attributed", tuple(keys.cause(message) for message in messages), (), parse
    )


def settle(entry: OutboxEntry) -> Call[int]:
    """Take an entry off the list whose chunks are all delivered."""
    return command(
        "LREM", keys.outbox(entry.bot, entry.channel_id), 0, entry.entry_id, parse=int
    )


def release(bot: str, channel: str, owner: str, retry_ms: int) -> Call[bool]:
    """Give the delivery lease back; True: more is waiting and due now."""
    return Call(
        "leave",
        (keys.delivery(bot, channel), keys.outbox(bot, channel), keys.DELIVERIES_DUE),
        (owner, f"{bot}:{channel}", retry_ms),
        bool,
    )


class InFlight(NamedTuple):
    """What a bot is sending in a channel just now."""

    entry: str
    chunk: int
    nonce: str


def in_flight(bot: str, channel: str) -> Call[InFlight | None]:
    """The chunk that was last attempted, by which a gateway recognises its own
    MESSAGE_CREATE as a receipt."""

    def parse(reply: Reply) -> InFlight | None:
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


def retry(entry: OutboxEntry) -> Call[bool]:
    """Send a dead letter again; False: it is none."""
    message = entry.reply_to or entry.entry_id
    return Call(
        "retry",
        (
            keys.entry(entry.entry_id),
            keys.dead(entry.bot),
            keys.outbox(entry.bot, entry.channel_id),
            keys.DELIVERIES_DUE,
            keys.answer(message),
            keys.journal(message),
        ),
        (entry.entry_id, entry.bot, entry.channel_id),
        bool,
    )


def waiting(bot: str, channel: str) -> Call[tuple[str, ...]]:
    """Entry ids that wait to be sent, oldest first."""
    return command("LRANGE", keys.outbox(bot, channel), 0, -1, parse=tuple)
