"""The floor of a channel: who may speak now, and for which message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from app.domain.lane import Lane
from app.domain.model import AuthorKind, Cost, Event, InboxEntry
from app.domain.settings import Settings
from app.domain.verdicts import Claim, Reserve
from app.store import keys
from app.store.calls import Call, Reply
from app.store.keys import Key
from app.store.limits import Limits
from app.store.scripts import script

TURN_MS = 10**8
"""Weight of a turn against the age of a message: more than any message waits."""
# A double must hold a place to a thousandth of a millisecond.
LAST_TURN = 10_000


class Next(NamedTuple):
    """Who may speak now that a floor is free: a bot's direct lane, or an election.
    Nobody after a repeated or a refused call."""

    lane: Lane | None = None
    election: str = ""
    """The message that it is about."""


NOBODY_WAITS = Next()


def next_of(bot: str, election: str, channel: str) -> Next:
    """Whom a script woke in a channel, from its reply."""
    return Next(Lane(bot, channel) if bot else None, election)


class FloorClaim(NamedTuple):
    """The answer to a claim: a fencing token if GRANTED, else in how many ms to ask again
    (0: never)."""

    verdict: Claim
    token: str
    retry_in_ms: int


@dataclass(frozen=True, slots=True)
class Holder:
    """Who asks: one cycle, by its lane and the id under which it holds the lane's
    lock."""

    lane: Lane
    owner: str

    @property
    def kind(self) -> str:
        """`direct` or `auto`, as scripts call the two kinds of lane."""
        return "auto" if self.lane.channel is None else "direct"


def _parse_claimed(reply: Reply) -> FloorClaim:
    return FloorClaim(Claim(reply[0]), reply[1], int(reply[2]))


@script("floor.claim")
def _claim(
    *,
    lock: Key,
    floor: Key,
    answer: Key,
    election: Key,
    recent_posts: Key,
    inbox: Key,
    journal: Key,
    owner: str,
    bot: str,
    message: str,
    kind: str,
    entry_id: str,
    channel: str,
    lease_ms: int,
    quiet_ms: int,
    named_before: Sequence[str],
    place: float,
    mute_scopes: str,
) -> None: ...


def claim(
    holder: Holder, entry: InboxEntry, settings: Settings, quiet_time: float
) -> Call[FloorClaim]:
    """Claim the floor of the entry's channel. A holder that asks again keeps its
    token."""
    event, bot = entry.event, holder.lane.bot
    # Bots named before this one answer first: the claim waits for them.
    before = (
        entry.addressed[: entry.addressed.index(bot)] if bot in entry.addressed else ()
    )
    # One thousandth of a millisecond a place: the order of the named within the order
    # of the messages.
    place = min(entry.turn, LAST_TURN) * TURN_MS + event.created_ms + len(before) / 1024
    call = _claim(
        lock=keys.lock(holder.lane),
        floor=keys.floor(event.channel_id),
        answer=keys.answer(event.message_id),
        election=keys.election(event.message_id),
        recent_posts=keys.recent_bot_posts(event.channel_id),
        inbox=keys.inbox(holder.lane),
        journal=keys.journal(event.message_id),
        owner=holder.owner,
        bot=bot,
        message=event.message_id,
        kind=holder.kind,
        entry_id=entry.entry_id,
        channel=event.channel_id,
        lease_ms=int(settings.floor_lease * 1000),
        quiet_ms=int(quiet_time * 1000),
        named_before=before,
        place=place,
        mute_scopes=keys.mute_scopes(
            bot, event.channel_id, event.guild_id, event.parent_id
        ),
    )
    return call.parsed(_parse_claimed)


@script("floor.renew")
def _renew(
    *, floor: Key, bot: str, message: str, token: str, lease_ms: int
) -> None: ...


def renew(
    channel: str, bot: str, message: str, token: str, lease_ms: int
) -> Call[bool]:
    """Keep the floor while the model writes. False: it is lost."""
    # With message and token: after a freeze the same bot may hold a later floor, which
    # its old cycle must not keep.
    call = _renew(
        floor=keys.floor(channel),
        bot=bot,
        message=message,
        token=token,
        lease_ms=lease_ms,
    )
    return call.parsed(bool)


def charged(event: Event) -> str:
    """The channel whose budget an answer is charged to: for a thread, its channel."""
    # Otherwise each new thread would open a new budget.
    return event.parent_id or event.channel_id


@script("budget.reserve")
def reserve_call(
    *,
    floor: Key,
    election: Key,
    journal: Key,
    request: Key,
    lock: Key,
    bot: str,
    message: str,
    token: str,
    author_kind: str,
    author: str | None,
    kind: str,
    channel: str,
    limits: Limits,
    tokens: int,
    micro_usd: int,
    owner: str,
    hold: str,
) -> None: ...


def reserve(
    holder: Holder,
    entry: InboxEntry,
    token: str,
    limits: Limits,
    cost: Cost,
    hold: str,
    request: str,
) -> Call[tuple[Reserve, str]]:
    """Reserve what a model call may cost. Returns the verdict, with a reason if it is a
    refusal. Another call with the same hold reserves more."""
    event = entry.event
    call = reserve_call(
        floor=keys.floor(event.channel_id),
        election=keys.election(event.message_id),
        journal=keys.journal(event.message_id),
        request=keys.request(request),
        lock=keys.lock(holder.lane),
        bot=holder.lane.bot,
        message=event.message_id,
        token=token,
        author_kind=event.author_kind,
        # Only people have shares: an answer to a bot takes none.
        author=event.author_id if event.author_kind is AuthorKind.HUMAN else None,
        kind=holder.kind,
        channel=charged(event),
        limits=limits,
        tokens=cost.tokens,
        micro_usd=cost.micro_usd,
        owner=holder.owner,
        hold=hold,
    )
    return call.parsed(reserved)


def reserved(reply: Reply) -> tuple[Reserve, str]:
    """What `budget.reserve` answers."""
    return Reserve(reply[0]), str(reply[1])


@script("floor.release")
def release_call(
    *,
    lock: Key,
    floor: Key,
    answer: Key,
    election: Key,
    inbox: Key,
    work: Key,
    journal: Key,
    request: Key,
    owner: str,
    bot: str,
    message: str,
    kind: str,
    channel: str,
    entry_id: str,
    token: str,
    retry_later: bool,
    reason: str,
) -> None: ...


def release(
    holder: Holder,
    entry: InboxEntry,
    token: str,
    retry_later: bool,
    reason: str,
    request: str,
) -> Call[tuple[str, Next]]:
    """Release the floor without an answer. Returns the verdict (kept, declined,
    handed_over, dropped, lost_lock) and who is due now."""
    event, bot = entry.event, holder.lane.bot
    call = release_call(
        lock=keys.lock(holder.lane),
        floor=keys.floor(event.channel_id),
        answer=keys.answer(event.message_id),
        election=keys.election(event.message_id),
        inbox=keys.inbox(holder.lane),
        work=keys.work(bot),
        journal=keys.journal(event.message_id),
        request=keys.request(request),
        owner=holder.owner,
        bot=bot,
        message=event.message_id,
        kind=holder.kind,
        channel=event.channel_id,
        entry_id=entry.entry_id,
        token=token,
        retry_later=retry_later,
        reason=reason,
    )
    return call.parsed(
        lambda reply: (str(reply[0]), next_of(reply[1], reply[2], event.channel_id))
    )
