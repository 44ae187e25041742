"""`the-stream logs`: of an `up`'s processes, of one of them, or of one bot."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from app.host.kept_logs import FOLDER, KeptLogs
from tests.cli.commands import run


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A data folder with some lines of two processes."""
    with closing(KeptLogs(tmp_path / FOLDER)) as logs:
        logs.write("gateway", "[info] gateway starts bots=2")
        logs.write("direct", "[info] cycle bot=elena entries=1")
        logs.write("gateway", "[error] a bot has ended, the others go on bot=aria")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        ((), 3),
        (("elena",), 1),
        (("gateway",), 2),
        (("dotty",), 0),
        (("--lines", "2"), 2),
        (("--since", "1h"), 3),
    ],
)
def test_of_all_of_a_process_of_a_bot(
    kept: Path, arguments: tuple[str, ...], count: int
) -> None:
    """Each line once; a bot of which nothing was written is no error."""
    told = run("logs", *arguments, STREAM_DATA_DIR=str(kept))
    assert told.returncode == 0, told.stderr
    assert len(told.stdout.splitlines()) == count
    assert bool(count) or told.stderr == "Nothing was written of dotty.\n"


def test_as_json(kept: Path) -> None:
    """One object a line, for a program."""
    told = run("logs", "aria", "--json", STREAM_DATA_DIR=str(kept))
    (line,) = map(json.loads, told.stdout.splitlines())
    assert line["process"] == "gateway"
    assert line["text"].endswith("bot=aria")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("nobody",), "No bot or process is named 'nobody'; known: aria, dotty, elena"),
        (("--since", "soon"), "--since: a duration is a number and s, m, h or d"),
    ],
)
def test_what_is_not_there_is_one_line(
    kept: Path, arguments: tuple[str, ...], line: str
) -> None:
    """It says what is known."""
    told = run("logs", *arguments, STREAM_DATA_DIR=str(kept))
    assert told.returncode == 2
    assert told.stderr.startswith(f"the-stream: {line}")
    assert told.stderr.count("\n") == 1


def test_without_an_up_it_says_where_to_look(tmp_path: Path) -> None:
    """Processes of a process manager keep their lines there."""
    told = run("logs", STREAM_DATA_DIR=str(tmp_path))
    assert told.returncode == 1
    assert "journalctl" in told.stderr
    assert told.stderr.count("\n") == 1


def test_it_fits_a_narrow_terminal(kept: Path) -> None:
    """40 columns: words are wrapped, and further lines are indented."""
    told = run("logs", STREAM_DATA_DIR=str(kept), COLUMNS="40")
    assert max(map(len, told.stdout.splitlines())) <= 40


def test_follow_goes_on_until_its_reader_has_enough(kept: Path) -> None:
    """A line that is written later comes too; a closed pipe ends it quietly."""
    command = [sys.executable, "-m", "app.cli.main", "logs", "elena", "--follow"]
    with (
        subprocess.Popen(
            command,
            env={"STREAM_DATA_DIR": str(kept), "PATH": "/usr/bin:/bin"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process,
        closing(KeptLogs(kept / FOLDER)) as logs,
    ):
        assert process.stdout is not None
        assert process.stderr is not None
        assert "bot=elena entries=1" in process.stdout.readline()
        logs.write("cycles", "[info] later bot=elena")
        assert "later bot=elena" in process.stdout.readline()
        process.stdout.close()
        logs.write("cycles", "[info] nobody reads this bot=elena")
        logs.write("cycles", "[info] nor this bot=elena")
        process.wait(30)
        assert process.stderr.read() == ""
