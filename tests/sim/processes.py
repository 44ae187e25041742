"""Our processes in the simulation: the real worker and the real gateway, with the
simulated world at their seams."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import Future
from random import Random
from types import SimpleNamespace
from typing import Any, TypeVar
from unittest import mock

from langchain_core.messages import BaseMessage
from pydantic import SecretStr

from app.brain.billing import DraftAccount
from app.brain.models import Completion, Speaker
from app.brain.reply import parse
from app.broker.hints import CYCLE, DELIVER, POLL, PUMP
from app.delivery.address import Address
from app.delivery.rest import Found, History
from app.delivery.rest import ServerPlace as Whereabouts
from app.domain.character import load_character
from app.domain.errors import ModelUnavailable, StoreUnavailable, StreamError
from app.domain.lane import Lane
from app.domain.model import AuthorKind, ChatLine, Cost
from app.domain.settings import Settings
from app.gateway.healing import Healing
from app.gateway.presence import Presence, Rights
from app.gateway.run import Gateway, Hosted
from app.gateway.store_ports import StorePorts
from app.rules.policy import shipped_policy
from app.store import keys
from app.store.calls import Call, command
from app.worker.worker import Worker
from tests.sim.calls import (
    Broker,
    Hint,
    SimulatedAsyncStore,
    SimulatedHints,
    SimulatedStore,
    Timeline,
    Wire,
)
from tests.sim.clock import PROCESS, Baton, Process, context_of, wait
from tests.sim.record import (
    CHANNEL_IDS,
    GUILD,
    NAMES,
    PARENTS,
    PRIVATE_WITH,
    USER_IDS,
    Message,
    Place,
    Record,
    SimulatedChannel,
    Told,
    event_of,
    refusal,
)
from tests.sim.server import Server

T = TypeVar("T")
THREADS = 4
MICROSECOND = 1e-6

# The files do not change, and reading them takes as long as a minute of a simulation.
_character = functools.cache(load_character)


class World:
    """What all processes share."""

    def __init__(
        self,
        seed: str,
        settings: Settings,
        wire: Wire,
        server: Server,
        record: Record,
        broker: Broker,
        timeline: Timeline,
    ) -> None:
        self.seed, self.settings, self.wire, self.server = seed, settings, wire, server
        self.record, self.broker, self.timeline = record, broker, timeline
        self.rng = Random(f"{seed} processes")
        self.proactive = False
        """Whether bots open conversations."""
        self.model = False
        """Whether a language model speaks."""
        self.restored: list[tuple[str, float]] = []
        """Bots whose budgets a gateway has written again, and when, in Unix seconds."""

    @property
    def loop(self) -> Any:
        """The simulated loop."""
        return self.wire.loop

    def store(self, *_: object) -> SimulatedStore:
        """In place of a connection."""
        return SimulatedStore(self.wire, self.server)

    def async_store(self, *_: object) -> SimulatedAsyncStore:
        """In place of a connection."""
        return SimulatedAsyncStore(self.wire, self.server)

    def hints(self, *_: object) -> SimulatedHints:
        """In place of a connection."""
        return SimulatedHints(self.broker)


class Work:
    """What `DiscordRest.submit` returns: a task, waited for in a thread."""

    def __init__(self, task: asyncio.Task[Any]) -> None:
        self._task = task
        self.cancel, self.cancelled = task.cancel, task.cancelled
        self.exception = task.exception

    def result(self, timeout: float | None = None) -> Any:
        """Its result, or TimeoutError."""

        async def done() -> Any:
            finished, _ = await asyncio.wait({self._task}, timeout=timeout)
            if not finished:
                raise TimeoutError
            return self._task.result()

        return wait(done())

    def add_done_callback(self, done: Callable[[Any], object]) -> None:
        """Call it when the task has ended."""
        self._task.add_done_callback(lambda _: done(self))


class SimulatedSpeaker(Speaker):
    """A language model: it says something, after a while."""

    def __init__(self, world: World) -> None:
        super().__init__(models=(), timeout=world.settings.model_timeout)
        self._world = world

    def estimate(self, messages: Sequence[BaseMessage]) -> Cost:
        """What one call takes at most."""
        return Cost(500, 1_000)

    def ask(
        self,
        messages: Sequence[BaseMessage],
        now_ms: int,
        account: DraftAccount | None = None,
    ) -> Completion:
        """One answer."""
        return wait(self._said())

    async def _said(self) -> Completion:
        process, world = PROCESS.get(), self._world
        assert process is not None
        fault = world.wire.trouble.strikes("model", process.name, "a question")
        seconds = world.rng.uniform(0.5, 6.0)
        if fault is not None and fault.kind == "slow":
            seconds = min(fault.amount, self.timeout)
        await asyncio.sleep(seconds)
        await world.wire.travel(process)
        if fault is not None and (fault.kind == "fails" or seconds >= self.timeout):
            raise ModelUnavailable("the simulation says so", 0, 0)
        words = "" if fault is not None and fault.kind == "wordless" else "I see."
        content = json.dumps({"action": "reply", "text": words})
        return Completion(content, parse(content), tokens=300, micro_usd=500)


class SimulatedRest:
    """In place of `DiscordRest`."""

    def __init__(self, world: World, process: Process) -> None:
        self._world, self._process = world, process
        self.address = Address()

    def submit(self, work: Coroutine[Any, Any, Any]) -> Work:
        """A task of this process."""
        context = context_of(self._process, busy=True)
        return Work(self._world.loop.create_task(work, context=context))

    def begin_context(self, bot: str, *, channel: str, limit: int, **_: object) -> Work:
        """The newest lines of a channel, not waited for."""
        return self.submit(self._context(channel, limit))

    def finish_context(self, work: Work) -> History:
        """What was begun."""
        lines: History = work.result()
        return lines

    async def _context(self, channel: str, limit: int) -> History:
        world = self._world
        await world.wire.travel(self._process, 20)
        what = f"history of {channel}"
        fault = world.wire.trouble.strikes("read", self._process.name, what)
        if fault is not None and fault.kind == "500 before":
            return History((), "500")
        lines = tuple(map(_line, world.record.history(channel, 0, limit)))
        await world.wire.travel(self._process)
        return History(lines)

    def place(self, bot: str, token: str, channel: str) -> Whereabouts:
        """Where a channel is."""
        guild = None if channel in PRIVATE_WITH else GUILD
        return Whereabouts(guild, PARENTS.get(channel))

    @contextlib.contextmanager
    def typing(self, bot: str, token: str, channel: str) -> Iterator[None]:
        """Nobody looks."""
        yield

    async def client(self, bot: str, token: str) -> Any:
        """A client that is logged in."""
        place = functools.partial(_place, self._world.record, bot)
        return SimpleNamespace(get_partial_messageable=place)

    def forget(self, bot: str, token: str) -> None:
        """Nothing is kept."""

    async def read_back(
        self, client: Any, channel: str, user_id: str, after: int
    ) -> list[Found]:
        """What a bot said after a snowflake."""
        await self._world.wire.travel(self._process, 20)
        what = f"read back of {channel}"
        fault = self._world.wire.trouble.strikes("read", self._process.name, what)
        if fault is not None and fault.kind == "500 before":
            raise refusal(500)
        return [
            Found(one.id, one.reply_to, one.text)
            for one in self._world.record.history(channel, after, 1_000)
            if one.author == user_id
        ]

    async def readable(self, client: Any, channel: str) -> bool:
        """Everything is."""
        return True

    def close(self) -> None:
        """Nothing to close."""


def _place(record: Record, bot: str, channel: int) -> Place:
    return Place(record, bot, str(channel))


def _line(message: Message) -> ChatLine:
    return ChatLine(
        message_id=message.id,
        author_id=message.author,
        author_name=NAMES[message.author],
        author_kind=AuthorKind.OURS if message.bot else AuthorKind.HUMAN,
        content=message.text,
        reply_to=message.reply_to or None,
    )


_EXTEND = """if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])"""


class SimulatedLock:
    """In place of `LaneLock`: the same key, taken and renewed on simulated time."""

    world: World

    def __init__(
        self,
        store: SimulatedStore,
        lane: Lane,
        lease: int,
        on_renew: Callable[[], None] = lambda: None,
    ) -> None:
        self._store, self._lease, self._on_renew = store, lease, on_renew
        self._key = keys.lock(lane)
        self.id = f"{self.world.rng.getrandbits(64):x}"
        self._renewing: asyncio.Task[None] | None = None

    def wish(self) -> Call[bool]:
        """Take it if it is free."""
        ms = self._lease * 1000
        return command("SET", self._key, self.id, "NX", "PX", ms, parse=bool)

    def keep_renewing(self) -> None:
        """Renew it from now on."""
        process = PROCESS.get()
        assert process is not None
        self._renewing = self.world.loop.create_task(
            self._renew(process), context=context_of(process)
        )

    def stop(self) -> None:
        """End the renewal."""
        if self._renewing is not None:
            self._renewing.cancel()

    async def _renew(self, process: Process) -> None:
        world = self.world
        while True:
            await asyncio.sleep(self._lease / 3)
            await world.wire.travel(process)
            if world.server.command("GET", self._key) != self.id:
                return
            world.server.command("PEXPIRE", self._key, self._lease * 1000)
            with contextlib.suppress(StoreUnavailable):
                await Baton().run(self._on_renew)


class _AtOnce:
    """In place of a pool of threads."""

    def submit(self, work: Callable[..., T], *args: Any) -> Future[T]:
        """Run it here."""
        done: Future[T] = Future()
        done.set_result(work(*args))
        return done

    def shutdown(self, **_: object) -> None:
        """Nothing to end."""


class SimulatedWorker:
    """One worker process: a few tasks at a time."""

    def __init__(self, world: World, process: Process) -> None:
        self._world, self._process = world, process
        self._places = asyncio.Semaphore(THREADS)
        rest = SimulatedRest(world, process)
        chores = SimpleNamespace(
            memory=None,
            remember=lambda *_: None,
            finished=lambda: 0,
        )
        with (
            mock.patch("app.worker.worker.Store", world.store),
            mock.patch("app.worker.worker.AsyncStore", world.async_store),
            mock.patch("app.worker.worker.HintSender", world.hints),
            mock.patch("app.worker.worker.DiscordRest", return_value=rest),
            mock.patch("app.worker.worker.Chores", return_value=chores),
            mock.patch("app.delivery.deliver.ThreadPoolExecutor", _at_once),
        ):
            self._worker = _Seeded(world.settings)
        self._worker.chance = Random(world.rng.random())

    def take(self, hint: Hint) -> None:
        """Begin a task."""
        busy = hint.task in {CYCLE, DELIVER}
        context = context_of(self._process, busy)
        self._world.loop.create_task(self._run(hint), context=context)

    async def _run(self, hint: Hint) -> None:
        async with self._places:
            await self._world.wire.travel(self._process)
            try:
                await Baton().run(lambda: self._task(hint))
            except StreamError:
                pass  # an outage: what was not done is due again
            except Exception as error:  # noqa: BLE001 - it is told, and judged
                self._world.timeline.tell("log", f"error: {hint} ended: {error!r}")

    def _task(self, hint: Hint) -> object:
        match hint.task:
            case task if task == CYCLE:
                bot, context, *channel = hint.args
                return self._worker.cycle(bot, context, *channel)
            case task if task == DELIVER:
                return self._worker.deliver(*hint.args)
            case task if task == PUMP:
                return self._worker.pump()
            case task if task == POLL:
                return self._worker.poll()
        return None


def _at_once(*_: object, **__: object) -> _AtOnce:
    return _AtOnce()


class _Seeded(Worker):
    """A worker whose chance is the simulation's."""

    chance: Random

    def _ports_of(self, holder: Any, begun: Any, vault: Any) -> Any:
        ports = super()._ports_of(holder, begun, vault)
        ports.rng = self.chance
        return ports


