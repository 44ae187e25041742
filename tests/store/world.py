"""The real store, with a hand on its clock and short names for its calls."""

from __future__ import annotations

import functools
import hashlib
import time
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import redis
from redis.exceptions import NoScriptError

from app.domain.lane import Lane
from app.domain.model import (
    Action,
    ActionKind,
    Bid,
    Classified,
    Event,
    InboxEntry,
    Signal,
)
from app.domain.settings import Settings
from app.runtime.clock import DAY_S, epoch_day
from app.store import admission, commits, floors, keys, scripts
from app.store.calls import Call
from app.store.door import Store
from app.store.limits import Limits
from tests.wire import Command, Connection

BOTS = ("aria", "dotty", "elena")
LEASE_MS = 40_000
LATER_MS = 41_000
"""More than a floor's lease."""
STEP_MS, DRIFT_MS = 30, 300
ALICE, BOB = "901", "902"

_TAKE_TIME = "local given_us = table.remove(ARGV)\n"
_GIVEN_TIME = "{string.sub(given_us, 1, -7), string.sub(given_us, -6)}"

ROUND_MS = 5_000
_ROUNDED = f"""
local function rounded_life(key)
  local ms = redis.call('PTTL', key)
  return ms < 0 and ms or math.floor(ms / {ROUND_MS} + 0.5) * {ROUND_MS}
end
"""

# Scripts are given the time, so a machine that stalls changes nothing. Expiries are the
# server's own: to take `ms` off each is the passing of `ms`. Locks are left out: a
# living holder renews them, and a dead one is a step of its own.
_PASS = """
local ms = tonumber(ARGV[1])
for _, key in ipairs(redis.call('KEYS', '*')) do
  local left = redis.call('PTTL', key)
  if left >= 0 and string.sub(key, 1, 5) ~= 'lock:' then
    if left > ms then redis.call('PEXPIRE', key, left - ms) else redis.call('DEL', key) end
  end
end
return 1
"""


_connections: weakref.WeakKeyDictionary[Store, Connection] = weakref.WeakKeyDictionary()


def _connection_of(store: Store) -> Connection:
    """One for each store, which ends with it."""
    found = _connections.get(store)
    if found is None:
        to = store.client.get_connection_kwargs()
        login = f"{to.get('username') or ''}:{to.get('password') or ''}"
        found = Connection(f"redis://{login}@{to['host']}:{to['port']}/{to['db']}")
        weakref.finalize(store, found.close)
        _connections[store] = found
    return found


@functools.cache
def _clocked(lua: str, rounds_lives: bool) -> tuple[str, str]:
    """A script that is given the time as its last argument, and its digest."""
    text = lua.replace("redis.call('TIME')", _GIVEN_TIME)
    if rounds_lives:
        text = _ROUNDED + text.replace("redis.call('PTTL', ", "rounded_life(")
    text = _TAKE_TIME + text
    return text, hashlib.sha1(text.encode()).hexdigest()  # noqa: S324 - as the server does


class _Clocked:
    """Calls a store's scripts with the test's time in place of the server's: the last
    argument of each call."""

    def __init__(self, client: redis.Redis, connection: Connection) -> None:
        self._client = client
        self._connection = connection
        self.now_us = 0
        self.rounds_lives = False
        """Scripts see how long a key still lives in whole `ROUND_MS`: the server's own
        clock is never exactly the test's."""

    def reply(self, call: Call[Any]) -> Any:
        """What the server answers."""
        if not call.script:
            return self._client.execute_command(*call.args)  # type: ignore[no-untyped-call]
        text, digest = _clocked(scripts.source(call.script), self.rounds_lives)
        count = len(call.keys)
        words = ("EVALSHA", digest, count, *call.keys, *call.args, self.now_us)
        try:
            return self._connection.ask(words)
        except NoScriptError:
            return self._connection.ask(("SCRIPT", "LOAD", text), words)


@functools.cache
def settings_with(**settings: Any) -> Settings:
    """Settings with round times, and those given."""
    round_times = {
        "contention_window": 10,
        "quiet_time": 50,
        "cooldown": 60,
        "floor_lease": LEASE_MS // 1000,
        "undelivered_lease": 90,
        "election_max_age": 300,
        "newcomer_days": 0,
    }
    return Settings(_env_file=None, **{**round_times, **settings})


def redis_now() -> int:
    """Redis's TIME in ms: the server is on this machine."""
    return int(time.time() * 1000)


