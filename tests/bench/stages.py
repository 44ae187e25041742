"""Where an answer's time goes: from the POST of a message through gateway, broker and
worker to the POST of its answer, by the points that the kill tests name."""

from __future__ import annotations

import os
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from tests.bench.anatomy import STEPS
from tests.bench.arena import Arena, Camp, ask, wait_for_answers
from tests.bench.figures import Results, Row
from tests.bench.plan import Plan

SECTION = "Where an answer's time goes: POST to answer, addressed, 3 bots"
ANSWERED = "answered"
STAGES = {
    "admit_before": "Discord's event, heard, read and judged",
    "admit_after": "admission",
    "enqueue_before": "on the way to the thread that sends hints",
    "lock_before": "the hint: Celery, the broker, a thread of a worker",
    **STEPS,
    ANSWERED: "Discord takes the post",
}
"""What has happened since the point before, by point."""
ORDER = (
    *("admit_before", "admit_after", "enqueue_before", "lock_before", "lock_after"),
    *("floor_before", "floor_after", "model_before", "commit_before", "commit_after"),
    *("post_before", "post_sent", ANSWERED),
)
POINTS = Path(__file__).parent / "points"
WARM = 20
"""Messages before: what is loaded for a bot's first answer is no part of each."""


async def measure(results: Results, plan: Plan, place: Arena) -> None:
    """A row for each stage, beside the whole: its ratio is its share."""
    file = place.folder / "points.txt"
    with noting(file):
        camp = await place.add_stream("3 bots, their points", 3)
    await _asked(place, camp, file, WARM)
    took: defaultdict[str, list[float]] = defaultdict(list)
    whole: list[float] = []
    for _ in plan.few("where an answer's time goes"):
        found = await _asked(place, camp, file, 2 * plan.messages)
        for point in ORDER:
            took[point].append(statistics.median(one[point] for one in found))
        whole.append(statistics.median(sum(one.values()) for one in found))
        place.watch.note()
    await place.end(camp)
    results.rows += [
        Row(SECTION, STAGES[point], "ms", tuple(took[point]), tuple(whole), "the whole")
        for point in ORDER
    ]


async def _asked(
    place: Arena, camp: Camp, file: Path, count: int
) -> list[dict[str, float]]:
    """So many messages, one after another: the milliseconds of each by stage."""
    found = []
    for number in range(count):
        empty(file)
        post = ask(place, camp, number, channel=0)
        await wait_for_answers(place, [post])
        for reply in place.server.replies_to(post)[:1]:
            stages = stages_of(points_in(file), post.at, reply.at)
            found += [stages] if stages else []
    return found


def empty(file: Path) -> None:
    """Forget what was passed before."""
    file.write_text("", encoding="utf-8")


def points_in(file: Path) -> dict[str, float]:
    """What the programs have written down since."""
    return read_points(file.read_text(encoding="utf-8").splitlines())


def read_points(lines: Iterable[str]) -> dict[str, float]:
    """When (seconds) each point was passed first."""
    passed: dict[str, float] = {}
    for line in lines:
        at, _, name = line.partition(" ")
        passed.setdefault(name, float(at))
    return passed


def stages_of(
    passed: Mapping[str, float], asked_at: float, answered_at: float
) -> dict[str, float]:
    """Milliseconds by stage. Empty: a point is missing, as the turn went another way."""
    times = {**passed, ANSWERED: answered_at}
    if not set(ORDER) <= times.keys():
        return {}
    before, found = asked_at, {}
    for point in ORDER:
        found[point] = 1000 * (times[point] - before)
        before = times[point]
    return found


@contextmanager
def noting(file: Path) -> Iterator[None]:
    """Programs that are started in the block write down the points that they pass."""
    with noting_by(POINTS, "PYTHONPOINTS", file):
        yield


@contextmanager
def noting_by(folder: Path, variable: str, file: Path) -> Iterator[None]:
    """Programs that are started in the block run the folder's `sitecustomize` and know
    the file."""
    path = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(folder)]))
    with mock.patch.dict(os.environ, {"PYTHONPATH": path, variable: str(file)}):
        yield
