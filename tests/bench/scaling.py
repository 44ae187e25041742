"""The capacity model, fitted to a small and a large room and checked in rooms of three
sizes under other loads; and the page that says how to grow."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from tests.bench.arena import Arena, Camp, ask
from tests.bench.capacity import FULL, PARTS, Cost, Model, costs_of, fit, model_of
from tests.bench.cells import cell, figure
from tests.bench.figures import Results, Row, spread_of
from tests.bench.hearing import times_of, times_when_settled
from tests.bench.latency import say
from tests.bench.plan import Plan

SECTION = "The capacity model, checked"
NOISE = 20
"""Bytes a message that Redis's memory differs by anyway, a fifth of a megabyte of ten
thousand messages."""


@dataclass(frozen=True, slots=True)
class Load:
    """A room's bots, its messages a second, and how many of ten speak to a bot."""

    bots: int
    rate: float
    asked_of_ten: int

    @property
    def name(self) -> str:
        """In words."""
        return (
            f"{self.bots} bots, {self.rate:g} messages a second, "
            f"{self.asked_of_ten} of 10 answered"
        )


CHECKS = (Load(3, 15, 2), Load(30, 8, 2), Load(100, 5, 1))


async def measure(results: Results, plan: Plan, place: Arena) -> None:
    """Fit, then check: rows of the load as measured over the load as computed."""
    few, many = plan.sizes[0], plan.sizes[-1]
    for size in plan.sizes:
        await place.stream(size)
    small, large = await place.stream(few), await place.stream(many)
    idle, seconds = await _idle_costs(place, plan), plan.messages * 0.2
    found: dict[str, list[Cost]] = {"small": [], "large": [], "asked": []}
    for _ in plan.few("costs of the capacity model"):
        for name, camp, tenths in (
            ("small", small, 0),
            ("large", large, 0),
            ("asked", small, 10),
        ):
            cost = await _cost_each(
                place, camp, Load(len(camp.bots), 10, tenths), seconds
            )
            found[name].append(_less_idle(cost, idle[camp.name], 10))
    medians = {name: _median(some) for name, some in found.items()}
    model = fit(medians["small"], medians["large"], (few, many), medians["asked"])
    results.costs |= costs_of(model)
    results.costs |= {f"idle.{part}": idle[large.name][part] for part in PARTS}
    for load in CHECKS:
        results.rows += await _check(place, plan, model, load, idle)


async def _check(
    place: Arena, plan: Plan, model: Model, load: Load, idle: dict[str, Cost]
) -> list[Row]:
    camp = place.camps[f"{load.bots} bots"]
    expected = model.load(load.bots, load.rate, load.rate * load.asked_of_ten / 10)
    rounds: list[Cost] = []
    for _ in plan.few(f"capacity: {load.name}"):
        cost = await _cost_each(place, camp, load, plan.messages * 0.2)
        cost = _less_idle(cost, idle[camp.name], load.rate)
        rounds.append({part: cost[part] * load.rate / 1000 for part in PARTS})
    return [
        Row(
            SECTION,
            f"{load.name}: {part}",
            "processors",
            tuple(one[part] for one in rounds),
            (expected[part],) * len(rounds),
            "as computed",
        )
        for part in PARTS
    ]


async def _idle_costs(place: Arena, plan: Plan) -> dict[str, Cost]:
    """Processor milliseconds a second of each size while nobody says anything."""
    seconds = plan.messages * 0.2
    before = {size: times_of(place.camps[f"{size} bots"]) for size in plan.sizes}
    await asyncio.sleep(seconds)
    found: dict[str, Cost] = {}
    for size, old in before.items():
        new = times_of(place.camps[f"{size} bots"])
        found[f"{size} bots"] = {
            part: (new[part] - old[part]) / seconds for part in PARTS
        }
    return found


async def _cost_each(place: Arena, camp: Camp, load: Load, seconds: float) -> Cost:
    """Processor milliseconds of a message, by part, under this load."""
    count = max(10, round(load.rate * seconds))
    before, begun = times_of(camp), time.monotonic()
    for number in range(count):
        await asyncio.sleep(max(0.0, begun + number / load.rate - time.monotonic()))
        if number % 10 < load.asked_of_ten:
            ask(place, camp, number)
        else:
            say(place, camp, number)
    after = await times_when_settled(camp)
    place.watch.note()
    return {part: (after[part] - before[part]) / count for part in PARTS}


def _less_idle(cost: Cost, idle: Cost, rate: float) -> Cost:
    """Without what the part would have taken anyway in a message's time."""
    return {part: max(0.0, cost[part] - idle[part] / rate) for part in PARTS}


def _median(costs: list[Cost]) -> Cost:
    return {part: spread_of([one[part] for one in costs]).median for part in PARTS}


