"""Promises 2 and 3: kill -9 or a freeze at every named point; nothing is lost, nothing
comes twice."""

from __future__ import annotations

import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.killing import (
    POINTS,
    POST_POINTS,
    QUEUES,
    Kind,
    Round,
    Stage,
    pairs,
    play_all,
    some,
    stage,
    table,
)

LONG = os.environ.get("STREAM_PROVE") == "1"
RECOVERED_WITHIN = 10.0
USUAL_START = 4.0
"""Seconds that a process takes to load where nothing else runs."""
FORGETFUL: dict[str, Any] = {
    "nonce_window": 1.0,
    "delivery_lease": 0.8,
    "discord_timeout": 0.5,
}
"""Settings for a Discord that remembers a nonce for one second."""
PAGE = Path(__file__).parents[2] / "docs" / "kill-points.md"
INTRODUCTION = """<!-- Made by `make prove` (tests/e2e/test_kill_points.py). Do not edit. -->

# Kill points

At each point the real process is killed with -9 and started again by its usual command. Then everything must be answered once:
the message that was being processed and, if a gateway died, a direct message that was posted while the bot was offline. A duplicate is
a second visible answer to one message. Recovery is counted from the restart until everything is answered, delivered and at rest. It
includes the start of the new process, which the last column also shows by itself (a worker needs 3 s on an idle machine with two
cores). The settings are the defaults, except for cooldown and quiet time, which are 0.
`make prove` plays ten rounds for each row.

"""
FORGETFUL_INTRODUCTION = """

## When Discord forgets a nonce after one second

With `STREAM_NONCE_WINDOW=1`, `STREAM_DELIVERY_LEASE=0.8` and `STREAM_DISCORD_TIMEOUT=0.5`, and a Discord whose memory is as
short: the channel is read back before anything is sent again.

"""


def check(rounds: list[Round]) -> None:
    """Nothing lost and nothing twice. In the long proof, which runs alone, also back in
    time, however slowly a process loads."""
    print("\n" + table(rounds))
    assert not [one for one in rounds if one.lost or one.duplicates]
    if LONG:
        assert (
            max(one.recovery - max(0.0, one.start - USUAL_START) for one in rounds)
            < RECOVERED_WITHIN
        )


def test_a_kill_at_any_point_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """At each point the real process is killed and started again: everything is
    answered once, within 10 s."""
    check(play_all(tmp_path, some(POINTS), stages=4))


@pytest.mark.slow
def test_the_table_of_kill_points(tmp_path: Path) -> None:
    """The same with cold starts, several rounds for each point, written to
    docs/kill-points.md."""
    times = 10 if LONG else 2
    rounds = play_all(tmp_path, pairs(POINTS) * times, stages=2, warmed=False)
    page = INTRODUCTION + table(rounds)
    print("\n" + page)  # half an hour's work, shown before the other half begins
    forgetful = play_all(
        tmp_path / "forgetful",
        pairs(POST_POINTS) * times,
        stages=2,
        warmed=False,
        window=1.0,
        **FORGETFUL,
    )
    PAGE.write_text(page + FORGETFUL_INTRODUCTION + table(forgetful) + "\n")
    check(rounds)
    check(forgetful)


def test_a_forgotten_nonce_doubles_nothing(tmp_path: Path) -> None:
    """Around the POST, with a Discord that remembers a nonce for a second: the channel
    is read back, nothing comes twice."""
    check(play_all(tmp_path, some(POST_POINTS), stages=2, window=1.0, **FORGETFUL))


ZOMBIES = (
    "lock_after",
    "floor_after",
    "model_after",
    "commit_before",
    "post_before",
    "post_ready",
)
LEASES: dict[str, Any] = {
    "lock_lease": 2,
    "floor_lease": 3.0,
    "delivery_lease": 1.5,
    "discord_timeout": 2.0,
}
FROZEN_FOR = 4.0
"""Seconds: longer than each of the leases."""


def freeze(one: Stage, point: str, kind: Kind) -> list[int]:
    """Freeze a worker at the point, let another answer, wake the first; returns how
    often each message was answered."""
    zombie = one.arm("worker", f"{point}:stop")
    posts = [one.say(kind)]
    one.running.wait(lambda: stopped(zombie.pid), what=f"a freeze at {point}")
    one.disarm("worker")
    frozen_at = time.monotonic()
    one.running.worker(QUEUES, "healthy")
    one.running.wait(
        lambda: one.answers(posts[0]), 30.0, f"an answer by the other worker at {point}"
    )
    one.rest()
    one.running.wait(lambda: time.monotonic() > frozen_at + FROZEN_FOR, 30.0)
    os.kill(zombie.pid, signal.SIGCONT)
    posts.append(one.say("direct"))
    one.running.wait(
        lambda: one.answers(posts[1]), 30.0, "an answer to the next message"
    )
    one.rest()
    one.running.kill("healthy")
    posts.append(one.say("direct"))  # the woken zombie works on as any other worker
    one.running.wait(
        lambda: one.answers(posts[2]), 30.0, "an answer by the woken worker"
    )
    one.rest()
    return [one.answers(post) for post in posts]


def stopped(pid: int) -> bool:
    """Whether the process is stopped by a signal (Linux)."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_zombie_doubles_nothing(tmp_path: Path) -> None:
    """A worker frozen at a point for longer than every lease, overtaken by another,
    does nothing twice when it wakes."""

    def play(pair: tuple[str, Kind]) -> list[int]:
        point, kind = pair
        with stage(tmp_path / f"{point}-{kind}", **LEASES) as one:
            return freeze(one, point, kind)

    script = pairs(ZOMBIES) if LONG else some(ZOMBIES)
    with ThreadPoolExecutor(6) as pool:
        answers = dict(zip(script, pool.map(play, script), strict=True))
    assert answers == {pair: [1, 1, 1] for pair in script}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_stated_limit_of_nothing_twice(tmp_path: Path) -> None:
    """What docs/guarantees.md says remains possible: a process frozen between its last
    check and the first byte of the POST, for longer than Discord remembers the nonce,
    posts a second time when it wakes. If this fails, the limit is gone."""
    with stage(tmp_path, window=0.5, **LEASES) as one:
        assert freeze(one, "post_ready", "direct") == [2, 1, 1]
