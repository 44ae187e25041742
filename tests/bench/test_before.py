"""An older commit beside today's code: the arithmetic, the table, and what a commit that
cannot be started says. Nothing here measures."""

from __future__ import annotations

import asyncio
import io
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, cast

import pytest
from rich.console import Console

from app.domain.errors import StreamError
from app.store.door import Store
from tests.bench import __main__ as bench
from tests.bench import before, older, rates
from tests.bench.arena import Arena
from tests.bench.changes import (
    Change,
    Changes,
    admissions_of,
    read_changes,
    section_of,
)
from tests.bench.figures import Results, read_results
from tests.bench.machine import Quiet, machine_told
from tests.bench.page import page_of
from tests.bench.plan import Plan
from tests.bench.stages import noting_by

QUIET = Quiet(processors=2, load=0.2, others=0.01, stolen=0.0)
CHANGE = Change(
    name="addressed, p50",
    unit="ms",
    before=(60.0, 40.0, 80.0),
    today=(30.0, 30.0, 20.0),
    floor=(10.0, 10.0, 10.0),
    floor_name="echo bot",
    goal=4.0,
)


def changes(quiet: Quiet = QUIET, *some: Change) -> Changes:
    """A run that measured these."""
    told = "ab12 (2026-11-26: Old)", "cd34 (2026-11-27: New)"
    return Changes("ab12", *told, machine_told(quiet), list(some or (CHANGE,)))


def quiet_plan() -> Plan:
    """One that prints nothing."""
    return Plan(console=Console(file=io.StringIO()))


def printed(plan: Plan) -> list[str]:
    """The lines that it was told to print."""
    return cast(io.StringIO, plan.console.file).getvalue().splitlines()


def test_a_line_has_both_codes_the_floor_and_their_ratios() -> None:
    """Each ratio is taken round by round; the goal is for today's code alone."""
    lines = section_of(changes())
    assert lines[-2] == (
        "| addressed, p50 | 60 ms (50–70) | 30 ms (25–30) | 0.5 x (0.375–0.625) "
        "| echo bot | 10 ms (10–10) | 6 x (5–7) | 3 x (2.5–3) | ≤ 4x: reached |  |"
    )
    assert {line.count("|") for line in lines[-4:-1]} == {lines[-2].count("|")}


def test_a_loaded_machine_judges_no_change() -> None:
    """Others' work, or a floor that did not hold still."""
    loaded = replace(QUIET, others=0.4)
    assert "not judged" in section_of(changes(loaded))[-2]
    unsteady = changes(QUIET, replace(CHANGE, floor=(10.0, 20.0, 40.0)))
    (name, spread) = next(iter(unsteady.floors()))
    assert name == "echo bot (addressed, p50)"
    assert spread.unsteady
    slowest = changes(QUIET, replace(CHANGE, name="addressed, p99"))
    assert not list(slowest.floors())


def measured() -> Results:
    """A run whose page has both."""
    found = changes()
    return Results(full=False, machine=found.machine, before=asdict(found))


def test_a_run_is_read_from_json_as_it_was() -> None:
    """The page is written from the file; another run of the benchmarks keeps it."""
    whole = measured()
    again = read_results(json.loads(json.dumps(whole.json())))
    assert again.before is not None
    assert read_changes(again.before).changes == [CHANGE]
    assert page_of(again) == page_of(whole)
    assert "## Before and after" in page_of(again)
    assert "make bench BEFORE=ab12" in page_of(again)
    assert "## Before and after" not in page_of(replace(again, before=None))


def test_the_page_keeps_what_another_run_measured(tmp_path: Path) -> None:
    """Each of the two runs writes the page with the other's figures."""
    whole = measured()
    bench.write_page(whole, tmp_path)
    kept = bench.Run(quiet_plan(), [], tmp_path).results.before
    assert kept == json.loads(json.dumps(whole.before))


def test_an_admission_is_the_first_script_that_is_given_the_message() -> None:
    """Once for each bot or once for all of them; what decides later is none, and other
    messages, which may answer it, have their own."""
    logged: list[tuple[bytes | str, int]] = [
        (b"EVALSHA aa 1 journal:71", 100),
        (b"HSET journal:71", 5),
        ("EVALSHA aa 1 journal:71", 80),
        (b"EVALSHA aa 1 journal:72", 30),
        (b"EVALSHA bb 1 journal:71", 900),
        (b"EVALSHA aa 2 journal:73 inbox:1 71 answers 71", 500),
    ]
    assert admissions_of(logged, "71") == (180, 2)
    assert admissions_of(logged, "72") == (30, 1)
    assert admissions_of(logged, "73") == (500, 1)
    assert admissions_of(logged, "74") == (0, 0)


def test_each_round_begins_with_another() -> None:
    """What one leaves behind meets all others in turn."""
    names = ["echo", "before", "today"]
    assert before.in_turn(0, names) == names
    assert before.in_turn(4, names) == ["before", "today", "echo"]


