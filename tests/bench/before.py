"""`make bench BEFORE=<commit>`: an older commit's `up` and today's on one loopback Discord,
asked in turns.

Both are spoken to from outside alone: Discord's REST and gateway, the characters' files,
the environment, and what Redis and the kernel count. A setting that the older code does
not know does nothing there.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean
from typing import Any

from app.demo.stage import run_to_end
from app.domain.character import ModelConfig
from app.domain.errors import StreamError
from app.host.valkey import free_port
from tests.bench.arena import (
    SETTLE_S,
    Arena,
    Camp,
    arena,
    ask,
    wait_for_answers,
    wait_of,
)
from tests.bench.changes import Change, Changes, admissions_of
from tests.bench.figures import nearest_rank
from tests.bench.footprint import BOTS
from tests.bench.hearing import Cost, cost_of_hearing, part_of
from tests.bench.latency import ask_amid_chatter, ask_openly, say
from tests.bench.machine import Watch, machine_told, memory_mb
from tests.bench.older import CannotStart, checked_out, told_commit
from tests.bench.plan import Plan
from tests.bench.stages import empty, noting_by
from tests.bench.thoughts import (
    SHORT_S,
    Wave,
    ask_wave,
    direct_workers,
    thought_settings,
)
from tests.e2e.model_server import ModelServer
from tests.worker.trips import SETTING_UP

BEFORE, TODAY, FLOOR = "before", "today", "floor"
SIDES = (BEFORE, TODAY)
SHARES = (0.5, 0.99)
TRIPS = Path(__file__).parent / "trips"
START_S = 900.0
"""What a part has beside its rounds. A hundred bots of both codes start slowly on a loaded
machine."""
RECORDED_S = 0.6
"""Until an answer that is posted is recorded too."""
HEARD_BOTS = 3
"""Bots that hear a line whose admission is measured."""
SCRIPT_US = 20
"""What takes the server less is no script, and not logged: that takes time too."""
SLOWEST = 100_000
"""Commands that a server's log holds meanwhile."""
Found = defaultdict[str, list[Any]]
"""What was measured, by side, round by round."""


@dataclass(slots=True)
class Both:
    """The two codes in one arena, and what was found out about them."""

    place: Arena
    plan: Plan
    checkout: Path
    changes: Changes
    camps: dict[tuple[str, str], Camp] = field(default_factory=dict)

    async def start(
        self,
        side: str,
        bots: int,
        what: str = "",
        settings: dict[str, object] | None = None,
        model: ModelConfig | None = None,
    ) -> Camp:
        """One of the codes with so many bots, started if it does not run yet."""
        name = what or f"{bots} bots"
        if (side, name) not in self.camps:
            self.camps[side, name] = await self.place.add_stream(
                f"{side}, {name}",
                bots,
                settings,
                model,
                # Today's file of a character may say what the older code does not know.
                cast=self.checkout / "app" / "characters",
                checkout=self.checkout if side == BEFORE else None,
            )
        return self.camps[side, name]

    async def start_both(
        self, bots: int, what: str = "", **more: Any
    ) -> dict[str, Camp]:
        """Both, by side."""
        return {side: await self.start(side, bots, what, **more) for side in SIDES}

    async def end(self, what: str) -> None:
        """Stop what is not needed any more."""
        for side, name in list(self.camps):
            if name == what:
                await self.place.end(self.camps.pop((side, name)))

    def add(self, name: str, unit: str, found: Found, **more: Any) -> None:
        """A line of the table."""
        before, today, floor = (tuple(found[side]) for side in (*SIDES, FLOOR))
        change = Change(name, unit, before, today, floor, **more)
        self.changes.changes.append(change)


def in_turn(number: int, names: Sequence[str] = SIDES) -> list[str]:
    """The names of a round in its order: what one leaves meets another."""
    at = number % len(names)
    return [*names[at:], *names[:at]]


