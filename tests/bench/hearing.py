"""Processor time of hearing: gateway and Valkey for each (message x bot), beside bare
clients that put what they hear into Redis. What a camp's own bots say is heard by its
bots too: it counts as a message like what people say."""

from __future__ import annotations

import asyncio
import time
from statistics import median

from tests.bench.arena import Arena, Camp
from tests.bench.figures import Results, Row
from tests.bench.latency import say
from tests.bench.machine import command_of, memory_mb, used_time
from tests.bench.plan import Plan

RATE = 10.0
SETTLE_S = 0.5
SETTLED = 0.15
"""A camp that takes less than this share of a processor has done what it had to."""
BEHIND_S = 20.0
"""Seconds that are waited for one that is behind."""
Cost = dict[str, float]
"""Processor milliseconds of a message, by part: gateway, redis, worker."""
HEARD = "heard"
"""In a cost: messages that were heard for each that people said."""


async def measure(results: Results, plan: Plan, place: Arena) -> None:
    """Rows of gateway, Redis and both, at the largest size."""
    large = plan.sizes[-1]
    found: dict[str, list[Cost]] = {}
    bare_camp = await place.add_peer("bare clients", "bare", bots=large, database=3)
    camps = (bare_camp, await place.stream(large))
    for _ in plan.rounds("processor time of hearing"):
        for camp in camps:
            cost = await cost_of_hearing(place, camp, plan.messages * 2)
            found.setdefault(camp.name, []).append(cost)
            place.watch.note()
    ours, bare = found[f"{large} bots"], found["bare clients"]
    for part, others in (("gateway", ("gateway",)), ("redis", ("redis",))):
        results.rows.append(_row(large, part, ours, bare, others))
    results.rows.append(
        _row(large, "gateway + Redis", ours, bare, ("gateway", "redis"), 1.5)
    )
    gateways = [pid for pid in camps[1].pids() if part_of(pid) == "gateway"]
    results.rows.append(
        Row(
            "Memory",
            f"a gateway with {large} bots",
            "MB",
            (memory_mb(gateways),),
            goal=150,
        )
    )


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
        note=f"{median(one[HEARD] for one in ours):.2f} messages heard for each that "
        "people said",
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


async def times_when_settled(camp: Camp) -> Cost:
    """The same, once the camp has nothing left to do: on a loaded machine it may be
    behind, and that work belongs to what was said."""
    found, ends = times_of(camp), time.monotonic() + BEHIND_S
    while time.monotonic() < ends:
        await asyncio.sleep(SETTLE_S)
        before, found = found, times_of(camp)
        if sum(found.values()) - sum(before.values()) < 1000 * SETTLED * SETTLE_S:
            break
    return found


async def cost_of_hearing(place: Arena, camp: Camp, messages: int) -> Cost:
    """Processor milliseconds of one message that is heard while people chat, by
    part."""
    answers = _posts_of_bots(place, camp)
    before, begun = times_of(camp), time.monotonic()
    for number in range(messages):
        await asyncio.sleep(max(0.0, begun + number / RATE - time.monotonic()))
        say(place, camp, number)
    after = await times_when_settled(camp)
    heard = messages + _posts_of_bots(place, camp) - answers
    cost = {part: (after[part] - before[part]) / heard for part in after}
    return cost | {HEARD: heard / messages}


def _posts_of_bots(place: Arena, camp: Camp) -> int:
    channels = {channel.id for channel in camp.channels}
    return sum(post.channel_id in channels for post in place.server.posts_by_bots())