class World:
    """An empty database, the calls of the protocols, and time that passes when it is
    told to.

    Its clock moves by a fixed step a call, so that a run can be repeated exactly; the
    server's expiries follow before the difference amounts to anything.
    """

    def __init__(self, store: Store, **settings: Any) -> None:
        self.store = store
        self.settings = settings_with(**settings)
        self.limits = Limits.of(self.settings)
        self._connection = _connection_of(store)
        self.replies([("FLUSHDB",), ("SET", keys.GENERATION, "world")])
        self._pass = self._connection.ask(("SCRIPT", "LOAD", _PASS))
        self._clocked = _Clocked(store.client, self._connection)
        store._reply = self._clocked.reply  # type: ignore[method-assign]
        # Noon, whatever the hour of the test: no run comes near the day's end, when
        # budgets begin anew.
        self._start = epoch_day() * DAY_S * 1000 + DAY_S * 500
        self._began = redis_now()
        self._passed = 0
        """Expiries have lost so many ms more than the server's clock took off them."""
        self._now = 0
        self._set()

    def _set(self) -> None:
        self._clocked.now_us = self.time * 1000

    def tick(self) -> int:
        """The time of the next call, in ms since the beginning."""
        self._now += STEP_MS
        self._set()
        behind = self._now - (redis_now() - self._began + self._passed)
        if abs(behind) > DRIFT_MS:
            self._let_pass(behind)
        return self._now

    def _let_pass(self, ms: int) -> None:
        """Take so much off the server's expiries."""
        self._connection.ask(("EVALSHA", self._pass, 0, ms))
        self._passed += ms

    def round_lives(self) -> None:
        """From now on what scripts read of expiries is the same in every run."""
        self._clocked.rounds_lives = True

    def today(self) -> int:
        """The day on this clock, as scripts have it."""
        return epoch_day(self.time / 1000)

    @property
    def time(self) -> int:
        """Unix time in ms on this clock."""
        return self._start + self._now

    def when(self, stored: float) -> float:
        """A time that a script stored, on this clock."""
        return stored - self._start

    def advance(self, ms: int) -> None:
        """Let `ms` pass."""
        self._let_pass(ms)
        self._now += ms
        self._set()

    def lock(self, lane: Lane, owner: str) -> bool:
        """What LaneLock.take does, without its thread."""
        taken = ("SET", keys.lock(lane), owner, "NX", "PX", 10_000)
        return bool(self._connection.ask(taken))

    def unlock(self, lane: Lane) -> None:
        """The lock's lease ends."""
        self._connection.ask(("DEL", keys.lock(lane)))

    def replies(self, commands: Sequence[Command]) -> list[Any]:
        """What the server answers to each of these."""
        return self._connection.ask_all(commands)


def queue_up(store: Store, lane: Lane, now: int | None = None) -> None:
    """A direct lane waits for the floor of its channel, as after a claim that met a
    holder at `now`: Unix ms, by default the server's."""
    assert lane.channel is not None
    waiting, awaited = (
        keys.floor_waiting(lane.channel),
        keys.floor_awaited(lane.channel),
    )
    store.client.zadd(waiting, {lane.bot: 1})
    asks_again = (now or redis_now()) + 3_600_000
    store.client.hset(awaited, lane.bot, str(asks_again))
    for key in (waiting, awaited):
        store.client.pexpire(key, 60_000)


def event(message: str, channel: str = "55", author: str = ALICE, **more: Any) -> Event:
    """A plain message of a human, unless `author_kind` says otherwise."""
    return Event(
        message_id=message,
        channel_id=channel,
        guild_id="7",
        author_id=author,
        author_name="x",
        content="hello",
        **more,
    )


def candidate(
    bot: str, said: Event, bid: float | None = 0.5, **more: Any
) -> admission.AdmissionRequest:
    """An unaddressed message as one bot sees it; `bid` None passes."""
    signal = Signal.AMBIENT if bid is None else Signal.WATCHED
    offer = None if bid is None else Bid(score=bid, above_threshold=True)
    return admission.AdmissionRequest(
        bot, said, Classified(signal=signal, reason="w"), offer, **more
    )


def direct(
    bot: str, said: Event, addressed: tuple[str, ...], **more: Any
) -> admission.AdmissionRequest:
    """A message that addresses this bot."""
    classified = Classified(signal=Signal.DIRECT, reason="named", addressed=addressed)
    return admission.AdmissionRequest(bot, said, classified, **more)


@dataclass(repr=False)
class Cycle:
    """One cycle: a lane, the id under which it took the lock, and what it has got so
    far."""

    lane: Lane
    owner: str
    seq: str = ""
    reference_seq: int = 0
    entries: list[InboxEntry] = field(default_factory=list)
    tokens: dict[str, tuple[str, int]] = field(default_factory=dict)
    """By entry id: the fencing token, and the reference's number of the same grant."""
    paid: set[str] = field(default_factory=set)
    done: set[str] = field(default_factory=set)
    read_up_to: str = ""
    retry: int | None = None
    everything: bool = True

    def hold(self, entry: InboxEntry) -> str:
        """Under which it holds what a draft may cost."""
        return f"{self.owner}.{entry.entry_id}"

    @property
    def holder(self) -> floors.Holder:
        return floors.Holder(self.lane, self.owner)


def decision(
    cycle: Cycle, entry: InboxEntry, token: str, **more: Any
) -> commits.Decision:
    """A reply of 80 tokens to an entry."""
    kind = ActionKind.REACT if more.pop("react", False) else ActionKind.REPLY
    tokens = more.pop("tokens", 80)
    micro_usd = more.pop("micro_usd", 0)
    action = Action(
        kind=kind,
        channel_id=entry.event.channel_id,
        message_id=entry.event.message_id,
        text="hi",
        emoji="x",
        reason="because",
        tokens=tokens,
        micro_usd=micro_usd,
    )
    return commits.Decision(cycle.holder, entry, action, token, **more)
