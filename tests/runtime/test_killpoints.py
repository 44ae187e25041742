"""The test seam by which other tests kill a process at a named point."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = "from app.runtime.killpoints import reached\nfor n in range(4):\n    print(n, flush=True)\n    reached('here')\n"


def run(kill_at: str | None) -> tuple[int, str]:
    """The exit code and output of a program that reaches the point `here` four
    times."""
    env = (
        dict(os.environ)
        if kill_at is None
        else {**os.environ, "STREAM_KILL_AT": kill_at}
    )
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    ("kill_at", "code", "printed"),
    [
        (None, 0, 4),  # as in every real run
        ("elsewhere", 0, 4),
        ("here", -signal.SIGKILL, 1),
        ("here:skip=2", -signal.SIGKILL, 3),
    ],
)
def test_a_process_dies_at_the_point_it_is_told_to(
    kill_at: str | None, code: int, printed: int
) -> None:
    """A point kills only when it is named, and passes as often as told before."""
    assert run(kill_at) == (code, "".join(f"{n}\n" for n in range(printed)))


def test_a_process_that_runs_is_told_by_a_file(tmp_path: Path) -> None:
    """A file that is not there tells nothing; one that comes is read at the next
    point."""
    told = tmp_path / "told"
    assert run(f"@{told}") == (0, "0\n1\n2\n3\n")
    told.write_text("here:skip=1")
    assert run(f"@{told}") == (-signal.SIGKILL, "0\n1\n")


def test_a_process_freezes_where_it_is_told_to() -> None:
    """`stop` freezes the process; SIGCONT lets it go on."""
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "STREAM_KILL_AT": "here:stop:skip=3"},
        stdout=subprocess.PIPE,
        text=True,
    )
    _, status = os.waitpid(child.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    child.send_signal(signal.SIGCONT)
    assert child.communicate(timeout=10)[0].count("\n") == 4
