"""Promises 1 and 4 under a race."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.flat import publish
from tests.e2e.race import Result, Shape, report, run

LONG = os.environ.get("STREAM_PROVE") == "1"
SHORT: dict[str, Any] = {"bots": 9, "messages": 36, "rate": 10.0, "channels": 6}


def check(result: Result) -> None:
    """Every message answered exactly once, by the best bidder that could act, at a flat
    cost."""
    print(report(result))
    assert result.answered_once == result.messages
    assert result.pile_ons == 0
    assert result.cycles <= 1.1
    assert result.tasks <= 2.2
    assert result.model_calls <= 1.0
    assert result.best_bid_wins >= 0.99


def test_each_message_is_answered_exactly_once(tmp_path: Path) -> None:
    """Run A: cooldown and quiet time 0; silence is no success."""
    check(run(tmp_path, Shape() if LONG else Shape(**SHORT)))


def test_quiet_time_keeps_bots_apart(tmp_path: Path) -> None:
    """Run B: with a quiet time of 2 s no two bots' posts come closer, and still every
    message is answered once."""
    result = run(
        tmp_path,
        Shape(quiet_time=2.0, patience=300.0)
        if LONG
        else Shape(**SHORT | {"messages": 36}, quiet_time=2.0),
    )
    check(result)
    assert result.crowding == 0


@pytest.mark.skipif(not LONG, reason="make prove")
def test_flat_cost(tmp_path: Path) -> None:
    """Promise 4: cycles and model calls a message do not grow with N, nor do Redis
    commands per message and bot."""
    results = []
    for bots, rate in ((3, 20.0), (10, 20.0), (30, 15.0), (100, 4.0)):
        shape = Shape(bots=bots, rate=rate, messages=400 if bots < 100 else 200)
        results.append((rate, run(tmp_path / str(bots), shape)))
        check(results[-1][1])
    publish(results)
    commands = [one.redis_commands_per_message_and_bot for _, one in results]
    assert all(after <= 1.1 * before for before, after in itertools.pairwise(commands))
