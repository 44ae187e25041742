"""A worker process: any worker serves any bot. Celery's tasks are thin calls of
this."""

from __future__ import annotations

import concurrent.futures
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import aiohttp
import discord
import structlog

from app.brain.graph import ANSWERS_AT_ONCE, run_cycle, warm
from app.brain.models import disable_tracing
from app.broker.hints import CYCLE, DELIVER, HintSender
from app.delivery.deliver import Deliverer
from app.delivery.permission import SendPermission
from app.delivery.rest import DiscordRest, Secrets
from app.domain.errors import (
    ConfigurationError,
    StoreForbidden,
    StoreUnavailable,
    StreamError,
    VaultMissing,
)
from app.domain.lane import Lane
from app.domain.model import Context, RosterEntry, Signal
from app.domain.settings import Settings, load_settings
from app.domain.verdicts import Elect, Finish
from app.likeness.encoder import Sentences
from app.runtime import collector as heap
from app.runtime import metrics
from app.runtime.killpoints import reached
from app.runtime.logs import register_settings, trace
from app.runtime.scraping import Scraped, serve
from app.runtime.traces import begin_traces
from app.store import (
    elections,
    heartbeats,
    inboxes,
    journal,
    lanes,
    roster,
    stats,
    vault,
    wishes,
)
from app.store.door import AsyncStore, Store
from app.store.fitness import check_at_start
from app.store.floors import Holder, Next
from app.store.heartbeats import Heartbeat, ProcessRole
from app.store.lanes import Begun
from app.store.lock import LaneLock
from app.store.signing import signer
from app.worker.answering import StoredAnswerTurn
from app.worker.chores import Chores
from app.worker.cycle import Ended, finish_call
from app.worker.health import health_of, role_of
from app.worker.heartbeat import WorkerHeartbeat
from app.worker.ports import Ports
from app.worker.served import Bots

log = structlog.get_logger(__name__)

ROSTER_FRESH_FOR = 10.0
DELIVERY_WAIT = 5.0
"""Seconds that the delivery task waits for its deliveries, which then go on alone."""
HEEDS_EVERY = 1.0
VAULT_RETRY_MS = 5_000
GIVE_UP_MS = 60_000
"""A message older than this is dropped if every cycle that read it met a fault of our
own: it holds up its lane."""
PASSING = (
    OSError,
    aiohttp.ClientError,
    discord.DiscordException,
    concurrent.futures.CancelledError,
)
"""Errors of the network and of Discord. They are no reason to drop a message that is
young enough to be answered."""


