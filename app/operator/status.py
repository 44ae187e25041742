"""How a running stream is: one picture, for a person or as JSON. Nothing is asked of
the processes themselves, so it takes milliseconds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from redis.exceptions import RedisError

from app.broker.hints import QUEUES, lists_of
from app.domain.errors import StoreForbidden, StreamError
from app.domain.lane import Lane
from app.domain.model import RosterEntry
from app.domain.settings import Settings
from app.operator.characters import find_character
from app.operator.doctor.processes import signs_of_life
from app.operator.doctor.redis_server import (
    unwritten_files,
    why_it_refuses_writes,
)
from app.operator.ops import open_store
from app.operator.spending import MICRO
from app.runtime.clock import epoch_day
from app.store import (
    brakes,
    clocks,
    keys,
    memories,
    model_troubles,
    mutes,
    outbox,
    overview,
    roster,
    stats,
)
from app.store.door import Store
from app.store.heartbeats import Heartbeat, ProcessRole
from app.store.limits import Limits, limits_of
from app.store.model_troubles import ModelTrouble
from app.store.server_info import server_info, warnings_of


@dataclass(frozen=True)
class Used:
    """What was spent today of one cap."""

    what: str
    """posts, tokens or usd."""
    spent: float
    cap: float


@dataclass(frozen=True)
class BotStatus:
    """One bot. Times are Unix seconds."""

    bot: str
    connected: bool
    since: float | None
    gateway: str
    """The process that runs it; empty: none does."""
    error: str
    cooldown_s: float
    used: tuple[Used, ...]
    waiting: int
    """Posts on their way to Discord."""
    dead_letters: int


@dataclass(frozen=True)
class DueCount:
    """How much of something is due now, and at any time."""

    now: int
    later: int


@dataclass(frozen=True)
class Status:
    """All of it."""

    at: float
    """Unix seconds, by Redis's clock."""
    dry_run: bool
    bots: tuple[BotStatus, ...]
    all_bots: tuple[Used, ...]
    workers: Mapping[str, tuple[str, ...]]
    """Celery's name to its queues."""
    beat: bool
    queues: Mapping[str, int]
    """Tasks that wait; empty: the broker was not to be asked."""
    due: Mapping[str, DueCount]
    mutes: tuple[Mapping[str, Any], ...]
    oldest_unanswered_s: float | None
    discord_ahead_s: float
    """By how much Discord's clock is ahead of Redis's, where that is worth telling."""
    unasked_after_s: float | None
    """In how many seconds bots may speak unasked: Redis is new, or was emptied. 0: they
    may; None: when a gateway has written mutes and budgets."""
    model_troubles: tuple[ModelTrouble, ...]
    """Models that gave no usable answer when they were asked last."""
    redis: Mapping[str, Any] = field(default_factory=dict)
    """used_memory, maxmemory and aof_current_size in bytes; empty: this login may not
    ask."""
    unwritten: bool = False
    """Redis could not write its file and refuses every write."""
    refuses_writes: str = ""
    """Why Redis refuses every write otherwise; empty: it takes them."""
    redis_warnings: tuple[str, ...] = ()
    """What Redis may throw away, or has thrown away."""


def read_status(settings: Settings) -> Status:
    """Look once. Raises StoreUnavailable."""
    with open_store(settings) as store:
        now = store.run(stats.server_time())
        day = epoch_day(now)
        signs = signs_of_life(store)
        info = _server_info(store)
        running = {one.name: one for one in signs if one.role is ProcessRole.GATEWAY}
        return Status(
            at=now,
            dry_run=settings.dry_run,
            bots=tuple(
                _bot_status(store, settings, entry, running.get(entry.bot), day)
                for entry in _known_bots(store, running)
            ),
            all_bots=_used_by_all(store, settings, day),
            workers=_running_workers(signs),
            beat=any(one.role is ProcessRole.BEAT for one in signs),
            queues=_queue_lengths(settings, store),
            due=_due_work(store, now * 1000),
            mutes=tuple(_standing_mutes(store, now)),
            oldest_unanswered_s=_oldest_wait_s(store, now * 1000),
            discord_ahead_s=store.run(clocks.discord_ahead()) / 1000,
            unasked_after_s=_unasked_after_s(store),
            model_troubles=troubles_of_models(store),
            redis=_redis_memory(info),
            unwritten=bool(unwritten_files(info)),
            refuses_writes=why_it_refuses_writes(info),
            redis_warnings=tuple(warnings_of(info)),
        )


def troubles_of_models(store: Store) -> tuple[ModelTrouble, ...]:
    """What workers tell of models. Raises StoreUnavailable."""
    names = sorted(memories.scan(store, keys.model_trouble("*", "*")))
    return store.run(model_troubles.read(names)) if names else ()


def _known_bots(store: Store, running: Mapping[str, Heartbeat]) -> list[RosterEntry]:
    """The bots of the roster, and those whose gateway runs without ever having got
    through to Discord."""
    known = list(store.run(roster.roster()))
    missing = sorted(running.keys() - {entry.bot for entry in known})
    return known + [RosterEntry(bot=bot, user_id="0", names=(bot,)) for bot in missing]