async def measure_trips(both: Both) -> None:
    """Round trips to Redis of the worker, from a message until its answer is
    recorded."""
    file = both.place.folder / "trips.txt"
    with noting_by(TRIPS, "PYTHONTRIPS", file):
        camps = await both.start_both(1, "round trips")
    found: Found = defaultdict(list)
    plan = both.plan.for_part()
    for number in plan.few("round trips of a turn"):
        for side in in_turn(number):
            count = max(2, plan.messages // 3)
            found[side].append(await _count_trips(both, camps[side], file, count))
    await both.end("round trips")
    both.add("round trips to Redis of a worker's turn", "", found, goal=8)


async def _count_trips(both: Both, camp: Camp, file: Path, count: int) -> float:
    """Of a turn, to the nearest whole one: what the worker asks idle is taken off."""
    asked, idle = Noted(), Noted()
    for number in range(count):
        # What the last answer leaves to do is no idle work.
        await asyncio.sleep(SETTLE_S)
        empty(file)
        begun = time.monotonic()
        await asyncio.sleep(RECORDED_S)
        idle.add(_trips_in(file, direct_workers(camp)), time.monotonic() - begun)
        empty(file)
        begun = time.monotonic()
        await wait_for_answers(both.place, [ask(both.place, camp, number, channel=0)])
        await asyncio.sleep(RECORDED_S)
        asked.add(_trips_in(file, direct_workers(camp)), time.monotonic() - begun)
    return trips_of_turn(asked, idle, count)


@dataclass(slots=True)
class Noted:
    """Round trips in some seconds."""

    trips: int = 0
    seconds: float = 0.0

    def add(self, trips: int, seconds: float) -> None:
        """Further ones."""
        self.trips += trips
        self.seconds += seconds


def trips_of_turn(asked: Noted, idle: Noted, turns: int) -> float:
    """Round trips of one turn, a whole number."""
    others = idle.trips / idle.seconds * asked.seconds
    return float(round((asked.trips - others) / turns))


def _trips_in(file: Path, pids: Sequence[int]) -> int:
    """How many of those that were written down these processes made."""
    trips = [line.split() for line in file.read_text(encoding="utf-8").splitlines()]
    numbers = set(map(str, pids))
    return sum(
        number in numbers and not SETTING_UP.issuperset(commands)
        for number, *commands in trips
    )


async def measure_memory(both: Both) -> None:
    """Memory of all processes, each code alone: what runs beside would share pages."""
    found: Found = defaultdict(list)
    for side in SIDES:
        ports = {"flower_port": free_port(), "page_port": free_port()}
        camp = await both.start(side, BOTS, "memory", dict(ports))
        found[side].append(memory_mb(camp.pids()))
        await both.end("memory")
    both.add(f"memory: `up` with {BOTS} bots, all processes", "MB", found, goal=500)


async def measure_answers(both: Both) -> None:
    """POST to answer in a quiet room, beside an echo bot."""
    place = both.place
    echo, camps = await place.echo(), await both.start_both(3)
    plan = both.plan.for_part()
    asked: Found = defaultdict(list)
    openly: Found = defaultdict(list)
    for number in plan.rounds("POST to answer, addressed and unaddressed"):
        rounds: Found = defaultdict(list)
        rounds_openly: Found = defaultdict(list)
        for n in range(plan.messages):
            rounds[FLOOR].append(await _answer_ms(place, echo, n))
            for side in in_turn(number + n):
                rounds[side].append(await _answer_ms(place, camps[side], n))
                took = await ask_openly(place, camps[side], n)
                rounds_openly[side] += [] if took is None else [took]
        for side, waits in rounds.items():
            asked[side].append(waits)
        # A round in which nobody of one code wanted to answer has no ratio.
        if all(rounds_openly[side] for side in SIDES):
            for side in SIDES:
                openly[side].append(rounds_openly[side])
            openly[FLOOR].append(rounds[FLOOR])
        place.watch.note()
    _add_waits(both, "addressed, 3 bots", asked, goal=4)
    _add_waits(both, "unaddressed, 3 bots", openly, goal=4)


async def _answer_ms(place: Arena, camp: Camp, number: int) -> float:
    post = ask(place, camp, number, channel=0)
    await wait_for_answers(place, [post])
    return wait_of(place, post)


def _add_waits(both: Both, name: str, found: Found, goal: float | None = None) -> None:
    for share in SHARES:
        ranked: Found = defaultdict(list)
        for side, rounds in found.items():
            ranked[side] = [nearest_rank(one, share) for one in rounds]
        text = f"POST to answer, {name}, p{share * 100:.0f}"
        both.add(text, "ms", ranked, floor_name="echo bot", goal=goal)


async def measure_chatter(both: Both) -> None:
    """The same for addressed messages while people chat in the rooms beside, by bots in
    one gateway."""
    place = both.place
    camps = {FLOOR: await place.echo()}
    for size in both.plan.sizes:
        started = await both.start_both(size)
        camps |= {f"{side} {size}": camp for side, camp in started.items()}
    found: Found = defaultdict(list)
    names, plan = list(camps), both.plan.for_part()
    for number in plan.rounds("POST to answer amid chatter"):
        for name in in_turn(number, names):
            found[name].append(await ask_amid_chatter(place, camps[name], plan))
            place.watch.note()
    for size in plan.sizes:
        sized = {side: found[f"{side} {size}"] for side in SIDES}
        waits: Found = defaultdict(list, sized | {FLOOR: found[FLOOR]})
        _add_waits(both, f"addressed amid 4 messages a second, {size} bots", waits)
    _add_flatness(both, found)


def _add_flatness(both: Both, found: Found) -> None:
    """How many times as long the largest room's answers take as the smallest's."""
    few, many = both.plan.sizes[0], both.plan.sizes[-1]
    for share in SHARES:
        times: Found = defaultdict(list)
        for side in SIDES:
            times[side] = [
                nearest_rank(large, share) / nearest_rank(small, share)
                for small, large in zip(
                    found[f"{side} {few}"], found[f"{side} {many}"], strict=True
                )
            ]
        name = f"the same: {many} bots over {few}, p{share * 100:.0f}"
        both.add(name, "x", times, goal=1.3)


async def measure_hearing(both: Both) -> None:
    """Processor time of a message and bot beside bare clients, and a gateway's
    memory."""
    place, large = both.place, both.plan.sizes[-1]
    bare = await place.add_peer("bare clients", "bare", bots=large, database=3)
    camps = {FLOOR: bare, **await both.start_both(large)}
    costs: defaultdict[str, list[Cost]] = defaultdict(list)
    plan = both.plan.for_part()
    for number in plan.rounds("processor time of hearing"):
        for name in in_turn(number, list(camps)):
            cost = await cost_of_hearing(place, camps[name], plan.messages * 2)
            costs[name].append(cost)
            place.watch.note()
    kinds: dict[str, tuple[str, ...]] = {"gateway": ("gateway",), "Redis": ("redis",)}
    kinds["gateway + Redis"] = ("gateway", "redis")
    for kind, parts in kinds.items():
        found: Found = defaultdict(list)
        for side, some in costs.items():
            found[side] = [sum(one[part] for part in parts) / large for one in some]
        goal = 1.5 if len(parts) > 1 else None
        name = f"processor time of a message x bot, {large} bots, {kind}"
        both.add(name, "ms", found, floor_name="bare clients that XADD", goal=goal)
    memory: Found = defaultdict(list)
    for side in SIDES:
        pids = [pid for pid in camps[side].pids() if part_of(pid) == "gateway"]
        memory[side].append(memory_mb(pids))
    both.add(f"memory of a gateway with {large} bots", "MB", memory, goal=150)


async def measure_thoughts(both: Both) -> None:
    """Model calls at once in one worker."""
    count, name = both.plan.thoughts, "thoughts"
    waves: defaultdict[str, list[Wave]] = defaultdict(list)
    with ModelServer(lambda _: SHORT_S) as model:
        camps = await both.start_both(
            1,
            name,
            settings=thought_settings(count),
            model=ModelConfig(model="openai:slow", base_url=model.url),
        )
        plan = both.plan.for_part()
        for number in plan.steps(plan.waves, f"{count} model calls at once"):
            for side in in_turn(number):
                wave = await ask_wave(both.place, camps[side], model, count, number)
                waves[side].append(wave)
        await both.end(name)
    section = f"{count} model calls of {SHORT_S:g} s in one worker"
    took: Found = defaultdict(list)
    most: Found = defaultdict(list)
    memory: Found = defaultdict(list)
    for side in SIDES:
        took[side] = [one.took for one in waves[side]]
        most[side] = [one.most for one in waves[side]]
        memory[side] = [one.memory for one in waves[side]]
    took[FLOOR] = [one.ideal for one in waves[TODAY]]
    bare, ideal = "a bare client's calls", round(1 / 0.94, 3)
    both.add(
        f"{section}: until the last answer", "s", took, floor_name=bare, goal=ideal
    )
    both.add(f"{section}: most in flight", "", most, goal=count, least=True)
    both.add(f"{section}: the worker's memory then", "MB", memory, goal=450)


async def measure_admission(both: Both) -> None:
    """The server's own time of admitting one line for all bots that hear it, beside an
    XADD."""
    camps = await both.start_both(HEARD_BOTS)
    kinds = {"a line that calls nobody": say, "a line that calls one of them": ask}
    plan = both.plan.for_part()
    for kind, speak in kinds.items():
        found: Found = defaultdict(list)
        calls: Found = defaultdict(list)
        for number in plan.few(f"admission, {kind}"):
            for side in in_turn(number):
                us, count, xadd = await _admission_us(both, camps[side], speak)
                found[side].append(us)
                calls[side].append(count)
                found[FLOOR] += [xadd] if side == TODAY else []
        told = ", ".join(f"{mean(calls[side]):.3g} calls {side}" for side in SIDES)
        name = f"admission of {kind} for {HEARD_BOTS} bots, in the server"
        both.add(name, "us", found, floor_name="one XADD", note=told)


async def _admission_us(
    both: Both, camp: Camp, speak: Callable[[Arena, Camp, int], Any]
) -> tuple[float, float, float]:
    """Microseconds and calls of an admission, and microseconds of an XADD."""
    assert camp.stage is not None
    client: Any = camp.stage.store.client
    await client.config_set("slowlog-max-len", SLOWEST)
    await client.config_set("slowlog-log-slower-than", SCRIPT_US)
    await client.slowlog_reset()
    posts = []
    for number in range(both.plan.messages // 2):
        posts.append(speak(both.place, camp, number))
        await asyncio.sleep(SETTLE_S)
    entries = await client.slowlog_get(SLOWEST)
    await client.config_set("slowlog-log-slower-than", -1)
    logged = [(one["command"], one["duration"]) for one in reversed(entries)]
    found = [admissions_of(logged, str(post.message_id)) for post in posts]
    us, calls = mean(one.us for one in found), mean(one.calls for one in found)
    return us, calls, await _xadd_us(client, both.plan.calls)


async def _xadd_us(client: Any, count: int) -> float:
    """The server's own microseconds of a bare XADD."""
    await client.config_resetstat()
    for _ in range(count):
        await client.xadd("bare", {"event": "x" * 300}, maxlen=300)
    stats = await client.info("commandstats")
    await client.delete("bare")
    return float(stats["cmdstat_xadd"]["usec_per_call"])


PARTS: dict[str, Callable[[Both], Awaitable[None]]] = {
    "turns": measure_trips,
    # Before the others: what else runs would share pages with it.
    "memory": measure_memory,
    "latency": measure_answers,
    "admission": measure_admission,
    "thoughts": measure_thoughts,
    "chatter": measure_chatter,
    "hearing": measure_hearing,
}
"""In this order, by the names of their like in `make bench`."""


def compare(commit: str, plan: Plan, parts: Sequence[str]) -> Changes:
    """The whole run. CannotStart: this commit does not."""
    with tempfile.TemporaryDirectory(prefix="the-stream-bench-") as name:
        folder = Path(name)
        with checked_out(commit, folder / "older", plan.console) as checkout:
            changes = Changes(commit, told_commit(commit), told_commit("HEAD"))
            run_to_end(_measure(changes, plan, parts, checkout, folder))
    return changes


async def _measure(
    changes: Changes, plan: Plan, parts: Sequence[str], checkout: Path, folder: Path
) -> None:
    watch = Watch()
    async with arena(folder, watch, plan.console) as place:
        both = Both(place, plan, checkout, changes)
        await _check_start(both)
        for name, measure in PARTS.items():
            if name in parts:
                await _measure_part(both, name, measure)
    changes.machine = machine_told(watch.quiet(changes.floors()))


async def _check_start(both: Both) -> None:
    """CannotStart when the older code does not start, with its last words. Minutes of
    measuring come after this."""
    try:
        await both.start(BEFORE, 1, "start")
        await both.end("start")
    except StreamError as error:
        raise CannotStart(f"{both.changes.older} does not start: {error}") from error


async def _measure_part(
    both: Both, name: str, measure: Callable[[Both], Awaitable[None]]
) -> None:
    """A part that fails is left out, and said."""
    begun = time.monotonic()
    try:
        async with asyncio.timeout(START_S + both.plan.most_s):
            await measure(both)
    except Exception as error:  # noqa: BLE001 - whatever it met, the rest is measured
        reason = f"{type(error).__name__}: {str(error)[:200]}"
        both.changes.skipped.append(f"{name} failed ({reason})")
    both.plan.console.print(f"  {name}: {time.monotonic() - begun:.0f} s")