class SimulatedClient:
    """In place of `StreamClient`: one bot's connection to Discord."""

    def __init__(
        self,
        world: World,
        bot: str,
        intake: Any,
        bursts: Any,
        sessions: Any,
        settings: Settings,
        http_trace: Any = None,
        counter: Any = None,
    ) -> None:
        self._world, self.bot = world, bot
        self._intake, self._sessions = intake, sessions
        self.user_id = USER_IDS[bot]
        record = world.record
        private = [one for one, with_bot in PRIVATE_WITH.items() if with_bot == bot]
        self.channels = [
            SimulatedChannel(record, one) for one in (*CHANNEL_IDS.values(), *private)
        ]
        self.guilds = [self]
        self.id, self.me = int(GUILD), None
        self._events: asyncio.Queue[tuple[str, Message]] = asyncio.Queue()
        self._hears = False
        self._ending = False
        self._last = 0.0

    async def start(self, _: str) -> None:
        """Connect, and hear what Discord tells until the end."""
        process = PROCESS.get()
        assert process is not None
        self._process = process
        await self._world.wire.travel(process, 50)
        self._sessions.identified(self.user_id)
        self._world.record.listeners[self.bot] = self
        begun = self._world.loop.create_task(self._begin())
        while not begun.cancelled():
            kind, message = await self._events.get()
            await self._world.wire.awake(process)
            await self._intake.precedence.passed()
            self._hear(kind, message)

    async def close(self) -> None:
        """Hear no more."""
        if self._world.record.listeners.get(self.bot) is self:
            del self._world.record.listeners[self.bot]

    def owed(self, kind: str, message: Message) -> None:
        """Discord has something to tell: in order, unless a fault says otherwise."""
        world = self._world
        if self._process.dead or not self._hears:
            return
        what = f"{kind} {message.id}"
        own = message.author == self.user_id
        place = "receipt" if own else "event"
        fault = world.wire.trouble.strikes(place, self.bot, what)
        lost = fault is not None and fault.kind == "withheld"
        if fault is not None and fault.kind in {"withheld", "late"}:
            world.record.unheard.add((self.bot, message.id))
        now = world.loop.time()
        # Two at the very same time might come in either order.
        self._last = max(self._last + MICROSECOND, now + world.rng.uniform(0.002, 0.03))
        if not lost:
            delay = self._last - now
            if fault is not None and fault.kind == "late":
                delay += min(fault.amount, 20.0 if own else 4.0)
            world.loop.call_later(delay, self._events.put_nowait, (kind, message))
        if fault is not None and fault.kind == "doubled":
            world.loop.call_later(
                self._last - now + 0.5, self._events.put_nowait, (kind, message)
            )

    def sees_typing(self, channel: str, person: str) -> None:
        """A sign that comes once, or never."""
        if not self._process.dead and self._hears:
            self._world.loop.call_later(
                self._world.rng.uniform(0.002, 0.03),
                self._intake.typing,
                channel,
                person,
                context=context_of(self._process),
            )

    def interrupt(self, fault: str, seconds: float) -> None:
        """Discord ends the session. One that is ending already ends once: a session that
        was lost is not resumed."""
        if not self._process.dead and not self._ending:
            self._ending = True
            self._world.loop.create_task(
                self._interrupted(fault, seconds), context=context_of(self._process)
            )

    async def _interrupted(self, fault: str, seconds: float) -> None:
        """The session ends: it is resumed, or a new one begins and what was not heard
        is lost."""
        self._sessions.disconnected()
        self._hears = fault == "resumed"
        await asyncio.sleep(min(seconds, 20.0))
        self._ending = False
        if fault == "resumed":
            self._sessions.resumed()
        else:
            await self._begin()

    async def _begin(self) -> None:
        """A new session: events come before the client is ready."""
        self._hears = True
        self._sessions.opened()
        await asyncio.sleep(self._world.rng.uniform(0.5, 4.0))
        self._sessions.ready()

    def _hear(self, kind: str, message: Message) -> None:
        event = event_of(message, self._intake.hearing.ours)
        own = message.author == self.user_id
        if kind == "deleted":
            self._intake.deleted(self.bot, message.channel, message.id)
        elif kind == "edited" and not own:
            age = (message.edited_at or 0.0) - message.at
            self._intake.edited(self.bot, event, age)
        elif kind == "message" and own:
            self._intake.receipt(self.bot, message.channel, message.id, message.nonce)
            self._intake.overhear(event)
        elif kind == "message":
            self._intake.offer(self.bot, event)

    def get_channel(self, channel: int) -> SimulatedChannel | None:
        """One of the server's channels."""
        return next((one for one in self.channels if one.id == channel), None)

    async def fetch_channels(self) -> list[SimulatedChannel]:
        """All of them."""
        assert self._process is not None
        await self._world.wire.travel(self._process, 20)
        return self.channels

    async def active_threads(self) -> list[SimulatedChannel]:
        """What is in the list of channels already."""
        return []

    def rights(self, _: str) -> Rights:
        """It may do everything everywhere."""
        return Rights(may_read=True, may_react=True)

    def acknowledge(self, event: Any, emoji: str) -> None:
        """Nobody orders anything in words here."""

    async def settle_commands(self) -> None:
        """Nobody uses commands here."""

    def look_for_proxies(self) -> None:
        """There are none."""