def test_what_a_worker_asks_idle_is_no_turn_s() -> None:
    """Two a second beside, whoever is answered; a turn has a whole number of them."""
    asked, idle = before.Noted(), before.Noted()
    idle.add(2, 1.0)
    idle.add(2, 1.0)
    asked.add(9, 0.6)
    asked.add(10, 0.5)
    assert before.trips_of_turn(asked, idle, 2) == 8.0


def test_a_round_trip_is_noted_once_and_the_broker_s_never(
    store: Store, tmp_path: Path
) -> None:
    """A pipeline is one. Whatever code runs: nothing of it is imported."""
    file = tmp_path / "trips.txt"
    code = """if True:
        import os, redis, sys
        client = redis.Redis.from_url(sys.argv[1])
        client.ping()
        open(sys.argv[2], "w").close()
        client.get("a")
        client.client_setname("x")
        with client.pipeline() as pipe:
            pipe.get("a").get("b").execute()
        exec("ask()", {"__name__": "kombu.transport", "ask": client.ping})
        print(os.getpid())
    """
    url = store.client.connection_pool.connection_kwargs
    address = f"redis://:{url['password']}@{url['host']}:{url['port']}/{url['db']}"
    with noting_by(before.TRIPS, "PYTHONTRIPS", file):
        done = subprocess.run(
            [sys.executable, "-c", code, address, str(file)],
            check=True,
            capture_output=True,
            text=True,
        )
    pid = int(done.stdout)
    assert before._trips_in(file, [pid]) == 2
    assert before._trips_in(file, [pid + 1]) == 0


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One with a commit that has a lock file, tagged `old`, and one that has none."""
    root = tmp_path / "repository"
    root.mkdir()
    monkeypatch.setattr(older, "ROOT", root)
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    older.git("init", "--quiet")
    older.git(*who, "commit", "--quiet", "--allow-empty", "-m", "Empty")
    older.git("tag", "empty")
    (root / "requirements.lock").write_text("", encoding="utf-8")
    older.git("add", "requirements.lock")
    older.git(*who, "commit", "--quiet", "-m", "Locked")
    older.git("tag", "old")
    return root


def test_a_commit_has_a_folder_and_its_own_packages_for_a_while(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is installed is kept for the next run, the worktree is not."""
    made: list[Path] = []

    def install(home: Path, *wanted: str) -> None:
        assert "--require-hashes" in wanted
        home.mkdir()
        (home / "complete").touch()
        made.append(home)

    monkeypatch.setattr(older, "install_packages", install)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    folder, console = tmp_path / "older", quiet_plan().console
    for _ in range(2):
        with older.checked_out("old", folder, console) as checkout:
            assert (checkout / "requirements.lock").exists()
            assert (checkout / ".venv" / "complete").exists()
        assert not folder.exists()
    assert len(made) == 1
    assert older.git("worktree", "list").count("\n") == 0


def _fail(error: Exception) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize(
    ("commit", "trouble", "word"),
    [
        ("no-such-commit", None, "no-such-commit"),
        ("empty", None, "has no requirements.lock"),
        (
            "old",
            subprocess.CalledProcessError(1, ["pip"], stderr="a\nno such package"),
            "no such package",
        ),
        ("old", OSError(28, "No space left on device"), "OSError"),
    ],
)
def test_a_commit_without_a_start_says_so_in_one_line(
    repository: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    commit: str,
    trouble: Exception | None,
    word: str,
) -> None:
    """Exit code 2, whatever is missing; no worktree stays."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(older, "install_packages", _fail(trouble or AssertionError()))
    plan = quiet_plan()
    assert bench.beside_older(commit, plan, [], None) == 2
    (line,) = [one for one in printed(plan) if one.startswith("make bench: ")]
    assert word in line
    assert printed(plan)[-1] == line
    assert older.git("worktree", "list").count("\n") == 0


def test_older_code_that_ends_at_its_start_is_no_failed_part(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing is measured; what it said is told."""

    async def end(*_: object, **__: object) -> None:
        raise StreamError("The system ended: no such setting")

    place = cast(Arena, object())
    both = before.Both(place, quiet_plan(), Path(), changes())
    monkeypatch.setattr(before.Both, "start", end)
    with pytest.raises(older.CannotStart, match=r"ab12 .* no such setting"):
        asyncio.run(before._check_start(both))


def test_a_part_that_fails_is_said_and_the_next_is_measured() -> None:
    """As in the other benchmarks."""
    place = cast(Arena, object())
    both = before.Both(place, quiet_plan(), Path(), changes())

    async def fail(_: Any) -> None:
        raise TimeoutError("late")

    asyncio.run(before._measure_part(both, "chatter", fail))
    assert both.changes.skipped == ["chatter failed (TimeoutError: late)"]


def test_a_command_that_said_nothing_is_named() -> None:
    """Its last line, else its name."""
    error = subprocess.CalledProcessError(1, ["pip", "install"])
    assert rates.last_line(error) == "pip failed"
