"""Plain ports that remember what they were asked, in place of Redis; and the settings
and waiting of these tests."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app.domain.errors import StoreUnavailable
from app.domain.lane import Lane
from app.domain.model import Context, Event, RosterEntry, Signal
from app.domain.settings import Settings
from app.domain.verdicts import Admit, Elect
from app.gateway.ports import Moves
from app.gateway.presence import Presence
from app.gateway.receptions import Signed
from app.rules.moderation import Order, acknowledgement
from app.rules.policy import Policy
from app.rules.profile import NEUTRAL, Profile
from app.rules.signals import Facts
from app.store.admission import Admission, AdmissionRequest
from app.store.elections import Election
from tests.patience import patience


async def until(
    predicate: Callable[[], Any], seconds: float = 10.0, what: str = "the condition"
) -> None:
    """Wait for a predicate; fail when time is up."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience(seconds)
    while not predicate():
        assert loop.time() < deadline, f"{what} did not hold within {seconds} s"
        await asyncio.sleep(0.005)


def settings(**changes: object) -> Settings:
    """Settings of a quick test."""
    return Settings.model_validate(
        {
            "guild_ready_timeout": 0.05,
            "pump_interval": 0.05,
            "identify_pause": 0.01,
            # Each line is a thought, but where a test is about thoughts.
            "thought_wait": 0,
            **changes,
        }
    )


POLICY = Policy.model_validate(
    {
        "fingerprint": "of features that were never fitted",
        "intercept": 0,
        "threshold": 0,
        "threshold_named": 0,
        "signals": dict.fromkeys(Signal, 1.0),
        "trust": 0,
        "trust_level": 4,
        "fatigue": 0,
        "fatigue_lines": 20,
        "reception": 0,
        "terms": [
            {
                "group": "time",
                "axes": [{"feature": "author_gap", "edges": [1.5]}],
                "weights": [0.25, 0.5],
            }
        ],
    }
)
"""Everybody bids, and a little more for an author who has not just spoken."""