def presence_of(client: SimulatedClient) -> Presence:
    """Every bot is in every channel."""
    channels = tuple(CHANNEL_IDS.values())
    return Presence(
        user_id=client.user_id,
        username=client.bot,
        channels=channels,
        writable=frozenset(channels),
        names={GUILD: {one: name for name, one in CHANNEL_IDS.items()}},
    )


class _QuietGateway(Gateway):
    """A gateway that listens for no signals."""

    def _listen_for_signals(self) -> None:
        pass


class SimulatedGateway:
    """One gateway process."""

    def __init__(self, world: World, process: Process, bots: tuple[str, ...]) -> None:
        self._world, self._process, self._bots = world, process, bots

    def begin(self) -> None:
        """Run until it crashes."""
        context = context_of(self._process)
        self._world.loop.create_task(self._run(), context=context)

    async def _run(self) -> None:
        world = self._world
        proactive = {"proactive": world.proactive, "drive": 1.0}
        characters = {bot: _character(bot) for bot in self._bots}
        characters = {
            bot: one.model_copy(
                update={"pacing": one.pacing.model_copy(update=proactive)}
            )
            for bot, one in characters.items()
        }
        tokens = {bot: f"token-{bot}" for bot in self._bots}
        with (
            mock.patch("app.gateway.store_ports.AsyncStore", world.async_store),
            mock.patch("app.gateway.store_ports.HintSender", world.hints),
        ):
            ports = StorePorts(characters, tokens, world.settings, time.time)
        hosted = [Hosted(bot, SecretStr(token)) for bot, token in tokens.items()]
        gateway = _QuietGateway(
            hosted, ports, world.settings, shipped_policy(), ports.clock
        )
        try:
            await gateway.run()
        except Exception as error:  # noqa: BLE001 - it is told
            world.timeline.tell(self._process.name, f"ends: {error!r}")
            self._process.crash()


