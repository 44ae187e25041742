"""Model calls in flight in one worker process: three hundred people speak to one bot,
and its model takes two seconds for each; then twenty, in which all of them can begin."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import NamedTuple

import aiohttp

from app.domain.character import ModelConfig
from app.domain.settings import Settings
from tests.bench.arena import Arena, Camp, wait_for_answers
from tests.bench.figures import Results, Row
from tests.bench.machine import command_of, memory_mb
from tests.bench.plan import Plan
from tests.e2e.model_server import ModelServer

SHORT_S, LONG_S = 2.0, 20.0
PATIENCE_S = 90.0
LOOK_S = 0.02


async def measure(results: Results, plan: Plan, place: Arena) -> None:
    """Rows of the time, the most at once, and the worker's memory then."""
    count, length = plan.thoughts, SHORT_S
    with ModelServer(lambda _: length) as model:
        settings = thought_settings(count)
        llm = ModelConfig(model="openai:slow", base_url=model.url)
        camp = await place.add_stream("thoughts", 1, settings, llm)
        short: list[Wave] = []
        for number in plan.steps(plan.waves, f"{count} model calls at once"):
            short.append(await ask_wave(place, camp, model, count, number))
        length = LONG_S
        # One is enough: nothing of it is a matter of milliseconds.
        long = [await ask_wave(place, camp, model, count, plan.waves)]
        await place.end(camp)
    results.rows += _rows_of(short, count, SHORT_S)
    results.rows += _rows_of(long, count, LONG_S)


class Wave(NamedTuple):
    """So many people at once: seconds until all had an answer, and of a client that
    does nothing else; the most calls in flight, and the worker's megabytes then."""

    took: float
    ideal: float
    most: float
    memory: float


async def ask_wave(
    place: Arena, camp: Camp, model: ModelServer, count: int, number: int
) -> Wave:
    ideal = await _bare_calls(model.url, count)
    watch = asyncio.create_task(_watch_wave(model, camp))
    took = await _ask_all(place, camp, count, number)
    watch.cancel()
    found = await asyncio.gather(watch, return_exceptions=True)
    assert isinstance(found[0], tuple), found
    place.watch.note()
    return Wave(took, ideal, *found[0])


def _rows_of(waves: Sequence[Wave], count: int, seconds: float) -> list[Row]:
    section = f"{count} model calls of {seconds:g} s in one worker process"
    took, ideal, most, memory = map(tuple, zip(*waves, strict=True))
    return [
        Row(
            section,
            "from the first message to the last answer",
            "s",
            took,
            ideal,
            "a bare client's calls",
            # How soon they begin is what the short calls measure.
            goal=round(1 / 0.94, 3) if seconds == SHORT_S else None,
        ),
        Row(section, "most in flight", "", most, goal=count, least=True),
        Row(section, "memory of the worker then", "MB", memory, goal=450),
    ]


def thought_settings(count: int) -> dict[str, object]:
    """The settings that bound model calls of a worker, by their names."""
    names = {"direct_threads", "worker_threads", "model_calls"} & set(
        Settings.model_fields
    )
    return dict.fromkeys(sorted(names), count)


async def _bare_calls(url: str, count: int) -> float:
    """Seconds of so many calls at once by a client that does nothing else."""
    body = {"model": "slow", "messages": [{"role": "user", "content": "hello"}]}
    limit = aiohttp.TCPConnector(limit=0)
    begun = time.monotonic()
    async with aiohttp.ClientSession(connector=limit) as session:

        async def call() -> None:
            async with session.post(f"{url}/chat/completions", json=body) as answer:
                await answer.read()

        await asyncio.gather(*(call() for _ in range(count)))
    return time.monotonic() - begun


async def _ask_all(place: Arena, camp: Camp, count: int, wave: int) -> float:
    """Seconds until all of so many people have an answer; as long as it was waited, if
    not all have one."""
    guild = place.guilds[camp.name]
    people = [
        place.server.add_user(f"thinker-{wave}-{number}", guilds=(guild,))
        for number in range(count)
    ]
    posts = [
        place.server.dm(person, camp.bots[0], "What do you think of the sea?")
        for person in people
    ]
    await wait_for_answers(place, posts, PATIENCE_S)
    answers = [place.server.replies_to(post) for post in posts]
    if not all(answers):
        return PATIENCE_S
    return max(some[0].at for some in answers) - posts[0].at


async def _watch_wave(model: ModelServer, camp: Camp) -> tuple[float, float]:
    """The most calls at once and the worker's megabytes then, once cancelled."""
    pids, most, memory = direct_workers(camp), 0, 0.0
    try:
        while True:
            if model.waiting > most:
                most = model.waiting
                memory = memory_mb(pids)
            await asyncio.sleep(LOOK_S)
    except asyncio.CancelledError:
        return float(most), memory


def direct_workers(camp: Camp) -> list[int]:
    """The processes that answer what speaks to a bot."""
    return [pid for pid in camp.pids() if "direct,delivery" in command_of(pid)]
