"""Where the processor time of one answered message goes: by process, and in Redis by
script."""

from __future__ import annotations

import asyncio
import importlib
import pkgutil
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import app.store
from app.store import door, scripts
from app.store.door import Store
from tests.bench.arena import Arena, Camp, ask_at_rate
from tests.bench.figures import Results, Row
from tests.bench.footprint import name_of
from tests.bench.machine import used_time
from tests.bench.plan import Plan

RATE = 8
"""Messages a second: well below what fills a worker."""
WARM = 40
"""Messages before: what is loaded for a bot's first answer is no part of each."""
IDLE_S = 5.0
SLOWEST = 200_000
"""Commands that the server's log holds meanwhile."""
SHOWN = 8
PROCESSES = "Processor time of an answered message, by process"
COMMANDS = "Redis's own time of an answered message, by script"
Totals = dict[str, list[float]]


async def measure(results: Results, plan: Plan, place: Arena) -> None:
    """Rows of the processes, and of the scripts that cost most."""
    camp = await place.stream(3)
    assert camp.stage is not None
    await ask_at_rate(place, camp, RATE, WARM)
    spent: Totals = defaultdict(list)
    served: Totals = defaultdict(list)
    count = 4 * plan.messages
    url = camp.stage.system.redis_url
    assert url is not None
    for _ in plan.few("processor time by process"):
        for name, seconds in (await _spent_by_process(place, camp, count)).items():
            spent[name].append(1000 * seconds / count)
        for name, us in (await _served_by_script(place, camp, url, count)).items():
            served[name].append(us / count)
    results.rows += _rows(PROCESSES, "ms", spent, len(spent))
    results.rows += _rows(COMMANDS, "us", served, SHOWN)


async def _spent_by_process(place: Arena, camp: Camp, count: int) -> dict[str, float]:
    """Processor seconds of so many messages by process, beyond what it takes idle."""
    before, begun = _used(camp), time.monotonic()
    await asyncio.sleep(IDLE_S)
    idle, rested = _used(camp), time.monotonic() - begun
    begun = time.monotonic()
    await ask_at_rate(place, camp, RATE, count)
    took, after = time.monotonic() - begun, _used(camp)
    return {
        name: after[name] - idle[name] - (idle[name] - before[name]) * took / rested
        for name in after.keys() & idle.keys() & before.keys()
    }


def _used(camp: Camp) -> dict[str, float]:
    found: dict[str, float] = defaultdict(float)
    for pid in camp.pids():
        found[name_of(pid)] += used_time([pid])
    return found


async def _served_by_script(
    place: Arena, camp: Camp, url: str, count: int
) -> Mapping[str, float]:
    """The server's microseconds by script."""
    store = Store(url)
    client: Any = store.client
    client.config_set("slowlog-max-len", SLOWEST)
    client.config_set("slowlog-log-slower-than", 0)
    client.slowlog_reset()
    await ask_at_rate(place, camp, RATE, count)
    logged = client.slowlog_get(SLOWEST)
    client.config_set("slowlog-log-slower-than", -1)
    store.close()
    return add_up([(one["command"], one["duration"]) for one in logged], script_names())


def add_up(
    logged: Sequence[tuple[bytes | str, int]], names: Mapping[str, str]
) -> dict[str, float]:
    """Microseconds by script of a log of commands. `names`: of scripts, by digest."""
    found: dict[str, float] = defaultdict(float)
    for command, us in logged:
        text = (
            command.decode(errors="replace") if isinstance(command, bytes) else command
        )
        word, _, rest = text.partition(" ")
        if word.upper() == "EVALSHA":
            found[names.get(rest.partition(" ")[0], "other scripts")] += us
    return dict(found)


def script_names() -> dict[str, str]:
    """Every script of the store by its digest."""
    for module in pkgutil.iter_modules(app.store.__path__):
        importlib.import_module(f"app.store.{module.name}")
    return {door._digest(scripts.source(name)): name for name in scripts.CONTRACTS}


def _rows(section: str, unit: str, totals: Totals, most: int) -> list[Row]:
    ordered = sorted(totals, key=lambda name: -sum(totals[name]))
    return [Row(section, name, unit, tuple(totals[name])) for name in ordered[:most]]