@contextlib.contextmanager
def seams(world: World) -> Iterator[None]:
    """The simulated world in place of Discord's client, of locks and of collectors."""
    SimulatedLock.world = world
    restore = Healing._budgets

    async def restored(healing: Healing) -> None:
        await restore(healing)
        # A gateway that was stopped as soon as it began has not read them once.
        known = healing._presences.keys() & healing._snapshot.budgets.spent.keys()
        world.restored += [(bot, world.loop.wall()) for bot in sorted(known)]

    def speaker(*_: object, **__: object) -> SimulatedSpeaker | None:
        return SimulatedSpeaker(world) if world.model else None

    with (
        mock.patch("app.brain.brain.speaker", speaker),
        mock.patch("app.worker.worker.LaneLock", SimulatedLock),
        mock.patch("app.gateway.run.heap.settle"),
        mock.patch("app.gateway.healing.Healing._budgets", restored),
        mock.patch("app.gateway.run.configure_discord"),
        mock.patch(
            "app.gateway.session.StreamClient",
            functools.partial(SimulatedClient, world),
        ),
        mock.patch("app.gateway.session.presence_of", presence_of),
        mock.patch("app.gateway.backfill.readable", lambda client: client.channels),
        mock.patch("app.gateway.backfill.Readable", SimulatedChannel),
        mock.patch("app.gateway.backfill.may_read", return_value=True),
        mock.patch("app.gateway.backfill.event_of", _event_read_back),
    ):
        yield


def _event_read_back(told: Told, ours: Any, _: object) -> Any:
    return event_of(told.message, ours)
