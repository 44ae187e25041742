"""Posts that answer nobody: a diary, a dream, an opening of a conversation. Each is a
root of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.model import Action, ActionKind, Cost, OutboxEntry
from app.domain.settings import Settings
from app.domain.verdicts import Claim, Commit, Reserve
from app.rules.chunking import split
from app.store import keys
from app.store.calls import Call, command
from app.store.commits import Committed
from app.store.floors import (
    FloorClaim,
    Holder,
    Next,
    next_of,
    release_call,
    reserve_call,
    reserved,
)
from app.store.keys import Key
from app.store.limits import Limits
from app.store.outbox import signed
from app.store.scripts import script


@dataclass(frozen=True, slots=True)
class PostTarget:
    """Where one bot may post, under which id. `opening`: only into a room that is quiet
    and has answered the last one."""

    holder: Holder
    entry_id: str
    channel: str
    guild: str | None
    quiet_ms: int
    opening: bool = True
    parent: str | None = None
    """The channel of a thread."""

    @property
    def bot(self) -> str:
        """Who posts."""
        return self.holder.lane.bot

    @property
    def charged(self) -> str:
        """The channel whose budget it is of."""
        return self.parent or self.channel

    def mutes(self) -> str:
        """The scopes of its mutes."""
        return keys.mute_scopes(self.bot, self.channel, self.guild, self.parent)


def entry_id(bot: str, *what: str) -> str:
    """The id of a post: outbox entry, root and subject of the journal. The same words
    make the same post."""
    return "p:" + hashlib.sha256("|".join((bot, *what)).encode()).hexdigest()[:24]


def posted(entry: str) -> Call[bool]:
    """Whether this post was committed before."""
    return command("EXISTS", keys.answer(entry), parse=bool)


@script("channel.measure_quiet")
def _measure_quiet(
    *posts_and_people: Key, cursor: Key, channels: Sequence[str]
) -> None: ...


def measure_quiet(bot: str, channels: Sequence[str]) -> Call[tuple[int, ...]]:
    """For how many ms each channel (at least one) has been quiet, as far as is
    known."""
    named = [
        key
        for channel in channels
        for key in (keys.recent_bot_posts(channel), keys.last_human(channel))
    ]
    call = _measure_quiet(*named, cursor=keys.cursor(bot), channels=channels)
    return call.parsed(lambda reply: tuple(map(int, reply)))


@script("post.claim")
def _claim(
    *,
    lock: Key,
    floor: Key,
    recent_posts: Key,
    last_human: Key,
    cursor: Key,
    answer: Key,
    owner: str,
    bot: str,
    channel: str,
    entry_id: str,
    lease_ms: int,
    quiet_ms: int,
    opening: bool,
    limits: Limits,
    mute_scopes: str,
) -> None: ...


def claim(post: PostTarget, limits: Limits, settings: Settings) -> Call[FloorClaim]:
    """Ask for the channel's floor."""
    call = _claim(
        lock=keys.lock(post.holder.lane),
        floor=keys.floor(post.channel),
        recent_posts=keys.recent_bot_posts(post.channel),
        last_human=keys.last_human(post.channel),
        cursor=keys.cursor(post.bot),
        answer=keys.answer(post.entry_id),
        owner=post.holder.owner,
        bot=post.bot,
        channel=post.channel,
        entry_id=post.entry_id,
        lease_ms=int(settings.floor_lease * 1000),
        quiet_ms=post.quiet_ms,
        opening=post.opening,
        limits=limits,
        mute_scopes=post.mutes(),
    )
    return call.parsed(
        lambda reply: FloorClaim(Claim(reply[0]), reply[1], int(reply[2]))
    )


