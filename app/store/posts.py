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
from app.store.floors import Claimed, Holder
from app.store.limits import Limits
from app.store.outbox import signed


@dataclass(frozen=True, slots=True)
class Post:
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

    def checks(self) -> tuple[str, ...]:
        """The first keys of both scripts."""
        return (
            keys.lock(self.holder.lane),
            keys.floor(self.channel),
            keys.recent_bot_posts(self.channel),
            keys.last_human(self.channel),
            keys.cursor(self.bot),
            keys.cooldown(self.bot),
            keys.answer(self.entry_id),
        )

    def mutes(self) -> str:
        """The last argument of both scripts."""
        return keys.mute_scopes(self.bot, self.channel, self.guild, self.parent)


def entry_id(bot: str, *what: str) -> str:
    """The id of a post: outbox entry, root and subject of the journal. The same words
    make the same post."""
    return "p:" + hashlib.sha256("|".join((bot, *what)).encode()).hexdigest()[:24]


def posted(entry: str) -> Call[bool]:
    """Whether this post was committed before."""
    return command("EXISTS", keys.answer(entry), parse=bool)


def quiet(bot: str, channels: Sequence[str]) -> Call[tuple[int, ...]]:
    """For how many ms each channel (at least one) has been quiet, as far as is
    known."""
    named = [
        key
        for channel in channels
        for key in (keys.recent_bot_posts(channel), keys.last_human(channel))
    ]
    return Call(
        "quiet",
        (keys.cursor(bot), *named),
        tuple(channels),
        lambda reply: tuple(map(int, reply)),
    )


def claim(post: Post, limits: Limits, settings: Settings) -> Call[Claimed]:
    """Ask for the channel's floor."""
    return Call(
        "claim_channel",
        post.checks(),
        (
            post.holder.owner,
            post.bot,
            post.channel,
            post.entry_id,
            int(settings.floor_lease * 1000),
            post.quiet_ms,
            int(post.opening),
            limits.json(),
            post.mutes(),
        ),
        lambda reply: Claimed(Claim(reply[0]), reply[1], int(reply[2])),
    )


def reserve(
    post: Post, token: str, limits: Limits, cost: Cost, hold: str, request: str
) -> Call[tuple[Reserve, str]]:
    """Before a model call, as `floors.reserve`: a post is its own root, as a person's
    message is."""
    return Call(
        "reserve",
        (
            keys.floor(post.channel),
            keys.bids(post.entry_id),
            keys.journal(post.entry_id),
            keys.request(request),
            keys.lock(post.holder.lane),
        ),
        (
            post.bot,
            post.entry_id,
            token,
            "human",
            "auto",
            limits.json(),
            cost.tokens,
            post.holder.owner,
            cost.micro_usd,
            hold,
            "",
            post.charged,
        ),
        lambda reply: (Reserve(reply[0]), str(reply[1])),
    )


def give_back(post: Post, token: str, reason: str, request: str) -> Call[str]:
    """Give the floor back without a post. Returns who may speak now."""
    return Call(
        "yield",
        (
            keys.lock(post.holder.lane),
            keys.floor(post.channel),
            keys.answer(post.entry_id),
            keys.bids(post.entry_id),
            keys.inbox(post.holder.lane),
            keys.work(post.bot),
            keys.journal(post.entry_id),
            keys.floor_waiting(post.channel),
            keys.ELECTIONS_DUE,
            keys.request(request),
        ),
        (post.holder.owner, post.bot, post.entry_id, "auto", "", token, 1, reason),
        lambda reply: str(reply[1]),
    )


def _outbox_entry(post: Post, action: Action) -> OutboxEntry:
    return OutboxEntry(
        entry_id=post.entry_id,
        bot=post.bot,
        channel_id=post.channel,
        kind=ActionKind.POST,
        chunks=tuple(split(action.text)),
        guild_id=post.guild,
        parent_id=post.parent,
    )


def commit(
    post: Post,
    action: Action,
    token: str,
    hold: str,
    cooldown: float,
    limits: Limits,
    settings: Settings,
    request: str,
) -> Call[Committed]:
    """Check everything and do everything, in one script."""
    return Call(
        "commit_post",
        (
            *post.checks(),
            keys.outbox(post.bot, post.channel),
            keys.entry(post.entry_id),
            keys.DELIVERIES_DUE,
            keys.journal(post.entry_id),
            keys.request(request),
            keys.floor_waiting(post.channel),
        ),
        (
            post.holder.owner,
            post.bot,
            post.channel,
            post.entry_id,
            token,
            post.quiet_ms,
            int(post.opening),
            limits.json(),
            settings.proactive_posts,
            action.tokens,
            hold,
            action.micro_usd,
            signed(_outbox_entry(post, action), settings),
            int(cooldown * 1000),
            int(settings.delivery_hold * 1000),
            int(settings.deliver_by * 1000),
            int(settings.dry_run),
            action.reason,
            post.charged,
            post.mutes(),
        ),
        lambda reply: Committed(Commit(reply[0]), reply[1]),
    )
