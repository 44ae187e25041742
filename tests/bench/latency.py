"""From the POST of a message to the POST of its answer, with the offline voice, beside a
bare echo bot; alone, and amid the chatter of rooms of several sizes."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import suppress

from app.loopback import Post
from tests.bench.arena import Arena, Camp, ask, wait_for_answers, wait_of
from tests.bench.figures import Curve, Results, Row, nearest_rank, spread_of
from tests.bench.plan import Plan

QUESTIONS = (
    "Does anybody know how many hearts an octopus has?",
    "What is a good drink without alcohol?",
    "How do you write a good chorus?",
    "Is it true that sharks are older than trees?",
    "Which microphone is good for recording at home?",
    "Why can I not sleep tonight?",
)
CHATTER = (
    "the bus was late again this morning",
    "my sister is visiting on sunday",
    "i had soup for lunch, it was fine",
    "it rained the whole night here",
    "we painted the kitchen yellow",
)
CHATTER_RATE = 4.0
"""Messages a second in the rooms beside."""
OPEN_PATIENCE_S = 1.5
"""Seconds to wait for an answer that nobody need give."""
PAUSE_S = 0.1
Samples = dict[str, list[list[float]]]
"""Milliseconds by kind, round by round."""


async def measure_alone(results: Results, plan: Plan, place: Arena) -> None:
    """Rows of addressed and unaddressed messages in a quiet room, each beside an echo
    of the same round."""
    found: Samples = {"echo": [], "addressed": [], "unaddressed": []}
    await place.echo()
    await place.stream(3)
    for _ in plan.rounds("POST to answer, addressed and unaddressed"):
        waits = await _one_round(plan, place)
        for kind, some in waits.items():
            found[kind].append(some)
        place.watch.note()
    for kind in ("addressed", "unaddressed"):
        results.rows += _rows(found, kind)
    results.skipped += [
        f"unaddressed, round {number}: nobody answered"
        for number, some in enumerate(found["unaddressed"])
        if not some
    ]


async def _one_round(plan: Plan, place: Arena) -> dict[str, list[float]]:
    echo, ours = await place.echo(), await place.stream(3)
    waits: dict[str, list[float]] = {"echo": [], "addressed": [], "unaddressed": []}
    for number in range(plan.messages):
        for kind, camp in (("echo", echo), ("addressed", ours)):
            post = ask(place, camp, number, channel=0)
            await wait_for_answers(place, [post])
            waits[kind].append(wait_of(place, post))
        open_to_all = await ask_openly(place, ours, number)
        if open_to_all is not None:
            waits["unaddressed"].append(open_to_all)
    return waits


async def ask_openly(place: Arena, camp: Camp, number: int) -> float | None:
    """Milliseconds to the answer of an unaddressed message, less the time that its
    election waited for bids; None: nobody wanted to answer, or unelected."""
    person = camp.people[number % len(camp.people)]
    text = QUESTIONS[number % len(QUESTIONS)]
    post = place.server.post(person, camp.channels[1], text)
    await wait_for_answers(place, [post], OPEN_PATIENCE_S)
    assert camp.stage is not None
    windows = [
        float(line.numbers.get("window_ms", 0))
        for line in await camp.stage.journal_of(str(post.message_id))
        if line.step == "elect" and line.verdict == "granted"
    ]
    if not windows or not place.server.replies_to(post):
        return None
    return wait_of(place, post) - windows[0]


def _rows(found: Samples, kind: str) -> list[Row]:
    pairs = [
        (ours, echo)
        for ours, echo in zip(found[kind], found["echo"], strict=True)
        if ours
    ]
    return [
        Row(
            "POST to answer, 3 bots, offline voice",
            f"{kind}, p{share * 100:.0f}",
            "ms",
            tuple(nearest_rank(ours, share) for ours, _ in pairs),
            tuple(nearest_rank(echo, share) for _, echo in pairs),
            "echo bot",
            goal=4.0,
        )
        for share in (0.5, 0.99)
    ]


async def measure_amid_chatter(results: Results, plan: Plan, place: Arena) -> None:
    """Rows and a plot of addressed messages while people chat in the rooms beside."""
    camps = [await place.echo(), *[await place.stream(size) for size in plan.sizes]]
    names = [camp.name for camp in camps]
    found: Samples = {name: [] for name in names}
    for number in plan.rounds("POST to answer amid chatter"):
        # In turns, and not always in the same order: what one leaves meets another.
        for name in names[number % len(names) :] + names[: number % len(names)]:
            found[name].append(await ask_amid_chatter(place, place.camps[name], plan))
            place.watch.note()
    small, large = f"{plan.sizes[0]} bots", f"{plan.sizes[-1]} bots"
    for share in (0.5, 0.99):
        results.rows.append(
            Row(
                "Flat in N: addressed, amid 4 messages a second",
                f"{large} in one gateway, p{share * 100:.0f}",
                "ms",
                tuple(nearest_rank(one, share) for one in found[large]),
                tuple(nearest_rank(one, share) for one in found[small]),
                small,
                goal=1.3,
            )
        )
    results.curves += _curves(found, plan)


def _curves(found: Samples, plan: Plan) -> list[Curve]:
    curves = []
    for share in (0.5, 0.99):
        points = []
        for size in plan.sizes:
            rounds = [nearest_rank(one, share) for one in found[f"{size} bots"]]
            points.append((float(size), spread_of(rounds)))
        curves.append(Curve("flat", f"The Stream, p{share * 100:.0f}", tuple(points)))
    echo = spread_of([nearest_rank(one, 0.5) for one in found["echo"]])
    floor = tuple((float(size), echo) for size in plan.sizes)
    return [*curves, Curve("flat", "echo bot, p50", floor)]


async def ask_amid_chatter(place: Arena, camp: Camp, plan: Plan) -> list[float]:
    """Milliseconds of messages in one room while people chat in those beside."""
    chatter = asyncio.create_task(_chat(place, camp))
    posts: list[Post] = []
    try:
        for number in range(plan.messages):
            posts.append(ask(place, camp, number, channel=0))
            await wait_for_answers(place, posts[-1:])
            # One that is behind by so much has its figure; more say nothing new.
            if not place.server.replies_to(posts[-1]):
                break
            await asyncio.sleep(PAUSE_S)
    finally:
        chatter.cancel()
        with suppress(asyncio.CancelledError):
            await chatter
    return [wait_of(place, post) for post in posts]


async def _chat(place: Arena, camp: Camp) -> None:
    """People chat, in all rooms but the first, until cancelled."""
    for number in itertools.count():
        say(place, camp, number)
        await asyncio.sleep(1 / CHATTER_RATE)


def say(place: Arena, camp: Camp, number: int) -> Post:
    """Somebody says what concerns no bot, in any room but the first."""
    person = camp.people[number % len(camp.people)]
    room = camp.channels[1 + number % (len(camp.channels) - 1)]
    return place.server.post(person, room, CHATTER[number % len(CHATTER)])
