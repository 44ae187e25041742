"""The arithmetic of the benchmarks, what they say of a loaded machine, and the shape of
their page. Nothing here measures."""

from __future__ import annotations

import io
import json
import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from rich.console import Console

from app.runtime import metrics
from app.store import mutes
from app.store.door import Store
from tests.bench import __main__ as bench
from tests.bench import rates
from tests.bench.anatomy import REST, PartClock
from tests.bench.cells import cell, figure
from tests.bench.figures import (
    Curve,
    Results,
    Row,
    Spread,
    nearest_rank,
    read_results,
    spread_of,
)
from tests.bench.machine import (
    PROC,
    Quiet,
    family,
    memory_mb,
    resident_mb,
    total_time,
    used_time,
)
from tests.bench.observing import unobserved
from tests.bench.page import page_of
from tests.bench.plan import Plan
from tests.bench.plots import plot
from tests.bench.processes import add_up, script_names
from tests.bench.scaling import scaling_page
from tests.bench.stages import ORDER, noting, points_in, read_points, stages_of
from tests.bench.turns import _count_until_post

DOCS = Path(__file__).parents[2] / "docs"
QUIET = Quiet(processors=2, load=0.2, others=0.01, stolen=0.0)
ROW = Row(
    section="Answers",
    name="addressed, p50",
    unit="ms",
    ours=(30.0, 20.0, 40.0),
    base=(10.0, 10.0, 10.0),
    base_name="echo bot",
    goal=4.0,
)
CURVES = [
    Curve("rates", "ours & theirs", ((1, Spread(2, 3, 4)), (50, Spread(9, 10, 30)))),
    Curve("rates", "flat", ((1, Spread(3, 3, 3)), (50, Spread(3, 3, 3)))),
]


def results(quiet: Quiet = QUIET, *rows: Row) -> Results:
    """A run that measured these rows."""
    machine = {**quiet.json(), "when": "today", "what": "a machine"}
    return Results(False, machine, list(rows or (ROW,)), list(CURVES), ["arq: away"])


def test_a_ratio_is_taken_round_by_round() -> None:
    """Each round has its own floor; rounds in which the floor failed are left out."""
    assert ROW.ratios == [3.0, 2.0, 4.0]
    assert ROW.judged == 3.0
    assert replace(ROW, base=(10.0, 0.0, 10.0)).ratios == [3.0, 4.0]


@pytest.mark.parametrize(
    ("row", "kept"),
    [
        (ROW, True),
        (replace(ROW, goal=2.9), False),
        (replace(ROW, goal=None), None),
        (replace(ROW, goal=0.94, least=True), True),
        (replace(ROW, goal=3.1, least=True), False),
        (replace(ROW, ours=(), base=()), None),
        (replace(ROW, base=(), base_name="", goal=29.0), False),
    ],
)
def test_goals(row: Row, kept: bool | None) -> None:
    """A goal speaks of the median ratio, or of ours where there is no base."""
    assert row.kept is kept


def test_spread() -> None:
    """Quartiles lie inside; one round is its own spread; nothing is infinitely late."""
    assert spread_of([4.0, 1.0, 2.0, 3.0, 5.0]) == Spread(2.0, 3.0, 4.0)
    assert spread_of([7.0]) == Spread(7.0, 7.0, 7.0)
    assert nearest_rank([3.0, 1.0, 2.0], 0.5) == 2.0
    assert nearest_rank([3.0, 1.0, 2.0], 0.99) == 3.0
    assert nearest_rank([], 0.5) == math.inf


@pytest.mark.parametrize(
    ("quiet", "word"),
    [
        (replace(QUIET, others=0.4), "others took 40%"),
        (replace(QUIET, stolen=0.05), "5.0% was stolen"),
        (replace(QUIET, unsteady=("echo bot",)), "did not hold still: echo bot"),
    ],
)
def test_a_loaded_machine_says_so_and_judges_nothing(quiet: Quiet, word: str) -> None:
    """Others' work, stolen time or an unsteady floor: the page says which, and no goal
    on it is called reached or missed."""
    page = page_of(results(quiet))
    assert "LOADED MACHINE" in page
    assert word in page
    assert "not judged" in page
    assert "reached" not in page.replace("is reached", "")
    assert "missed" not in page


def test_a_quiet_machine_judges() -> None:
    """A goal that is missed is seen."""
    page = page_of(results(QUIET, ROW, replace(ROW, goal=2.0)))
    assert "Quiet machine" in page
    assert "≤ 4x: reached" in page
    assert "≤ 2x: **missed**" in page


