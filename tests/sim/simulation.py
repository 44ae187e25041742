"""One simulation: a scenario is played, and its record is judged."""

from __future__ import annotations

import asyncio
import base64
import contextvars
import functools
import sys
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, NamedTuple

import structlog

from app.broker.hints import PUMP
from app.domain.settings import Settings
from app.store import journal, keys, mutes
from tests.sim.calls import Broker, Hint, Timeline, Trouble, Wire
from tests.sim.clock import START, Process, SimulatedLoop, simulated
from tests.sim.evidence import Evidence, Limits, Said, Shown, Silence
from tests.sim.processes import SimulatedGateway, SimulatedWorker, World, seams
from tests.sim.record import CHANNEL_IDS, USER_IDS, Message, Record, channel_id
from tests.sim.scenario import BOTS, Act, Scenario
from tests.sim.server import Edit, Server

GATEWAYS = {"gateway1": BOTS[:2], "gateway2": BOTS[2:]}
WORKERS = ("worker1", "worker2")
POLL = "safety_poll"


class Life(NamedTuple):
    """One life of a process that died, and when it came back, in Unix seconds."""

    name: str
    begun: float
    died: float
    back: float


@dataclass
class Outcome:
    """What was seen, and how much of it there was."""

    scenario: Scenario
    evidence: Evidence
    ended: float
    timeline: list[str] = field(default_factory=list)
    calls: int = 0
    faults: int = 0
    hints: int = 0


def settings_of(scenario: Scenario, url: str) -> Settings:
    """The settings of a scenario."""
    return Settings(
        _env_file=None,
        redis_url=url,
        vault_keys=base64.urlsafe_b64encode(b"k" * 32).decode(),
        speak_channels="*",
        newcomer_days=0,
        thought_wait=scenario.thought_wait,
        person_hourly=1_000,
        person_share=1.0,
        quiet_reserve=0.0,
        cooldown=scenario.cooldown,
        root_posts=scenario.root_posts,
        daily_posts=scenario.daily_posts,
        nonce_window=scenario.nonce_window,
        pump_interval=4.0,
        gateway_lease=15.0,
        identifies_per_day=450,
    )