def _bot_status(
    store: Store,
    settings: Settings,
    entry: RosterEntry,
    sign: Heartbeat | None,
    day: int,
) -> BotStatus:
    bot, facts = entry.bot, {} if sign is None else sign.facts
    channels = store.run(outbox.list_due(bot))
    waiting = sum(len(store.run(outbox.waiting(bot, one))) for one, _ in channels)
    since = facts.get("since")
    return BotStatus(
        bot=bot,
        connected=bool(facts.get("connected")),
        since=float(since) if isinstance(since, int | float) else None,
        gateway=str(facts.get("process", "")),
        error=str(facts.get("error", "")),
        cooldown_s=store.run(overview.cooldown_left(bot)) / 1000,
        used=_used_by_bot(store, bot, day, _limits_of(bot, settings)),
        waiting=waiting,
        dead_letters=len(store.run(outbox.dead(bot))),
    )


def _limits_of(bot: str, settings: Settings) -> Limits:
    """A bot's caps; the operator's where its file is not on this machine."""
    character = find_character(bot, settings.characters_dir)
    return Limits.of(settings) if character is None else limits_of(character, settings)


def _used_by_bot(store: Store, bot: str, day: int, limits: Limits) -> tuple[Used, ...]:
    spent = store.run(overview.spent(keys.budget(bot, day)))
    return (
        Used("posts", spent["posts"], limits.daily_posts),
        Used("tokens", spent["tokens"], limits.daily_tokens),
        Used("usd", spent["micro_usd"] / MICRO, limits.daily_micro_usd / MICRO),
    )


def _used_by_all(store: Store, settings: Settings, day: int) -> tuple[Used, ...]:
    spent, limits = store.run(overview.spent(keys.budget("all", day))), settings
    return (
        Used("posts", spent["posts"], limits.daily_posts_all),
        Used("tokens", spent["tokens"], limits.daily_tokens_all),
        Used("usd", spent["micro_usd"] / MICRO, limits.daily_usd_all),
    )


def _running_workers(signs: tuple[Heartbeat, ...]) -> dict[str, tuple[str, ...]]:
    return {
        one.name: tuple(map(str, one.facts.get("queues") or ()))
        for one in signs
        if one.role is ProcessRole.WORKER
    }


def _queue_lengths(settings: Settings, store: Store) -> dict[str, int]:
    """How many tasks wait in each queue, by the broker's own database."""
    if (address := settings.broker_address) is not None:
        url, timeout = address.url, settings.redis_timeout
        broker = Store(url, timeout, settings.redis_credentials)
    else:
        # The embedded server's address.
        parameters = store.client.connection_pool.connection_kwargs
        # The next database is the broker's: Celery's own keys never expire.
        where = f"{parameters['host']}:{parameters['port']}/{parameters['db'] + 1}"
        broker = Store(f"redis://:{parameters['password']}@{where}")
    try:
        return {
            queue: sum(
                broker.run(overview.list_length(name)) for name in lists_of(queue)
            )
            for queue in QUEUES
        }
    # All else is worth showing while the broker is away.
    except (StreamError, RedisError):
        return {}
    finally:
        broker.close()


def _due_work(store: Store, now_ms: float) -> dict[str, DueCount]:
    found = {}
    for name, key in overview.DUE:
        now = store.run(overview.due_by(key, now_ms))
        found[name] = DueCount(now, max(0, store.run(overview.all_due(key)) - now))
    return found


def _unasked_after_s(store: Store) -> float | None:
    if not store.run(brakes.has_begun()):
        return None
    return max(0.0, store.run(brakes.lasts(keys.GENERATION_NEW)) / 1000)


def _standing_mutes(store: Store, now: float) -> Iterator[dict[str, Any]]:
    for key in sorted(memories.scan(store, keys.mute("*")), reverse=True):
        one = store.run(mutes.read(key))
        if one is not None:
            until = None if one.left_ms is None else now + one.left_ms / 1000
            yield {"scope": one.scope, "who": one.who, "until": until}


def _oldest_wait_s(store: Store, now_ms: float) -> float | None:
    """For how many seconds the message that waits longest has spoken to a bot."""
    came = [
        at
        for key in memories.scan(store, keys.inbox(Lane("*", "*")))
        if (at := store.run(overview.oldest_entry(key))) is not None
    ]
    return max(0.0, now_ms - min(came)) / 1000 if came else None


def _server_info(store: Store) -> Mapping[str, Any]:
    """Empty where this login may not ask."""
    try:
        return store.run(server_info())
    except StoreForbidden:
        return {}


def _redis_memory(info: Mapping[str, Any]) -> dict[str, Any]:
    wanted = ("used_memory", "maxmemory", "aof_current_size")
    return {name: int(info.get(name, 0)) for name in wanted} if info else {}