def test_the_page_has_a_table_for_each_section_and_says_what_is_missing() -> None:
    """Cells hold the median and quartiles; every row has as many as its head."""
    lines = page_of(results(QUIET, ROW, replace(ROW, note="why", section="More")))
    tables = [line for line in lines.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in tables[:3]} == {7}
    assert {line.count("|") for line in tables[3:6]} == {8}
    assert "## Answers" in lines
    assert "- arq: away" in lines
    assert "(img/bench-rates.svg)" in lines
    assert "(img/bench-flat.svg)" not in lines, "no such plot was drawn"
    assert "| 30 ms (25–35) |" in tables[2]
    assert "| 3 x (2.5–3.5) |" in tables[2]


def test_a_run_that_was_stopped_says_what_it_lacks() -> None:
    """Parts that were not measured are named."""
    stopped = results()
    stopped.missing = ["hearing", "scaling"]
    assert "- not measured: hearing, scaling" in page_of(stopped)


def test_figures_have_three_digits() -> None:
    """No more are known."""
    assert [figure(one) for one in (0, 0.12345, 12.345, 123.4, 12345.6)] == [
        "0",
        "0.123",
        "12.3",
        "123",
        "12,346",
    ]
    assert cell([], "ms") == ""
    assert cell([5.0], "ms") == "5 ms"


def test_json_gives_the_same_page_back() -> None:
    """The page can be written anew from benchmarks.json."""
    found = results()
    again = read_results(json.loads(json.dumps(found.json())))
    assert page_of(again) == page_of(found)
    assert again.curves == found.curves


def test_plots_are_drawings_with_every_curve_inside() -> None:
    """Well-formed, names escaped, each point within the picture."""
    text = plot(CURVES, "a < b", "ms")
    drawing = ElementTree.fromstring(text)  # noqa: S314 -- our own  # noqa: S314 -- our own
    wide, high = map(float, (drawing.get("viewBox") or "").split()[2:])
    dots = [one for one in drawing.iter() if one.tag.endswith("circle")]
    assert len(dots) == 4
    for dot in dots:
        assert 0 < float(dot.get("cx") or 0) < wide
        assert 0 < float(dot.get("cy") or 0) < high
    words = [one.text for one in drawing.iter() if one.tag.endswith("text")]
    assert {"ours & theirs", "a < b"} <= set(words)


@pytest.mark.skipif(not PROC.is_dir(), reason="the benchmarks read /proc")
def test_processes_are_found_and_weighed() -> None:
    """This process is among its family, has taken time and has memory; one that is gone
    counts nothing."""
    mine = os.getpid()
    assert mine in family(mine)
    assert total_time(mine) >= used_time([mine]) > 0
    assert resident_mb([mine]) >= memory_mb([mine]) > 1
    assert used_time([2**22 + 1]) == total_time(2**22 + 1) == 0
    assert memory_mb([2**22 + 1]) == resident_mb([2**22 + 1]) == 0


def test_unobserved_counts_nothing_and_is_over_afterwards() -> None:
    """What is compared really has its counters off, and on again."""

    def read() -> float:
        name, labels = "stream_admissions_total", {"verdict": "bench"}
        return metrics.REGISTRY.get_sample_value(name, labels) or 0.0

    with unobserved():
        metrics.ADMISSIONS.labels("bench").inc()
        with metrics.TURN_SECONDS.labels("bench").time():
            metrics.note_overdue(1, 2, 3)
    assert read() == 0
    metrics.ADMISSIONS.labels("bench").inc()
    assert read() == 1


def test_pages_say_what_their_json_says() -> None:
    """Nobody wrote into docs/benchmarks.md or docs/scaling.md by hand, and whoever
    changed their wording wrote them anew (`python -m tests.bench --again
    docs/benchmarks.json --docs docs`)."""
    text = (DOCS / "benchmarks.json").read_text(encoding="utf-8")
    found = read_results(json.loads(text))
    assert (DOCS / "benchmarks.md").read_text(encoding="utf-8") == page_of(found)
    page = (DOCS / "scaling.md").read_text(encoding="utf-8")
    # A run without the model leaves the tables of the one before.
    assert page == scaling_page(found) or "scaling" in found.missing


def test_a_part_ends_when_its_time_is_over() -> None:
    """However slow a round was, one is measured, and none begins too late."""
    plan = replace(Plan(console=Console(file=io.StringIO())), part_s=-1.0)
    assert list(plan.for_part().rounds("slow")) == [0]
    assert list(plan.rounds("quick")) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("trouble", [TimeoutError("late"), KeyError("a bot")])