class Simulation:
    """Everything in one process."""

    def __init__(
        self, scenario: Scenario, url: str, loop: SimulatedLoop, edit: Edit | None
    ) -> None:
        self.scenario, self.loop = scenario, loop
        seed = str(scenario.seed)
        self.timeline = Timeline(loop)
        self.trouble = Trouble(scenario.faults, self.timeline)
        self.wire = Wire(loop, seed, self.trouble)
        self.server = Server(url, loop.wall)
        if edit is not None:
            self.server.edit = edit
        self.record = Record(self.wire, self.timeline, scenario.nonce_window)
        self.broker = Broker(self.wire, seed, self._deliver)
        self.world = World(
            seed=seed,
            settings=settings_of(scenario, url),
            wire=self.wire,
            server=self.server,
            record=self.record,
            broker=self.broker,
            timeline=self.timeline,
        )
        self.world.proactive, self.world.model = scenario.proactive, scenario.model
        self._rng = Random(f"{seed} machine")
        self._emptied: list[float] = []
        self._begun: dict[str, float] = {}
        self._lives: list[Life] = []
        self._processes: dict[str, Process] = {}
        self._workers: dict[str, SimulatedWorker] = {}
        self._said: dict[int, Message] = {}
        self._acts: dict[str, Act] = {}
        self._silences: list[Silence] = []

    async def play(self) -> Outcome:
        """From the first process to the last word."""
        for name in (*WORKERS, *GATEWAYS):
            self._start(name)
        beats = [self.loop.create_task(self._beat())]
        beats.append(self.loop.create_task(self._disturb()))
        for act in self.scenario.acts:
            await asyncio.sleep(max(0.0, act.at - self.loop.time()))
            self._act(act)
        end = self.scenario.hours * 3600
        last = self.scenario.acts[-1].at if self.scenario.acts else 0.0
        await asyncio.sleep(max(0.0, min(end, last + 300) - self.loop.time()))
        self.trouble.end()
        await asyncio.sleep(self.scenario.settles)
        for beat in beats:
            beat.cancel()
        return self._outcome()

    def _outcome(self) -> Outcome:
        journals = {
            message: self.server.execute(journal.read(message))
            for message in self._acts
        }
        first = {act.number: message for message, act in self._acts.items()}
        evidence = Evidence(
            bots=BOTS,
            messages=[_shown(one) for one in self.record.messages.values()],
            said={
                message: _said(act, first.get(act.begun, ""))
                for message, act in self._acts.items()
            },
            journals=journals,
            limits=self._limits(),
            silences=self._silences,
            unheard=frozenset(self.record.unheard),
            emptied=tuple(self._emptied),
            restored=tuple(self.world.restored),
            forgot=forgetful(self._lives, self._emptied, self.world.restored),
            stopped=tuple(
                (START + first, START + last)
                for name, first, last in self.wire.stops
                if name in WORKERS
            ),
            own_faults=tuple(filter(_is_own_fault, self.timeline.lines)),
        )
        return Outcome(
            scenario=self.scenario,
            evidence=evidence,
            ended=self.loop.time(),
            timeline=self.timeline.lines,
            calls=self.wire.calls,
            faults=self.trouble.struck,
            hints=self.broker.hints,
        )

    def _limits(self) -> Limits:
        settings = self.world.settings
        return Limits(
            cooldown=settings.cooldown,
            root_posts=settings.root_posts,
            daily_posts=settings.daily_posts,
            stale_after=settings.backfill_age + settings.deliver_by,
            quiet_time=settings.quiet_time,
            floor_lease=settings.floor_lease,
        )

    def close(self) -> None:
        """End every process."""
        for process in self._processes.values():
            process.on_crash = _nothing
            process.crash()

    # ---- processes

    def _start(self, name: str) -> None:
        process = self._processes[name] = Process(name)
        process.on_crash = functools.partial(self._died, name)
        self._begun[name] = self.loop.wall()
        self.timeline.tell(name, "starts")
        if name in WORKERS:
            self._workers[name] = SimulatedWorker(self.world, process)
        else:
            SimulatedGateway(self.world, process, GATEWAYS[name]).begin()

    def _died(self, name: str) -> None:
        """Somebody starts again what has died."""
        self.timeline.tell(name, "is dead")
        pause = self._rng.choice((0.1, 1.0, 6.0, 15.0))
        died = self.loop.wall()
        self._lives.append(Life(name, self._begun[name], died, died + pause))
        self.loop.call_later(pause, self._start, name, context=contextvars.Context())

    def _deliver(self, hint: Hint) -> None:
        """Some worker takes a task; while none lives it is lost."""
        alive = [name for name in WORKERS if not self._processes[name].dead]
        if alive:
            self._workers[self._rng.choice(alive)].take(hint)

    async def _beat(self) -> None:
        settings = self.world.settings
        polled = 0.0
        while True:
            self.broker.send(PUMP)
            if self.loop.time() - polled >= settings.check_interval:
                polled = self.loop.time()
                self.broker.send(POLL)
            await asyncio.sleep(settings.pump_interval)

    async def _disturb(self) -> None:
        """Faults that wait for no call."""
        while True:
            await asyncio.sleep(0.5)
            name = self._rng.choice((*WORKERS, *GATEWAYS))
            process = self._processes[name]
            if fault := self.trouble.strikes("process", name, "any moment"):
                if fault.kind == "crash":
                    process.crash()
                elif fault.kind == "wrong clock":
                    process.clock_off = fault.amount
                else:
                    self.wire.stop(process, fault.amount)
            if self.trouble.strikes("server", "redis", "any moment"):
                self.server.empty()
                self._emptied.append(self.loop.wall())
            bot = self._rng.choice(BOTS)
            client = self.record.listeners.get(bot)
            if client is not None and (
                fault := self.trouble.strikes("session", bot, "its session")
            ):
                client.interrupt(fault.kind, fault.amount)

    # ---- people

    def _act(self, act: Act) -> None:
        match act.kind:
            case "say":
                self._say(act)
            case "type":
                where = channel_id(act.channel, act.who, act.calls)
                self.record.type(USER_IDS[act.who], where)
            case "mute":
                self.loop.create_task(self._mute(act.scope))
            case "unmute":
                self._unmute(act.scope)
            case kind:
                message = self._said.get(act.number)
                if message is None or message.deleted_at is not None:
                    return
                if kind == "delete":
                    self.record.delete(message)
                else:
                    self.record.edit(message, act.text)

    def _say(self, act: Act) -> None:
        text = act.text
        for bot in BOTS:
            text = text.replace(f"<@{bot}>", f"<@{USER_IDS[bot]}>")
        channel = channel_id(act.channel, act.who, act.asks or act.calls)
        message = self.record.create(USER_IDS[act.who], channel, text)
        self._said[act.number] = message
        self._acts[message.id] = act

    def _scope(self, scope: str) -> str:
        kind, _, name = scope.partition(":")
        return f"{kind}:{CHANNEL_IDS[name]}" if kind == "channel" else scope

    async def _mute(self, scope: str) -> None:
        """As the operator's command: acknowledged when no POST that began before it is
        on its way."""
        execute = self.server.execute
        execute(mutes.mute(self._scope(scope), "operator"))
        self.timeline.tell("operator", f"mutes {scope}")
        last = execute(mutes.last_in_flight())
        while last is not None and execute(mutes.count_in_flight(last)):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        if execute(mutes.read(keys.mute_by_operator(self._scope(scope)))) is None:
            return  # it was lifted meanwhile
        self.timeline.tell("operator", f"is told that {scope} is silent")
        self._silences.append(Silence(self._scope(scope), self.loop.wall()))

    def _unmute(self, scope: str) -> None:
        self.server.execute(mutes.unmute(self._scope(scope)))
        self.timeline.tell("operator", f"unmutes {scope}")
        self._silences = [
            replace(one, until_s=min(one.until_s, self.loop.wall()))
            if one.scope == self._scope(scope)
            else one
            for one in self._silences
        ]


