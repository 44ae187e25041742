"""The Stream beside its peers at 1, 10 and 50 messages a second: how long until the
answer, how many answers, and what they cost."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import venv
from pathlib import Path

from tests.bench.arena import Arena, Asked
from tests.bench.arena import ask_at_rate as ask_at
from tests.bench.figures import Curve, Results, Row, nearest_rank, spread_of
from tests.bench.plan import Plan

ARQ_HOME = Path(sys.prefix) / "bench-arq"
ARQ_PACKAGES = ("arq>=0.26,<1", "discord.py>=2.7,<2.8", "aiohttp>=3.11,<4")
INSTALL_S = 1800.0
OURS = "3 bots"
Found = dict[tuple[str, int], list[Asked]]
"""By camp and rate, round by round."""


async def add_peers(place: Arena, arq_at: str | None) -> list[str]:
    """Start the peers; their names. `arq_at`: the interpreter that has arq."""
    celery = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "tests.bench.peers.celery_tasks",
        "worker",
    ]
    celery += ["--pool", "threads", "-c", "16", "-l", "WARNING"]
    celery += ["--without-mingle", "--without-gossip"]
    await place.echo()
    await place.add_peer("naive bots", "naive", bots=3)
    await place.add_peer("Celery", "celery_bot", worker=celery, database=1)
    names = ["echo", "naive bots", "Celery"]
    if arq_at is None:
        return names
    arq = [
        str(Path(arq_at).parent / "arq"),
        "tests.bench.peers.arq_tasks.WorkerSettings",
    ]
    await place.add_peer("arq", "arq_bot", worker=arq, python=arq_at, database=2)
    return [*names, "arq"]


def arq_python(results: Results, plan: Plan) -> str | None:
    """The interpreter of arq's own virtual environment, made if missing: it wants an
    older redis-py than ours. None, and a line in the results, where that fails."""
    python = ARQ_HOME / "bin" / "python"
    if is_installed(ARQ_HOME):
        return str(python)
    plan.console.print("  installing arq in a virtual environment of its own ...")
    try:
        install_packages(ARQ_HOME, *ARQ_PACKAGES)
    except subprocess.CalledProcessError as error:
        results.skipped.append(f"arq is left out: {last_line(error)}")
        return None
    except (OSError, subprocess.TimeoutExpired) as error:
        results.skipped.append(f"arq is left out: {type(error).__name__}")
        return None
    return str(python)


def is_installed(home: Path) -> bool:
    """Whether a virtual environment has all that it was made for."""
    return (home / "complete").exists()


def install_packages(home: Path, *wanted: str) -> None:
    """Make a virtual environment with these packages: arguments of pip."""
    quietly = ["--quiet", "--disable-pip-version-check"]
    python = str(home / "bin" / "python")
    venv.create(home, with_pip=True, clear=True)
    subprocess.run(
        [python, "-m", "pip", "install", *quietly, *wanted],
        check=True,
        capture_output=True,
        text=True,
        timeout=INSTALL_S,
        env=os.environ | {"PIP_NO_INPUT": "1"},
    )
    (home / "complete").touch()


def last_line(error: subprocess.CalledProcessError) -> str:
    """What a command that failed said at last."""
    lines = (error.stderr or "").strip().splitlines() or [f"{error.cmd[0]} failed"]
    return str(lines[-1][:200])


async def measure(results: Results, plan: Plan, place: Arena) -> None:
    """Rows of each rate and peer, and a plot."""
    # Not on the loop: it serves Discord meanwhile.
    arq_at = await asyncio.to_thread(arq_python, results, plan)
    peers = await add_peers(place, arq_at)
    await place.stream(3)
    found: Found = {}
    names = [*peers, OURS]
    for rate, seconds in plan.seconds.items():
        count = max(3, round(rate * seconds))
        for number in plan.few(f"{rate} messages a second, each system in turn"):
            turn = number % len(names)
            for name in names[turn:] + names[:turn]:
                asked = await ask_at(place, place.camps[name], rate, count)
                found.setdefault((name, rate), []).append(asked)
        for peer in peers:
            results.rows += _rows(found, peer, rate, count)
    for name in names:
        points = [
            (float(rate), spread_of([_p50(one) for one in found[name, rate]]))
            for rate in plan.seconds
        ]
        label = "The Stream" if name == OURS else name
        results.curves.append(Curve("rates", label, tuple(points)))


def _p50(asked: Asked) -> float:
    return nearest_rank(asked.waits, 0.5)


def _rows(found: Found, peer: str, rate: int, count: int) -> list[Row]:
    section = f"Beside peers, {rate} messages a second"
    ours, base = found[OURS, rate], found[peer, rate]
    return [
        Row(
            section,
            "POST to answer, p50",
            "ms",
            tuple(map(_p50, ours)),
            tuple(map(_p50, base)),
            peer,
            note=_answers(ours, base, count),
        ),
        Row(
            section,
            "processor time a message",
            "ms",
            tuple(1000 * one.processor_s / count for one in ours),
            tuple(1000 * one.processor_s / count for one in base),
            peer,
        ),
    ]


def _answers(ours: list[Asked], base: list[Asked], count: int) -> str:
    """How many answers a message got, and how many messages got none."""

    def told(some: list[Asked]) -> str:
        asked = count * len(some)
        silent = asked - sum(one.answered for one in some)
        each = sum(one.answers for one in some) / asked
        return f"{each:.2f}" + (f" ({silent} of {asked} unanswered)" if silent else "")

    return f"answers a message: {told(ours)}, theirs {told(base)}"