def reserve(
    post: PostTarget, token: str, limits: Limits, cost: Cost, hold: str, request: str
) -> Call[tuple[Reserve, str]]:
    """Before a model call, as `floors.reserve`: a post is its own root, as a person's
    message is."""
    call = reserve_call(
        floor=keys.floor(post.channel),
        election=keys.election(post.entry_id),
        journal=keys.journal(post.entry_id),
        request=keys.request(request),
        lock=keys.lock(post.holder.lane),
        bot=post.bot,
        message=post.entry_id,
        token=token,
        author_kind="human",
        author=None,
        kind="auto",
        channel=post.charged,
        limits=limits,
        tokens=cost.tokens,
        micro_usd=cost.micro_usd,
        owner=post.holder.owner,
        hold=hold,
    )
    return call.parsed(reserved)


def release(post: PostTarget, token: str, reason: str, request: str) -> Call[Next]:
    """Give the floor back without a post. Returns who may speak now."""
    call = release_call(
        lock=keys.lock(post.holder.lane),
        floor=keys.floor(post.channel),
        answer=keys.answer(post.entry_id),
        election=keys.election(post.entry_id),
        inbox=keys.inbox(post.holder.lane),
        work=keys.work(post.bot),
        journal=keys.journal(post.entry_id),
        request=keys.request(request),
        owner=post.holder.owner,
        bot=post.bot,
        message=post.entry_id,
        kind="auto",
        channel=post.channel,
        # No inbox entry stands behind a post: there is none to take out.
        entry_id="",
        token=token,
        retry_later=True,
        reason=reason,
    )
    return call.parsed(lambda reply: next_of(reply[1], reply[2], post.channel))


def _outbox_entry(post: PostTarget, action: Action) -> OutboxEntry:
    return OutboxEntry(
        entry_id=post.entry_id,
        bot=post.bot,
        channel_id=post.channel,
        kind=ActionKind.POST,
        chunks=tuple(split(action.text)),
        guild_id=post.guild,
        parent_id=post.parent,
    )


@script("post.commit")
def _commit(
    *,
    lock: Key,
    floor: Key,
    recent_posts: Key,
    last_human: Key,
    cursor: Key,
    cooldown: Key,
    answer: Key,
    outbox: Key,
    entry: Key,
    journal: Key,
    request: Key,
    owner: str,
    bot: str,
    channel: str,
    entry_id: str,
    token: str,
    quiet_ms: int,
    opening: bool,
    limits: Limits,
    root_posts: int,
    tokens: int,
    micro_usd: int,
    hold: str,
    body: str,
    cooldown_ms: int,
    undelivered_ms: int,
    deliver_within_ms: int,
    dry_run: bool,
    reason: str,
    charged: str,
    mute_scopes: str,
) -> None: ...


def commit(
    post: PostTarget,
    action: Action,
    token: str,
    hold: str,
    cooldown: float,
    limits: Limits,
    settings: Settings,
    request: str,
) -> Call[Committed]:
    """Check everything and do everything, in one script."""
    bot, channel, entry_id = post.bot, post.channel, post.entry_id
    call = _commit(
        lock=keys.lock(post.holder.lane),
        floor=keys.floor(channel),
        recent_posts=keys.recent_bot_posts(channel),
        last_human=keys.last_human(channel),
        cursor=keys.cursor(bot),
        cooldown=keys.cooldown(bot),
        answer=keys.answer(entry_id),
        outbox=keys.outbox(bot, channel),
        entry=keys.entry(entry_id),
        journal=keys.journal(entry_id),
        request=keys.request(request),
        owner=post.holder.owner,
        bot=bot,
        channel=channel,
        entry_id=entry_id,
        token=token,
        quiet_ms=post.quiet_ms,
        opening=post.opening,
        limits=limits,
        root_posts=settings.proactive_posts,
        tokens=action.tokens,
        micro_usd=action.micro_usd,
        hold=hold,
        body=signed(_outbox_entry(post, action), settings),
        cooldown_ms=int(cooldown * 1000),
        undelivered_ms=int(settings.undelivered_lease * 1000),
        deliver_within_ms=int(settings.deliver_by * 1000),
        dry_run=settings.dry_run,
        reason=action.reason,
        charged=post.charged,
        mute_scopes=post.mutes(),
    )
    return call.parsed(lambda reply: Committed(Commit(reply[0]), reply[1]))