OWN_FAULTS = (
    "AttributeError",
    "TypeError",
    "KeyError",
    "NameError",
    "ValueError",
    "ResponseError",
)
"""What a program that is at odds with itself, its double or its scripts runs into."""


def forgetful(
    lives: Sequence[Life],
    emptied: Sequence[float],
    restored: Sequence[tuple[str, float]],
) -> tuple[tuple[str, float], ...]:
    """Bots whose gateway died with Redis emptied in its life and nothing of theirs
    written again, and when it came back."""
    return tuple(
        (bot, life.back)
        for life in lives
        for bot in GATEWAYS.get(life.name, ())
        for at in emptied
        if life.begun < at < life.died
        and not any(one == bot and at <= then <= life.died for one, then in restored)
    )


def _is_own_fault(line: str) -> bool:
    return " log " in line and any(name in line for name in OWN_FAULTS)


def _shown(one: Message) -> Shown:
    return Shown(
        id=one.id,
        channel=one.channel,
        bot=one.bot,
        at=START + one.at,
        reply_to=one.reply_to,
        nonce=one.nonce,
        edited=one.edited_at is not None,
        deleted=None if one.deleted_at is None else START + one.deleted_at,
        reacted=tuple(bot for bot, _ in one.reactions),
    )


def _said(act: Act, begun: str) -> Said:
    return Said(
        who=act.who,
        channel=channel_id(act.channel, act.who, act.asks or act.calls),
        asks=act.asks,
        begun=begun,
        calls=act.calls,
    )


def _nothing() -> None:
    pass


def play(scenario: Scenario, url: str, edit: Edit | None = None) -> Outcome:
    """Play a scenario; `edit` puts a fault into the scripts."""
    with simulated(str(scenario.seed)) as loop:
        simulation = Simulation(scenario, url, loop, edit)
        with seams(simulation.world), _told(simulation.timeline):
            asyncio.set_event_loop(loop)
            try:
                return loop.run_until_complete(simulation.play())
            finally:
                simulation.close()
                _end_all(loop)
                asyncio.set_event_loop(None)
                simulation.server.close()


def _end_all(loop: SimulatedLoop) -> None:
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.wait(tasks, timeout=60))


@contextmanager
def _told(timeline: Timeline) -> Iterator[None]:
    """Warnings of the program belong to the timeline; nothing is printed."""

    def tell(_: Any, method: str, line: MutableMapping[str, Any]) -> Any:
        if method not in {"debug", "info"}:
            what = str(line.pop("event"))
            line.pop("exc_info", None)
            rest = " ".join(f"{key}={value}" for key, value in line.items())
            timeline.tell("log", f"{method}: {what} {rest}")
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[_with_error, tell])
    try:
        yield
    finally:
        structlog.configure(**before)


def _with_error(_: Any, __: str, line: MutableMapping[str, Any]) -> Any:
    if line.get("exc_info"):
        line["error"] = repr(sys.exc_info()[1])[:200]
    return line
