"""An emptied Redis heals: gateways notice within a tick of their pump, and write again
what they know (ADR 20)."""

from __future__ import annotations

import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple

import structlog

from app.domain.errors import StoreForbidden
from app.domain.model import RosterEntry
from app.gateway.presence import Presence
from app.runtime.clock import epoch_day
from app.store import admission, brakes, keys, mutes, receptions, stats, wishes
from app.store.door import AsyncStore

log = structlog.get_logger(__name__)

SNAPSHOT_EVERY = 5.0
"""Seconds between looks at mutes and budgets: what was spent since the last may be
forgotten with Redis."""
LOOKS = 5
"""Turns of the pump for which bots say nothing unasked after an emptying: by then the
other gateways have written their brakes, too."""
RECEPTIONS_EVERY = 30.0
"""Seconds between looks at what channels make of bots' posts: that moves within days."""
PAGE = 500
"""Budgets that are read or written in one round trip."""
ROSTER_KEEP = 60.0
"""Seconds for which a bot that vanished from the roster is still heard of: its gateway
is about to write it again."""


class Cursors:
    """What this process has read, by bot and channel. Only what Redis once took."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, str]] = {}

    def note(self, bot: str, channel: str, message: str) -> None:
        """A cursor has moved; it never moves back."""
        known = self._known.setdefault(bot, {})
        if int(message) >= int(known.get(channel, "0")):
            known[channel] = message

    def drop(self, bot: str, channel: str) -> None:
        """A channel is gone."""
        self._known.get(bot, {}).pop(channel, None)

    def merged(self, bot: str, stored: Mapping[str, str]) -> Mapping[str, str]:
        """The further of what Redis holds and what this process knows."""
        for channel, message in stored.items():
            self.note(bot, channel, message)
        return dict(self._known.get(bot, {}))


class Colleagues:
    """Our bots as the roster last had them."""

    def __init__(self) -> None:
        self._known: dict[str, RosterEntry] = {}
        self._gone: dict[str, float] = {}
        """Who vanished, and when that was first seen: a process that was stopped for a
        while has not looked."""

    @property
    def names(self) -> frozenset[str]:
        """Who they are."""
        return frozenset(self._known)

    def merged(self, entries: Sequence[RosterEntry]) -> Sequence[RosterEntry]:
        """The roster with those who vanished from it lately: a message to one of them
        still speaks to it."""
        now = time.monotonic()
        there = {entry.bot: entry for entry in entries}
        self._known |= there
        self._gone = {
            bot: self._gone.get(bot, now) for bot in self._known if bot not in there
        }
        for bot, since in self._gone.items():
            if now - since > ROSTER_KEEP:
                del self._known[bot]
        return tuple(entry for _, entry in sorted(self._known.items()))


class Mute(NamedTuple):
    """A mute that stands: who muted, and until when (monotonic; None: until it is
    lifted)."""

    who: str
    until: float | None


class Budgets(NamedTuple):
    """What was spent on one day since 1970, by scope: of all bots, people and channels,
    with bots' shares. Empty for a bot of this process that has spent nothing."""

    day: int = 0
    spent: Mapping[str, Mapping[str, str]] = {}
    changed_ms: int = 0
    """When the newest change was, by Redis's clock: what is older has been read."""


class Snapshot(NamedTuple):
    """The brakes as last seen."""

    mutes: Mapping[str, Mute] = {}
    budgets: Budgets = Budgets()
    cooldowns: Mapping[str, float] = {}
    """By bot: until when (monotonic)."""
    opted_out: frozenset[str] = frozenset()
    forgotten: Mapping[str, int] = {}
    receptions: Mapping[str, Mapping[str, str]] = {}
    """By bot: what channels make of its posts, as it is stored."""

    def is_gone(self, person: str) -> bool:
        """Whether a person opted out or was forgotten: nothing about them comes back."""
        digest = wishes.digest(person)
        return digest in self.opted_out or digest in self.forgotten

    def of_people_left(
        self, scope: str, counts: Mapping[str, str]
    ) -> Mapping[str, str]:
        """A budget's counts without those of people who are gone."""
        kind, _, person = scope.partition(":")
        if kind == "person":
            return {} if self.is_gone(person) else counts
        if person != "shares":
            return counts
        return {
            name: count
            for name, count in counts.items()
            if not self.is_gone(name.removeprefix("told:"))
        }


