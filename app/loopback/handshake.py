"""What Discord asks of an IDENTIFY: version, shard, intents, and how often a bot may
start a session."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from app.loopback.errors import Json
from app.loopback.sessions import PRIVILEGED_INTENTS, CloseCode, Intent
from app.loopback.state import Account

API_VERSIONS = ("9", "10")
SHARDS_MAX = 16_384
_ALL_INTENTS = sum(1 << bit for bit in (*range(17), 20, 21, 24, 25))


@dataclass(frozen=True, slots=True)
class StartLimit:
    """How many sessions a bot may start: `total` in `period` seconds, and
    `max_concurrency` at a time.

    interval: seconds between two starts of one concurrency bucket; Discord has 5, here
    0 asks for none.
    """

    total: int = 1000
    period: float = 86_400.0
    max_concurrency: int = 1
    interval: float = 0.0


@dataclass(slots=True)
class _Window:
    ends_at: float
    used: int = 0


class SessionStarts:
    """Counts the sessions that each bot started. Times are time.monotonic()."""

    def __init__(self, limit: StartLimit) -> None:
        self.limit = limit
        self.identifies: Counter[int] = Counter()
        self._windows: dict[int, _Window] = {}
        self._latest: dict[tuple[int, int], float] = {}

    def state(self, bot: Account) -> Json:
        """The `session_start_limit` of GET /gateway/bot; `reset_after` in
        milliseconds."""
        window = self._window_of(bot)
        left = max(0.0, window.ends_at - time.monotonic())
        return {
            "total": self.limit.total,
            "remaining": max(0, self.limit.total - window.used),
            "reset_after": int(left * 1000),
            "max_concurrency": self.limit.max_concurrency,
        }

    def is_spent(self, bot: Account) -> bool:
        """Has the bot no start left?"""
        return self._window_of(bot).used >= self.limit.total

    def is_hasty(self, bot: Account, shard_id: int) -> bool:
        """Did the same concurrency bucket identify less than `interval` seconds ago? If
        not, this one counts."""
        # Discord's own formula for the bucket of a shard.
        key = (bot.id, shard_id % self.limit.max_concurrency)
        now = time.monotonic()
        if now - self._latest.get(key, -self.limit.interval) < self.limit.interval:
            return True
        self._latest[key] = now
        return False

    def count(self, bot: Account) -> None:
        """A session was started."""
        self._window_of(bot).used += 1

    def _window_of(self, bot: Account) -> _Window:
        now = time.monotonic()
        window = self._windows.get(bot.id)
        if window is None or window.ends_at <= now:
            window = self._windows[bot.id] = _Window(now + self.limit.period)
        return window


class Handshakes:
    """Judges each IDENTIFY, and holds what a test wants to befall the next ones."""

    def __init__(self, limit: StartLimit) -> None:
        self.starts = SessionStarts(limit)
        self._disallowed: dict[int, int] = {}
        self._closes: dict[int, list[tuple[int, bool]]] = {}
        self._refusals: Counter[int] = Counter()
        self._resume_closes: dict[int, list[int]] = {}

    def disallow_intents(self, bot: Account, intents: int) -> None:
        """The bot's application has lost these privileged intents."""
        self._disallowed[bot.id] = (
            self._disallowed.get(bot.id, 0) | intents & PRIVILEGED_INTENTS
        )

    def allow_intents(self, bot: Account) -> None:
        """The bot's application has all privileged intents again."""
        self._disallowed.pop(bot.id, None)

    def close_next(
        self, bot: Account, code: int, times: int, *, after_ready: bool
    ) -> None:
        """End the next sessions with this close code, instead of READY or right after
        it."""
        self._closes.setdefault(bot.id, []).extend([(code, after_ready)] * times)

    def refuse_next(self, bot: Account, times: int) -> None:
        """Answer the next IDENTIFYs with op 9."""
        self._refusals[bot.id] += times

    def close_resumes(self, bot: Account, code: int, times: int) -> None:
        """Answer the next RESUMEs with this close code."""
        self._resume_closes.setdefault(bot.id, []).extend([code] * times)

    def take_resume_close(self, bot: Account) -> int | None:
        """The close code that befalls this RESUME; it is used up."""
        codes = self._resume_closes.get(bot.id)
        return codes.pop(0) if codes else None

    def take_close(self, bot: Account, *, after_ready: bool) -> int | None:
        """The close code that befalls this session now; it is used up."""
        queue = self._closes.get(bot.id)
        if not queue or queue[0][1] is not after_ready:
            return None
        return queue.pop(0)[0]

    def take_refusal(self, bot: Account) -> bool:
        """Is this IDENTIFY to be refused? The refusal is used up."""
        if not self._refusals[bot.id]:
            return False
        self._refusals[bot.id] -= 1
        return True

    def find_objection(
        self, bot: Account, data: Mapping[str, object]
    ) -> CloseCode | None:
        """The close code for an IDENTIFY that Discord does not accept."""
        if _parse_shard(data) is None:
            return CloseCode.INVALID_SHARD
        intents = data.get("intents")
        if not isinstance(intents, int) or intents < 0 or intents & ~_ALL_INTENTS:
            return CloseCode.INVALID_INTENTS
        if intents & self._disallowed.get(bot.id, 0):
            return CloseCode.DISALLOWED_INTENTS
        return None

    def is_hasty(self, bot: Account, data: Mapping[str, object]) -> bool:
        """Does this IDENTIFY come too soon after the one before it?"""
        shard = _parse_shard(data)
        return shard is not None and self.starts.is_hasty(bot, shard[0])

    def lacks_content(self, bot: Account) -> bool:
        """Has the application lost the message content intent?"""
        return bool(self._disallowed.get(bot.id, 0) & Intent.MESSAGE_CONTENT)


def _parse_shard(data: Mapping[str, object]) -> tuple[int, int] | None:
    """The shard's number and how many there are; (0, 1) when none is named, None when
    it makes no sense."""
    raw = data.get("shard")
    if raw is None:
        return 0, 1
    match raw:
        case [int(number), int(count)] if 0 <= number < count <= SHARDS_MAX:
            return number, count
    return None
