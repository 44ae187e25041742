"""Model calls in flight in one worker process: three hundred people speak to one bot,
and its model takes two seconds for each."""

from __future__ import annotations

import asyncio
import time

import aiohttp

from app.domain.character import ModelConfig
from app.domain.settings import Settings
from tests.bench.arena import Arena, Camp, wait_for_answers
from tests.bench.figures import Results, Row
from tests.bench.machine import command_of, memory_mb
from tests.bench.plan import Plan
from tests.e2e.model_server import ModelServer

CALL_S = 2.0
PATIENCE_S = 60.0
LOOK_S = 0.02


async def measure(results: Results, plan: Plan, place: Arena) -> None:
    """Rows of the time, the most at once, and the worker's memory then."""
    count = plan.thoughts
    with ModelServer(lambda _: CALL_S) as model:
        settings = thought_settings(count)
        llm = ModelConfig(model="openai:slow", base_url=model.url)
        camp = await place.add_stream("thoughts", 1, settings, llm)
        took, ideal, most, memory = [], [], [], []
        for number in plan.steps(plan.waves, f"{count} model calls at once"):
            ideal.append(await _bare_calls(model.url, count))
            wave = asyncio.create_task(_watch_wave(model, camp))
            took.append(await _ask_all(place, camp, count, number))
            wave.cancel()
            found = await asyncio.gather(wave, return_exceptions=True)
            assert isinstance(found[0], tuple), found
            most.append(found[0][0])
            memory.append(found[0][1])
            place.watch.note()
        await place.end(camp)
    section = f"{count} model calls of {CALL_S:g} s in one worker process"
    results.rows += [
        Row(
            section,
            "from the first message to the last answer",
            "s",
            tuple(took),
            tuple(ideal),
            "a bare client's calls",
            goal=round(1 / 0.94, 3),
        ),
        Row(section, "most in flight", "", tuple(most), goal=count, least=True),
        Row(section, "memory of the worker then", "MB", tuple(memory), goal=450),
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
