"""Memory of the whole system as an operator starts it. Pages that processes share count
once."""

from __future__ import annotations

from app.host.valkey import free_port
from tests.bench.arena import Arena
from tests.bench.figures import Results, Row
from tests.bench.machine import command_of, memory_mb, resident_mb
from tests.bench.plan import Plan

BOTS = 4


async def measure(results: Results, plan: Plan, place: Arena) -> None:
    """A row of `up` with four bots, Flower and the page, after each has answered."""
    settings: dict[str, object] = {
        "flower_port": free_port(),
        "page_port": free_port(),
    }
    camp = await place.add_stream("memory", BOTS, settings)
    pids = camp.pids()
    parts = sorted(f"{name_of(pid)} {memory_mb([pid]):.0f}" for pid in pids)
    results.rows.append(
        Row(
            "Memory",
            f"`up` with {BOTS} bots, all processes",
            "MB",
            (memory_mb(pids),),
            goal=500,
            note=", ".join(parts),
        )
    )
    results.rows.append(
        Row(
            "Memory",
            "the same with shared pages counted in each process (RSS)",
            "MB",
            (resident_mb(pids),),
        )
    )
    await place.end(camp)


def name_of(pid: int) -> str:
    """What a process of `up` is called there."""
    command = command_of(pid)
    words = {
        "valkey-server": "valkey",
        "app.host.template": "template",
        "direct,delivery": "direct",
        "cycles,chores": "cycles",
        " beat ": "beat",
        " flower ": "flower",
        " page": "page",
        " gateway ": "gateway",
    }
    return next((name for word, name in words.items() if word in command), "up")