def scaling_page(results: Results) -> str:
    """docs/scaling.md; without its tables where the model was not measured."""
    model = model_of(results.costs)
    if model is None:
        return f"{HEAD}\nThe costs were not measured in the last run.\n{GROW}"
    parts = [HEAD, f"**{results.machine['line']}**\n", *_cost_table(model)]
    parts += [MOST, *_most_table(model), CHECKED, *_check_table(results), ""]
    parts += [MEMORY, *_memory_table(results), GROW]
    return "\n".join(parts)


def _cost_table(model: Model) -> list[str]:
    lines = ["| processor ms of | gateway | Redis | worker |", "|---|--:|--:|--:|"]
    named = (
        ("a message, once", model.message),
        ("each bot of the process that hears it", model.hearing),
        ("an answer", model.answer),
    )
    for name, cost in named:
        cells = " | ".join(figure(cost[part]) for part in PARTS)
        lines.append(f"| {name} | {cells} |")
    return lines


def _most_table(model: Model) -> list[str]:
    lines = [
        "| bots in a channel | answered | one gateway | one Redis | one worker |",
        "|--:|--:|--:|--:|--:|",
    ]
    for bots in (3, 30, 100):
        for answered in (0.1, 0.5):
            most = [model.most_messages(part, bots, answered) for part in PARTS]
            cells = " | ".join(
                "–" if one == float("inf") else figure(one) for one in most
            )
            lines.append(f"| {bots} | {answered:.0%} | {cells} |")
    return lines


def _check_table(results: Results) -> list[str]:
    lines = [
        "| load | computed | measured | measured / computed |",
        "|---|--:|--:|--:|",
    ]
    lines += [
        f"| {row.name} | {figure(row.base[0])} | {cell(row.ours, '')} "
        f"| {cell(row.ratios, 'x')} |"
        for row in results.rows
        if row.section == SECTION
    ]
    return lines


def _memory_table(results: Results) -> list[str]:
    lines = ["| | bytes a message |", "|---|--:|"]
    lines += [
        f"| {name.partition(': ')[2]} | {_bytes(size)} |"
        for name, size in results.costs.items()
        if name.startswith("bytes a message")
    ]
    return lines


def _bytes(size: float) -> str:
    return figure(size) if size >= NOISE else f"within noise, below {NOISE}"


HEAD = """\
<!-- Made by `make bench`. Do not edit. -->
# Scaling

This page shows what a message costs each part, how much one process can carry, and how to grow. The costs are measured in a
channel of 3 bots and in one of 100, without the shares of idle processes; model calls wait elsewhere and cost no processor time here.

```
make bench                     # all of it
make bench ONLY=scaling        # the model and its check alone, without writing
```
"""
MOST = f"""
## How many messages a second

Messages a second in channels of so many bots that fill one process to {FULL:.0%} of a processor (Redis runs scripts one after
another, Python runs one thread at a time: each is one processor at most). *answered*: the share of messages that gets an answer.
"""
CHECKED = """
## Checked

Other loads than those it was fitted to. Shares of a processor, without the idle share.
"""
MEMORY = """
## Memory

Redis, three bots in the channel. Everything about a message expires (docs/keys.md says when), so what Redis holds is messages a
second x the time it keeps them, and does not grow after that; `make bench` checks it.
"""
GROW = """
## How to grow

1. **More workers first.** A worker fills up first, because it does most of the work of an answer. Start as many as you like,
   on any machine that reaches Redis: any worker serves any bot, and none has state. Model calls wait without a processor, so with
   slow models raise the number of threads before the number of workers.
2. **More gateways.** Split the bots over gateway processes (`the-stream gateway aria dotty`). A message is then judged and admitted
   once for each *process* whose bots hear it, so bots that share channels belong together: three processes of a hundred bots in one
   channel do the work of a message three times, three processes of different guilds once. Between processes an election waits for its
   contention window; within one process it does not.
3. **Redis last.** One server carries what the table says. Before a second one, give it a processor of its own, use `appendfsync
   everysec`, and put the broker on another server (`STREAM_BROKER_URL`).
4. **Several fleets, by guild.** Nothing is shared between guilds but a bot's daily caps and what it remembers of people. So a
   second fleet is a second Redis with its own gateways and workers (another `STREAM_REDIS_URL`, `STREAM_DATA_DIR`) and bot accounts
   of its own, which are invited to *its* guilds: two gateways of one token would both hear everything. The same character files
   serve all fleets. Caps hold for each fleet: divide them. A direct message reaches the fleet whose account it was sent to. Beyond
   Redis's one processor this grows as guilds do.

Redis Cluster is not supported: a script touches keys of a message, a channel and a bot at once, and these have no common slot.
"""