class Healing:
    """One gateway process's memory for the day on which Redis has none."""

    def __init__(
        self,
        store: AsyncStore,
        publish: Callable[[str, Presence], Awaitable[None]],
        every: float,
    ) -> None:
        """`publish` writes a bot's vault and roster entry; `every`: seconds between two
        ticks."""
        self._store = store
        self._publish = publish
        self._grace_ms = int(LOOKS * every * 1000)
        self._generation = ""
        self._presences: dict[str, Presence] = {}
        self._snapshot = Snapshot()
        self._taken = -SNAPSHOT_EVERY
        self._received = -RECEPTIONS_EVERY
        self.cursors = Cursors()
        self.colleagues = Colleagues()

    def published(self, bot: str, presence: Presence) -> None:
        """A bot is on the roster."""
        self._presences[bot] = presence

    async def tick(self) -> None:
        """Look whether Redis still is what it was, and heal it if not."""
        # Of a bot that has just come nothing is known yet.
        unread = self._presences.keys() - self._snapshot.budgets.spent.keys()
        due = bool(unread) or time.monotonic() - self._taken >= SNAPSHOT_EVERY
        # Read before the look: of an emptied Redis there is nothing to learn.
        fresh = await self._read() if due else self._snapshot
        look = await self._store.run(brakes.look(list(self._presences)))
        if self._generation and look.generation != self._generation:
            log.warning(
                "Redis was emptied: mutes, budgets, cursors, vaults and the roster are written again",
                bots=len(self._presences),
                mutes=len(self._snapshot.mutes),
            )
            await self._restore()
            # Vaults went with the roster: every bot is published, all that are on it
            # again.
            look = look._replace(missing=frozenset(self._presences))
        elif due:
            # Kept only now: of an emptied Redis it would say that nobody is muted.
            self._snapshot, self._taken = fresh, time.monotonic()
        generation = look.generation or await self._begin()
        for bot in sorted(look.missing):
            log.info("published again", bot=bot)
            await self._publish(bot, self._presences[bot])
        # Last: what fails on the way is done again at the next tick.
        self._generation = generation

    async def _begin(self) -> str:
        """The database is new, or its brakes are written again: a generation begins."""
        # A new database has lost nothing.
        tell = log.warning if self._generation else log.info
        tell(
            "Redis is new or was emptied: bots say nothing unasked until all gateways have written mutes and budgets",
            seconds=self._grace_ms / 1000,
        )
        return await self._store.run(brakes.begin(uuid.uuid4().hex, self._grace_ms))

    async def _read(self) -> Snapshot:
        # A colleague's gateway may be away when Redis is emptied: nobody else knows then.
        bots = sorted(self._presences.keys() | self.colleagues.names)
        lasting = [brakes.lasts(keys.cooldown(bot)) for bot in bots]
        now = time.monotonic()
        cooldowns = {
            bot: now + left / 1000
            for bot, left in zip(bots, await self._store.run_all(lasting), strict=True)
            if left > 0
        }
        return Snapshot(
            await self._read_mutes(bots),
            await self._read_budgets(),
            cooldowns,
            await self._store.run(wishes.all_opted_out()),
            await self._store.run(wishes.all_forgotten()),
            await self._read_receptions(bots),
        )

    async def _read_mutes(self, bots: Sequence[str]) -> Mapping[str, Mute]:
        present = self._presences.values()
        channels = {channel for one in present for channel in one.channels}
        guilds = {guild for one in present for guild in one.names}
        scopes = {"all", *(f"bot:{bot}" for bot in bots), *await self._muted_scopes()}
        scopes |= {f"guild:{guild}" for guild in guilds}
        scopes |= {f"channel:{channel}" for channel in channels}
        muted = await self._store.run(brakes.mutes(sorted(scopes)))
        lasting = await self._store.run_all([brakes.lasts(key) for key in muted])
        now = time.monotonic()
        return {
            key: Mute(who, now + left / 1000 if left >= 0 else None)
            for (key, who), left in zip(muted.items(), lasting, strict=True)
        }

    async def _muted_scopes(self) -> Sequence[str]:
        """Private channels and those of colleagues are among them."""
        try:
            return await self._store.run(mutes.list_standing())
        except StoreForbidden:
            # A list of users from before this key. The mutes themselves hold.
            return ()

    async def _read_budgets(self) -> Budgets:
        # Budgets are kept by the server's day: this process's clock may be days off.
        now = await self._store.run(stats.server_time())
        day, before = epoch_day(now), self._snapshot.budgets
        if before.day != day or before.changed_ms > now * 1000:
            # A new day, or the server's clock was put back.
            before = Budgets(day)
        nothing: Mapping[str, str] = {}
        spent = {**dict.fromkeys(self._presences, nothing), **before.spent}
        since = before.changed_ms
        while True:
            page = await self._store.run(brakes.changed(day, since, PAGE))
            spent |= {one.scope: one.counts for one in page}
            newest = page[-1].at_ms if page else since
            if len(page) < PAGE or newest == since:
                return Budgets(day, spent, newest)
            since = newest

    async def _read_receptions(
        self, bots: Sequence[str]
    ) -> Mapping[str, Mapping[str, str]]:
        known = self._snapshot.receptions
        now = time.monotonic()
        # Of a bot that has just come nothing is known yet.
        if known.keys() >= set(bots) and now - self._received < RECEPTIONS_EVERY:
            return known
        stored = await self._store.run_all([receptions.stored(bot) for bot in bots])
        self._received = now
        return dict(zip(bots, stored, strict=True))

    async def _restore(self) -> None:
        # Mutes first: until they stand again, muted bots may speak.
        for key, mute in self._snapshot.mutes.items():
            left = (
                None
                if mute.until is None
                else int((mute.until - time.monotonic()) * 1000)
            )
            if left is None or left > 0:
                await self._mute(key, mute.who, left)
        for what, job in (
            ("budgets", self._budgets),
            ("cooldowns", self._cooldowns),
            ("opted out and forgotten people", self._wishes),
            ("what channels make of bots' posts", self._restore_receptions),
        ):
            try:
                await job()
            except StoreForbidden:
                # Not the end: what a login may write is still restored.
                log.error(
                    "lost with the emptied Redis: a gateway's login may not write it",
                    what=what,
                )
        for bot in self._presences:
            for channel, message in self.cursors.merged(bot, {}).items():
                await self._store.run(admission.move_cursor(bot, channel, message))

    async def _budgets(self) -> None:
        known = self._snapshot.budgets
        left = {
            scope: self._snapshot.of_people_left(scope, counts)
            for scope, counts in known.spent.items()
        }
        calls = [
            brakes.restore_budget(scope, known.day, counts)
            for scope, counts in left.items()
            if counts
        ]
        for start in range(0, len(calls), PAGE):
            await self._store.run_all(calls[start : start + PAGE])

    async def _cooldowns(self) -> None:
        now = time.monotonic()
        for bot, until in self._snapshot.cooldowns.items():
            if until > now:
                left_ms = int((until - now) * 1000) + 1
                await self._store.run(brakes.restore_cooldown(bot, left_ms))

    async def _restore_receptions(self) -> None:
        for bot, shares in self._snapshot.receptions.items():
            left = {
                name: share
                for name, share in shares.items()
                if not self._snapshot.is_gone(name.partition(":")[2])
            }
            if left:
                await self._store.run(receptions.restore(bot, left))

    async def _wishes(self) -> None:
        if self._snapshot.opted_out:
            await self._store.run(
                brakes.restore_opt_outs(sorted(self._snapshot.opted_out))
            )
        if self._snapshot.forgotten:
            await self._store.run(brakes.restore_forgotten(self._snapshot.forgotten))

    async def _mute(self, key: str, who: str, for_ms: int | None) -> None:
        scope = key.removeprefix(keys.mute_by_operator("")).removeprefix(keys.mute(""))
        try:
            await self._store.run(brakes.restore_mute(key, who, for_ms))
        except StoreForbidden:
            # A gateway's login may not write the operator's mutes. The other kind
            # silences too; `unmute` ends both.
            await self._store.run(brakes.restore_mute(keys.mute(scope), who, for_ms))
        await self._remember(scope)

    async def stop(self, scope: str, who: str, for_ms: int | None) -> None:
        """As `mutes.stop`; gateways that do not have the scope in sight keep it, too."""
        await self._store.run(mutes.stop(scope, who, for_ms))
        await self._remember(scope)

    async def _remember(self, scope: str) -> None:
        try:
            await self._store.run(mutes.remember(scope))
        except StoreForbidden:
            # As in `_muted_scopes`: the mute holds, and what is told says what is lost.
            log.warning(mutes.FORGETTABLE, scope=scope)
