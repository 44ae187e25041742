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
from app.store import admission, brakes, keys, stats, wishes
from app.store.door import AsyncStore

log = structlog.get_logger(__name__)

SNAPSHOT_EVERY = 5.0
"""Seconds between looks at mutes and budgets: what was spent since the last may be
forgotten with Redis."""
LOOKS = 5
"""Turns of the pump for which bots say nothing unasked after an emptying: by then the
other gateways have written their brakes, too."""
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


class Snapshot(NamedTuple):
    """The brakes as last seen. Budgets by scope, of one day since 1970."""

    mutes: Mapping[str, Mute]
    day: int
    budgets: Mapping[str, Mapping[str, str]]
    opted_out: frozenset[str] = frozenset()
    forgotten: Mapping[str, int] = {}


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
        self._snapshot = Snapshot({}, 0, {})
        self._taken = -SNAPSHOT_EVERY
        self.cursors = Cursors()
        self.colleagues = Colleagues()

    def published(self, bot: str, presence: Presence) -> None:
        """A bot is on the roster."""
        self._presences[bot] = presence

    async def tick(self) -> None:
        """Look whether Redis still is what it was, and heal it if not."""
        # Of a bot that has just come nothing is known yet.
        unread = self._presences.keys() - self._snapshot.budgets.keys()
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
        # Of a new one there is nothing to fear.
        tell = log.warning if self._generation else log.info
        tell(
            "Redis is new or was emptied: bots say nothing unasked until all gateways have written mutes and budgets",
            seconds=self._grace_ms / 1000,
        )
        return await self._store.run(brakes.begin(uuid.uuid4().hex, self._grace_ms))

    async def _read(self) -> Snapshot:
        present = self._presences.values()
        channels = {channel for one in present for channel in one.channels}
        guilds = {guild for one in present for guild in one.names}
        # A colleague's gateway may be away when Redis is emptied: nobody else knows then.
        bots = self._presences.keys() | self.colleagues.names
        scopes = ["all", *(f"bot:{bot}" for bot in sorted(bots))]
        scopes += [f"guild:{guild}" for guild in sorted(guilds)] + [
            f"channel:{channel}" for channel in sorted(channels)
        ]
        standing = {}
        for key, who in (await self._store.run(brakes.mutes(scopes))).items():
            left = await self._store.run(brakes.lasts(key))
            standing[key] = Mute(
                who, time.monotonic() + left / 1000 if left >= 0 else None
            )
        # Budgets are kept by the server's day: this process's clock may be days off.
        day = epoch_day(await self._store.run(stats.server_time()))
        budgets = {
            scope: await self._store.run(brakes.spent(scope, day))
            for scope in ("all", *self._presences)
        }
        return Snapshot(
            standing,
            day,
            budgets,
            await self._store.run(wishes.all_opted_out()),
            await self._store.run(wishes.all_forgotten()),
        )

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
            ("opted out and forgotten people", self._wishes),
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
        for scope, counts in self._snapshot.budgets.items():
            if counts:
                await self._store.run(
                    brakes.restore_budget(scope, self._snapshot.day, counts)
                )

    async def _wishes(self) -> None:
        if self._snapshot.opted_out:
            await self._store.run(
                brakes.restore_opt_outs(sorted(self._snapshot.opted_out))
            )
        if self._snapshot.forgotten:
            await self._store.run(brakes.restore_forgotten(self._snapshot.forgotten))

    async def _mute(self, key: str, who: str, for_ms: int | None) -> None:
        try:
            await self._store.run(brakes.restore_mute(key, who, for_ms))
        except StoreForbidden:
            # A gateway's login may not write the operator's mutes. The other kind
            # silences too; `unmute` ends both.
            plain = keys.mute(key.removeprefix(keys.mute_by_operator("")))
            await self._store.run(brakes.restore_mute(plain, who, for_ms))