class Worker:
    """Everything that a worker process shares between its threads."""

    def __init__(self, settings: Settings) -> None:
        if not settings.redis_url:
            raise ConfigurationError(
                "STREAM_REDIS_URL: is not set; `the-stream up` starts an embedded Valkey."
            )
        register_settings(settings)
        if not settings.tracing:
            disable_tracing()
        self.settings = settings
        url, credentials = settings.redis_url, settings.redis_credentials
        self.store = Store(url, settings.redis_timeout, credentials)
        self.bots = Bots(self.store, settings)
        self.hints = HintSender(settings)
        self.rest = DiscordRest(settings)
        self.deliverer = Deliverer(
            store=AsyncStore(url, settings.redis_timeout, credentials),
            rest=self.rest,
            settings=settings,
            secrets=self._secrets,
            hint=self._hint_next,
            known=self._known_secrets,
        )
        self.chores = Chores(
            store=self.store,
            bots=self.bots,
            settings=settings,
            hints=self.hints,
            rest=self.rest,
        )
        self._roster: tuple[float, dict[str, str]] = (0.0, {})
        self._forgotten: tuple[float, Mapping[str, int]] = (0.0, {})
        self._heartbeat: WorkerHeartbeat | None = None
        self._scraped: Scraped | None = None
        self._ticked = 0.0
        self._unable: dict[str, float] = {}
        """Bots whose vault did not open here, and until when (monotonic) other workers
        are to take their hints."""

    def cycle(self, bot: str, context: str, channel: str | None = None) -> str:
        """Run one cycle of a lane, if it is due and nobody else runs it. Returns the
        outcome in a word."""
        if time.monotonic() < self._unable.get(bot, 0.0):
            self.store.run(stats.count("tasks"))
            return "unable"
        lane = Lane(bot, channel if context == Context.DIRECT else None)
        # Filled by `_run`; the renewal thread may ask before that.
        ports: list[Ports] = []
        lock = LaneLock(
            self.store,
            lane,
            self.settings.lock_lease,
            lambda: ports[0].renew() if ports else None,
        )
        reached("lock_before")
        begun, read = self._begin(lane, lock)
        if not begun.locked:
            # Nothing is lost: the holder's finish compares the sequence.
            return "busy"
        if not begun.due:
            return "not_due"
        lock.keep_renewing()
        try:
            reached("lock_after")
            return self._run(Holder(lane, lock.id), begun, ports, read)
        finally:
            # Only the renewal ends here: finish or begin has released the key.
            lock.stop()

    def _begin(self, lane: Lane, lock: LaneLock) -> tuple[Begun, dict[str, str] | None]:
        """Take the lane's lock and read what is due, together with whatever this process
        has to refresh: one round trip. Returns the bot's vault too, if it was read."""
        heeds, enlists = self._heeds_now(), self._enlists_now()
        unread = not self.bots.is_fresh(lane.bot)
        calls = [
            stats.count("tasks"),
            # Before memory is read: what was forgotten must not reach a prompt.
            *([wishes.all_forgotten()] if heeds else []),
            *([roster.roster()] if enlists else []),
            *([vault.peek(lane.bot)] if unread else []),
            lock.wish(),
            lanes.begin(lane, lock.id, signer(self.settings)),
        ]
        _, *looked, _, begun = self.store.run_all(calls)
        if heeds:
            self._let_go(looked.pop(0))
        if enlists:
            self._enlist(looked.pop(0))
        return begun, looked.pop(0) if unread else None

    def deliver(self, bot: str) -> None:
        """Deliver what is due of one bot."""
        self.store.run(stats.count("deliveries"))
        self.deliverer.run(bot, DELIVERY_WAIT)

    def poll(self) -> int:
        """The safety poll: make every registered bot's lane due, spread over the
        interval. Returns the number of bots.

        It also hands out the conversations that have ended, to be learned from.
        """
        self.heed()
        bots = sorted(self._roster_now().values())
        spread = self.settings.check_interval * 1000
        for place, bot in enumerate(bots):
            self.store.run(
                lanes.wake(Lane(bot), Context.POLL, int(spread * place / len(bots)))
            )
        self.chores.finished()
        return len(bots)

    def pump(self) -> int:
        """Send hints for whatever is overdue. Returns their number."""
        self.heed()
        self._note_beat()
        overdue = self.store.run(lanes.sweep(int(self.settings.pump_interval * 1000)))
        for lane, context in overdue.lanes:
            self.hint(lane, context)
        for message in overdue.elections:
            self._elect(message)
        # One task delivers in all channels of its bot.
        for bot in dict.fromkeys(bot for bot, _ in overdue.deliveries):
            self.hints.send(DELIVER, bot)
        return len(overdue.lanes) + len(overdue.elections) + len(overdue.deliveries)

    def _note_beat(self) -> None:
        """Record that beat lives: nobody else sends the pump's tasks."""
        if time.monotonic() - self._ticked < heartbeats.EVERY:
            return
        # Three times the slower rhythm: two ticks in a row may be late or lost.
        lasts_ms = int(3_000 * max(heartbeats.EVERY, self.settings.pump_interval))
        self.store.run(
            heartbeats.tell(Heartbeat(ProcessRole.BEAT, "beat", {}), lasts_ms)
        )
        self._ticked = time.monotonic()

    def begin_heartbeat(self, name: str, queues: Sequence[str]) -> None:
        """Report from now on which queues this worker, by Celery's name, serves."""
        self._heartbeat = WorkerHeartbeat(self.store, name, queues)

    def begin_metrics(self, controller: Any, queues: Sequence[str]) -> None:
        """Serve metrics, health and traces of this worker, if the settings want them.
        `controller` is Celery's. Raises PortInUse, ConfigurationError."""
        health = health_of(controller, self.store)
        self._scraped = serve(role_of(queues), self.settings, health)
        begin_traces(role_of(queues), self.settings)

    def heed(self) -> None:
        """Drop the memories that this process caches, if somebody was forgotten since
        the last look. Called with each task; it looks at most once a second."""
        if self._heeds_now():
            self._let_go(self.store.run(wishes.all_forgotten()))

    def _heeds_now(self) -> bool:
        return time.monotonic() - self._forgotten[0] >= HEEDS_EVERY

    def _let_go(self, marks: Mapping[str, int]) -> None:
        looked, known = self._forgotten
        self._forgotten = time.monotonic(), marks
        # The first look only learns the marks: this process keeps nothing older yet.
        if marks != known and looked:
            self.chores.memory.clear()

    def hint(self, lane: Lane, context: Context) -> None:
        """Tell some worker that a lane is due. A lost hint costs about a second."""
        self.hints.send(
            CYCLE, lane.bot, context, *([lane.channel] if lane.channel else [])
        )

    def _elect(self, message: str) -> None:
        channel = self.store.run(elections.channel_of(message))
        quiet_time = self.settings.rules_at(channel).quiet_time
        outcome = self.store.run(
            elections.decide(message, channel, self.settings, quiet_time)
        )
        # All callers get one verdict; only the call that granted it sends the hint.
        if outcome.verdict is Elect.GRANTED and outcome.fresh:
            self.hint(Lane(outcome.winner), Context.TRIGGER)

    def _ports_of(
        self, holder: Holder, begun: Begun, read: dict[str, str] | None
    ) -> Ports:
        return Ports(
            store=self.store,
            rest=self.rest,
            settings=self.settings,
            served=self.bots.get(holder.lane.bot, read),
            holder=holder,
            begun=begun,
            roster_ids=self._roster_now(),
            deliver=partial(self._deliver, holder.lane.bot),
            memory=self.chores.memory,
        )

    def _deliver(
        self, bot: str, channel: str, entry_id: str, given: SendPermission | None
    ) -> None:
        """Deliver to Discord what was just committed, while the cycle goes on."""
        reached("deliver_before")
        self.deliverer.begin(bot, channel, entry_id, given)

    def _act(self, lane: Lane, begun: Begun, world: Ports) -> int | None:
        """Run the graph. Returns in how many ms the lane is due again, or None."""
        world.later(stats.count("cycles"))
        subject = begun.entries[-1].event.message_id if begun.entries else str(lane)
        with trace(subject):
            log.info(
                "cycle",
                bot=lane.bot,
                context=begun.context,
                entries=len(begun.entries),
            )
            with metrics.TURN_SECONDS.labels(begun.context).time():
                self._think(world)
        direct = lane.channel is not None
        asked = {entry.event.message_id for entry in begun.entries} - {
            line.message_id for entry in begun.entries for line in entry.event.earlier
        }
        if world.committed and direct and len(asked) > ANSWERS_AT_ONCE:
            return 0  # more messages wait than one cycle answers
        return world.retry_ms

    def _unserved(self, bot: str, begun: Begun, error: StreamError) -> None:
        """Report that the vault is missing, does not open with this worker's keys, or
        cannot be understood."""
        log.error("bot dropped", bot=bot, reason=str(error))
        # A worker with another key cannot check signatures either: forged entries may be
        # genuine.
        waiting = [*begun.entries, *begun.forged]
        asked = [entry for entry in waiting if entry.signal is Signal.DIRECT]
        for entry in asked or waiting[-1:]:
            message = entry.event.message_id
            line = journal.merge(
                message,
                bot=bot,
                step="vault",
                verdict="missing",
                reason=str(error),
                numbers={},
            )
            self.store.run(line)
        if isinstance(error, VaultMissing):
            # Perhaps only the vault was evicted. A bot that is missing from the roster is
            # published again, if its gateway runs.
            with suppress(StoreForbidden):
                self.store.run(roster.strike(bot))

    def _run(
        self,
        holder: Holder,
        begun: Begun,
        ports: list[Ports],
        read: dict[str, str] | None,
    ) -> str:
        lane = holder.lane
        retry_ms: int | None = None
        try:
            ports.append(self._ports_of(holder, begun, read))
            retry_ms = self._act(holder.lane, begun, ports[0])
        except StoreUnavailable:
            raise
        except StreamError as error:
            # Another worker may have the right key: leave the lane to it at once, and keep
            # out of its way for a while.
            retry_ms = 0
            self._unserved(lane.bot, begun, error)
            self._unable[lane.bot] = time.monotonic() + VAULT_RETRY_MS / 1000
        world = ports[0] if ports else None
        finish = finish_call(holder, begun, retry_ms)
        ended = world.end(retry_ms) if world else Ended(*self.store.run(finish))
        reached("finish_after")
        # The pump takes care of what is due later, and of lost hints.
        if ended.outcome is Finish.AGAIN and ended.due_in_ms <= 0:
            self.hint(lane, begun.context if lane.channel is None else Context.DIRECT)
        # After finish, so hints and memory do not delay the lane's next cycle.
        if world is not None:
            for turn in world.next_turns:
                self._hint_next(turn)
            self.chores.remember(world, ended.marks, ended.silent)
            world.send_rest()
        return str(ended.outcome)

    def _think(self, world: Ports) -> None:
        broken, forged = world.begun.broken, world.begun.forged
        if broken or forged:
            log.warning(
                "inbox entries that cannot be read, or that none of ours signed, are dropped",
                bot=world.bot,
                entries=len(broken),
                unsigned=len(forged),
            )
            # Otherwise finish would never find a direct lane's inbox empty.
            world.run(inboxes.remove_unreadable(world.holder, broken, forged))
        try:
            run_cycle(world.served.brain, world, self.chores.memory)
        except StoreUnavailable:
            raise
        except PASSING as error:
            log.warning("cycle interrupted", bot=world.bot, error=type(error).__name__)
            self._tell(
                world,
                f"passing trouble: {type(error).__name__}",
                int(self.settings.backfill_age * 1000),
            )
        # An escaping error would skip finish: the lane would wait until its lock expires.
        except Exception as error:
            log.exception("cycle failed", bot=world.bot)
            self._tell(world, f"internal error: {type(error).__name__}", GIVE_UP_MS)

    def _tell(self, world: Ports, reason: str, patience_ms: int) -> None:
        """Journal why a cycle failed. Its messages are tried again until `patience_ms`
        after they came, and then given up."""
        turn = world.turn if isinstance(world.turn, StoredAnswerTurn) else None
        granted_entry = turn.entry if turn is not None else None
        # Nobody waits for an unasked answer: only direct messages are tried again.
        if (
            granted_entry is not None
            and turn is not None
            and (
                granted_entry.signal is not Signal.DIRECT
                or world.age_ms(granted_entry) >= patience_ms
            )
        ):
            log.error(
                "a message is given up",
                bot=world.bot,
                message=granted_entry.event.message_id,
                reason=reason,
            )
            turn.decline(reason)
            return
        if turn is not None:
            turn.release(reason)
        oldest = max((world.age_ms(entry) for entry in world.begun.entries), default=0)
        # Pauses grow with the age: no cycle every five seconds in a long outage.
        world.retry_ms = max(VAULT_RETRY_MS, oldest // 4)
        old = []
        for entry in world.begun.entries:
            if world.age_ms(entry) >= patience_ms:
                old.append(entry)
            elif entry.signal is Signal.DIRECT and entry is not granted_entry:
                world.note(
                    entry, step="cycle", verdict="failed", reason=reason, numbers={}
                )
        if old:
            log.error(
                "messages are given up", bot=world.bot, messages=len(old), reason=reason
            )
        world.drop(old, "cycle", reason)

    def warm(self) -> None:
        """Load what the first cycle would otherwise wait for. Raises StoreUnavailable if
        Redis is away, ConfigurationError if it is a Redis that we cannot use."""
        self.settings.check_places()
        check_at_start(self.settings)
        self.store.run(stats.counts())
        Sentences.shared_in = self.settings.data_dir.expanduser()
        warm(self.chores.memory)
        self.bots.warm(list(self._roster_now().values()))
        # Last: the collector then skips everything that is loaded by now.
        heap.settle()

    def close(self) -> None:
        """Release leases and close connections."""
        if self._scraped is not None:
            self._scraped.close()
        if self._heartbeat is not None:
            self._heartbeat.stop()
        # Before `rest`: deliveries release their leases on its loop.
        self.deliverer.close()
        self.rest.close()
        self.hints.close()
        self.store.close()

    def _secrets(self, bot: str) -> Secrets:
        served = self.bots.get(bot)
        return Secrets(served.token, served.user_id)

    def _known_secrets(self, bot: str) -> Secrets | None:
        served = self.bots.fresh(bot)
        return None if served is None else Secrets(served.token, served.user_id)

    def _hint_next(self, who: Next) -> None:
        if who.lane is not None:
            self.hint(who.lane, Context.DIRECT)
        if who.election:
            self._elect(who.election)

    def _roster_now(self) -> dict[str, str]:
        if self._enlists_now():
            self._enlist(self.store.run(roster.roster()))
        return self._roster[1]

    def _enlists_now(self) -> bool:
        read_at, known = self._roster
        # An empty roster is not kept: the first gateway may be about to publish.
        return not known or time.monotonic() - read_at > ROSTER_FRESH_FOR

    def _enlist(self, entries: Sequence[RosterEntry]) -> None:
        known = {entry.user_id: entry.bot for entry in entries}
        self._roster = (time.monotonic(), known)


_worker: Worker | None = None
_building = threading.Lock()


def worker() -> Worker:
    """This process's worker, built at its first task."""
    global _worker  # noqa: PLW0603 -- one per process, as Celery's tasks have nowhere else to keep it
    with _building:
        if _worker is None:
            _worker = Worker(load_settings())
        return _worker
