"""Processor time of hearing: gateway and Valkey for each (message x bot), beside bare
clients that put what they hear into Redis."""

from __future__ import annotations

import asyncio
import time

from tests.bench.arena import Arena, Camp
from tests.bench.figures import Results, Row, spread_of
from tests.bench.latency import say
from tests.bench.machine import command_of, used_time
from tests.bench.plan import Plan

RATE = 10.0
SETTLE_S = 0.5
Cost = dict[str, float]
"""Processor milliseconds of a message, by part: gateway, redis, worker."""


async def measure(results: Results, plan: Plan, place: Arena) -> None:
    """Rows at the largest size, and what a message costs at the smallest and the
    largest for the capacity model."""
    small, large = plan.sizes[0], plan.sizes[-1]
    found: dict[str, list[Cost]] = {}
    names = ("bare clients", f"{small} bots", f"{large} bots")
    for _ in plan.rounds("processor time of hearing"):
        for name in names:
            cost = await cost_of_hearing(place, place.camps[name], plan.messages * 2)
            found.setdefault(name, []).append(cost)
            place.watch.note()
    ours, bare = found[f"{large} bots"], found["bare clients"]
    for part, others in (("gateway", ("gateway",)), ("redis", ("redis",))):
        results.rows.append(_row(large, part, ours, bare, others))
    results.rows.append(
        _row(large, "gateway + Redis", ours, bare, ("gateway", "redis"), 1.5)
    )
    for part in ("gateway", "redis"):
        some = spread_of([one[part] for one in found[f"{small} bots"]]).median
        many = spread_of([one[part] for one in ours]).median
        each = (many - some) / (large - small)
        results.costs[f"{part}: ms a message and bot"] = each
        results.costs[f"{part}: ms a message"] = max(0.0, some - each * small)


def _row(
    bots: int,
    name: str,
    ours: list[Cost],
    bare: list[Cost],
    parts: tuple[str, ...],
    goal: float | None = None,
) -> Row:
    return Row(
        f"Processor time of a message x bot, {bots} bots in one gateway",
        name,
        "ms",
        tuple(sum(one[part] for part in parts) / bots for one in ours),
        tuple(sum(one[part] for part in parts) / bots for one in bare),
        "bare clients that XADD",
        goal=goal,
    )


def part_of(pid: int) -> str:
    """Which part of a camp a process is."""
    command = command_of(pid)
    if "valkey-server" in command:
        return "redis"
    if "gateway" in command or "peers.bare" in command:
        return "gateway"
    return "worker"


def times_of(camp: Camp) -> Cost:
    """Processor milliseconds so far, by part."""
    found: Cost = {"gateway": 0.0, "redis": 0.0, "worker": 0.0}
    for pid in camp.pids():
        found[part_of(pid)] += 1000 * used_time([pid])
    return found


async def cost_of_hearing(place: Arena, camp: Camp, messages: int) -> Cost:
    """Processor milliseconds of one message of chatter, by part."""
    before, begun = times_of(camp), time.monotonic()
    for number in range(messages):
        await asyncio.sleep(max(0.0, begun + number / RATE - time.monotonic()))
        say(place, camp, number)
    await asyncio.sleep(SETTLE_S)
    after = times_of(camp)
    return {part: (after[part] - before[part]) / messages for part in after}