class RecordingPorts:
    """Keeps everything. `down`: every coroutine raises StoreUnavailable. `elections`:
    outcomes to hand out in order; after them GRANTED to the best bid."""

    def __init__(self, *roster: RosterEntry) -> None:
        self.down = False
        self.entries: dict[str, RosterEntry] = {entry.bot: entry for entry in roster}
        self.names: dict[str, tuple[str, ...]] = {}
        self.known: dict[str, Facts] = defaultdict(lambda: Facts(watched=True))
        self.profiles: dict[str, Profile] = {}
        self.admitted: list[AdmissionRequest] = []
        self.together: list[list[str]] = []
        """The bots of each admission."""
        self.requests: list[tuple[str, str]] = []
        self.tried = 0
        self.bids: defaultdict[str, dict[str, float]] = defaultdict(dict)
        self.elections: list[Election] = []
        self.asked: list[str] = []
        self.prolonged: list[tuple[str, int]] = []
        self.hints: list[tuple[str, Context]] = []
        self.first: list[str] = []
        """Lanes of which somebody quiet is heard before others."""
        self.receipts: list[tuple[str, str, str, str]] = []
        self.gone: list[tuple[str, str]] = []
        self.edits: list[Event] = []
        self.released_by_edit: list[tuple[str, str]] = []
        self.orders: list[tuple[Order, str]] = []
        self.likes: list[tuple[str, str]] = []
        self.receptions: list[tuple[str, Signed]] = []
        self.cursor: defaultdict[str, dict[str, str]] = defaultdict(dict)
        self.moves: list[tuple[str, str, str]] = []
        self.published: list[tuple[str, str, tuple[str, ...]]] = []
        self.writable: dict[str, frozenset[str]] = {}
        self.presences: dict[str, Presence] = {}
        self.channel_names: dict[str, str] = {}
        self.answers: dict[str, frozenset[str]] = {}
        self.barred: list[tuple[str, str, str]] = []
        self.shed_lines: list[tuple[str, int]] = []
        self.nicknames: dict[tuple[str, str], str | None] = {}
        self.leases: dict[str, str] = defaultdict(str)
        self.accounts: dict[str, str] = {}
        """Who answers as which account."""
        self.renewals = 0
        self.released: list[str] = []
        self.signs: dict[str, Mapping[str, object]] = {}
        self.pumps = 0
        self.sessions: defaultdict[str, dict[str, float]] = defaultdict(dict)
        self._seen: dict[tuple[str, str, str], str] = {}

    def of(self, bot: str) -> list[AdmissionRequest]:
        """What was admitted for one bot."""
        return [candidate for candidate in self.admitted if candidate.bot == bot]

    def texts(self, bot: str) -> list[str]:
        """The texts admitted for one bot."""
        return [candidate.event.content for candidate in self.of(bot)]

    async def admit(
        self, candidates: Sequence[AdmissionRequest], request: str
    ) -> Sequence[Admission]:
        self.tried += 1
        await self._reach()
        self.together.append([candidate.bot for candidate in candidates])
        return [self._admit(candidate, request) for candidate in candidates]

    def _admit(self, candidate: AdmissionRequest, request: str) -> Admission:
        event = candidate.event
        self.requests.append((candidate.bot, request))
        if (
            self._seen.setdefault(
                (candidate.bot, event.message_id, f"{event.kind}{candidate.edited}"),
                request,
            )
            != request
        ):
            return Admission(Admit.DUPLICATE, 0, "")
        self.admitted.append(candidate)
        if candidate.move_cursor:
            self._move(candidate.bot, event.channel_id, event.message_id)
        if not candidate.wakes or candidate.classified.signal is Signal.AMBIENT:
            return Admission(Admit.PASSED, 0, "1-0")
        if candidate.classified.direct:
            return Admission(Admit.DIRECT, 0, "1-0")
        # Where nobody may speak unasked, no bot bids.
        if candidate.bid is None:
            return Admission(Admit.PASSED, 0, "1-0")
        bids = self.bids[event.message_id]
        bids[candidate.bot] = candidate.bid.score
        if len(bids) >= candidate.expected:
            return Admission(Admit.COMPLETE, 0, "1-0")
        return Admission(Admit.OPENED if len(bids) == 1 else Admit.BID, 40, "1-0")

    async def prolong(self, message_id: str, for_ms: int) -> None:
        await self._reach()
        self.prolonged.append((message_id, for_ms))

    async def elect(self, message_id: str, channel_id: str) -> Election:
        await self._reach()
        self.asked.append(message_id)
        if self.elections:
            return self.elections.pop(0)
        bids = self.bids[message_id]
        return Election(Elect.GRANTED, max(bids, key=bids.__getitem__), 0)

    def hint(self, lane: Lane, context: Context) -> None:
        self.hints.append((str(lane), context))

    def hint_first(self, lane: Lane) -> None:
        self.hints.append((str(lane), Context.DIRECT))
        self.first.append(str(lane))

    def when_hinted(self, call: Callable[[], None]) -> None:
        call()

    async def facts(self, bot: str, event: Event) -> Facts:
        await self._reach()
        return self.known[bot]

    def may_speak(self, event: Event) -> bool:
        return all(facts.unasked for facts in self.known.values())

    async def roster(self) -> Sequence[RosterEntry]:
        await self._reach()
        return tuple(self.entries.values())

    async def receipt(
        self, bot: str, channel_id: str, message_id: str, nonce: str
    ) -> None:
        await self._reach()
        self.receipts.append((bot, channel_id, message_id, nonce))

    async def deleted(self, channel_id: str, message_id: str) -> None:
        await self._reach()
        self.gone.append((channel_id, message_id))

    async def shed(self, latest: Event, messages: int) -> None:
        await self._reach()
        self.shed_lines.append((latest.channel_id, messages))

    async def edited(self, event: Event) -> None:
        await self._reach()
        self.edits.append(event)

    async def unaddressed(self, bot: str, event: Event) -> None:
        await self._reach()
        self.released_by_edit.append((bot, event.content))

    async def forgotten(self) -> Callable[[str], bool] | None:
        await self._reach()
        return None

    async def liked(self, bot: str, person: str, message_id: str, request: str) -> None:
        await self._reach()
        self.likes.append((bot, person))

    async def received(self, bot: str, signed: Signed, request: str) -> None:
        await self._reach()
        self.receptions.append((bot, signed))

    async def moderate(self, order: Order, event: Event, by: str) -> tuple[str, ...]:
        await self._reach()
        self.orders.append((order, by))
        return acknowledgement(order.verdict, limited=True, still_muted=False)

    async def cursors(self, bot: str) -> Mapping[str, str]:
        await self._reach()
        return dict(self.cursor[bot])

    async def move_cursor(self, bot: str, channel_id: str, message_id: str) -> None:
        await self._reach()
        self._move(bot, channel_id, message_id)

    async def move_cursors(self, moves: Moves) -> None:
        await self._reach()
        for (bot, channel), message in moves.items():
            self._move(bot, channel, message)

    async def drop_cursor(self, bot: str, channel_id: str) -> None:
        await self._reach()
        self.cursor[bot].pop(channel_id, None)

    async def named(
        self, guilds: Sequence[str], channels: Sequence[str]
    ) -> frozenset[str]:
        await self._reach()
        return frozenset(self.channel_names.keys() & set(channels))

    async def publish(self, bot: str, presence: Presence) -> None:
        await self._reach()
        self.published.append((bot, presence.user_id, presence.channels))
        self.writable[bot] = presence.writable
        self.presences[bot] = presence
        names = self.names.get(bot, (bot.title(),))
        self.entries[bot] = RosterEntry(
            bot=bot,
            user_id=presence.user_id,
            names=names,
            nicknames=dict(presence.nicknames),
            roles=presence.roles,
            channels=presence.channels,
        )
        for known in presence.names.values():
            self.channel_names.update(known)

    async def answered(self, message_id: str) -> frozenset[str]:
        await self._reach()
        return self.answers.get(message_id, frozenset())

    async def unanswerable(self, bot: str, event: Event, reason: str) -> None:
        await self._reach()
        self.barred.append((bot, event.message_id, reason))

    def profile(self, bot: str, event: Event) -> Profile:
        return self.profiles.get(bot, NEUTRAL)

    def nicknamed(self, guild_id: str, person: str, nickname: str | None) -> None:
        self.nicknames[guild_id, person] = nickname

    async def acquire_lease(self, bot: str) -> str:
        await self._reach()
        self.renewals += 1
        return self.leases[bot]

    async def beat(self, bot: str, sign: Mapping[str, object]) -> None:
        await self._reach()
        self.signs[bot] = sign

    async def release_lease(self, bot: str) -> None:
        self.released.append(bot)

    async def acquire_account(self, bot: str, user_id: str) -> str:
        await self._reach()
        holder = self.accounts.setdefault(user_id, bot)
        return "" if holder == bot else holder

    async def release_account(self, bot: str, user_id: str) -> None:
        if self.accounts.get(user_id) == bot:
            del self.accounts[user_id]

    async def identifies(self, bot: str) -> tuple[float, ...]:
        await self._reach()
        return tuple(self.sessions[bot].values())

    async def count_identify(self, bot: str, request: str, at: float) -> None:
        await self._reach()
        self.sessions[bot][request] = at

    async def pump(self) -> None:
        self.pumps += 1
        await self._reach()

    async def _reach(self) -> None:
        await asyncio.sleep(0)
        if self.down:
            raise StoreUnavailable

    def _move(self, bot: str, channel_id: str, message_id: str) -> None:
        self.moves.append((bot, channel_id, message_id))
        if int(self.cursor[bot].get(channel_id, "0")) <= int(message_id):
            self.cursor[bot][channel_id] = message_id


class Wire:
    """A connection to Discord that is nothing but what the intake asks of one. Unless it
    `hears`, no other bot's copy stands for it."""

    def __init__(
        self,
        moves: bool = True,
        lost: Callable[[str], None] = lambda _: None,
        barred: str = "",
        hears: bool = False,
    ) -> None:
        self._moves, self.lost, self._barred = moves, lost, barred
        self.acknowledged: list[tuple[str, tuple[str, ...]]] = []
        self.hearing = hears

    def hears(self, channel_id: str) -> bool:
        return self.hearing

    def passes(self, channel_id: str, message_id: str) -> bool:
        return self._moves

    def barred(self, channel_id: str) -> str:
        return self._barred

    def acknowledge(self, event: Event, emoji: Sequence[str]) -> None:
        self.acknowledged.append((event.message_id, tuple(emoji)))

    def may_react(self, channel_id: str) -> bool:
        return True