def test_a_part_that_fails_is_named_and_the_next_is_measured(
    monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    """Whatever a part met, what follows it has its figures."""

    def fail(*_: object) -> None:
        raise trouble

    def succeed(found: Results, *_: object) -> None:
        found.rows.append(ROW)

    parts = {"admission": fail, "turns": succeed}
    monkeypatch.setattr(bench, "SMALL", parts)
    plan = Plan(console=Console(file=io.StringIO()))
    found = bench.Run(plan, list(parts), None).measure()
    assert found.rows == [ROW]
    assert found.skipped == [f"admission failed ({type(trouble).__name__}: {trouble})"]


def test_a_part_counts_for_itself_alone() -> None:
    """What LangGraph calls is no time of LangGraph, and no time counts twice or is
    lost."""
    now = 0.0

    def spend(seconds: float) -> None:
        nonlocal now
        now += seconds

    clock = PartClock(lambda: now)
    ask = clock.wrap("asking", lambda: spend(2.0))

    def think() -> None:
        spend(1.0)
        ask()
        spend(0.5)

    thinking = clock.wrap("thinking", think)
    spend(100.0)
    with clock.running():
        spend(0.25)
        thinking()
        ask()
    assert dict(clock.spent) == {REST: 0.25, "thinking": 1.5, "asking": 4.0}


def test_round_trips_before_a_post_are_those_that_it_waits_for() -> None:
    """What the turn asks while its answer is delivered holds nothing up."""
    begin, commit = ("SET", "lane.begin"), ("answer.commit",)
    beside = [("lane.finish", "SMISMEMBER"), ("memory.put",)]
    delivery = [("LINDEX", "outbox.read"), ("outbox.attempt",)]
    last = ("outbox.record_delivery", "outbox.release")
    assert _count_until_post([begin, commit, *beside, *delivery, last]) == 4
    assert _count_until_post([begin, commit, *delivery, last]) == 4
    along = ("answer.commit", "outbox.attempt", "outbox.read", "SMISMEMBER")
    assert _count_until_post([begin, along, *beside, last]) == 2


def test_the_stages_of_an_answer_are_its_whole_time() -> None:
    """Whatever was passed again, and however the processes came to their points."""
    lines = [f"{10 + n / 1000:.6f} {point}" for n, point in enumerate(ORDER[:-1], 1)]
    passed = read_points([*lines, "99.0 admit_before", "10.5 finish_after"])
    found = stages_of(passed, 10.0, 10.02)
    assert tuple(found) == ORDER
    assert [round(ms, 3) for ms in found.values()] == [1.0] * 12 + [8.0]
    del passed["floor_after"]
    assert stages_of(passed, 10.0, 10.02) == {}


def test_a_program_writes_down_the_points_that_it_passes(tmp_path: Path) -> None:
    """Any that is started with the folder on its path: no variable of ours reaches the
    children of `up`."""
    file = tmp_path / "points.txt"
    code = "from app.runtime.killpoints import reached; reached('here')"
    with noting(file):
        subprocess.run([sys.executable, "-c", code], check=True)
    assert list(points_in(file)) == ["here"]


def test_redis_time_is_added_up_by_script() -> None:
    """What a script asks in turn is in its own time already."""
    logged: list[tuple[bytes | str, int]] = [
        (b"EVALSHA ab 1 k", 20),
        (b"HGET k f", 3),
        (b"EVALSHA ab 1 k", 10),
        ("EVALSHA cd 0", 5),
    ]
    assert add_up(logged, {"ab": "lane.begin"}) == {
        "lane.begin": 30,
        "other scripts": 5,
    }


def test_a_server_s_log_names_each_script(store: Store) -> None:
    """By what the store calls it there."""
    store.client.config_set("slowlog-log-slower-than", 0)
    store.client.slowlog_reset()
    store.run(mutes.lift("all"))
    logged: Any = store.client.slowlog_get(20)
    store.client.config_set("slowlog-log-slower-than", -1)
    commands = [(one["command"], one["duration"]) for one in logged]
    assert set(add_up(commands, script_names())) == {"mute.lift"}


def test_arq_that_cannot_be_installed_is_left_out_with_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No package index, or no room on the disk: the other peers are compared all the
    same, and the page says why one is missing."""
    found, plan = results(), Plan(console=Console(file=io.StringIO()))
    monkeypatch.setattr(rates, "ARQ_HOME", tmp_path)
    monkeypatch.setattr(rates.venv, "create", lambda *_, **__: None)

    def refuse(command: list[str], **_: object) -> None:
        raise subprocess.CalledProcessError(1, command, stderr="a\nno such package")

    monkeypatch.setattr(rates.subprocess, "run", refuse)
    assert rates.arq_python(found, plan) is None
    monkeypatch.setattr(rates.venv, "create", _full_disk)
    assert rates.arq_python(found, plan) is None
    assert found.skipped[1:] == [
        "arq is left out: no such package",
        "arq is left out: OSError",
    ]


def _full_disk(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")
